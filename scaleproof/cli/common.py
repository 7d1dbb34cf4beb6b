"""What the commands share: exit codes, options, and errors that are one clear line."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

if TYPE_CHECKING:
    from scaleproof.claim import Claim
    from scaleproof.reporting.figures.drawing import Shelf
    from scaleproof.reporting.record import Record
    from scaleproof.suite.store import Store

OUT = Path("reports/out")
REPORTS = ("md", "html", "pdf", "json")
DeviceName = Literal["cpu", "cuda", "auto"]


class Exit(IntEnum):
    """The exit codes of all commands, as their help texts document them."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    SUBJECT = 3
    UNDECIDED = 4
    INTERRUPTED = 130


Patterns = Annotated[
    list[str] | None,
    typer.Argument(help="Ids, families or patterns such as 'eg.*'; all claims without.", metavar="ID|FAMILY|GLOB"),
]
Formats = Annotated[
    str,
    typer.Option("--format", help=f"Comma-separated reports to write: {', '.join(REPORTS)} (json: the record only)."),
]
Device = Annotated[DeviceName, typer.Option(help="Where torch computes; auto: a GPU if there is one.")]


def fail(message: str) -> NoReturn:
    """One line on stderr, and the exit code of bad usage."""
    typer.echo(f"scaleproof: {message}", err=True)
    raise typer.Exit(Exit.USAGE)


#: options whose value is a place on this machine, where results lie, and says nothing about them
PLACES = ("--out", "--store", "--report")


def command_of(arguments: Sequence[str]) -> str:
    """The command that was given, for a record that others read: without the places on this machine."""
    kept, skipped = [], False
    for argument in arguments:
        if not skipped and argument.partition("=")[0] not in PLACES:
            kept.append(argument)
        skipped = not skipped and argument in PLACES
    return shlex.join(["scaleproof", *kept])


def choose(patterns: list[str] | None) -> list[Claim]:
    from scaleproof.suite.registry import UnknownClaim, select

    try:
        return select(patterns or [])
    except UnknownClaim as error:
        fail(str(error))


def open_store(path: Path | None) -> Store:
    """The store in that file, or in the default one."""
    from scaleproof.suite.store import Store, default_path

    return Store(path or default_path())


def read_record(path: Path) -> Record:
    from scaleproof.reporting.record import RecordError, read

    try:
        return read(path)
    except RecordError as error:
        fail(str(error))


def chosen_device(value: DeviceName) -> str:
    import torch

    if value == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return value


def chosen_formats(value: str) -> tuple[str, ...]:
    chosen = tuple(f.strip() for f in value.split(",") if f.strip())
    if unknown := [f for f in chosen if f not in REPORTS]:
        fail(f"--format is among {', '.join(REPORTS)}, not '{unknown[0]}'")
    return chosen


def write_reports(record: Record, folder: Path, formats: tuple[str, ...], kept: Store | None = None) -> list[Path]:
    """Writes the reports; figures that the store has are not drawn again."""
    from scaleproof.reporting.render import RenderError, render

    try:
        return render(record, folder, [f for f in formats if f != "json"], _shelf(kept) if kept else None)
    except RenderError as error:
        fail(str(error))


def _shelf(kept: Store) -> Shelf:
    """Figures in the store, under what they show and the code that drew them."""
    from scaleproof.reporting.figures.drawing import Shelf, is_drawing
    from scaleproof.suite.fingerprint import hashed, package_digest

    code = package_digest("scaleproof.reporting", "matplotlib")

    def find(shows: str) -> str | None:
        found = kept.get(hashed("figure", code, shows))
        return found.value if found is not None and is_drawing(found.value) else None

    return Shelf(find, lambda shows, svg: kept.put(hashed("figure", code, shows), "figure", svg, "", 0.0))

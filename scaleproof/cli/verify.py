"""The command `scaleproof verify`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from scaleproof.cli.common import (
    OUT,
    Device,
    Exit,
    Formats,
    Patterns,
    choose,
    chosen_device,
    chosen_formats,
    command_of,
    fail,
    open_store,
    read_record,
    write_reports,
)

if TYPE_CHECKING:
    from scaleproof.claim import Claim, Settings
    from scaleproof.reporting.record import Record, Run
    from scaleproof.suite.merging import Merged
    from scaleproof.suite.store import Store


Profile = Annotated[Literal["quick", "full"], typer.Option(help="full: all float32 inputs, 1000 layers, more depths.")]
Dtypes = Annotated[str, typer.Option(help="Only these dtypes, comma-separated; others leave their claim inconclusive.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Processes for tasks; one a core by default.")]
Memory = Annotated[float, typer.Option(min=0, help="GiB that a process may take; 0: any.")]
TaskLimit = Annotated[float, typer.Option(min=1, help="Seconds that a task may take.")]
ExecutorName = Annotated[
    str, typer.Option(help="serial, processes, dask (processes here), or dask://HOST:PORT (a cluster).")
]
Place = Annotated[
    Path | None, typer.Option(help="File of earlier results; ~/.cache/scaleproof/store.sqlite by default.")
]
NoStore = Annotated[bool, typer.Option("--no-store", help="Use no results of other runs, and keep none.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Measure all again, and keep that.")]
MergeFile = Annotated[
    Path | None,
    typer.Option(help="Judge what `python -m torchcheck.run` measured elsewhere; claims and settings are its own."),
]
Out = Annotated[Path | None, typer.Option(help="Folder of the run, instead of reports/out/<run id>.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the unfinished run in --out, or the latest one.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print surprises only.")]
Json = Annotated[bool, typer.Option("--json", help="Print the record on stdout, nothing else.")]


def verify(
    patterns: Patterns = None,
    profile: Profile = "quick",
    device: Device = "cpu",
    dtype: Dtypes = "",
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random draw.")] = 0,
    jobs: Jobs = None,
    memory: Memory = 0.0,
    task_limit: TaskLimit = 7200.0,
    executor: ExecutorName = "processes",
    store: Place = None,
    no_store: NoStore = False,
    fresh: Fresh = False,
    merge: MergeFile = None,
    out: Out = None,
    formats: Formats = "md,html,pdf",
    resume: Resume = False,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Run claims and write their record and reports.

    Each claim is measured on the real torch module, its certificate is made and checked, theory's predictions
    are held against the measurements, and a module with a seeded fault has to change the verdict. Nothing done
    is lost when the run is interrupted or killed.
    """
    from scaleproof.claim import Settings
    from scaleproof.cli import view
    from scaleproof.suite.merging import Merged

    if merge is None:
        work = Merged(choose(patterns), Settings(profile, chosen_device(device), _dtypes(dtype), seed), {}, {})
    else:
        work = _merged(merge, patterns)
    wanted = chosen_formats(formats)
    _known(executor)  # before anything is written
    run, folder, earlier = _open_run(work.claims, work.settings, out, resume)
    _warm_up(folder)
    kept = open_store(folder / "store.sqlite" if no_store else store)
    display = view.Display(len(work.claims), quiet=quiet or json_)
    limits = _Limits(executor, jobs, task_limit, int(memory * 2**30))
    try:
        with _told(folder, patterns), display:
            record = limits.run(work, folder, kept, fresh, run, display, earlier)
            display.stage("reports")
            written = write_reports(record, folder, wanted, kept)
    finally:
        kept.close()
    if kept.complaint:
        typer.echo(f"scaleproof: {kept.complaint}", err=True)
    if json_:
        typer.echo(record.model_dump_json(by_alias=True, indent=1))
    else:
        view.summary(record, folder, written, quiet=quiet)
    raise typer.Exit(Exit.FAILED if record.surprises else Exit.FINE)


def _merged(path: Path, patterns: list[str] | None) -> Merged:
    """What was measured elsewhere; ends the command for what cannot be taken."""
    from scaleproof.suite.merging import merged
    from torchcheck.run.exchange import ExchangeError

    if patterns:
        fail("--merge brings its own claims: name none")
    try:
        return merged(path)
    except ExchangeError as error:
        fail(str(error))


def _known(executor: str) -> None:
    from scaleproof.executors.choose import UnknownExecutor, address_of

    try:
        address_of(executor)
    except UnknownExecutor as error:
        fail(str(error))


@contextmanager
def _told(folder: Path, patterns: list[str] | None) -> Iterator[None]:
    """Ends the command with one line where the run is interrupted, or what it needs is not there."""
    from scaleproof.executors.cluster import ClusterError

    try:
        yield
    except KeyboardInterrupt:
        again = f"scaleproof {' '.join(['verify', *(patterns or [])])} ... --resume --out {folder}"
        typer.echo(f"interrupted; finished claims and tasks are in {folder}. Continue with: {again}", err=True)
        raise typer.Exit(Exit.INTERRUPTED) from None
    except ClusterError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot write to {folder}: {error.strerror or error}")


@dataclass(frozen=True)
class _Limits:
    """Where tasks run, and what they may take."""

    executor: str
    jobs: int | None
    seconds: float
    memory: int

    def run(
        self, work: Merged, folder: Path, store: Store, fresh: bool, about: Run, notify: Any, earlier: Record | None
    ) -> Record:
        """Runs the claims; a signal to stop interrupts that, and is told from an error."""
        from scaleproof.executors.choose import executors
        from scaleproof.suite import runner
        from scaleproof.suite.environment import environment
        from torchcheck.run.machine import cores

        def stop(_signal: int, _frame: Any) -> NoReturn:
            sys.unraisablehook = lambda _: None  # what is half made just now has destructors that complain
            raise KeyboardInterrupt

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        with executors(self.executor, self.jobs or cores(), self.seconds, self.memory) as where:
            means = runner.Means(where.tasks, where.conclusions, store, work.given, work.errors, fresh)
            return runner.run(work.claims, work.settings, folder, means, about, environment(), notify, earlier)


def _open_run(
    claims: Sequence[Claim], settings: Settings, out: Path | None, resume: bool
) -> tuple[Run, Path, Record | None]:
    """The run to do and its folder; with `resume`, the unfinished one, which must have the same settings."""
    import secrets
    from datetime import UTC, datetime

    from scaleproof.reporting.record import Run

    if resume:
        folder = (out or OUT / "latest").resolve()
        earlier = read_record(folder) if (folder / "record.json").exists() else None
        run = earlier.run if earlier else None
        if run:
            asked = (settings.profile, settings.seed, settings.device, settings.dtypes, [c.id for c in claims])
            stored = (run.profile, run.seed, run.device, run.dtypes, list(run.selected))
            if asked != stored:
                fail(f"{folder} holds a run with other claims or options: {run.command}")
            return run, folder, earlier
        if not folder.is_dir():
            fail(f"nothing to resume in {out or OUT / 'latest'}")
        out = folder
    now = datetime.now(UTC)
    name = f"{now:%Y%m%d-%H%M%S}-{settings.profile}-{secrets.token_hex(2)}"
    run = Run(
        id=name,
        started=now.isoformat(timespec="seconds"),
        seconds=0.0,
        command=command_of(sys.argv[1:]),
        profile=settings.profile,
        seed=settings.seed,
        device=settings.device,
        dtypes=settings.dtypes,
        selected=tuple(c.id for c in claims),
    )
    folder = out or OUT / name
    if not resume and (folder / "record.json").exists():
        fail(f"{folder} already holds a run; choose another --out, or --resume it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").write_text("", encoding="utf-8")
        (folder / ".writable").unlink()
        if out is None:
            _point_latest(folder)
    except OSError as error:
        fail(f"cannot write to {folder}: {error.strerror or error}")
    return run, folder, None


def _point_latest(folder: Path) -> None:
    link = folder.parent / "latest"
    temporary = folder.parent / f".latest-{folder.name}"
    temporary.symlink_to(folder.name, target_is_directory=True)
    temporary.replace(link)


def _warm_up(folder: Path) -> None:
    """Matplotlib and Inductor keep caches; without a writable home they go beside the run."""
    import os

    if not os.access(Path.home(), os.W_OK):
        os.environ.setdefault("MPLCONFIGDIR", str(folder / ".cache"))


def _dtypes(value: str) -> tuple[str, ...]:
    from torchcheck.run.subjects import DTYPES

    chosen = tuple(d.strip() for d in value.split(",") if d.strip())
    if unknown := [d for d in chosen if d not in DTYPES]:
        fail(f"--dtype is among {', '.join(DTYPES)}, not '{unknown[0]}'")
    return chosen

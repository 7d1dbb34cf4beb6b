"""The command `scaleproof verify`."""

from __future__ import annotations

import sys
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
    fail,
    read_record,
    write_reports,
)

if TYPE_CHECKING:
    from scaleproof.claim import Claim, Settings
    from scaleproof.reporting.record import Record, Run


def verify(
    patterns: Patterns = None,
    profile: Annotated[
        Literal["quick", "full"], typer.Option(help="full: all float32 inputs, 1000 layers, more depths.")
    ] = "quick",
    device: Device = "cpu",
    dtype: Annotated[
        str, typer.Option(help="Only these dtypes, comma-separated; a leg left out makes its claim inconclusive.")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random draw.")] = 0,
    jobs: Annotated[int, typer.Option(min=0, help="Processes for tasks; 0: one a core.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder of the run, instead of reports/out/<run id>.")] = None,
    formats: Formats = "md,html,pdf",
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the unfinished run in --out, or the latest one.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print surprises only.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the record on stdout, nothing else.")] = False,
) -> None:
    """Run claims and write their record and reports.

    Each claim is measured on the real torch module, its certificate is made and checked, theory's predictions
    are held against the measurements, and a module with a seeded fault has to change the verdict. Nothing done
    is lost when the run is interrupted or killed.
    """
    from scaleproof.claim import Settings
    from scaleproof.cli import view

    chosen = choose(patterns)
    settings = Settings(profile, chosen_device(device), _dtypes(dtype), seed)
    wanted = chosen_formats(formats)
    run, folder, earlier = _open_run(chosen, settings, out, resume)
    _warm_up(folder)
    display = view.Display(len(chosen), quiet=quiet or json_)
    try:
        with display:
            record = _execute(chosen, settings, folder, jobs, run, earlier, display)
            display.stage("reports")
            written = write_reports(record, folder, wanted)
    except KeyboardInterrupt:
        again = f"scaleproof {' '.join(['verify', *(patterns or [])])} ... --resume --out {folder}"
        typer.echo(f"interrupted; finished claims and tasks are in {folder}. Continue with: {again}", err=True)
        raise typer.Exit(Exit.INTERRUPTED) from None
    except OSError as error:
        fail(f"cannot write to {folder}: {error.strerror or error}")
    if json_:
        typer.echo(record.model_dump_json(by_alias=True, indent=1))
    else:
        view.summary(record, folder, written, quiet=quiet)
    raise typer.Exit(Exit.FAILED if record.surprises else Exit.FINE)


def _execute(
    claims: list[Claim], settings: Settings, folder: Path, jobs: int, run: Run, earlier: Record | None, notify: Any
) -> Record:
    import signal

    from scaleproof.suite import runner
    from scaleproof.suite.environment import environment
    from torchcheck.run.execute import Here, process_pool

    def stop(_signal: int, _frame: Any) -> NoReturn:
        sys.unraisablehook = lambda _: None  # what is half made just now has destructors that complain
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    machine = environment()
    workers = jobs or machine.cores
    with Here() if workers == 1 else process_pool(workers) as executor:
        return runner.run(claims, settings, folder, executor, run, machine, notify, earlier)


def _open_run(
    claims: list[Claim], settings: Settings, out: Path | None, resume: bool
) -> tuple[Run, Path, Record | None]:
    """The run to do and its folder; with `resume`, the unfinished one, which must have the same settings."""
    import secrets
    import shlex
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
        command=shlex.join(["scaleproof", *sys.argv[1:]]),
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

"""The command line: `scaleproof verify`, check, list, show, report, compare, replay and doctor."""

from __future__ import annotations

import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from scaleproof import __version__
from scaleproof.check.command import check

if TYPE_CHECKING:
    from scaleproof.claims.claim import Claim, Settings
    from scaleproof.reports.record import Record, Run

OUT = Path("reports/out")
FORMATS = ("md", "html", "pdf", "json")


class Exit(IntEnum):
    """The exit codes, as `scaleproof --help` documents them."""

    AS_RECORDED = 0
    CHANGED = 1
    USAGE = 2
    INTERRUPTED = 3


HELP = """Proves, predicts, measures and judges published statements about deep models.

Exit codes:

0 every verdict is as recorded

1 a verdict changed, a claim failed, or a check missed its seeded fault

2 bad usage, or a file that cannot be read or written

3 interrupted; what was done is kept (verify --resume continues)
"""

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(check)

Patterns = Annotated[
    list[str] | None,
    typer.Argument(help="Ids, families or patterns such as 'eg.*'; all claims without.", metavar="ID|FAMILY|GLOB"),
]
Formats = Annotated[
    str,
    typer.Option("--format", help=f"Comma-separated reports to write: {', '.join(FORMATS)} (json: the record only)."),
]


@app.command()
def verify(
    patterns: Patterns = None,
    profile: Annotated[
        str, typer.Option(help="quick (about a minute) or full (all float32 inputs, more steps).")
    ] = "quick",
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "cpu",
    dtype: Annotated[
        str,
        typer.Option(help="Only these dtypes, comma-separated; a leg left out makes its claim inconclusive."),
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
    from scaleproof.claims import view
    from scaleproof.claims.claim import Settings

    chosen = _choose(patterns)
    settings = Settings(_one_of("--profile", profile, ("quick", "full")), _device(device), _dtypes(dtype), seed)
    wanted = _formats(formats)
    run, folder, earlier = _open_run(chosen, settings, out, resume)
    _warm_up(folder)
    display = view.Display(len(chosen), quiet=quiet or json_)
    try:
        with display:
            record = _execute(chosen, settings, folder, jobs, run, earlier, display)
            display.stage("reports")
            written = _render(record, folder, wanted)
    except KeyboardInterrupt:
        again = f"scaleproof {' '.join(['verify', *(patterns or [])])} ... --resume --out {folder}"
        typer.echo(f"interrupted; finished claims and tasks are in {folder}. Continue with: {again}", err=True)
        raise typer.Exit(Exit.INTERRUPTED) from None
    except OSError as error:
        _fail(f"cannot write to {folder}: {error.strerror or error}")
    if json_:
        typer.echo(record.model_dump_json(by_alias=True, indent=1))
    else:
        view.summary(record, folder, written, quiet=quiet)
    raise typer.Exit(Exit.CHANGED if record.surprises else Exit.AS_RECORDED)


@app.command("list")
def list_(
    patterns: Patterns = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the claims with the verdict recorded for each and its legs (P proof, N number, M measurement)."""
    from scaleproof.claims import view

    chosen = _choose(patterns)
    if json_:
        import json

        rows = [{"id": c.id, "recorded": c.recorded.value, "legs": c.legs} for c in chosen]
        typer.echo(json.dumps(rows, indent=1))
    else:
        view.claims(chosen)


@app.command()
def show(
    claim: Annotated[str, typer.Argument(help="The id of a claim.", metavar="ID")],
    run: Annotated[Path, typer.Option(help="The run whose result to show.")] = OUT / "latest",
) -> None:
    """Show a claim: statement, source, proof outline, formal statements, and its latest result."""
    from scaleproof.claims import view
    from scaleproof.proofs.theorems import STATEMENTS
    from scaleproof.reports.record import RecordError, read

    (chosen, *others) = _choose([claim])
    if others or chosen.id != claim:
        _fail(f"'{claim}' names several claims; show takes one id (see: scaleproof list {claim})")
    try:
        found = next((r for r in read(run).results if r.id == claim), None)
    except RecordError:
        found = None
    view.claim(chosen, [s.words for s in STATEMENTS.get(claim, ())], found, run)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, or record files.", metavar="RUN...")],
    out: Annotated[Path | None, typer.Option(help="Write here instead of beside the record.")] = None,
    formats: Formats = "md,html,pdf",
) -> None:
    """Render stored records again; several runs go to one folder each."""
    wanted = _formats(formats)
    for run in runs:
        record = _read(run)
        folder = run if run.is_dir() else run.parent
        if out is not None:
            folder = out if len(runs) == 1 else out / record.run.id
        try:
            for path in _render(record, folder, wanted):
                typer.echo(str(path))
        except OSError as error:
            _fail(f"cannot write to {folder}: {error.strerror or error}")


@app.command()
def compare(
    run_a: Annotated[Path, typer.Argument(help="The run to compare with.", metavar="RUN_A")],
    run_b: Annotated[Path, typer.Argument(help="The run in question.", metavar="RUN_B")],
) -> None:
    """Tell what changed from one run to another; exit 1 if a verdict did."""
    from scaleproof.claims import view
    from scaleproof.reports.difference import differences

    found = differences(_read(run_a), _read(run_b))
    view.differences(found)
    raise typer.Exit(Exit.CHANGED if any(d.what == "verdict" for d in found) else Exit.AS_RECORDED)


@app.command()
def replay(
    certificate: Annotated[Path, typer.Argument(help="A certificate that verify wrote.", metavar="CERTIFICATE")],
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run only the checker on a stored certificate: exit 0 if it holds, 1 if it is rejected."""
    from scaleproof.claims import view
    from scaleproof.proofs.certificate import CertificateError, read
    from scaleproof.proofs.theorems import replay as check

    try:
        checked = check(read(certificate))
    except CertificateError as error:
        _fail(str(error))
    if json_:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps({**asdict(checked), "holds": checked.holds}, indent=1))
    else:
        view.checked(checked)
    raise typer.Exit(Exit.AS_RECORDED if checked.holds else Exit.CHANGED)


@app.command()
def doctor() -> None:
    """Tell what this machine has, and what each missing tool switches off."""
    from scaleproof.claims import view
    from scaleproof.environment import environment, tools

    view.doctor(environment(), tools())


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scaleproof {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """The console script: one clear line for a broken pipe, no traceback."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(Exit.AS_RECORDED) from None


def _execute(
    claims: list[Claim],
    settings: Settings,
    folder: Path,
    jobs: int,
    run: Run,
    earlier: Record | None,
    notify: Any,
) -> Record:
    import signal
    from concurrent.futures import Executor

    from scaleproof.claims import runner
    from scaleproof.environment import environment
    from torchcheck.run import Here, process_pool

    def stop(_signal: int, _frame: Any) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    machine = environment()
    workers = jobs or machine.cores
    executor: Executor = Here() if workers == 1 else process_pool(workers)
    try:
        return runner.run(claims, settings, folder, executor, run, machine, notify, earlier)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _open_run(
    claims: list[Claim], settings: Settings, out: Path | None, resume: bool
) -> tuple[Run, Path, Record | None]:
    """The run to do and its folder; with `resume`, the unfinished one, which must have the same settings."""
    import secrets
    import shlex
    from datetime import UTC, datetime

    from scaleproof.reports.record import Run

    if resume:
        folder = (out or OUT / "latest").resolve()
        earlier = _read(folder) if (folder / "record.json").exists() else None
        run = earlier.run if earlier else None
        if run:
            asked = (
                settings.profile,
                settings.seed,
                settings.device,
                settings.dtypes,
                [c.id for c in claims],
            )
            stored = (run.profile, run.seed, run.device, run.dtypes, list(run.selected))
            if asked != stored:
                _fail(f"{folder} holds a run with other claims or options: {run.command}")
            return run, folder, earlier
        if not folder.is_dir():
            _fail(f"nothing to resume in {out or OUT / 'latest'}")
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
        _fail(f"{folder} already holds a run; choose another --out, or --resume it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").write_text("", encoding="utf-8")
        (folder / ".writable").unlink()
        if out is None:
            _point_latest(folder)
    except OSError as error:
        _fail(f"cannot write to {folder}: {error.strerror or error}")
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


def _render(record: Record, folder: Path, formats: tuple[str, ...]) -> list[Path]:
    from scaleproof.reports.render import RenderError, render

    try:
        return render(record, folder, [f for f in formats if f != "json"])
    except RenderError as error:
        _fail(str(error))


def _choose(patterns: list[str] | None) -> list[Claim]:
    from scaleproof.claims.registry import UnknownClaim, select

    try:
        return select(patterns or [])
    except UnknownClaim as error:
        _fail(str(error))


def _read(path: Path) -> Record:
    from scaleproof.reports.record import RecordError, read

    try:
        return read(path)
    except RecordError as error:
        _fail(str(error))


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> Any:
    if value not in allowed:
        _fail(f"{option} is {' or '.join(allowed)}, not '{value}'")
    return value


def _device(value: str) -> str:
    import torch

    _one_of("--device", value, ("cpu", "cuda", "auto"))
    if value == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return value


def _dtypes(value: str) -> tuple[str, ...]:
    from torchcheck.subjects import DTYPES

    chosen = tuple(d.strip() for d in value.split(",") if d.strip())
    for dtype in chosen:
        _one_of("--dtype", dtype, tuple(DTYPES))
    return chosen


def _formats(value: str) -> tuple[str, ...]:
    chosen = tuple(f.strip() for f in value.split(",") if f.strip())
    for name in chosen:
        _one_of("--format", name, FORMATS)
    return chosen


def _fail(message: str) -> NoReturn:
    typer.echo(f"scaleproof: {message}", err=True)
    raise typer.Exit(Exit.USAGE)


if __name__ == "__main__":
    main()

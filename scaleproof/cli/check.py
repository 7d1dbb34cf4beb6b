"""The command `scaleproof check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from scaleproof.cli.common import Device, DeviceName, Exit, chosen_device, fail

if TYPE_CHECKING:
    from scaleproof.check.baseline import Difference
    from torchcheck.properties.finding import CheckResult, Threshold
    from torchcheck.properties.variant import Settings


KindName = Literal["activation", "block", "attention", "optimizer", "loss", "model"]


def check(
    subject: Annotated[
        str,
        typer.Argument(
            help="file.py:Name or package.module:Name: a class, a factory f(width), f(width, depth) or f(depth), "
            "or an instance."
        ),
    ],
    kind: Annotated[KindName | None, typer.Option(help="Inferred from the signature where that is clear.")] = None,
    depths: Annotated[str, typer.Option(help="Powers of two FIRST:LAST, or numbers 2,8,32.")] = "2:256",
    width: Annotated[int, typer.Option(min=1, help="Features of a block, attention or model.")] = 128,
    seq_len: Annotated[int, typer.Option(min=1, help="Tokens of a sequence.")] = 32,
    batch: Annotated[int, typer.Option(min=1, help="Sequences of a batch.")] = 2,
    optimizer: Annotated[Literal["sgd", "adam", "lamb"], typer.Option(help="Whose first update is judged.")] = "adam",
    lr: Annotated[
        float, typer.Option(help="Learning rate asked about by first-lr; 0: the optimizer's usual one.")
    ] = 0.0,
    dtypes: Annotated[
        str, typer.Option(help="Comma-separated dtypes for accuracy and overflow.")
    ] = "float32,bfloat16,float16",
    device: Device = "cpu",
    seeds: Annotated[int, typer.Option(min=2, help="Random networks a depth, at most.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random draw.")] = 0,
    causal: Annotated[
        bool | None,
        typer.Option("--causal/--no-causal", help="Must it not see the future? Told from the layer otherwise."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="NAME=VALUE for the class or factory; JSON values. Repeatable.", metavar="NAME=VALUE"
        ),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(help="PROPERTY=LO:HI, either side may be empty; repeatable.", metavar="NAME=LO:HI"),
    ] = None,
    skip: Annotated[list[str] | None, typer.Option(help="A property to leave out. Repeatable.", metavar="NAME")] = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Find residual weight and init gain that make it depth-stable.")
    ] = False,
    budget: Annotated[
        float, typer.Option(min=0.1, help="Seconds for the whole check; what is undecided then is inconclusive.")
    ] = 300.0,
    step_limit: Annotated[
        float, typer.Option(min=0.1, help="Seconds for one step (one network, say); then it is stopped.")
    ] = 60.0,
    memory: Annotated[
        float, typer.Option(min=0.0, help="GiB that a process of the subject may take; 0: its share of what is free.")
    ] = 0.0,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: one a core.")] = 0,
    baseline: Annotated[Path | None, typer.Option(help="Compare with this file.")] = None,
    update_baseline: Annotated[
        bool, typer.Option("--update-baseline", help="Write the file of --baseline instead.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write check.json, .md, .html and .pdf into this folder.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout, nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print what failed or regressed only.")] = False,
) -> None:
    """Check your own activation, block, attention, optimizer, loss or model; compare it with its stored baseline.

    It runs in processes of its own: a crash or an endless loop there is a finding, and the rest goes on.

    Exit codes:

    0 every property is as wanted, and as in the baseline

    1 a property failed, or regressed

    2 bad usage, or a file that cannot be read or written

    3 the subject itself failed: it cannot be loaded, raised, crashed, hung or ran out of memory

    130 interrupted
    """
    from time import monotonic

    from scaleproof.check.start import start_server

    began = monotonic()
    depth_list, target, folders = _depths(depths), *_place(subject)
    start_server()
    from scaleproof.check import view
    from scaleproof.check.isolation import isolated
    from torchcheck.properties.checks import check as run
    from torchcheck.properties.engine import SubjectFailed, UnknownProperty
    from torchcheck.run.machine import cores

    settings = _settings(depth_list, width, seq_len, batch, optimizer, lr, dtypes, device, seeds, seed, causal)
    if update_baseline and baseline is None:
        fail("--update-baseline needs --baseline FILE")
    options, thresholds = _options(set_ or []), _thresholds(threshold or [])
    stored = _stored(baseline) if baseline and not update_baseline else None
    workers = jobs or cores()
    share = int(memory * 2**30) or _free_memory() // workers
    threads = max(1, cores() // workers)
    display = view.Display(subject, quiet or json_)
    try:
        with isolated(workers, min(step_limit, budget), share, threads, folders) as executor, display:
            found = run(
                target, kind, settings=settings, options=options, thresholds=thresholds, skip=skip or (),
                suggestion=suggest, budget=max(0.1, budget - (monotonic() - began)), executor=executor, notify=display,
            )  # fmt: skip
    except SubjectFailed as error:
        _subject_failed(subject, error, json_)
    except UnknownProperty as error:
        fail(str(error))
    except KeyboardInterrupt:
        typer.echo("scaleproof: interrupted", err=True)
        raise typer.Exit(Exit.INTERRUPTED) from None
    found = _named(found, subject)
    changes = _changes(stored, found) if stored else []
    written = _write(found, changes, baseline if update_baseline else None, report)
    if json_:
        from scaleproof.check.report import to_json

        typer.echo(to_json(found, changes), nl=False)
    else:
        view.result(found, changes, written, quiet)
    raise typer.Exit(_code(found, changes, stored is not None))


def _code(found: CheckResult, changes: list[Difference], compared: bool) -> Exit:
    """A property that failed in the baseline already is no news: with a baseline, only changes count for the exit."""
    if found.broken:
        return Exit.SUBJECT
    if any(c.is_regression for c in changes):
        return Exit.FAILED
    known = {c.name for c in changes if c.change != "new"} if compared else set()
    return Exit.FAILED if any(f.name not in known for f in found.failed) else Exit.FINE


def _settings(
    depths: tuple[int, ...],
    width: int,
    seq_len: int,
    batch: int,
    optimizer: str,
    lr: float,
    dtypes: str,
    device: DeviceName,
    seeds: int,
    seed: int,
    causal: bool | None,
) -> Settings:
    from torchcheck.properties.variant import Settings
    from torchcheck.run.subjects import DTYPES

    chosen = tuple(dict.fromkeys(d.strip() for d in dtypes.split(",") if d.strip()))
    unknown = [d for d in chosen if d not in DTYPES]
    if unknown or not chosen:
        fail(f"--dtypes are among {', '.join(DTYPES)}, not '{(unknown or [dtypes])[0]}'")
    where = chosen_device(device)
    return Settings(width, seq_len, batch, depths, optimizer, lr or None, chosen, where, seeds, seed, causal)


def _depths(text: str) -> tuple[int, ...]:
    """2:256 as powers of two, or a list of numbers."""
    try:
        if ":" in text:
            first, last = (int(part) for part in text.split(":"))
            found, depth = [], first
            while 0 < depth <= last:
                found.append(depth)
                depth *= 2
        else:
            found = sorted({int(part) for part in text.split(",")})
    except ValueError:
        found = []
    if not found or found[0] < 1 or found[-1] > 10_000:
        fail(f"--depths is FIRST:LAST, such as 2:256, or numbers such as 2,8,32 (1 to 10000), not '{text}'")
    return tuple(found)


def _options(texts: list[str]) -> dict[str, Any]:
    import json

    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            fail(f"--set is NAME=VALUE, not '{text}'")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _thresholds(texts: list[str]) -> dict[str, Threshold]:
    from torchcheck.properties.finding import Threshold

    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        lo, colon, hi = value.partition(":")
        try:
            bounds = (float(lo) if lo else float("-inf"), float(hi) if hi else float("inf"))
        except ValueError:
            equals = ""
            bounds = (0.0, 0.0)
        if not equals or not colon or not bounds[0] <= bounds[1]:
            fail(f"--threshold is PROPERTY=LO:HI, such as increment=:0.5, not '{text}'")
        found[name] = Threshold(*bounds)
    return found


def _place(subject: str) -> tuple[str, tuple[str, ...]]:
    """The subject's full name, and the folders that its imports are looked up in."""
    place, colon, name = subject.rpartition(":")
    if not colon or not place or not name:
        fail(f"'{subject}' names no subject: write file.py:Name or package.module:Name")
    if place.endswith(".py"):
        path = Path(place).resolve()
        if not path.is_file():
            fail(f"no such file: {place}")
        return f"{path}:{name}", (str(path.parent),)
    if Path(place).is_file() or "/" in place:
        fail(f"{place} is no Python file: write file.py:Name or package.module:Name")
    return subject, (str(Path.cwd()),)


def _stored(path: Path) -> Any:
    from scaleproof.check.baseline import BaselineError, read

    if not path.exists():
        fail(f"no baseline at {path}: make it with --update-baseline")
    try:
        return read(path)
    except BaselineError as error:
        fail(str(error))


def _changes(stored: Any, found: CheckResult) -> list[Difference]:
    from scaleproof.check.baseline import BaselineError, compare

    try:
        return compare(stored, found)
    except BaselineError as error:
        fail(str(error))


def _write(found: CheckResult, changes: list[Difference], baseline: Path | None, report: Path | None) -> list[Path]:
    import shlex

    from scaleproof.check.baseline import from_result, machine
    from scaleproof.check.baseline import write as write_baseline
    from scaleproof.reporting.render import RenderError

    written = []
    try:
        if baseline is not None:
            write_baseline(from_result(found, machine()), baseline)
            written.append(baseline)
        if report is not None:
            from scaleproof.check.report import write
            from scaleproof.suite.environment import environment

            written += write(found, changes, environment(), shlex.join(["scaleproof", *sys.argv[1:]]), report)
    except (OSError, RenderError) as error:
        fail(f"cannot write: {error}")
    return written


def _named(found: CheckResult, subject: str) -> CheckResult:
    """The subject as the user wrote it: no machine's paths in baselines and reports."""
    from dataclasses import replace

    return replace(found, subject=subject)


def _subject_failed(subject: str, error: Any, json_: bool) -> NoReturn:
    failure = error.failure
    if json_:
        import json

        text = {"subject": subject, "error": failure.message, "why": failure.why, "traceback": failure.traceback}
        typer.echo(json.dumps(text, indent=1))
    typer.echo(f"scaleproof: {subject} failed: {failure.message}", err=True)
    for line in failure.traceback.splitlines():
        typer.echo(f"  {line}", err=True)
    raise typer.Exit(Exit.USAGE if failure.why == "unusable" and not failure.traceback else Exit.SUBJECT)


def _free_memory() -> int:
    import psutil

    return int(psutil.virtual_memory().available * 0.8)

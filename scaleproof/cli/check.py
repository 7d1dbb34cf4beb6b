"""The command `scaleproof check`."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from scaleproof.check.start import start_server
from scaleproof.cli.common import Device, DeviceName, Exit, chosen_device, fail

if TYPE_CHECKING:
    from scaleproof.check.baseline import Difference
    from torchcheck.properties.finding import CheckResult, Threshold
    from torchcheck.properties.variant import Settings


KindName = Literal["activation", "block", "attention", "optimizer", "loss", "model"]
OptimizerName = Literal["sgd", "adam", "lamb"]

SubjectName = Annotated[
    str,
    typer.Argument(
        help="file.py:Name or package.module:Name: a class, a factory f(width), f(width, depth) or f(depth), "
        "or an instance."
    ),
]
KindOption = Annotated[KindName | None, typer.Option(help="Inferred from the signature where that is clear.")]
Depths = Annotated[str, typer.Option(help="Powers of two FIRST:LAST, or numbers 2,8,32.")]
Width = Annotated[int, typer.Option(min=1, help="Features of a block, attention or model.")]
SeqLen = Annotated[int, typer.Option(min=1, help="Tokens of a sequence.")]
Batch = Annotated[int, typer.Option(min=1, help="Sequences of a batch.")]
Optimizer = Annotated[OptimizerName, typer.Option(help="Whose first update is judged.")]
Rate = Annotated[float, typer.Option(help="Learning rate asked about by first-lr; 0: the optimizer's usual one.")]
Dtypes = Annotated[str, typer.Option(help="Comma-separated dtypes for accuracy and overflow.")]
Seeds = Annotated[int, typer.Option(min=2, help="Random networks a depth, at most.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of every random draw.")]
Causal = Annotated[
    bool | None, typer.Option("--causal/--no-causal", help="Must it not see the future? Told from the layer otherwise.")
]
SetOptions = Annotated[
    list[str] | None,
    typer.Option("--set", help="NAME=VALUE for the class or factory; JSON values. Repeatable.", metavar="NAME=VALUE"),
]
Thresholds = Annotated[
    list[str] | None, typer.Option(help="PROPERTY=LO:HI, either side may be empty; repeatable.", metavar="NAME=LO:HI")
]
Skip = Annotated[list[str] | None, typer.Option(help="A property to leave out. Repeatable.", metavar="NAME")]
Suggest = Annotated[
    bool, typer.Option("--suggest", help="Find residual weight and init gain that make it depth-stable.")
]
Seconds = Annotated[
    float, typer.Option(min=0.1, help="Seconds for the whole check; what is undecided then is inconclusive.")
]
StepLimit = Annotated[float, typer.Option(min=0.1, help="Seconds for one step (one network, say); then it is stopped.")]
Memory = Annotated[
    float, typer.Option(min=0.0, help="GiB that a process of the subject may take; 0: its share of what is free.")
]
Jobs = Annotated[int, typer.Option(min=0, help="Processes; 0: one a core.")]
BaselineFile = Annotated[Path | None, typer.Option(help="Compare with this file.")]
UpdateBaseline = Annotated[bool, typer.Option("--update-baseline", help="Write the file of --baseline instead.")]
ReportFolder = Annotated[Path | None, typer.Option(help="Write check.json, .md, .html and .pdf into this folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout, nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print what failed or regressed only.")]


@dataclass(frozen=True)
class Limits:
    """What a check may take: seconds in all and a step, bytes a process, and processes."""

    seconds: float
    step: float
    memory: int
    workers: int

    @classmethod
    def of(cls, seconds: float, step: float, memory: float, jobs: int) -> Limits:
        """From the options: `memory` in GiB, 0 for a share of what is free, `jobs` 0 for one a core."""
        from torchcheck.run.machine import cores

        workers = jobs or cores()
        share = int(memory * 2**30) or _free_memory() // workers
        return cls(max(0.1, seconds), min(step, seconds), share, workers)


def check(
    subject: SubjectName,
    kind: KindOption = None,
    depths: Depths = "2:256",
    width: Width = 128,
    seq_len: SeqLen = 32,
    batch: Batch = 2,
    optimizer: Optimizer = "adam",
    lr: Rate = 0.0,
    dtypes: Dtypes = "float32,bfloat16,float16",
    device: Device = "cpu",
    seeds: Seeds = 16,
    seed: Seed = 0,
    causal: Causal = None,
    set_: SetOptions = None,
    threshold: Thresholds = None,
    skip: Skip = None,
    suggest: Suggest = False,
    budget: Seconds = 300.0,
    step_limit: StepLimit = 60.0,
    memory: Memory = 0.0,
    jobs: Jobs = 0,
    baseline: BaselineFile = None,
    update_baseline: UpdateBaseline = False,
    report: ReportFolder = None,
    json_: AsJson = False,
    quiet: Quiet = False,
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
    began, depth_list, (target, folders) = monotonic(), _depths(depths), _place(subject)
    start_server()
    if update_baseline and baseline is None:
        fail("--update-baseline needs --baseline FILE")
    asked: dict[str, Any] = {"kind": kind, "skip": skip or (), "suggestion": suggest}
    asked |= {"options": _options(set_ or []), "thresholds": _thresholds(threshold or [])}
    sizes = (depth_list, width, seq_len, batch, optimizer, lr, dtypes, device, seeds, seed, causal)
    asked["settings"] = _settings(*sizes)
    stored = _stored(baseline) if baseline and not update_baseline else None
    limits = Limits.of(budget - (monotonic() - began), step_limit, memory, jobs)
    found = _checked(subject, target, folders, asked, limits, quiet, json_)
    changes = _changes(stored, found) if stored else []
    written = _write(found, changes, baseline if update_baseline else None, report)
    _say(found, changes, written, quiet, json_)
    raise typer.Exit(_code(found, changes, stored is not None))


def _checked(
    subject: str, target: str, folders: tuple[str, ...], asked: dict[str, Any], limits: Limits, quiet: bool, json_: bool
) -> CheckResult:
    """The check, in processes of its own, with its progress on the terminal; ends the command where it cannot run."""
    from scaleproof.check import view
    from scaleproof.check.isolation import isolated
    from torchcheck.properties.checks import check as run
    from torchcheck.properties.engine import SubjectFailed, UnknownProperty
    from torchcheck.run.machine import cores

    display = view.Display(subject, quiet or json_)
    threads = max(1, cores() // limits.workers)
    try:
        with isolated(limits.workers, limits.step, limits.memory, threads, folders) as executor, display:
            found = run(target, **asked, budget=limits.seconds, executor=executor, notify=display)
    except SubjectFailed as error:
        _subject_failed(subject, error, json_)
    except UnknownProperty as error:
        fail(str(error))
    except KeyboardInterrupt:
        typer.echo("scaleproof: interrupted", err=True)
        raise typer.Exit(Exit.INTERRUPTED) from None
    return replace(found, subject=subject)  # as the user wrote it: no machine's paths in baselines and reports


def _say(found: CheckResult, changes: list[Difference], written: list[Path], quiet: bool, json_: bool) -> None:
    from scaleproof.check import view
    from scaleproof.check.report import to_json

    if json_:
        typer.echo(to_json(found, changes), nl=False)
    else:
        view.result(found, changes, written, quiet)


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
    from scaleproof.certify.pointwise.certifier import certify
    from torchcheck.properties.variant import Settings
    from torchcheck.run.subjects import DTYPES

    chosen = tuple(dict.fromkeys(d.strip() for d in dtypes.split(",") if d.strip()))
    unknown = [d for d in chosen if d not in DTYPES]
    if unknown or not chosen:
        fail(f"--dtypes are among {', '.join(DTYPES)}, not '{(unknown or [dtypes])[0]}'")
    where = chosen_device(device)
    sizes = (width, seq_len, batch, depths, optimizer, lr or None, chosen, where, seeds, seed, causal)
    return Settings(*sizes, certify=certify)


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

"""The command `scaleproof check`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from scaleproof.check.start import start_server
from scaleproof.cli import check_options as o
from scaleproof.cli import subject_file
from scaleproof.cli.common import Device, DeviceName, Exit, chosen_device, command_of, fail
from scaleproof.cli.configuration import shared_names

if TYPE_CHECKING:
    from scaleproof.check.baseline import PropertyChange
    from scaleproof.check.view import Detail
    from torchcheck.properties.finding import CheckResult
    from torchcheck.properties.subject.variant import CheckSettings


HELP = """Check your own activation, block, attention, optimizer, loss or model; compare it with its stored baseline.

It runs in processes of its own: a crash or an endless loop there is a finding, and the rest goes on. Defaults of
the options can stand in pyproject.toml, under tool.scaleproof.

Exit codes:

0 every property is as wanted, and as in the baseline

1 a property failed, or regressed

2 bad usage, or a file that cannot be read or written

3 the subject itself failed: it cannot be loaded, raised, crashed, hung or ran out of memory

4 with --strict: nothing failed, and a property stayed undecided, or a question

130 interrupted
"""


@dataclass(frozen=True)
class Outputs:
    """Where the result goes: files, and the forms that are printed."""

    baseline: Path | None
    report: Path | None
    junit: Path | None
    sarif: Path | None
    reproduce: Path | None
    github: bool
    json: bool
    detail: Detail


def check(
    context: typer.Context,
    subject: o.SubjectName,
    kind: o.KindOption = None,
    depths: o.Depths = "2:256",
    width: o.Width = 128,
    widths: o.Widths = "",
    compile_: o.Compile = False,
    seq_len: o.SeqLen = 32,
    batch: o.Batch = 2,
    optimizer: o.Optimizer = "adam",
    lr: o.Rate = 0.0,
    dtypes: o.Dtypes = "float32,bfloat16,float16",
    device: Device = "cpu",
    seeds: o.Seeds = 16,
    seed: o.Seed = 0,
    causal: o.Causal = None,
    set_: o.SetOptions = None,
    threshold: o.Thresholds = None,
    select: o.Select = None,
    skip: o.Skip = None,
    suppress: o.Suppress = None,
    strict: o.Strict = False,
    suggest: o.Suggest = False,
    budget: o.Seconds = 300.0,
    step_limit: o.StepLimit = 60.0,
    memory: o.Memory = 0.0,
    jobs: o.Jobs = 0,
    baseline: o.BaselineFile = None,
    update_baseline: o.UpdateBaseline = False,
    against: o.Against = None,
    report: o.ReportFolder = None,
    junit: o.JUnitFile = None,
    sarif: o.SarifFile = None,
    reproduce: o.Reproduce = None,
    github: o.GitHub = False,
    json_: o.AsJson = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    began = monotonic()
    start_server()
    _one_past(baseline, update_baseline, against)
    named, options = subject_file.read(subject)
    asked: dict[str, Any] = {"kind": kind, "select": select or (), "skip": skip or (), "suggestion": suggest}
    asked |= {"options": options | o.options_of(set_ or []), "thresholds": o.thresholds_of(threshold or [])}
    asked["suppress"] = o.reasons_of(suppress or [])
    asked["shared"] = shared_names(context, asked)
    sizes = (o.sizes_of(depths, "--depths"), width, seq_len, batch, optimizer, lr, dtypes, device, seeds, seed, causal)
    asked["settings"] = _settings(*sizes, _widths(widths, select or ()), _compile(compile_, select or ()))
    place, other = o.place_of(named), o.place_of(against) if against else None
    files = (baseline if update_baseline else None, report, junit, sarif, reproduce)
    outputs = Outputs(*files, github, json_, "quiet" if quiet else "all" if verbose else "brief")
    stored = _stored(baseline) if baseline and not update_baseline else None
    limits = o.Limits.of(budget - (monotonic() - began), step_limit, memory, jobs)
    result, before = _checked(subject, place, other, asked, limits, quiet or json_, json_)
    changes = _changes(stored if before is None else _as_baseline(before), result)
    written = _write(result, changes, outputs, strict, place.target, asked["options"])
    _say(result, changes, written, outputs, strict)
    raise typer.Exit(_code(result, changes, strict))


check.__doc__ = HELP


def _one_past(baseline: Path | None, update: bool, against: str | None) -> None:
    if update and baseline is None:
        fail("--update-baseline needs --baseline FILE")
    if against and baseline:
        fail("--against and --baseline both say what came before: give one of them")


def _checked(
    subject: str,
    place: o.Place,
    other: o.Place | None,
    asked: dict[str, Any],
    limits: o.Limits,
    silent: bool,
    json_: bool,
) -> tuple[CheckResult, CheckResult | None]:
    """The check, and that of another version, in processes of their own; ends the command where it cannot run."""
    from scaleproof.check import view
    from scaleproof.check.isolation import isolated
    from torchcheck.properties import checks
    from torchcheck.properties.engine import SubjectFailed
    from torchcheck.properties.plan import UnknownProperty
    from torchcheck.run.machine import cores

    display = view.Display(subject, silent)
    threads = max(1, cores() // limits.workers)
    try:
        folders = (*place.folders, *(other.folders if other else ()))
        with isolated(limits.workers, limits.step, limits.memory, threads, folders) as executor, display:
            here: dict[str, Any] = {"budget": limits.seconds, "executor": executor, "notify": display}
            result, before = checks.check(place.target, **asked, **here), None
            if other is not None:
                before = checks.check(other.target, **{**asked, "kind": result.kind, "suggestion": False}, **here)
                given = (asked["settings"], executor)
                partings = checks.against(place.target, other.target, result, *given, options=asked["options"])
                result = replace(result, partings=tuple(partings))
    except SubjectFailed as error:
        _subject_failed(subject, error, json_)
    except UnknownProperty as error:
        fail(str(error))
    except KeyboardInterrupt:
        typer.echo("scaleproof: interrupted", err=True)
        raise typer.Exit(Exit.INTERRUPTED) from None
    file = Path(result.file)
    file = file.relative_to(Path.cwd()) if result.file and file.is_relative_to(Path.cwd()) else file
    # as the user wrote it: no machine's paths in baselines and reports
    return replace(result, subject=subject, file=str(file) if result.file else ""), before


def _say(
    result: CheckResult, changes: list[PropertyChange] | None, written: list[Path], outputs: Outputs, strict: bool
) -> None:
    from scaleproof.check import exports, view
    from scaleproof.check.report import to_json

    if outputs.json:
        typer.echo(to_json(result, changes or []), nl=False)
    else:
        view.result(result, changes or [], written, outputs.detail)
    if outputs.github:
        remarks = exports.remarks(result, changes or [], changes is not None, strict)
        typer.echo(exports.github(result, remarks), nl=False, err=outputs.json)


def _code(result: CheckResult, changes: list[PropertyChange] | None, strict: bool) -> Exit:
    """A property that failed in the baseline already is no news: with a baseline, only changes count for the exit."""
    if result.broken:
        return Exit.SUBJECT
    if any(c.is_regression for c in changes or ()):
        return Exit.FAILED
    known = {c.name for c in changes or () if c.change != "new"}
    if any(f.name not in known for f in result.failed):
        return Exit.FAILED
    return Exit.UNDECIDED if strict and result.undecided else Exit.FINE


def _widths(text: str, select: Sequence[str]) -> tuple[int, ...]:
    if not text and any(n.partition("-")[0] == "width" for n in select):
        fail("the properties of width need --widths FIRST:LAST, such as --widths 64:512")
    return o.sizes_of(text, "--widths") if text else ()


def _compile(asked: bool, select: Sequence[str]) -> bool:
    if not asked and {"compiler", "compiled", "graph-breaks", "exported"} & set(select):
        fail("what torch.compile and torch.export make of it is asked with --compile")
    return asked


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
    widths: tuple[int, ...],
    compile_: bool,
) -> CheckSettings:
    from scaleproof.certify.pointwise.certifier import certify
    from torchcheck.properties.subject.variant import CheckSettings
    from torchcheck.run.subjects import DTYPES

    chosen = tuple(dict.fromkeys(d.strip() for d in dtypes.split(",") if d.strip()))
    unknown = [d for d in chosen if d not in DTYPES]
    if unknown or not chosen:
        fail(f"--dtypes are among {', '.join(DTYPES)}, not '{(unknown or [dtypes])[0]}'")
    where = chosen_device(device)
    sizes = (width, seq_len, batch, depths, optimizer, lr or None, chosen, where, seeds, seed, causal)
    return CheckSettings(*sizes, widths=widths, compile=compile_, certify=certify)


def _as_baseline(result: CheckResult) -> Any:
    """What another version is like, as a baseline for this one."""
    from scaleproof.check.baseline import from_result, machine

    return from_result(result, machine())


def _stored(path: Path) -> Any:
    from scaleproof.check.baseline import BaselineError, read

    if not path.exists():
        fail(f"no baseline at {path}: make it with --update-baseline")
    try:
        return read(path)
    except BaselineError as error:
        fail(str(error))


def _changes(stored: Any, result: CheckResult) -> list[PropertyChange] | None:
    """What is not as it was; None where nothing is known of that."""
    if stored is None:
        return None
    from scaleproof.check.baseline import BaselineError, compare

    try:
        return compare(stored, result)
    except BaselineError as error:
        fail(str(error))


def _write(
    result: CheckResult,
    changes: list[PropertyChange] | None,
    outputs: Outputs,
    strict: bool,
    target: str,
    options: dict[str, Any],
) -> list[Path]:
    """All files that were asked for; ends the command where one cannot be written."""
    from scaleproof.check import baseline, exports
    from scaleproof.reporting.record import write_atomically
    from scaleproof.reporting.render import RenderError

    texts: dict[Path, str] = {}
    written: list[Path] = []
    remarks = exports.remarks(result, changes or [], changes is not None, strict)
    if outputs.junit is not None:
        texts[outputs.junit] = exports.junit(result, remarks)
    if outputs.sarif is not None:
        texts[outputs.sarif] = exports.sarif(result, remarks)
    if outputs.reproduce is not None:
        files = exports.reproductions(result, target, options, outputs.reproduce)
        texts |= {outputs.reproduce / name: text for name, text in files.items()}
    try:
        if outputs.baseline is not None:
            baseline.write(baseline.from_result(result, baseline.machine()), outputs.baseline)
            written.append(outputs.baseline)
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text)
            written.append(path)
        if outputs.report is not None:
            from scaleproof.check.report import write
            from scaleproof.suite.environment import environment

            written += write(result, changes or [], environment(), command_of(sys.argv[1:]), outputs.report)
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

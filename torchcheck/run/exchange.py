"""Two files that carry a run's tasks to another machine, and what they gave back.

A plan is one JSON document: {"schema": "torchcheck/tasks/1", "version", "claims", "settings", "digest", "tasks":
[{"probe", "params", "exclusive"}]}. Results are JSON lines: a head {"schema": "torchcheck/results/1", "plan": its
digest, "claims", "settings", "tasks": how many, "version", "machine"}; for each task {"key", "seconds", "made",
"measurements"} or {"key", "error"}. Each line but the head has the "digest" of itself and of all that stands before it
in the file, so that a line that is missing, changed or from another file is noticed. (Who wants to deceive can compute
digests too.)
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from torchcheck.data import Task
from torchcheck.run.execute import timed_task
from torchcheck.run.version import Version, version

TASKS, RESULTS = "torchcheck/tasks/1", "torchcheck/results/1"


class ExchangeError(Exception):
    """A file is no plan or no result of it; the message says where and why."""


@dataclass(frozen=True)
class Plan:
    """What is to be measured, for which claims with which settings (plain data, kept as it is)."""

    claims: tuple[str, ...]
    settings: Mapping[str, Any]
    tasks: tuple[Task, ...]

    @property
    def digest(self) -> str:
        text = json.dumps([self.claims, dict(self.settings), [t.key for t in self.tasks]], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_text(self) -> str:
        tasks = [{"probe": t.probe, "params": dict(t.params), "exclusive": t.exclusive} for t in self.tasks]
        head = {"schema": TASKS, "version": asdict(version()), "claims": self.claims, "settings": dict(self.settings)}
        return json.dumps({**head, "tasks": tasks, "digest": self.digest}, indent=1, allow_nan=False) + "\n"


@dataclass(frozen=True)
class Measured:
    """A task's outcome: its measurements as JSON data, or the error; when and in how many seconds."""

    key: str
    measurements: Sequence[Mapping[str, Any]] = ()
    seconds: float = 0.0
    made: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Results:
    """What came back: for which plan, from which machine; `whole` if every task has an outcome."""

    plan: str
    claims: tuple[str, ...]
    settings: Mapping[str, Any]
    machine: str
    version: Version
    expected: int
    outcomes: Mapping[str, Measured]

    @property
    def whole(self) -> bool:
        return len(self.outcomes) == self.expected


def read_plan(path: Path) -> Plan:
    """The plan in a file that this version of torchcheck wrote; raises ExchangeError."""
    raw = _json(path, _text(path))
    if not isinstance(raw, dict) or raw.get("schema") != TASKS:
        raise ExchangeError(f"{path}: no plan of tasks ({TASKS})")
    try:
        tasks = tuple(Task(t["probe"], t["params"], bool(t["exclusive"])) for t in raw["tasks"])
        plan = Plan(tuple(raw["claims"]), raw["settings"], tasks)
        stated = Version(**raw["version"])
        digest = plan.digest
    except (KeyError, TypeError, ValueError) as error:
        raise ExchangeError(f"{path}: no whole plan: {type(error).__name__}: {error}") from error
    if digest != raw.get("digest"):
        raise ExchangeError(f"{path}: the plan was changed after it was written")
    if stated.torchcheck != version().torchcheck:
        raise ExchangeError(f"{path}: made by another version of torchcheck: {stated.torchcheck}")
    return plan


def work(plan: Plan, out: Path, progress: Callable[[int, int, str], None] = lambda *_: None) -> Results:
    """Runs the plan's tasks and adds each outcome to `out`; goes on from where an earlier call ended.

    Errors of an earlier call are tried again. Raises ExchangeError where `out` belongs to another plan or version, or
    is damaged before its last line; OSError where it cannot be written.
    """
    head = _head(plan)
    lines = _started(out, head)
    outcomes = {o.key: o for o in (_outcome(json.loads(line)) for line in lines[1:]) if not o.error}
    out.write_text("".join(f"{line}\n" for line in _chained(head, outcomes.values())), encoding="utf-8")
    chain = _Chain(out.read_text(encoding="utf-8").splitlines())
    with out.open("a", encoding="utf-8") as file:
        for task in plan.tasks:
            if task.key in outcomes:
                continue
            outcomes[task.key] = _run(task)
            file.write(chain.line(outcomes[task.key]) + "\n")
            file.flush()
            progress(len(outcomes), len(plan.tasks), outcomes[task.key].error)
    return read_results(out)


def read_results(path: Path) -> Results:
    """What is in a file of results; raises ExchangeError for anything that `work` did not write, whole lines of it."""
    lines = _text(path).splitlines()
    head = _json(path, lines[0]) if lines else None
    if not isinstance(head, dict) or head.get("schema") != RESULTS:
        raise ExchangeError(f"{path}: no results of tasks ({RESULTS})")
    chain = _Chain(lines[:1])
    outcomes = {}
    for number, line in enumerate(lines[1:], 2):
        raw = _json(path, line, number)
        try:
            outcome = _outcome(raw)
        except (KeyError, TypeError, AttributeError) as error:
            raise ExchangeError(f"{path}: line {number} is no outcome: {error}") from error
        if chain.line(outcome) != line:
            raise ExchangeError(f"{path}: line {number} was changed, or lines before it are missing")
        outcomes[outcome.key] = outcome
    try:
        about = Version(**head["version"])
        places = (head["plan"], tuple(head["claims"]), head["settings"], head["machine"])
        return Results(*places, about, int(head["tasks"]), outcomes)
    except (KeyError, TypeError, ValueError) as error:
        raise ExchangeError(f"{path}: the head is not whole: {error}") from error


class _Chain:
    """Lines whose digests depend on all lines before them."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._state = hashlib.sha256()
        for line in lines:
            self._state.update(line.encode() + b"\n")

    def line(self, outcome: Measured) -> str:
        raw: dict[str, Any] = {"key": outcome.key}
        if outcome.error:
            raw["error"] = outcome.error
        else:
            raw |= {"seconds": outcome.seconds, "made": outcome.made, "measurements": outcome.measurements}
        body = json.dumps(raw, allow_nan=False)
        seal = self._state.copy()
        seal.update(body.encode())
        line = json.dumps({**raw, "digest": seal.hexdigest()}, allow_nan=False)
        self._state.update(line.encode() + b"\n")
        return line


def _chained(head: str, outcomes: Any) -> list[str]:
    chain = _Chain([head])
    return [head, *(chain.line(o) for o in outcomes)]


def _started(out: Path, head: str) -> list[str]:
    """The whole lines of an earlier call's file; a last line that was cut short is dropped."""
    if not out.exists():
        return [head]
    text = _text(out)
    lines = text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]
    if not lines:
        return [head]
    if lines[0] != head:
        raise ExchangeError(f"{out} holds results of another plan, version or machine; choose another --out")
    whole = out.with_name(f".{out.name}.whole")
    whole.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    try:
        read_results(whole)
    finally:
        whole.unlink()
    return lines


def _head(plan: Plan) -> str:
    about = {"version": asdict(version()), "machine": _machine()}
    own = {"plan": plan.digest, "claims": plan.claims, "settings": dict(plan.settings), "tasks": len(plan.tasks)}
    return json.dumps({"schema": RESULTS, **own, **about})


def _machine() -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    return f"{device}, torch {torch.__version__}, Python {platform.python_version()}"


def _outcome(raw: Mapping[str, Any]) -> Measured:
    if "error" in raw:
        return Measured(raw["key"], error=str(raw["error"]))
    return Measured(raw["key"], raw["measurements"], float(raw["seconds"]), float(raw["made"]))


def _run(task: Task) -> Measured:
    try:
        seconds, measured = timed_task(task)
    except Exception as error:  # one task that fails must not take the others with it
        return Measured(task.key, error=f"{type(error).__name__}: {error}")
    return Measured(task.key, measured, round(seconds, 6), round(time.time(), 3))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ExchangeError(f"{path}: {getattr(error, 'strerror', None) or 'not a text file'}") from error


def _json(path: Path, text: str, line: int = 1) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ExchangeError(f"{path}: line {line} is cut short, or no JSON") from error

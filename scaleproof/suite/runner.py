"""Runs claims: all are planned, one schedule measures all tasks, and each claim is judged once its own are done."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cloudpickle

from scaleproof.certify.coq import standings
from scaleproof.claim import Claim, Cost, Settings
from scaleproof.reporting import record as records
from scaleproof.reporting.record import Environment, Record, Result, Run, StoredRow
from scaleproof.suite.conclude import Concluded, conclude, failed, wants_fault
from scaleproof.suite.fingerprint import Code, hashed, machine
from scaleproof.suite.registry import CLAIMS
from scaleproof.suite.schedule import Schedule
from scaleproof.suite.store import Kept, Store
from torchcheck.data import Measurement, Task
from torchcheck.run.execute import timed_task

#: seconds for which a timing is taken from the store
DAY = 86400
#: seconds that a task of an unknown price is expected to take
PRICES: Mapping[Cost, float] = {"seconds": 1.0, "tens of seconds": 10.0, "minutes": 30.0}
#: seconds between two writings of a record that is under way
EVERY = 1.0


@dataclass(frozen=True)
class Progress:
    """A task of a leg of this claim is done: `done` of the `total` of the run, those of earlier runs left out."""

    claim: str
    leg: str
    done: int = 0
    total: int = 0


Notify = Callable[[Progress | Result], None]


@dataclass(frozen=True)
class Means:
    """What a run computes with: where tasks and conclusions run, and what is measured already.

    `given` has measurements of tasks by key, from another machine, and `errors` what failed there; `fresh` leaves
    stored results alone.
    """

    tasks: Executor
    conclusions: Executor
    store: Store
    given: Mapping[str, Kept] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    fresh: bool = False


@dataclass
class _Open:
    """A claim that is not judged yet: its tasks, those that are still out, and what the others gave."""

    claim: Claim
    tasks: Sequence[Task]
    faulty: Sequence[Task] = ()
    out: set[str] = field(default_factory=set)
    trouble: str = ""


def run(
    claims: Sequence[Claim],
    settings: Settings,
    folder: Path,
    means: Means,
    about: Run,
    environment: Environment,
    notify: Notify = lambda _: None,
    earlier: Record | None = None,
) -> Record:
    """Runs the claims and returns the record, which is also in `folder`, finished or not, whatever ends the run.

    `earlier` is an unfinished record of the same run: its results are kept, errors are run again. Tasks that the store
    knows are not measured again. A claim that fails is recorded as `error` with its message, and the others go on.
    """
    work = _Work(claims, settings, folder, means, about, environment, notify)
    for result in earlier.results if earlier else ():
        if result.verdict != "error":
            work.keep(result)
    try:
        work.plan()
        work.measure()
    finally:
        record = work.write(finished=len(work.results) == len(claims))
    return record


@dataclass
class _Work:
    """One run under way."""

    claims: Sequence[Claim]
    settings: Settings
    folder: Path
    means: Means
    about: Run
    environment: Environment
    notify: Notify
    results: dict[str, Result] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._code, self._machine = Code(), machine()
        self._schedule = Schedule()
        self._start = self._written = time.monotonic()
        self._open: dict[str, _Open] = {}
        self._wanted: dict[str, list[_Open]] = {}  # a task's key -> the claims that wait for it
        self._found: dict[str, Kept] = {}
        self._users: Counter[str] = Counter()  # a task's key -> the claims that are not judged yet
        self._exclusive: list[Task] = []
        self._done = self._total = 0

    # -- planning

    def plan(self) -> None:
        """Plans all claims, takes from the store what it has, and queues the rest."""
        for claim in self.claims:
            if claim.id in self.results:
                continue
            try:
                opened = _Open(claim, *legs(claim, self.settings))
            except Exception as error:  # whatever a claim raises must not take the others with it
                self._conclude(failed(claim, f"{type(error).__name__}: {error}"), claim, [])
                continue
            self._enter(opened)
        for opened in [*self._open.values()]:
            self._judge_if_ready(opened)

    def _enter(self, opened: _Open) -> None:
        self._open[opened.claim.id] = opened
        self._users.update({t.key for t in [*opened.tasks, *opened.faulty]})
        for task in [*opened.tasks, *opened.faulty]:
            if task.key in self.means.errors:
                opened.trouble = opened.trouble or _trouble(task, self.means.errors[task.key])
                continue
            if task.key not in self._found and task.key not in self._wanted:
                kept = self._stored(task)
                if kept is not None:
                    self._found[task.key] = kept
                else:
                    self._queue(task, opened.claim)
            if task.key not in self._found:
                opened.out.add(task.key)
                self._wanted.setdefault(task.key, []).append(opened)

    def _queue(self, task: Task, claim: Claim) -> None:
        self._total += 1
        if task.exclusive:
            self._exclusive.append(task)
            return
        known = self.means.store.price(_name(task))
        seconds = PRICES[claim.cost] if known is None else known
        self._schedule.add(self.means.tasks, seconds, lambda future: self._arrived(task, future), timed_task, task)

    # -- measuring

    def measure(self) -> None:
        """All tasks side by side; then, when nothing else is left to do, those that want the machine for themselves."""
        self._schedule.run()
        for task in self._exclusive:
            future: Future[Any] = Future()
            try:
                future.set_result(timed_task(task))
            except Exception as error:
                future.set_exception(error)
            self._arrived(task, future)
        self._schedule.run()

    def _arrived(self, task: Task, future: Future[Any]) -> None:
        self._done += 1
        waiting = self._wanted.pop(task.key)
        error = future.exception()
        if error is None:
            seconds, raw = future.result()
            self._found[task.key] = Kept(raw, time.time(), "", seconds)
            if all(m["value"] is not None for m in raw):  # what was not here today (a device, a compiler) may come
                where = _named(self._machine, self.environment)
                self.means.store.put(self._key(task), _name(task), raw, where, seconds)
        for opened in waiting:
            opened.out.discard(task.key)
            if error is not None:
                opened.trouble = opened.trouble or _trouble(task, f"{type(error).__name__}: {error}")
            leg = "measure" if task in opened.tasks else "fault"
            self.notify(Progress(opened.claim.id, leg, self._done, self._total))
            self._judge_if_ready(opened)

    # -- judging

    def _judge_if_ready(self, opened: _Open) -> None:
        if opened.out or opened.claim.id not in self._open:
            return
        claim, tasks = opened.claim, [*opened.tasks, *opened.faulty]
        del self._open[claim.id]
        if opened.trouble:
            self._conclude(failed(claim, opened.trouble), claim, tasks)
            return
        key = self._conclusion_key(claim, tasks)
        kept = self.means.store.get(key) if key and not self.means.fresh else None
        if kept is not None:
            self._conclude(Concluded.from_json(kept.value), claim, tasks)
            return

        def judged(future: Future[Any]) -> None:
            error = future.exception()
            concluded = failed(claim, f"{type(error).__name__}: {error}") if error else future.result()
            if key and not error and concluded.result.verdict != "error":
                where = _named(self._machine, self.environment)
                seconds = concluded.result.seconds
                self.means.store.put(key, f"conclude {claim.id}", concluded.to_json(), where, seconds)
            self._conclude(concluded, claim, tasks)

        measured, faulty = self._measurements(opened.tasks), self._measurements(opened.faulty)
        faulty = faulty if wants_fault(self.settings, measured) else []
        job = cloudpickle.dumps((conclude, (claim, self.settings, measured, faulty)))
        price = self.means.store.price(f"conclude {claim.id}")
        seconds = PRICES[claim.cost] if price is None else price
        self._schedule.add(self.means.conclusions, seconds, judged, _unpacked, job)

    def _measurements(self, tasks: Sequence[Task]) -> list[Measurement]:
        return [replace(Measurement.from_json(raw), params=t.params) for t in tasks for raw in self._found[t.key].value]

    def _conclude(self, concluded: Concluded, claim: Claim, tasks: Sequence[Task]) -> None:
        if concluded.certificate:
            records.write_atomically(self.folder / f"certificates/{claim.id}.json", concluded.certificate)
        keys = {t.key for t in tasks}
        kept = [self._found[key] for key in keys if key in self._found]
        for key in keys:
            self._users[key] -= 1
            if not self._users[key]:
                self._found.pop(key, None)  # what nobody asks for any more need not stay in memory
        seconds = concluded.result.seconds + sum(k.seconds for k in kept)
        changes = {"seconds": round(seconds, 3), "stored": _stored_rows(kept)}
        self.keep(concluded.result.model_copy(update=changes))

    def keep(self, result: Result) -> None:
        """Takes a result into the record."""
        self.results[result.id] = result
        self.notify(result)
        if time.monotonic() - self._written > EVERY:
            self.write(finished=False)

    # -- the record

    def write(self, finished: bool) -> Record:
        """Writes the record of what is done."""
        seconds = round(self.about.seconds + time.monotonic() - self._start, 3)
        about = self.about.model_copy(update={"seconds": seconds, "finished": finished})
        results = tuple(self.results[c.id] for c in self.claims if c.id in self.results)
        record = Record(schema="scaleproof/record/4", run=about, environment=self.environment, results=results)
        records.write(record, self.folder)
        self._written = time.monotonic()
        return record

    # -- keys

    def _stored(self, task: Task) -> Kept | None:
        given = self.means.given.get(task.key)
        if given is not None or self.means.fresh:
            return given
        kept = self.means.store.get(self._key(task))
        return None if kept is not None and task.exclusive and time.time() - kept.made > DAY else kept

    def _key(self, task: Task) -> str:
        about = self.environment
        own = (about.cuda,) if str(task.params.get("device", "cpu")) != "cpu" else ()
        quiet = (about.cpu, about.cores) if task.exclusive else ()
        return hashed("task", task.key, self._code.of_task(task), sorted(self._machine.items()), own, quiet)

    def _conclusion_key(self, claim: Claim, tasks: Sequence[Task]) -> str:
        """ "" for a claim that is not the registered one: what its functions reach is not known."""
        if not any(claim is c for c in CLAIMS):
            return ""
        code = self._code.digest([f"scaleproof.claims.{claim.family}", "scaleproof.suite.conclude"])
        values = [json.dumps(self._found[t.key].value, sort_keys=True) for t in tasks]
        proofs = standings(name for c in claim.clauses for name in c.coq)
        here = (sorted(self._machine.items()), self.environment.cuda, proofs)
        return hashed("conclusion", claim.id, code, self.settings, here, *values)


def legs(claim: Claim, settings: Settings) -> tuple[list[Task], list[Task]]:
    """The claim's tasks for its subject, and for the module with its seeded fault."""
    faulty = [] if settings.dtypes else claim.plan(replace(settings, profile="quick"), claim.fault.target)
    return [*claim.plan(settings, claim.subject)], [*faulty]


def _trouble(task: Task, error: str) -> str:
    return f"TaskFailed: {task.probe} with {json.dumps(task.params)[:300]}: {error}"


def _unpacked(job: bytes) -> Any:
    function, arguments = cloudpickle.loads(job)
    return function(*arguments)


def _name(task: Task) -> str:
    return f"task {task.key}"


def _named(versions: Mapping[str, str], about: Environment) -> str:
    return f"{about.cuda or about.cpu}, torch {versions['torch']}"


def _stored_rows(kept: Iterable[Kept]) -> tuple[StoredRow, ...]:
    """How much came from earlier runs, machine by machine; what this run measured has no machine's name."""
    rows = []
    old = [k for k in kept if k.machine]
    for name in sorted({k.machine for k in old}):
        times = [datetime.fromtimestamp(k.made, UTC).isoformat(timespec="seconds") for k in old if k.machine == name]
        rows.append(StoredRow(tasks=len(times), machine=name, first=min(times), last=max(times)))
    return tuple(rows)

"""Runs claims: plan, measure, prove, predict, judge, record; what is done is on disk after every task and claim."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from scaleproof.claim import Claim, Prediction, Settings, Verdict
from scaleproof.reporting import record as records
from scaleproof.reporting.record import Environment, FaultRow, Record, Result, Run
from scaleproof.suite.judge import Judgement, judge, resolution
from torchcheck.data import Evidence, Measurement, Task


@dataclass(frozen=True)
class Progress:
    """What the run does right now: `done` of `total` tasks of a leg of a claim."""

    claim: str
    leg: str
    done: int = 0
    total: int = 0


Notify = Callable[[Progress | Result], None]


class TaskFailed(Exception):
    """A task raised; the message names the task and the error."""


def run(
    claims: Sequence[Claim],
    settings: Settings,
    folder: Path,
    executor: Executor,
    about: Run,
    environment: Environment,
    notify: Notify = lambda _: None,
    earlier: Record | None = None,
) -> Record:
    """Runs the claims and returns the record, which is also in `folder` after every claim.

    `earlier` is an unfinished record of the same run: its results are kept, errors are run again.
    Tasks already measured (folder/tasks) are not measured again. A claim that fails is recorded as
    `error` with its message, and the others go on.
    """
    start = time.perf_counter()
    before = about.seconds
    kept = {r.id: r for r in earlier.results if r.verdict != "error"} if earlier else {}
    results: list[Result] = []
    for claim in claims:
        result = kept.get(claim.id) or _run_claim(claim, settings, folder, executor, notify)
        results.append(result)
        notify(result)
        finished = len(results) == len(claims)
        seconds = before + time.perf_counter() - start
        progress = about.model_copy(update={"seconds": round(seconds, 3), "finished": finished})
        record = Record(schema="scaleproof/record/3", run=progress, environment=environment, results=tuple(results))
        records.write(record, folder)
    return record


def _run_claim(claim: Claim, settings: Settings, folder: Path, executor: Executor, notify: Notify) -> Result:
    start = time.perf_counter()
    try:
        result = _examine(claim, settings, folder, executor, notify)
    except Exception as error:  # whatever a claim raises must not take the others with it
        message = f"{type(error).__name__}: {error}"
        result = _result(claim, Judgement(Verdict.ERROR, message), None, (), (), None)
    return result.model_copy(update={"seconds": round(time.perf_counter() - start, 3)})


def _examine(claim: Claim, settings: Settings, folder: Path, executor: Executor, notify: Notify) -> Result:
    measured = _measure(claim, settings, claim.subject, folder, executor, notify, "measure")
    notify(Progress(claim.id, "prove"))
    certificate, proof = _prove(claim, measured, folder)
    notify(Progress(claim.id, "predict"))
    predictions = claim.predict(settings)
    left_out = _left_out(settings, measured)
    excuse = left_out or claim.beyond(settings)
    reduced = claim.reduce(settings, measured) if not left_out or _complete(measured) else measured
    judgement = judge(claim, proof, predictions, reduced, excuse)
    fault = None
    if not left_out:
        broken = replace(settings, profile="quick")
        faulty = _measure(claim, broken, claim.fault.target, folder, executor, notify, "fault")
        _, faulty_proof = _prove(claim, faulty, None) if _needs_tables(claim) else (None, proof)
        verdict = judge(claim, faulty_proof, claim.predict(broken), claim.reduce(broken, faulty))
        fault = FaultRow(
            words=claim.fault.words,
            subject=claim.fault.target.rsplit(":", 1)[-1],
            verdict=verdict.verdict.value,
            caught=_notices(judgement, verdict),
            message=verdict.message,
        )
    return _result(claim, judgement, certificate, predictions, reduced, fault)


def _notices(sound: Judgement, broken: Judgement) -> bool:
    """Did the fault change the verdict, or exclude a clause that holds?"""
    if broken.verdict == Verdict.ERROR:
        return False
    lost = [k for k, s in broken.standings.items() if s == "outside" and sound.standings.get(k) == "inside"]
    return broken.verdict != sound.verdict or bool(lost)


def _measure(
    claim: Claim, settings: Settings, target: str, folder: Path, executor: Executor, notify: Notify, leg: str
) -> list[Measurement]:
    """Runs the claim's tasks for a subject: side by side, but the exclusive ones after all others and alone."""
    from torchcheck.run.execute import run_task

    tasks = list(claim.plan(settings, target))
    total = len(tasks)
    notify(Progress(claim.id, leg, 0, total))
    found: dict[str, list[Measurement]] = {}
    shared: dict[Future[list[Measurement]], Task] = {}
    failed: list[TaskFailed] = []

    def finish(task: Task, result: Callable[[], list[Measurement]]) -> None:
        """Stores a result as it arrives, whatever becomes of the others."""
        try:
            found[task.key] = _store(folder, task, _outcome(task, result))
        except TaskFailed as error:
            failed.append(error)
        notify(Progress(claim.id, leg, len(found), total))

    for task in tasks:
        stored = _stored(folder, task)
        if stored is not None:
            found[task.key] = stored
        elif not task.exclusive:
            future = executor.submit(run_task, task)
            if future.done():
                finish(task, future.result)
            else:
                shared[future] = task
    for future in as_completed(shared):
        finish(shared[future], future.result)
    for task in tasks:
        if task.exclusive and task.key not in found and not failed:
            finish(task, partial(run_task, task))
    if failed:
        raise failed[0]
    return [m for task in tasks for m in found[task.key]]


def _outcome(task: Task, result: Callable[[], list[Measurement]]) -> list[Measurement]:
    try:
        return result()
    except Exception as error:
        text = f"{task.probe} with {json.dumps(task.params)[:300]}: {type(error).__name__}: {error}"
        raise TaskFailed(text) from error


def _stored(folder: Path, task: Task) -> list[Measurement] | None:
    try:
        raw = json.loads((folder / "tasks" / f"{task.key}.json").read_text(encoding="utf-8"))
        return [replace(Measurement.from_json(m), params=task.params) for m in raw]
    except (OSError, ValueError, TypeError):
        return None


def _store(folder: Path, task: Task, measurements: list[Measurement]) -> list[Measurement]:
    text = json.dumps([m.to_json() for m in measurements], allow_nan=False)
    records.write_atomically(folder / "tasks" / f"{task.key}.json", text)
    return measurements


def _needs_tables(claim: Claim) -> bool:
    from scaleproof.certify.statements import STATEMENTS

    return any(s.method == "exhaustive" for s in STATEMENTS.get(claim.id, ()))


def _prove(claim: Claim, measured: Sequence[Measurement], folder: Path | None) -> tuple[records.Proof | None, Any]:
    """Makes the claim's certificate, stores it, and has the stored text checked."""
    if not claim.is_proved:
        return None, None
    from scaleproof.certify.search import prove
    from scaleproof.certify.statements import STATEMENTS, replay

    tables = {m.dtype: bytes.fromhex(m.data["table"]) for m in measured if "table" in m.data}
    wanted = {s.body["format"] for s in STATEMENTS[claim.id] if s.method == "exhaustive"}
    if wanted - set(tables):
        return None, None
    text = json.dumps(prove(claim.id, tables).to_json(), indent=1)
    path = f"certificates/{claim.id}.json"
    if folder:
        records.write_atomically(folder / path, text + "\n")
    raw = json.loads(text)
    checked = replay(raw)
    proof = records.Proof(
        method=" + ".join(checked.methods),
        checked=checked.holds,
        seconds=round(checked.seconds, 3),
        certificate=path,
        statements=tuple(
            records.FormalStatement(
                name=t["statement"]["name"],
                method=t["statement"]["method"],
                words=t["statement"]["words"],
                formal=json.dumps(t["statement"]["body"], sort_keys=True),
                bounds=t["statement"]["body"].get("bounds", {}),
            )
            for t in raw["theorems"]
        ),
        trusted=tuple(_trusted(method) for method in checked.methods),
        reason=checked.reason,
    )
    return proof, checked


def _trusted(method: str) -> records.TrustedFile:
    from scaleproof.certify.kernel.certificate import CHECKERS

    path = Path(CHECKERS[method].__file__)
    lines = len(path.read_text(encoding="utf-8").splitlines())
    return records.TrustedFile(method=method, file=f"scaleproof/certify/kernel/{path.name}", lines=lines)


def _left_out(settings: Settings, measured: Sequence[Measurement]) -> str:
    for m in measured:
        if m.value is None:
            return m.note
    return f"only {', '.join(settings.dtypes)} (--dtype)" if settings.dtypes else ""


def _complete(measured: Sequence[Measurement]) -> bool:
    return bool(measured) and all(m.value is not None or m.name for m in measured)


def _result(
    claim: Claim,
    judgement: Judgement,
    proof: records.Proof | None,
    predictions: Sequence[Prediction],
    measurements: Sequence[Measurement],
    fault: FaultRow | None,
) -> Result:
    as_recorded = judgement.verdict == claim.recorded or judgement.excused
    is_false = any(judgement.standings.get(c.key) == "outside" for c in claim.part("ours"))
    return Result(
        id=claim.id,
        source=records.SourceRef.model_validate(claim.source),
        clauses=tuple(
            records.ClauseRow.model_validate({**vars(c), "standing": judgement.standings.get(c.key, "open")})
            for c in claim.clauses
        ),
        setting=claim.setting,
        outline=claim.outline,
        legs=claim.legs,
        verdict=judgement.verdict.value,
        recorded=claim.recorded.value,
        expected=as_recorded and not is_false and (fault is None or fault.caught),
        proof=proof,
        predictions=tuple(
            records.PredictionRow.model_validate({**vars(p), "resolution": resolution(p, measurements)})
            for p in predictions
        ),
        measurements=tuple(_row(m) for m in measurements),
        fault=fault,
        counterexample=judgement.counterexample,
        message=judgement.message,
        seconds=0.0,
    )


def _row(m: Measurement) -> records.MeasurementRow:
    has_level = m.evidence in (Evidence.SAMPLED, Evidence.TIMED) and m.level < 1
    changes = {"level": m.level if has_level else 0.0, "seconds": round(m.seconds, 6)}
    return records.MeasurementRow.model_validate(m).model_copy(update=changes)

"""From a claim's measurements to its result: its certificate is made and checked, and everything is judged."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scaleproof.certify.coq import published, standings
from scaleproof.claim import Claim, Clause, Prediction, Settings, Verdict
from scaleproof.reporting import record as records
from scaleproof.reporting.record import FaultRow, Result
from scaleproof.suite.judge import Judgement, judge, resolution
from torchcheck.data import Measurement


@dataclass(frozen=True)
class Concluded:
    """A claim's result, and the text of its certificate ("" without one)."""

    result: Result
    certificate: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"result": self.result.model_dump(mode="json", by_alias=True), "certificate": self.certificate}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Concluded:
        return cls(Result.model_validate(raw["result"]), raw["certificate"])


def conclude(
    claim: Claim, settings: Settings, measured: Sequence[Measurement], faulty: Sequence[Measurement]
) -> Concluded:
    """Judges the claim by what was measured of its subject, and of the module with its seeded fault.

    `result.seconds` is what this took; whatever raises becomes a result of verdict `error`.
    """
    start = time.perf_counter()
    try:
        concluded = _examine(claim, settings, measured, faulty)
    except Exception as error:  # whatever a claim raises must not take the others with it
        concluded = failed(claim, f"{type(error).__name__}: {error}")
    seconds = round(time.perf_counter() - start, 3)
    return replace(concluded, result=concluded.result.model_copy(update={"seconds": seconds}))


def failed(claim: Claim, message: str) -> Concluded:
    """The claim's result where its run failed."""
    return Concluded(_result(claim, Judgement(Verdict.ERROR, message), None, (), (), None))


def wants_fault(settings: Settings, measured: Sequence[Measurement]) -> bool:
    """Is there enough to judge the claim by, so that its fault is worth a look?"""
    return not _left_out(settings, measured)


def _examine(
    claim: Claim, settings: Settings, measured: Sequence[Measurement], faulty: Sequence[Measurement]
) -> Concluded:
    text, proof, checked = _prove(claim, measured)
    predictions = claim.predict(settings)
    left_out = _left_out(settings, measured)
    excuse = left_out or claim.beyond(settings)
    reduced = claim.reduce(settings, measured) if not left_out or _complete(measured) else measured
    judgement = judge(claim, checked, predictions, reduced, excuse)
    fault = None
    if not left_out:
        broken = replace(settings, profile="quick")
        faulty_checked = _prove(claim, faulty)[2] if _needs_tables(claim) else checked
        verdict = judge(claim, faulty_checked, claim.predict(broken), claim.reduce(broken, faulty))
        fault = FaultRow(
            words=claim.fault.words,
            subject=claim.fault.target.rsplit(":", 1)[-1],
            verdict=verdict.verdict.value,
            caught=_notices(judgement, verdict),
            message=verdict.message,
        )
    return Concluded(_result(claim, judgement, proof, predictions, reduced, fault), text)


def _notices(sound: Judgement, broken: Judgement) -> bool:
    """Did the fault change the verdict, or exclude a clause that holds?"""
    if broken.verdict == Verdict.ERROR:
        return False
    lost = [k for k, s in broken.standings.items() if s == "outside" and sound.standings.get(k) == "inside"]
    return broken.verdict != sound.verdict or bool(lost)


def _needs_tables(claim: Claim) -> bool:
    from scaleproof.certify.statements import STATEMENTS

    return any(s.method == "exhaustive" for s in STATEMENTS.get(claim.id, ()))


def _prove(claim: Claim, measured: Sequence[Measurement]) -> tuple[str, records.Proof | None, Any]:
    """The text of the claim's certificate, its row in the record, and the checker's answer to that text."""
    if not claim.is_proved:
        return "", None, None
    from scaleproof.certify.replay import replay
    from scaleproof.certify.search import prove
    from scaleproof.certify.statements import STATEMENTS

    tables = {m.dtype: bytes.fromhex(m.data["table"]) for m in measured if "table" in m.data}
    wanted = {s.body["format"] for s in STATEMENTS[claim.id] if s.method == "exhaustive"}
    if wanted - set(tables):
        return "", None, None
    text = json.dumps(prove(claim.id, tables).to_json(), indent=1)
    raw = json.loads(text)
    checked = replay(raw)
    proof = records.Proof(
        method=" + ".join(checked.methods),
        checked=checked.holds,
        seconds=round(checked.seconds, 3),
        certificate=f"certificates/{claim.id}.json",
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
    return text + "\n", proof, checked


def _trusted(method: str) -> records.TrustedFile:
    from scaleproof.certify.kernel.check import CHECKERS

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


def _coq(clause: Clause) -> tuple[records.CoqTheorem, ...]:
    """What Coq's kernel has accepted for a clause, as published."""
    accepted = published()
    theorems, here = [accepted.theorems[name] for name in clause.coq], standings(clause.coq)
    return tuple(
        records.CoqTheorem(
            name=t.name,
            statement=t.statement,
            axioms=t.axioms,
            version=accepted.version,
            file=(file := f"{t.file}.v"),
            sha256=accepted.files[file],
            here=here[file],
        )
        for t in theorems
    )


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
            records.ClauseRow.model_validate(
                {**vars(c), "coq": _coq(c), "standing": judgement.standings.get(c.key, "open")}
            )
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
    return records.MeasurementRow.model_validate(m).model_copy(update={"seconds": round(m.seconds, 6)})

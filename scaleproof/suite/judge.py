"""From certificate, predictions and measurements to a verdict: pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scaleproof.certify.kernel.certificate import Checked
from scaleproof.claim import Claim, Clause, Prediction, Verdict
from torchcheck.data import Evidence, Measurement, Role, Standing, shown, within


@dataclass(frozen=True)
class Judgement:
    """A verdict, why, and what excludes the source's statement; `excused` inconclusives fail no run.

    `standings` says of every clause, by its key, whether it holds ("inside"), is excluded, or stays open.
    """

    verdict: Verdict
    message: str
    counterexample: str | None = None
    excused: bool = False
    standings: Mapping[str, Standing] = field(default_factory=dict)


def judge(
    claim: Claim,
    checked: Checked | None,
    predictions: Sequence[Prediction],
    measurements: Sequence[Measurement],
    left_out: str = "",
) -> Judgement:
    """The verdict on a claim, by the rules of docs/verdicts.md.

    `left_out` says what the user or the machine kept from being measured; it excuses an open verdict, and so does a
    wall time that this machine leaves between two answers. Raises ValueError for a clause without evidence, and for a
    prediction of a clause that is not there.
    """
    _require_evidence(claim, predictions)
    by_clause = {c.key: _standing(c, checked, predictions, measurements) for c in claim.clauses}
    standings = {key: standing for key, (standing, _) in by_clause.items()}
    source, source_why = _joint(by_clause[c.key] for c in claim.part("source"))
    ours, ours_why = _joint(by_clause[c.key] for c in claim.part("ours"))
    rejected = f"the certificate is rejected: {checked.reason}" if checked and not checked.holds else ""

    def verdict(kind: Verdict, message: str, counterexample: str | None = None) -> Judgement:
        return Judgement(kind, message, counterexample, standings=standings)

    def undecided(why: str) -> Judgement:
        unproved = claim.is_proved and not (checked and checked.holds)
        excused = bool(left_out) or (not unproved and _only_timings_open(predictions, measurements))
        return Judgement(Verdict.INCONCLUSIVE, left_out or why, excused=excused, standings=standings)

    if source == "outside":
        counterexample = _counterexample(claim, predictions, measurements)
        if not claim.part("ours"):
            return verdict(Verdict.REFUTED, _join(source_why, rejected), counterexample)
        if ours == "outside":
            return verdict(
                Verdict.REFUTED, _join(source_why, f"what should hold instead: {ours_why}", rejected), counterexample
            )
        if rejected:
            return verdict(Verdict.ERROR, rejected, counterexample)
        if ours == "open":
            return undecided(_join(source_why, ours_why))
        return verdict(Verdict.QUALIFIED if claim.setting else Verdict.CORRECTED, source_why, counterexample)
    if rejected:
        return verdict(Verdict.ERROR, rejected)
    if source == "open":
        return undecided(source_why)
    number = sum(p.clause in {c.key for c in claim.part("source")} for p in predictions)
    agrees = f"torch agrees with {number} prediction{'s' if number != 1 else ''}"
    if all(c.theorems for c in claim.part("source")):
        return verdict(Verdict.PROVED, f"the certificate holds, and {agrees}")
    return verdict(Verdict.CONFIRMED, agrees)


def compare(prediction: Prediction, measurement: Measurement) -> Standing:
    """Where a measurement's interval lies: inside the predicted range with its tolerance, outside it, or neither.

    A single run, and what does not say what evidence it is, decides nothing.
    """
    if measurement.value is None or measurement.lo is None or measurement.hi is None:
        return "open"
    if not measurement.evidence.decides:
        return "open"
    if math.isnan(measurement.value):
        return "outside"
    return within(measurement.lo, measurement.hi, prediction.range)


def resolution(prediction: Prediction, measurements: Sequence[Measurement]) -> float | None:
    """The smallest shift of the prediction that, whatever its direction, would have changed where it stands.

    Relative to the predicted constant; absolute for exponents, and where 0 or a bound is predicted. None where nothing
    was measured, or where it does not stand inside: then no verdict rests on it. With [lo, hi] the range that is
    allowed, a shift by more than min(m.lo) - lo upwards, or hi - max(m.hi) downwards, is noticed.
    """
    same = _of(prediction, measurements)
    if not same or any(compare(prediction, m) != "inside" for m in same):
        return None
    lo, hi = prediction.range
    up = min(float(m.lo or 0.0) - lo for m in same)
    down = min(hi - float(m.hi or 0.0) for m in same)
    sides = [side for side in (up, down) if math.isfinite(side)]
    return max(sides) / prediction.scale if sides else None


def _of(prediction: Prediction, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The measurements that a prediction is held against."""
    return [m for m in measurements if m.role is Role.JUDGED and m.name == prediction.name]


def _require_evidence(claim: Claim, predictions: Sequence[Prediction]) -> None:
    keys = {c.key for c in claim.clauses}
    if not claim.part("source"):
        raise ValueError(f"{claim.id} has no clause of its source")
    if unknown := {p.clause for p in predictions} - keys:
        raise ValueError(f"{claim.id} predicts something of clauses that it does not have: {sorted(unknown)}")
    if bare := [c.key for c in claim.clauses if not c.theorems and all(p.clause != c.key for p in predictions)]:
        raise ValueError(f"{claim.id} has clauses without evidence: {bare}")


def _only_timings_open(predictions: Sequence[Prediction], measurements: Sequence[Measurement]) -> bool:
    """Was everything measured, and is it wall time alone that stays open?"""
    pairs = [(p, _of(p, measurements)) for p in predictions]
    still_open = [m for p, same in pairs for m in same if compare(p, m) == "open"]
    return all(same for _, same in pairs) and {m.evidence for m in still_open} == {Evidence.TIMED}


def _standing(
    clause: Clause, checked: Checked | None, predictions: Sequence[Prediction], measurements: Sequence[Measurement]
) -> tuple[Standing, str]:
    undecided = ["the proof is missing"] if clause.theorems and (checked is None or not checked.holds) else []
    for p in predictions:
        if p.clause != clause.key:
            continue
        same = _of(p, measurements)
        if not same:
            undecided.append(f"{p.name} was not measured")
        for m in same:
            match compare(p, m):
                case "outside":
                    return "outside", _difference(p, m)
                case "open":
                    undecided.append(f"{p.name}: {m.note}" if m.value is None else _difference(p, m))
    return ("open", undecided[0]) if undecided else ("inside", "")


def _joint(parts: Iterable[tuple[Standing, str]]) -> tuple[Standing, str]:
    """Outside if a part is, else open if one is, else inside; with that part's reason."""
    standings = list(parts)
    for wanted in ("outside", "open"):
        for standing, why in standings:
            if standing == wanted:
                return standing, why
    return "inside", ""


def _difference(p: Prediction, m: Measurement) -> str:
    same = p.lo if len(p.lo) <= 12 else _short(p.lo)
    expected = same if p.lo == p.hi else f"{_short(p.lo)} to {_short(p.hi)}"
    if p.hi == "inf":
        expected = f"at least {p.lo}"
    unit = "" if p.unit in ("1", "exponent") else f" {p.unit}"
    kind = "" if m.evidence.decides else f" ({m.evidence or 'no stated evidence'}, which decides nothing)"
    seen = m.note if m.value is None else shown(m.value, m.lo, m.hi)
    return f"{p.name} ({m.subject}, {m.dtype}): predicted {expected}{unit}, measured {seen}{kind}"


def _counterexample(claim: Claim, predictions: Sequence[Prediction], measurements: Sequence[Measurement]) -> str | None:
    keys = {c.key for c in claim.part("source")}
    for p in predictions:
        for m in _of(p, measurements):
            if p.clause in keys and m.witness and compare(p, m) == "outside":
                return f"{m.dtype}: {m.witness}"
    return None


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _short(decimal: str) -> str:
    return f"{float(decimal):.12g}"

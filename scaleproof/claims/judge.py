"""From certificate, predictions and measurements to a verdict: pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scaleproof.claims.claim import About, Claim, Prediction, Verdict
from scaleproof.proofs.certificate import Checked
from torchcheck.task import Measurement

Standing = Literal["inside", "outside", "open"]


@dataclass(frozen=True)
class Judgement:
    """A verdict, why, and what excludes the source's statement; `excused` inconclusives fail no run."""

    verdict: Verdict
    message: str
    counterexample: str | None = None
    excused: bool = False


def judge(
    claim: Claim,
    checked: Checked | None,
    predictions: Sequence[Prediction],
    measurements: Sequence[Measurement],
    left_out: str = "",
) -> Judgement:
    """The verdict on a claim, by the rules of docs/verdicts.md.

    `left_out` says what the user or the machine kept from being measured; it excuses an open verdict.
    """
    is_rejected = claim.proof is not None and checked is not None and not checked.holds
    rejected = f"the certificate is rejected: {checked.reason}" if checked and is_rejected else ""
    if not any(p.about == "source" for p in predictions):
        raise ValueError(f"{claim.id} predicts nothing of its source's statement")
    source, source_why = _standing(predictions, measurements, "source")
    if source == "outside":
        counterexample = _counterexample(predictions, measurements)
        if claim.corrected is None:
            return Judgement(Verdict.REFUTED, _join(source_why, rejected), counterexample)
        corrected, why = _standing(predictions, measurements, "corrected")
        if corrected == "outside":
            return Judgement(
                Verdict.REFUTED, _join(source_why, f"corrected statement: {why}", rejected), counterexample
            )
        if rejected:
            return Judgement(Verdict.ERROR, rejected, counterexample)
        if corrected == "open" or (claim.proof == "corrected" and checked is None):
            return _open(_join(source_why, why or "the corrected statement's proof is missing"), left_out)
        return Judgement(Verdict.CORRECTED, source_why, counterexample)
    if rejected:
        return Judgement(Verdict.ERROR, rejected)
    if source == "open":
        return _open(source_why, left_out)
    if claim.proof == "source":
        if checked is None:
            return _open("the proof is missing", left_out)
        return Judgement(Verdict.PROVED, f"the certificate holds, and torch agrees with {_count(predictions)}")
    return Judgement(Verdict.CONFIRMED, f"torch agrees with {_count(predictions)}")


def compare(prediction: Prediction, measurement: Measurement) -> Standing:
    """Where a measurement's interval lies: inside the predicted range with its tolerance, outside it, or neither."""
    if measurement.value is None or measurement.lo is None or measurement.hi is None:
        return "open"
    if any(math.isnan(v) for v in (measurement.lo, measurement.value, measurement.hi)):
        return "outside"
    lo = float(prediction.lo) - prediction.tolerance
    hi = float(prediction.hi) + prediction.tolerance
    if lo <= measurement.lo and measurement.hi <= hi:
        return "inside"
    return "outside" if measurement.hi < lo or measurement.lo > hi else "open"


def _standing(
    predictions: Sequence[Prediction], measurements: Sequence[Measurement], about: About
) -> tuple[Standing, str]:
    undecided: list[str] = []
    for p in predictions:
        if p.about != about:
            continue
        same = [m for m in measurements if m.name == p.name]
        if not same:
            undecided.append(f"{p.name} was not measured")
        for m in same:
            match compare(p, m):
                case "outside":
                    return "outside", _difference(p, m)
                case "open":
                    undecided.append(f"{p.name}: {m.note}" if m.value is None else _difference(p, m))
    return ("open", undecided[0]) if undecided else ("inside", "")


def _difference(p: Prediction, m: Measurement) -> str:
    expected = p.lo if p.lo == p.hi else f"{_short(p.lo)} to {_short(p.hi)}"
    if p.hi == "inf":
        expected = f"at least {p.lo}"
    unit = "" if p.unit == "1" else f" {p.unit}"
    seen = f"{m.value:.9g}" if m.lo == m.hi else f"{m.value:.6g} [{m.lo:.6g}, {m.hi:.6g}]"
    return f"{p.name} ({m.subject}, {m.dtype}): predicted {expected}{unit}, measured {seen}"


def _counterexample(predictions: Sequence[Prediction], measurements: Sequence[Measurement]) -> str | None:
    for p in predictions:
        for m in measurements:
            if p.about == "source" and m.name == p.name and m.witness and compare(p, m) == "outside":
                return f"{m.dtype}: {m.witness}"
    return None


def _open(why: str, left_out: str) -> Judgement:
    return Judgement(Verdict.INCONCLUSIVE, left_out or why, excused=bool(left_out))


def _count(predictions: Sequence[Prediction]) -> str:
    number = sum(p.about == "source" for p in predictions)
    return f"{number} prediction{'s' if number != 1 else ''}"


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _short(decimal: str) -> str:
    return f"{float(decimal):.12g}"

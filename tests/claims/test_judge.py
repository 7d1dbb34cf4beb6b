"""The judge: every way in which evidence can fall, on made-up claims."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleproof.claims.claim import Claim, Fault, Prediction, Source, Verdict
from scaleproof.claims.judge import compare, judge
from scaleproof.proofs.certificate import Checked
from torchcheck.task import Measurement

CLAIM = Claim(
    id="made.up",
    source=Source("t", "https://example.org", "eq. 1"),
    statement="s",
    recorded=Verdict.CONFIRMED,
    legs="M",
    outline="o",
    subject="m:S",
    fault=Fault("f", "m:F"),
    plan=lambda _s, _t: [],
    predict=lambda _s: [],
)
HOLDS = Checked("made.up", ["smt"], [], "", 0.0)
REJECTED = Checked("made.up", ["smt"], [], "the digest does not fit", 0.0)
ONE = Prediction("q", "1", "1", tolerance=0.1)
TWO = Prediction("q", "2", "2", about="corrected", tolerance=0.1)


def _measured(value: float | None, width: float = 0.0, **more: Any) -> Measurement:
    lo, hi = (None, None) if value is None else (value - width, value + width)
    return Measurement("q", value, lo, hi, **more)


def _verdict(claim: Claim, checked: Checked | None, predictions: list[Prediction], *found: Measurement) -> Verdict:
    return judge(claim, checked, predictions, found).verdict


def _with(**changes: Any) -> Claim:
    return dataclasses.replace(CLAIM, **changes)


def test_without_a_proof() -> None:
    assert _verdict(CLAIM, None, [ONE], _measured(1.05)) == "confirmed"
    assert _verdict(CLAIM, None, [ONE], _measured(1.2)) == "refuted"
    assert _verdict(CLAIM, None, [ONE], _measured(1.0, 0.2)) == "inconclusive"
    assert _verdict(CLAIM, None, [ONE]) == "inconclusive"
    assert _verdict(CLAIM, None, [ONE], _measured(math.nan)) == "refuted"


def test_one_measurement_outside_decides() -> None:
    assert _verdict(CLAIM, None, [ONE], _measured(1.0), _measured(1.5), _measured(None)) == "refuted"


def test_with_a_proof_of_the_statement() -> None:
    claim = _with(proof="source")
    assert _verdict(claim, HOLDS, [ONE], _measured(1.0)) == "proved"
    assert _verdict(claim, None, [ONE], _measured(1.0)) == "inconclusive"
    assert _verdict(claim, REJECTED, [ONE], _measured(1.0)) == "error"
    assert _verdict(claim, HOLDS, [ONE], _measured(1.5)) == "refuted"
    assert _verdict(claim, HOLDS, [ONE], _measured(1.0, 0.2)) == "inconclusive"


def test_with_a_corrected_statement() -> None:
    claim = _with(corrected="c")
    both = [ONE, TWO]
    assert _verdict(claim, None, both, _measured(2.0)) == "corrected"
    assert _verdict(claim, None, both, _measured(3.0)) == "refuted"
    assert _verdict(claim, None, both, _measured(2.0, 0.2)) == "inconclusive"
    assert _verdict(claim, None, both, _measured(1.0)) == "confirmed"
    proved = _with(corrected="c", proof="corrected")
    assert _verdict(proved, HOLDS, both, _measured(2.0)) == "corrected"
    assert _verdict(proved, None, both, _measured(2.0)) == "inconclusive"
    assert _verdict(proved, REJECTED, both, _measured(2.0)) == "error"
    assert _verdict(proved, REJECTED, both, _measured(3.0)) == "refuted"


def test_what_was_left_out_excuses_only_an_open_verdict() -> None:
    excused = judge(CLAIM, None, [ONE], [_measured(None)], left_out="no CUDA device")
    assert (excused.verdict, excused.excused, excused.message) == ("inconclusive", True, "no CUDA device")
    assert not judge(CLAIM, None, [ONE], [_measured(1.0, 0.2)]).excused
    assert judge(CLAIM, None, [ONE], [_measured(1.5)], left_out="no CUDA device").verdict == "refuted"


def test_counterexample_is_the_witness_of_the_excluded_quantity() -> None:
    found = judge(
        CLAIM, None, [ONE], [_measured(1.0, witness="fine"), _measured(9.0, witness="x = 3", dtype="float16")]
    )
    assert found.counterexample == "float16: x = 3"


def test_a_claim_that_predicts_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="predicts nothing"):
        judge(CLAIM, None, [TWO], [_measured(2.0)])


def test_infinite_bounds() -> None:
    at_least = Prediction("q", "3", "inf")
    assert compare(at_least, _measured(math.inf)) == "inside"
    assert compare(at_least, _measured(2.9)) == "outside"
    assert compare(at_least, _measured(3.0, 0.5)) == "open"


@given(st.floats(-5, 5), st.floats(0, 3), st.floats(-5, 5), st.floats(0, 3))
def test_inside_and_outside_are_never_both(centre: float, tolerance: float, value: float, width: float) -> None:
    p = Prediction("q", repr(centre), repr(centre), tolerance=tolerance)
    found = compare(p, _measured(value, width))
    lo, hi = centre - tolerance, centre + tolerance
    assert (found == "inside") == (lo <= value - width and value + width <= hi)
    assert (found == "outside") == (value + width < lo or value - width > hi)

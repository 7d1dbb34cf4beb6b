"""The judge: every way in which evidence can fall, on made-up claims."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleproof.certify.kernel.certificate import Checked
from scaleproof.claim import Claim, Clause, Fault, Prediction, Source, Verdict
from scaleproof.suite.judge import compare, judge, resolution
from torchcheck.data import Evidence, Measurement

CLAIM = Claim(
    id="made.up",
    source=Source("t", "https://example.org", "eq. 1"),
    clauses=(Clause("source", "s"),),
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
TWO = Prediction("q", "2", "2", clause="ours", tolerance=0.1)
SOURCE = Clause("source", "s")
PROVED_SOURCE = Clause("source", "s", theorems=("t",))
OURS = Clause("ours", "o", "ours")
PROVED_OURS = Clause("ours", "o", "ours", theorems=("t",))


def _measured(value: float | None, width: float = 0.0, **more: Any) -> Measurement:
    lo, hi = (None, None) if value is None else (value - width, value + width)
    return Measurement("q", value, lo, hi, **{"evidence": Evidence.EXACT, **more})


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
    claim = _with(clauses=(PROVED_SOURCE,))
    assert _verdict(claim, HOLDS, [ONE], _measured(1.0)) == "proved"
    assert _verdict(claim, None, [ONE], _measured(1.0)) == "inconclusive"
    assert _verdict(claim, REJECTED, [ONE], _measured(1.0)) == "error"
    assert _verdict(claim, HOLDS, [ONE], _measured(1.5)) == "refuted"
    assert _verdict(claim, HOLDS, [ONE], _measured(1.0, 0.2)) == "inconclusive"


def test_with_a_corrected_statement() -> None:
    claim = _with(clauses=(SOURCE, OURS))
    both = [ONE, TWO]
    assert _verdict(claim, None, both, _measured(2.0)) == "corrected"
    assert _verdict(claim, None, both, _measured(3.0)) == "refuted"
    assert _verdict(claim, None, both, _measured(2.0, 0.2)) == "inconclusive"
    assert _verdict(claim, None, both, _measured(1.0)) == "confirmed"
    proved = _with(clauses=(SOURCE, PROVED_OURS))
    assert _verdict(proved, HOLDS, both, _measured(2.0)) == "corrected"
    assert _verdict(proved, None, both, _measured(2.0)) == "inconclusive"
    assert _verdict(proved, REJECTED, both, _measured(2.0)) == "error"
    assert _verdict(proved, REJECTED, both, _measured(3.0)) == "refuted"


def test_what_was_left_out_excuses_only_an_open_verdict() -> None:
    excused = judge(CLAIM, None, [ONE], [_measured(None)], left_out="no CUDA device")
    assert (excused.verdict, excused.excused, excused.message) == ("inconclusive", True, "no CUDA device")
    assert not judge(CLAIM, None, [ONE], [_measured(1.0, 0.2)]).excused
    assert judge(CLAIM, None, [ONE], [_measured(1.5)], left_out="no CUDA device").verdict == "refuted"


def test_a_wall_time_between_two_answers_fails_no_run() -> None:
    timed = dataclasses.replace(_measured(1.0, 0.2), evidence=Evidence.TIMED)
    assert judge(CLAIM, None, [ONE], [timed]).excused
    assert not judge(CLAIM, None, [ONE], [timed, _measured(1.0, 0.2)]).excused, "a sample straddles too"
    assert not judge(CLAIM, None, [ONE, dataclasses.replace(ONE, name="other")], [timed]).excused, (
        "something was not measured"
    )
    assert not judge(_with(clauses=(PROVED_SOURCE,)), None, [ONE], [timed]).excused, "the proof is missing"
    assert not judge(CLAIM, None, [ONE], [dataclasses.replace(timed, value=9.0, lo=9.0, hi=9.0)]).excused, (
        "excluded is not open"
    )


def test_counterexample_is_the_witness_of_the_excluded_quantity() -> None:
    found = judge(
        CLAIM, None, [ONE], [_measured(1.0, witness="fine"), _measured(9.0, witness="x = 3", dtype="float16")]
    )
    assert found.counterexample == "float16: x = 3"


def test_a_condition_makes_it_qualified() -> None:
    claim = _with(clauses=(SOURCE, OURS), setting="what the author had in mind")
    assert _verdict(claim, None, [ONE, TWO], _measured(2.0)) == "qualified"
    assert _verdict(claim, None, [ONE, TWO], _measured(3.0)) == "refuted"
    assert _verdict(claim, None, [ONE, TWO], _measured(1.0)) == "confirmed"


def test_every_clause_has_its_own_standing() -> None:
    more = Clause("more", "m", "ours", theorems=("t",))
    claim = _with(clauses=(SOURCE, OURS, more))
    found = judge(claim, HOLDS, [ONE, TWO], [_measured(2.0)])
    assert found.standings == {"source": "outside", "ours": "inside", "more": "inside"}
    missing = judge(claim, None, [ONE, TWO], [_measured(2.0)])
    assert (missing.verdict, missing.standings["more"]) == ("inconclusive", "open")
    half = _with(clauses=(PROVED_SOURCE, Clause("second", "s")))
    assert _verdict(half, HOLDS, [ONE, dataclasses.replace(ONE, clause="second")], _measured(1.0)) == "confirmed"


@pytest.mark.parametrize("evidence", [Evidence.SINGLE, Evidence.UNSTATED])
def test_a_single_run_decides_nothing(evidence: Evidence) -> None:
    for value in (1.0, 9.0):
        assert _verdict(CLAIM, None, [ONE], _measured(value, evidence=evidence)) == "inconclusive"


def test_a_clause_without_evidence_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"without evidence: \['source'\]"):
        judge(CLAIM, None, [], [])
    with pytest.raises(ValueError, match=r"clauses that it does not have: \['ours'\]"):
        judge(CLAIM, None, [ONE, TWO], [_measured(2.0)])
    with pytest.raises(ValueError, match="no clause of its source"):
        judge(_with(clauses=(PROVED_OURS,)), HOLDS, [], [])


def test_resolution_is_the_shift_that_is_noticed() -> None:
    assert resolution(ONE, [_measured(1.0, 0.04)]) == pytest.approx(0.06)
    assert resolution(ONE, [_measured(1.02, 0.04)]) == pytest.approx(0.08), "whatever its direction"
    assert resolution(dataclasses.replace(ONE, lo="10", hi="10"), [_measured(10.0)]) == pytest.approx(0.01), "relative"
    exponent = dataclasses.replace(ONE, lo="10", hi="10", unit="exponent")
    assert resolution(exponent, [_measured(10.0)]) == pytest.approx(0.1), "absolute"
    assert resolution(Prediction("q", "3", "inf"), [_measured(4.0)]) == pytest.approx(1.0), "one side only"
    assert resolution(Prediction("q", "0", "0"), [_measured(0.0)]) == 0
    assert resolution(ONE, [_measured(0.95, 0.01), _measured(1.05, 0.01)]) == pytest.approx(0.04), "of all measurements"
    assert resolution(ONE, []) is None
    assert resolution(ONE, [_measured(1.0), _measured(1.5)]) is None, "it does not stand inside"


@given(st.floats(0.1, 5), st.floats(0.001, 1), st.floats(-0.9, 0.9), st.floats(0, 0.09))
def test_a_shift_beyond_the_resolution_changes_where_it_stands(
    centre: float, tolerance: float, place: float, width: float
) -> None:
    p = Prediction("q", repr(centre), repr(centre), tolerance=tolerance)
    m = _measured(centre + place * tolerance, width * tolerance)
    found = resolution(p, [m])
    assert found is not None
    for sign in (1, -1):
        moved = repr(centre + sign * (found * centre * 1.001 + 1e-9))
        assert compare(dataclasses.replace(p, lo=moved, hi=moved), m) != "inside"


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


def test_messages_say_what_was_expected_and_seen() -> None:
    both = _with(clauses=(SOURCE, OURS))
    mine = {"subject": "S()", "dtype": "float32"}
    seen = "q (S(), float32): predicted 1, measured 3"
    other = "q (S(), float32): predicted 2, measured 3"

    def said(claim: Claim, checked: Checked | None, *found: Measurement) -> tuple[str, str, str | None]:
        predictions = [ONE, TWO] if claim.part("ours") else [ONE]
        j = judge(claim, checked, predictions, found)
        return j.verdict, j.message, j.counterexample

    three = _measured(3.0, witness="w", **mine)
    assert said(CLAIM, None, _measured(1.0)) == ("confirmed", "torch agrees with 1 prediction", None)
    assert said(CLAIM, None, three) == ("refuted", seen, "float32: w")
    assert said(both, None, three) == ("refuted", f"{seen}; what should hold instead: {other}", "float32: w")
    two = _measured(2.0, witness="w", **mine)
    assert said(both, None, two) == ("corrected", "q (S(), float32): predicted 1, measured 2", "float32: w")
    assert said(CLAIM, None) == ("inconclusive", "q was not measured", None)
    assert said(CLAIM, None, _measured(None, note="no CUDA device")) == ("inconclusive", "q: no CUDA device", None)
    assert said(_with(clauses=(PROVED_SOURCE,)), None, _measured(1.0)) == ("inconclusive", "the proof is missing", None)


def test_messages_with_a_certificate() -> None:
    proved, ours = _with(clauses=(PROVED_SOURCE,)), _with(clauses=(SOURCE, PROVED_OURS))
    rejected = "the certificate is rejected: the digest does not fit"
    assert (
        judge(proved, HOLDS, [ONE], [_measured(1.0)]).message
        == "the certificate holds, and torch agrees with 1 prediction"
    )
    assert judge(proved, HOLDS, [], []).message == "the certificate holds, and torch agrees with 0 predictions"
    assert judge(proved, REJECTED, [ONE], [_measured(1.0)]).message == rejected
    found = judge(ours, REJECTED, [ONE, TWO], [_measured(2.0, witness="w")])
    assert (found.message, found.counterexample) == (rejected, "float64: w")
    outside = "q (, float64): predicted 1, measured 3"
    assert judge(_with(clauses=(PROVED_SOURCE,)), REJECTED, [ONE], [_measured(3.0)]).message == f"{outside}; {rejected}"
    instead = "what should hold instead: q (, float64): predicted 2, measured 3"
    assert judge(ours, REJECTED, [ONE, TWO], [_measured(3.0)]).message == f"{outside}; {instead}; {rejected}"
    missing = judge(ours, None, [ONE, TWO], [_measured(2.0)])
    assert missing.message == "q (, float64): predicted 1, measured 2; the proof is missing"
    left_out = judge(ours, None, [ONE, TWO], [_measured(2.0)], left_out="no GPU")
    assert (left_out.message, left_out.excused, missing.excused) == ("no GPU", True, False)


@pytest.mark.parametrize(
    ("prediction", "measurement", "words"),
    [
        (Prediction("q", "1", "2"), _measured(3.0), "predicted 1 to 2, measured 3"),
        (Prediction("q", "4", "inf"), _measured(3.0), "predicted at least 4, measured 3"),
        (Prediction("q", "1.2345678901", "1.2345678901"), _measured(3.0), "predicted 1.2345678901, measured 3"),
        (
            Prediction("q", "1.23456789012345", "1.23456789012345"),
            _measured(3.0),
            "predicted 1.23456789012, measured 3",
        ),
        (Prediction("q", "1", "1", "ulp"), _measured(3.0), "predicted 1 ulp, measured 3"),
        (Prediction("q", "1", "1", "exponent"), _measured(3.0), "predicted 1, measured 3"),
        (ONE, _measured(3.123456, 0.5), "predicted 1, measured 3.1 [2.623, 3.623]"),
        (ONE, _measured(3.0, evidence=Evidence.SINGLE), "measured 3 (single run, which decides nothing)"),
        (ONE, _measured(3.0, evidence=Evidence.UNSTATED), "measured 3 (no stated evidence, which decides nothing)"),
    ],
)
def test_numbers_in_messages(prediction: Prediction, measurement: Measurement, words: str) -> None:
    assert judge(CLAIM, None, [prediction], [measurement]).message.endswith(words)


def test_half_an_interval_decides_nothing() -> None:
    for lo, hi in ((None, 1.0), (1.0, None)):
        m = dataclasses.replace(_measured(1.0), value=1.0)
        object.__setattr__(m, "lo", lo)
        object.__setattr__(m, "hi", hi)
        assert compare(ONE, m) == "open"
    assert resolution(Prediction("q", "-inf", "inf"), [_measured(1.0)]) is None, "no shift is ever noticed"

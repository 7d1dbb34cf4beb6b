"""check_ball: other families, other thresholds and other numbers than what the cover shows."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleproof.certify.kernel import check_ball
from scaleproof.certify.search import prove
from scaleproof.certify.statements.squareplus import FAMILY

Accepts = Any
(MINIMAX,) = prove("squareplus.minimax").theorems
(THRESHOLD,) = prove("squareplus.dominates-softplus").theorems

#: what is changed in the minimax statement
MINIMAX_HOSTILE: list[dict[str, Any]] = [
    {"family": FAMILY.replace("/2", "/3")},
    {"family": FAMILY.replace("exp(x)", "exp(2*x)")},
    {"family": f"-({FAMILY})"},
    {"family": f"{FAMILY} + 1"},
    {"family": f"({FAMILY})*(x == x)"},
    {"family": f"({FAMILY})*(1 + (x < 0))"},
    {"family": "x + b"},
    {"family": "1/x + b"},
    {"family": "sqrt(x) + b"},
    {"family": f"{FAMILY} + b_zero"},
    {"variable": "b"},
    {"variable": "b_zero"},
    {"parameter": "x"},
    {"kind": "threshold"},
    {"kind": "maximin"},
    {"bounds": {}},
    {"bounds": {"b": MINIMAX.statement.body["bounds"]["b"]}},
    {"bounds": {**MINIMAX.statement.body["bounds"], "error": ["8/100", "9/100"]}},
    {"bounds": {**MINIMAX.statement.body["bounds"], "error": ["-8/100", "-7/100"]}},
    {"bounds": {**MINIMAX.statement.body["bounds"], "error": ["8/100", "7/100"]}},
    {"bounds": {**MINIMAX.statement.body["bounds"], "b": ["1.53", "1.54"]}},
    {"bounds": {**MINIMAX.statement.body["bounds"], "b": ["1.5", "1.52"]}},
    {"bounds": {**MINIMAX.statement.body["bounds"], "x": ["3.4", "3.5"]}},
    {"bounds": {**MINIMAX.statement.body["bounds"], "x": ["-3.6", "-3.5"]}},
    {"bounds": {**MINIMAX.statement.body["bounds"], "extra": ["0", "1"]}},
    {"bounds": {k: ["nan", "nan"] for k in ("b", "x", "error")}},
]
THRESHOLD_HOSTILE: list[dict[str, Any]] = [
    {"threshold": "19218/10000"},
    {"threshold": "4*log(2)**2 + 1/10**30"},
    {"threshold": "4*log(2)**2 - 1/10**30"},
    {"threshold": "log(2)"},
    {"threshold": "1/0"},
    {"threshold": "(1 < 2)"},
    {"bounds": {"b": ["1.93", "2"]}},
    {"bounds": {"b": ["1", "1.9"]}},
    {"bounds": {"b": ["2", "1"]}},
    {"bounds": {}},
    {"bounds": {"b": ["1", "2"], "x": ["0", "1"]}},
    {"family": f"{FAMILY} - 1/10**20"},
]


@pytest.mark.parametrize("change", MINIMAX_HOSTILE, ids=str)
def test_no_other_minimax(accepts: Accepts, change: dict[str, Any]) -> None:
    assert not accepts(check_ball, {**MINIMAX.statement.body, **change}, MINIMAX.evidence)


@pytest.mark.parametrize("change", THRESHOLD_HOSTILE, ids=str)
def test_no_other_threshold(accepts: Accepts, change: dict[str, Any]) -> None:
    assert not accepts(check_ball, {**THRESHOLD.statement.body, **change}, THRESHOLD.evidence)


def test_true_ones_stay_accepted(accepts: Accepts) -> None:
    assert accepts(check_ball, dict(MINIMAX.statement.body), MINIMAX.evidence)
    assert accepts(check_ball, dict(THRESHOLD.statement.body), THRESHOLD.evidence)
    wider = {"b": ["1", "2"]}  # true as well, and another statement
    assert accepts(check_ball, {**THRESHOLD.statement.body, "bounds": wider}, THRESHOLD.evidence)
    renamed = {
        k: v.replace("x", "t").replace("etp", "exp") if k == "family" else v
        for k, v in THRESHOLD.statement.body.items()
    }
    assert accepts(check_ball, {**renamed, "variable": "t"}, THRESHOLD.evidence)


@settings(max_examples=25)
@given(st.integers(-60, 60).filter(bool))
def test_bounds_have_to_hold_the_threshold(step: int) -> None:
    lo, hi = (Fraction(v) for v in THRESHOLD.statement.body["bounds"]["b"])
    moved = Fraction(step, 10**50)
    body = {**THRESHOLD.statement.body, "bounds": {"b": [str(lo + moved), str(hi + moved)]}}
    middle = (lo + hi) / 2
    accepted = check_ball.check(body, THRESHOLD.evidence) is None
    if abs(moved) > hi - lo:
        assert not accepted
    assert accepted or not lo + moved < middle - Fraction(1, 10**50) < middle + Fraction(1, 10**50) < hi + moved


def test_the_peak_has_to_be_inside_the_bounds_of_x(accepts: Accepts) -> None:
    body, bounds, peak = MINIMAX.statement.body, MINIMAX.statement.body["bounds"], MINIMAX.evidence["peak"]
    lo, hi = (Fraction(v) for v in bounds["x"])
    left, right = Fraction(peak[0]["lo"]), Fraction(peak[-1]["hi"])
    for beside in ([hi, (hi + right) / 2], [(lo + left) / 2, lo]):
        changed = {**body, "bounds": {**bounds, "x": [str(v) for v in beside]}}
        assert not accepts(check_ball, changed, MINIMAX.evidence)
        assert check_ball.check(changed, MINIMAX.evidence) == "the peak is not certainly inside the bounds of x"


def test_the_tangent_has_a_slope(accepts: Accepts) -> None:
    """Bounds above b*: with the peak's centre beside x*, only the slope's term shows the top from falling short."""
    body, bounds, below = MINIMAX.statement.body, MINIMAX.statement.body["bounds"], MINIMAX.evidence["below"]
    above = Fraction(bounds["b"][1])
    moved = {
        "x": ["3.5001", "3.6249"],
        "b": [str(above + Fraction(1, 10**40)), str(above + Fraction(3, 10**5))],
        "error": ["7/100", "8/100"],
    }
    finer = {side: [part for piece in pieces for part in _parts(piece, 16)] for side, pieces in below.items()}
    evidence = {**MINIMAX.evidence, "centre": "3.54", "below": finer}
    assert not accepts(check_ball, {**body, "bounds": moved}, evidence)


def _parts(piece: dict[str, str], count: int) -> list[dict[str, str]]:
    lo, hi = Fraction(piece["lo"]), Fraction(piece["hi"])
    edges = [lo + (hi - lo) * Fraction(k, count) for k in range(count + 1)]
    return [{"lo": str(start), "hi": str(end)} for start, end in pairwise(edges)]


@pytest.mark.parametrize(
    "enclosure", [["2", "3"], ["1", "19/10"], ["-1", "2"], ["0", "2"], ["1/100", "2"], ["2", "19/10"]]
)
def test_a_threshold_outside_its_enclosure_is_refused(accepts: Accepts, enclosure: list[str]) -> None:
    """With 1/100 as the lower end the tail is not positive at that bend."""
    assert not accepts(check_ball, dict(THRESHOLD.statement.body), {**THRESHOLD.evidence, "b": enclosure})
    assert accepts(check_ball, dict(THRESHOLD.statement.body), {**THRESHOLD.evidence, "b": ["3/2", "2"]})


def test_the_best_bend_is_below_its_upper_bound(accepts: Accepts) -> None:
    """Bounds below b*: there the positive error is the smaller one at both ends."""
    body, bounds, below = MINIMAX.statement.body, MINIMAX.statement.body["bounds"], MINIMAX.evidence["below"]
    best = Fraction(bounds["b"][0])
    moved = {
        "x": ["3.5001", "3.6249"],
        "b": [str(best - Fraction(3, 10**5)), str(best - Fraction(1, 10**40))],
        "error": ["7/100", "8/100"],
    }
    finer = {side: [part for piece in pieces for part in _parts(piece, 16)] for side, pieces in below.items()}
    assert not accepts(check_ball, {**body, "bounds": moved}, {**MINIMAX.evidence, "below": finer})
    around = {**moved, "b": [moved["b"][0], str(best + Fraction(3, 10**5))]}
    assert accepts(check_ball, {**body, "bounds": around}, {**MINIMAX.evidence, "below": finer}), "true, and wider"


def _moved(evidence: Any, **changes: Any) -> dict[str, Any]:
    return {**evidence, **changes}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"margin": "1/10"}, "the tail's margin is not below the error"),
        ({"centre": "1"}, "the centre is not on the peak"),
        ({"peak": MINIMAX.evidence["peak"][:-1]}, "upper bound: piece 0 does not begin at"),
        ({"peak": MINIMAX.evidence["peak"][:1]}, "the bounds are not in order"),
        ({"peak": [MINIMAX.evidence["peak"][0], *MINIMAX.evidence["peak"]]}, "peak: piece 1 does not begin at"),
        ({"above": MINIMAX.evidence["above"][1:]}, "lower bound: piece 0 does not begin at 0, where"),
        ({"above": MINIMAX.evidence["above"][:-1]}, "lower bound: the cover ends at"),
        ({"below": {**MINIMAX.evidence["below"], "left": []}}, "upper bound: the cover ends at 0, not at"),
        ({"below": {**MINIMAX.evidence["below"], "right": []}}, "upper bound: the cover ends at"),
    ],
)
def test_the_reason_of_a_minimax_is_told(change: dict[str, Any], reason: str) -> None:
    found = check_ball.check(MINIMAX.statement.body, _moved(MINIMAX.evidence, **change))
    assert found is not None
    assert found.startswith(reason), found


def test_precision_is_a_number_of_bits() -> None:
    for bits in (52, 4097, "160", 160.0):
        with pytest.raises(ValueError, match=r"^the precision is a number of bits from 53 to 4096$"):
            check_ball.check(MINIMAX.statement.body, _moved(MINIMAX.evidence, precision=bits))


@pytest.mark.parametrize(
    ("changed", "evidence", "reason"),
    [
        ({"bounds": {"b": ["1", "2"]}}, {}, "a minimax statement has bounds for b, x and error"),
        (
            {"bounds": {**MINIMAX.statement.body["bounds"], "error": ["8/100", "9/100"]}},
            {},
            "the error at 0 is not inside the stated bounds",
        ),
        (
            {"bounds": {**MINIMAX.statement.body["bounds"], "b": ["1.5", "1.6"]}},
            {},
            "the error at 0 is not inside the stated bounds",
        ),
        ({"kind": "maximin"}, {}, "unknown kind of statement 'maximin'"),
        (
            {"variable": "b_zero"},
            {},
            "the variable, the parameter and what stands for the value at 0 need names of their own",
        ),
    ],
)
def test_the_reason_of_another_minimax_is_told(changed: dict[str, Any], evidence: dict[str, Any], reason: str) -> None:
    assert check_ball.check({**MINIMAX.statement.body, **changed}, _moved(MINIMAX.evidence, **evidence)) == reason


@pytest.mark.parametrize(
    ("changed", "evidence", "reason"),
    [
        ({}, {"b": ["2", "3"]}, "the threshold is not certainly inside its enclosure"),
        ({}, {"b": ["0", "2"]}, "the threshold is not certainly inside its enclosure"),
        ({"bounds": {"b": ["2", "3"]}}, {}, "the threshold is not inside the stated bounds"),
        ({"bounds": {}}, {}, "the threshold is not inside the stated bounds"),
        ({"threshold": "19218/10000"}, {}, "the threshold is not inside the stated bounds"),
        (
            {"threshold": "19218/10000", "bounds": {"b": ["1", "2"]}},
            {},
            "the family and its slope do not vanish at 0 at the threshold",
        ),
    ],
)
def test_the_reason_of_another_threshold_is_told(
    changed: dict[str, Any], evidence: dict[str, Any], reason: str
) -> None:
    assert check_ball.check({**THRESHOLD.statement.body, **changed}, _moved(THRESHOLD.evidence, **evidence)) == reason


def test_the_reasons_at_either_end_of_b_are_told() -> None:
    """With both bounds above b*, or both below it, the errors are not in balance between them."""
    body, bounds, below = MINIMAX.statement.body, MINIMAX.statement.body["bounds"], MINIMAX.evidence["below"]
    finer = {side: [part for piece in pieces for part in _parts(piece, 16)] for side, pieces in below.items()}
    wide = {"x": ["3.5001", "3.6249"], "error": ["7/100", "8/100"]}
    near, far, one = Fraction(1, 10**40), Fraction(3, 10**5), Fraction(bounds["b"][0])
    for ends, reason in (
        ((one + far, one + 2 * far), "at the lower bound of b the positive error is not certainly the smaller one"),
        ((one - far, one - near), "at the upper bound of b the positive error is not certainly the larger one"),
    ):
        moved = {**body, "bounds": {**wide, "b": [str(v) for v in ends]}}
        assert check_ball.check(moved, _moved(MINIMAX.evidence, below=finer)) == reason

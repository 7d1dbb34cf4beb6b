"""Each lemma of the ball proofs where it just holds or just does not: families so simple that balls are points."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from scaleproof.certify.kernel import check_ball
from scaleproof.certify.kernel.balls import ball, precision
from scaleproof.certify.kernel.check_ball import Setting

HALF, ONE, TWO = Fraction(1, 2), Fraction(1), Fraction(2)
NAMES = {"variable": "x", "parameter": "b"}
#: x² + b - 1/2 >= 0 for all x if and only if b >= 1/2
PARABOLA: dict[str, Any] = {
    **NAMES,
    "kind": "threshold",
    "family": "x**2 + b - 1/2",
    "threshold": "1/2",
    "bounds": {"b": ["1/4", "3/4"]},
}
ABOVE: dict[str, Any] = {
    "precision": 128,
    "b": ["1/4", "3/4"],
    "far": "1",
    "cover": [{"lo": "0", "hi": "1/2"}, {"lo": "1/2", "hi": "1"}],
}
#: (1 - 4x²)/(1 + x²)² falls from 1 at 0 to -4/5 at x² = 3/2: b = 3/5 minimises the supremum, 9/10
BUMP = "b - 1/2 - (1 - 4*x**2)/(1 + x**2)**2"
BALANCED: dict[str, Any] = {
    **NAMES,
    "kind": "minimax",
    "family": BUMP,
    "bounds": {"b": ["598/1000", "6015/10000"], "x": ["12/10", "125/100"], "error": ["89/100", "91/100"]},
}


def pieces(lo: Fraction, hi: Fraction, count: int) -> list[dict[str, str]]:
    edges = [lo + (hi - lo) * Fraction(k, count) for k in range(count + 1)]
    return [{"lo": str(start), "hi": str(end)} for start, end in pairwise(edges)]


def peak(left: str = "9/10", right: str = "13/10", centre: str = "12247/10000", far: str = "4") -> dict[str, Any]:
    a, z, end = (Fraction(v) for v in (left, right, far))
    return {
        "precision": 128,
        "far": far,
        "margin": "87/100",
        "centre": centre,
        "peak": pieces(a, z, 32),
        "below": {"left": pieces(Fraction(0), a, 32), "right": pieces(z, end, 256)},
        "above": [*pieces(Fraction(0), Fraction(1, 8), 1), *pieces(Fraction(1, 8), end, 256)],
    }


def setting(family: str, **changes: Any) -> Setting:
    plain = Setting("x", "b", family, HALF, ONE, HALF, TWO, Fraction(3), ball(HALF))
    return replace(plain, **changes)


def test_a_threshold_below_one_is_one() -> None:
    assert check_ball.check(PARABOLA, ABOVE) is None
    for bits in (53, 54, 4096):
        assert check_ball.check(PARABOLA, {**ABOVE, "precision": bits}) is None


@pytest.mark.parametrize("enclosure", [["1/2", "3/4"], ["1/4", "1/2"]])
def test_a_threshold_on_the_edge_of_its_enclosure_is_not_inside(enclosure: list[str]) -> None:
    outside = "the threshold is not certainly inside its enclosure"
    assert check_ball.check(PARABOLA, {**ABOVE, "b": enclosure}) == outside
    moved = {**PARABOLA, "bounds": {"b": enclosure}}
    assert check_ball.check(moved, ABOVE) == "the threshold is not inside the stated bounds"


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        ("x**2 + 1/2 - b", "z3 does not prove that the family increases with its parameter"),
        ("x**2 + 0*b", "z3 does not prove that the family increases with its parameter"),
        ("x**2 + (b - 1)**2 - 1/4", "z3 does not prove that the family increases with its parameter"),
        ("x**3 + b - 1/2", "z3 does not prove that the family is even"),
        ("(x - 1)**2 + b - 1/2", "z3 does not prove that the family is even"),
    ],
)
def test_a_family_is_even_and_increases(family: str, reason: str) -> None:
    assert check_ball.check({**PARABOLA, "family": family}, ABOVE) == reason


def test_the_parameter_is_positive() -> None:
    """-1/b increases where b > 0, and has no value at 0; 1/(b - 1) may have none anywhere above 0."""
    assert check_ball.check({**PARABOLA, "family": "x**2 - 1/b + 2"}, {**ABOVE, "b": ["2/5", "3/4"]}) is None
    reason = check_ball.check({**PARABOLA, "family": "x**2 + 1/(b - 1)"}, ABOVE)
    assert reason is not None
    assert "b" in reason
    assert "larger" not in reason, "the first of the conditions that fail"


def test_a_minimax_with_a_bend_below_one() -> None:
    assert check_ball.check(BALANCED, peak()) is None


def test_the_tangent_is_taken_to_the_end_of_the_peak_and_no_further() -> None:
    """Beside x*, the slope times the width of the peak, 0.4, is what b's lower bound has to make up for."""
    bounds = {"b": ["58/100", "6015/10000"], "x": ["12/10", "126/100"], "error": ["89/100", "93/100"]}
    evidence = peak(centre="125/100")
    assert check_ball.check({**BALANCED, "bounds": bounds}, evidence) is None
    tighter = {**bounds, "b": ["597/1000", "6015/10000"]}
    reason = check_ball.check({**BALANCED, "bounds": tighter}, evidence)
    assert reason == "at the lower bound of b the positive error is not certainly the smaller one"


@pytest.mark.parametrize(
    ("bounds", "evidence"),
    [
        ({"b": ["0", "6015/10000"]}, {}),
        ({"b": ["598/1000", "598/1000"]}, {}),
        ({"x": ["9/10", "125/100"]}, {}),
        ({"x": ["12/10", "12/10"]}, {}),
        ({"x": ["12/10", "13/10"]}, {}),
        ({}, {"left": "0"}),
        ({}, {"far": "13/10"}),
    ],
)
def test_bounds_that_touch_are_out_of_order(bounds: dict[str, Any], evidence: dict[str, Any]) -> None:
    changed = {**BALANCED, "bounds": {**BALANCED["bounds"], **bounds}}
    assert check_ball.check(changed, {**peak(), **_ends(**evidence)}) == "the bounds are not in order"


def _ends(left: str = "9/10", far: str = "4") -> dict[str, Any]:
    return {"far": far, "peak": pieces(Fraction(left), Fraction(13, 10), 4)}


@pytest.mark.parametrize("centre", ["1/2", "2"])
def test_the_ends_of_the_peak_are_on_it(centre: str) -> None:
    with precision(128):
        reason = check_ball._balance(setting("b - 1/4 + 0*x", b_lo=Fraction(0), b_hi=ONE), {"centre": centre})
    assert reason is None


@pytest.mark.parametrize(("b_lo", "b_hi", "end"), [(HALF, ONE, "lower"), (Fraction(0), HALF, "upper")])
def test_equal_errors_are_no_smaller_and_no_larger(b_lo: Fraction, b_hi: Fraction, end: str) -> None:
    with precision(128):
        reason = check_ball._balance(setting("b - 1/2 + 0*x", b_lo=b_lo, b_hi=b_hi), {"centre": "1"})
    assert reason is not None
    assert reason.startswith(f"at the {end} bound of b")


@pytest.mark.parametrize(("x_lo", "x_hi", "inside"), [(ONE, TWO, False), (HALF, ONE, False), (HALF, TWO, True)])
def test_a_slope_of_zero_neither_rises_nor_falls(x_lo: Fraction, x_hi: Fraction, inside: bool) -> None:
    with precision(128):
        reason = check_ball._peak_is_inside(setting("b - (x - 1)**2"), x_lo, x_hi)
    assert (reason is None) == inside


def test_the_family_is_level_at_zero() -> None:
    assert check_ball._lower_side(setting("b + x"), {}) == "the family's slope does not vanish at 0"


def test_a_margin_equal_to_the_error_is_not_below_it() -> None:
    reason = check_ball._small_beyond(setting("b"), PARABOLA, {"margin": "1/2"})
    assert reason == "the tail's margin is not below the error"


@pytest.mark.parametrize(
    ("goal", "holds"),
    [
        ("x**2 > 1", False),
        ("x**2 >= 1", True),
        ("b > 1/2", False),
        ("b >= 1/2", True),
        ("b < 1", False),
        ("b <= 1", True),
    ],
)
def test_the_tail_holds_its_ends(goal: str, holds: bool) -> None:
    assert (check_ball._tail(PARABOLA, HALF, ONE, ONE, goal) is None) == holds


def test_the_tail_tells_what_has_no_value() -> None:
    reason = check_ball._tail(PARABOLA, HALF, ONE, ONE, "1/(x + 1) > 0")
    assert reason is not None
    assert "x" in reason


def test_a_piece_without_length_covers_nothing() -> None:
    double = [{"lo": "0", "hi": "0"}, {"lo": "0", "hi": "1"}]
    reason = check_ball.check_cover(double, Fraction(0), ONE, lambda *_: True)
    assert reason == "piece 0 does not begin at 0, where the last one ended"


def test_zero_is_neither_positive_nor_concave() -> None:
    with precision(128):
        assert not check_ball.positive("0*x", "x", {})(Fraction(0), ONE)
        assert not check_ball.positive("x", "x", {}, touch=Fraction(0))(Fraction(0), ONE)
        assert check_ball.positive("x*x", "x", {}, touch=Fraction(0))(Fraction(0), ONE)
        assert not check_ball.concave("x", "x", {})(Fraction(0), ONE)
        assert check_ball.concave("-x*x", "x", {})(Fraction(0), ONE)

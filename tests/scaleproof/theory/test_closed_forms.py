"""Predictions against their definitions, by other code."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from scaleproof.theory import eg, squareplus
from scaleproof.theory.enclosure import EnclosureError, from_ball, precision, twice_checked


@given(st.fractions(-1000, 1000), st.integers(1, 30))
def test_enclosures_enclose(value: Fraction, digits: int) -> None:
    with precision(300):
        ball = arb(value.numerator) / value.denominator
    found = from_ball("q", ball, digits)
    assert Fraction(found.lo) <= value <= Fraction(found.hi)
    assert Fraction(found.hi) - Fraction(found.lo) <= Fraction(3, 10**digits)


def test_a_wrong_enclosure_is_noticed() -> None:
    with precision(200):
        good, bad = arb(2).sqrt(), arb("1.41421356237309504880168872420969808")
    assert twice_checked({"q": good}, lambda: [mpmath.sqrt(2)], 50)[0].lo.startswith("1.4142135")
    with pytest.raises(EnclosureError, match="q: Arb says"):
        twice_checked({"q": bad}, lambda: [mpmath.sqrt(2)], 50)
    with pytest.raises(ValueError, match="zip"):
        twice_checked({"q": good}, list, 50)


def test_known_constants() -> None:
    best = squareplus.minimax()
    assert best["b"].lo.startswith("1.52382103251875066419356022863975792890")
    assert best["error"].lo.startswith("0.07593144993596998910334052896820886392")
    assert squareplus.dominance_threshold().lo.startswith("1.9218120556728")
    for value in (*best.values(), squareplus.dominance_threshold()):
        assert Fraction(value.hi) - Fraction(value.lo) < Fraction(1, 10**40)


@given(st.floats(-100, 100), st.sampled_from([0.5, 1.0, 4.0]))
def test_derivatives_against_mpmath(x: float, b: float) -> None:
    with mpmath.workdps(50):
        for order, ball in enumerate(squareplus.derivatives(x, b, 3)):
            numeric = mpmath.diff(lambda t: (t + mpmath.sqrt(t * t + b)) / 2, mpmath.mpf(x), order)
            assert abs(float(ball.mid()) - float(numeric)) < 1e-12


def test_sup_error_is_the_minimax_value_at_its_bend_and_more_elsewhere() -> None:
    best = squareplus.minimax()
    with precision(200):
        b = arb(best["b"].lo)
        at_best = float(squareplus.sup_error(b).mid())
        assert at_best == pytest.approx(float(best["error"].lo), abs=1e-15)
        assert float(squareplus.sup_error(0.99 * b).mid()) > at_best + 1e-4
        assert float(squareplus.sup_error(1.01 * b).mid()) > at_best + 1e-4


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@given(value=st.floats(allow_nan=False, allow_infinity=False, min_value=-60000, max_value=60000))
def test_rounding_is_numpys(dtype: str, value: float) -> None:
    exact = Fraction(value) / 3
    nearest = np.dtype(dtype).type(value)
    assert eg.round_to_format(Fraction(value), dtype) == Fraction(float(nearest))
    assert abs(eg.round_to_format(exact, "float64") - exact) <= abs(Fraction(float(exact)) - exact)


def test_rounding_of_subnormals_and_ties() -> None:
    tiny = Fraction(2) ** -149
    assert eg.round_to_format(tiny / 2, "float32") == 0
    assert eg.round_to_format(tiny * Fraction(51, 100), "float32") == tiny
    assert eg.round_to_format(tiny * Fraction(3, 2), "float32") == 2 * tiny
    assert eg.round_to_format(-tiny / 2, "float32") == 0
    assert eg.round_to_format(Fraction(0), "bfloat16") == 0


@pytest.mark.parametrize(("u", "reaches"), [(0.125, False), (0.6875, False), (0.75, True), (2.0, True), (110.0, True)])
def test_decay_against_numpy(u: float, reaches: bool) -> None:
    factor = np.float32(np.exp(np.float64(-u)))
    theta, steps = np.float32(1), 0
    with np.errstate(under="ignore"):
        while theta > 0 and steps < 2000:
            theta, steps = np.float32(theta * factor), steps + 1
    step, last = eg.decay(u, "float32", 2000)
    assert (step is not None) == reaches
    assert step == (steps if reaches else None)
    assert float(last) == float(theta)
    assert (u < math.log(2)) == (not reaches)

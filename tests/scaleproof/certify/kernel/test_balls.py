"""A Taylor ball over a piece holds the function's values at all points of the piece, wherever its centre is."""

from __future__ import annotations

from fractions import Fraction

import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from scaleproof.certify.kernel.balls import ball, over_piece, precision, rational, taylor, value
from scaleproof.certify.kernel.language import LanguageError

TEXTS = ["x*x", "-x*x", "x*x*x", "exp(x)", "-exp(-x)", "log(1 + exp(x))", "sqrt(x*x + 1)", "1/(x*x + 2) - x"]
SHARES = st.fractions(0, 1, max_denominator=16)


@given(
    st.sampled_from(TEXTS),
    st.fractions(-4, 4, max_denominator=32),
    st.fractions(Fraction(1, 64), 1, max_denominator=64),
    SHARES,
    SHARES,
)
def test_a_piece_holds_its_points(text: str, lo: Fraction, width: Fraction, middle: Fraction, place: Fraction) -> None:
    with precision(128):
        whole = over_piece(text, "x", lo, lo + width, lo + middle * width, {})
        at = value(text, {"x": ball(lo + place * width)})
        assert whole.overlaps(at)
        assert whole.rad() <= 3 * float(width) * (1 + abs(float(taylor(text, "x", ball(lo), {})[1].mid())) + 60)


def test_a_piece_of_a_parabola_is_no_wider_than_it_has_to_be() -> None:
    with precision(128):
        found = over_piece("x*x", "x", Fraction(1), Fraction(2), Fraction(3, 2), {})  # 9/4 + 3 [-1/2, 1/2] + [0, 1/4]
        assert found.contains(arb(1))
        assert found.contains(arb(4))
        assert not found.contains(arb(Fraction(73, 100).numerator) / 100)
        assert not found.contains(arb("4.01"))
        beside = over_piece("x*x", "x", Fraction(1), Fraction(2), Fraction(1), {})  # 1 + 2 [0, 1] + [0, 1]
        assert beside.contains(arb(4))
        assert not beside.contains(arb("4.01"))


def test_a_centre_lies_in_its_piece() -> None:
    with pytest.raises(LanguageError, match=r"^the centre 3 is outside its piece$"):
        over_piece("x*x", "x", Fraction(1), Fraction(2), Fraction(3), {})


def test_taylor_gives_value_slope_and_curvature() -> None:
    with precision(128):
        found = taylor("x*x*x + a*x", "x", ball(Fraction(2)), {"a": ball(Fraction(5))})
        assert [float(v.mid()) for v in found] == [18.0, 17.0, 6.0]  # 8 + 10, 12 + 5, 12/2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1e9", "'1e9' is no rational number"),
        ("9" * 2001, f"'{'9' * 40}' is no rational number"),
        (1, "'1' is no rational number"),
        ("1/0", "'1/0' divides by zero"),
        (f"{'7' * 60}/0", f"'{'7' * 40}' divides by zero"),
    ],
)
def test_what_is_no_rational_is_told(text: str, reason: str) -> None:
    with pytest.raises(LanguageError, match=f"^{reason}$"):
        rational(text)


def test_rationals_are_exact() -> None:
    assert rational("9" * 2000) == int("9" * 2000)
    assert rational("-3/9") == Fraction(-1, 3)
    assert rational("-0.125") == Fraction(-1, 8)

"""Exponentiated gradient in floating point: an exact model of one coordinate under a constant gradient."""

from __future__ import annotations

from fractions import Fraction

from flint import arb, fmpq

from scaleproof.theory.enclosure import precision

#: stored mantissa bits and smallest normal exponent
FORMATS = {"float16": (10, -14), "bfloat16": (7, -126), "float32": (23, -126), "float64": (52, -1022)}


def round_to_format(value: Fraction, dtype: str) -> Fraction:
    """The nearest number of the format, ties to even, subnormals kept (IEEE 754, no overflow here)."""
    if value == 0:
        return value
    mantissa, e_min = FORMATS[dtype]
    size = abs(value)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    if size < Fraction(2) ** exponent:
        exponent -= 1
    spacing = Fraction(2) ** (max(exponent, e_min) - mantissa)
    return round(value / spacing) * spacing  # Fraction's round is half to even


def decay(u: float, dtype: str, steps: int) -> tuple[int | None, Fraction]:
    """theta = 1 under theta <- round(theta * v), v = round(exp(-u)), u > 0: the step that reaches 0, the last theta.

    Without such a step within `steps` (None), theta is stuck: for v > 1/2 the smallest subnormal times v is
    above half of itself and rounds up, so no step reaches 0 (eg.non-negative, theorem 3).
    """
    with precision(200):
        exact = (-arb(fmpq(*Fraction(u).as_integer_ratio()))).exp().mid()
        mantissa, exponent = exact.man_exp()
    factor = round_to_format(Fraction(int(mantissa)) * Fraction(2) ** int(exponent), dtype)
    theta = Fraction(1)
    for step in range(1, steps + 1):
        after = round_to_format(theta * factor, dtype)
        if after == 0:
            return step, after
        if after == theta:
            return None, after
        theta = after
    return None, theta

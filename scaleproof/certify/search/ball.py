"""The search behind ball certificates: covers by bisection, roots by refinement. Nothing here is trusted."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from flint import arb

from scaleproof.certify.kernel.balls import ball
from scaleproof.theory.enclosure import from_ball

Pieces = list[dict[str, str]]


class NoCover(Exception):
    """The bisection went below the smallest piece: nothing is certain there."""


def cover(
    lo: Fraction, hi: Fraction, certain: Callable[[Fraction, Fraction], bool], smallest: Fraction = Fraction(1, 2**24)
) -> Pieces:
    """Pieces of [lo, hi] on each of which `certain(start, end)` holds, by bisection; raises NoCover."""
    pieces: Pieces = []
    pending = [(lo, hi)]
    while pending:
        start, end = pending.pop()
        if certain(start, end):
            pieces.append({"lo": str(start), "hi": str(end)})
        elif end - start < smallest:
            raise NoCover(f"nothing is certain near {float(start)}")
        else:
            middle = (start + end) / 2
            pending += [(middle, end), (start, middle)]
    return pieces


def root(f: Callable[[Any], Any], lo: Fraction, hi: Fraction, width: Fraction) -> tuple[Fraction, Fraction]:
    """Rationals around a root of the decreasing function f over balls, at most `width` apart, by bisection."""
    while hi - lo > width:
        middle = (lo + hi) / 2
        sign = f(ball(middle))
        if sign > 0:
            lo = middle
        elif sign < 0:
            hi = middle
        else:
            raise ArithmeticError("the precision is too low to bisect further")
    return lo, hi


def decimals(quantity: Any, digits: int) -> list[str]:
    """Decimal bounds [lo, hi] strictly around a ball, at `digits` places."""
    step = arb(10) ** -digits
    enclosure = from_ball("", quantity + step.union(-step) / 2, digits)
    return [enclosure.lo, enclosure.hi]

"""Enclosures: decimal bounds from Arb balls, each checked once more with mpmath at twice the digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
from flint import ctx


@dataclass(frozen=True)
class Enclosure:
    """A number known to lie in [lo, hi], decimal strings rounded outwards; unit "1" is dimensionless."""

    name: str
    lo: str
    hi: str
    unit: str = "1"


class EnclosureError(ArithmeticError):
    """Two independent computations of the same number do not agree."""


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Arb's working precision inside the block; restored afterwards."""
    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before


def from_ball(name: str, ball: Any, digits: int = 30, unit: str = "1") -> Enclosure:
    """The decimal enclosure of an Arb ball, rounded outwards at `digits` places after the point."""
    centre, radius = _fraction(ball.mid()), _fraction(ball.rad())  # both exact, unlike lower() and upper()
    lo, hi = centre - radius, centre + radius
    scale = 10**digits
    return Enclosure(name, _decimal(lo * scale // 1, digits), _decimal(-(-hi * scale // 1), digits), unit)


def twice_checked(balls: Mapping[str, Any], definition: Callable[[], list[Any]], digits: int) -> list[Enclosure]:
    """Enclosures of `balls` after mpmath's `definition`, at twice the digits, has landed inside each.

    Raises EnclosureError where it does not.
    """
    with mpmath.workdps(2 * digits):
        values = definition()
        enclosures = []
        for (name, ball), value in zip(balls.items(), values, strict=True):
            enclosure = from_ball(name, ball, digits)
            margin = mpmath.mpf(10) ** (-digits)
            if not mpmath.mpf(enclosure.lo) - margin <= value <= mpmath.mpf(enclosure.hi) + margin:
                raise EnclosureError(f"{name}: Arb says {ball}, mpmath {mpmath.nstr(value, digits)}")
            enclosures.append(enclosure)
    return enclosures


def _fraction(exact: Any) -> Fraction:
    mantissa, exponent = exact.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _decimal(units: Any, digits: int) -> str:
    whole = int(units)
    text = str(abs(whole)).rjust(digits + 1, "0")
    return f"{'-' if whole < 0 else ''}{text[:-digits]}.{text[-digits:]}"

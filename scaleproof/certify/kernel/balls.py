"""Trusted: values and Taylor bounds of a text over Arb balls, the arithmetic under the ball proofs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

from flint import arb, arb_series, ctx, fmpq

from scaleproof.certify.kernel.language import LanguageError, Sort, evaluate
from scaleproof.theory.enclosure import precision

__all__ = ["ball", "hull", "over_piece", "precision", "rational", "taylor", "value"]

_RATIONAL = re.compile(r"-?[0-9]+(/[0-9]+|\.[0-9]+)?")
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sqrt": lambda e: e.sqrt(),
    "exp": lambda e: e.exp(),
    "log": lambda e: e.log(),
}


def rational(text: str) -> Fraction:
    """An exact rational from `p/q`, an integer or a decimal; raises LanguageError."""
    # no exponents: 1e999999999 is a short text and a number that fills the memory
    if not isinstance(text, str) or len(text) > 2000 or not _RATIONAL.fullmatch(text):
        raise LanguageError(f"'{str(text)[:40]}' is no rational number")
    try:
        return Fraction(text)
    except ZeroDivisionError as error:
        raise LanguageError(f"'{text[:40]}' divides by zero") from error


def ball(value: Fraction) -> Any:
    """The ball of a rational at the working precision."""
    return arb(fmpq(value.numerator, value.denominator))


def hull(lo: Fraction, hi: Fraction) -> Any:
    """A ball that contains [lo, hi]."""
    return ball(lo).union(ball(hi))


def value(
    text: str,
    variables: Mapping[str, Any],
    functions: Mapping[str, Callable[..., Any]] | None = None,
    sort: Sort = "number",
) -> Any:
    """The ball of a text over balls; of a truth: is it certain? `functions` are known besides sqrt, exp and log."""
    return evaluate(text, variables, arb, {**_FUNCTIONS, **(functions or {})}, sort)


def taylor(text: str, variable: str, at: Any, parameters: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Balls of f, f' and f''/2 as functions of `variable`, at the point or ball `at`.

    The computation over power series x = at + t: each coefficient encloses the Taylor coefficient at every
    point of `at`.
    """
    with _series_length(3):
        names = {k: arb_series([v]) for k, v in parameters.items()}
        names[variable] = arb_series([at, 1])
        series = evaluate(text, names, lambda n: arb_series([n]), _FUNCTIONS)
        return series[0], series[1], series[2]


def over_piece(
    text: str, variable: str, lo: Fraction, hi: Fraction, centre: Fraction, parameters: Mapping[str, Any]
) -> Any:
    """A ball that contains f on [lo, hi]: f(c) + f'(c) (x - c) + f''/2 (x - c)², f'' over all of [lo, hi].

    `centre` c must lie in [lo, hi] (Taylor's theorem with Lagrange's remainder); raises LanguageError.
    """
    if not lo <= centre <= hi:
        raise LanguageError(f"the centre {centre} is outside its piece")
    at_centre, slope, _ = taylor(text, variable, ball(centre), parameters)
    _, _, half_curvature = taylor(text, variable, hull(lo, hi), parameters)
    offset = hull(lo - centre, hi - centre)
    square = hull(Fraction(0), max((lo - centre) ** 2, (hi - centre) ** 2))
    return at_centre + slope * offset + half_curvature * square


@contextmanager
def _series_length(length: int) -> Iterator[None]:
    before = ctx.cap
    ctx.cap = length
    try:
        yield
    finally:
        ctx.cap = before

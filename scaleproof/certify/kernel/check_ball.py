"""Trusted: global statements about a family F(x, b), even in x and increasing in b, from covers by Arb balls.

body: {"kind", "variable": x, "parameter": b, "family": text, "bounds"} and, by kind,

threshold: "threshold": text T. For every b > 0: F(x, b) >= 0 for all real x if and only if b >= T; and T lies in
           bounds: {"b": [lo, hi]}.
minimax:   exactly one b* > 0 minimises sup over all real x of abs(F(x, b)); there, -F(0, b*) = F(x*, b*) is that
           supremum, attained at 0 and at +-x* only; and b*, x* > 0 and the supremum lie in bounds: {"b", "x", "error":
           [lo, hi]}.

Both kinds start from two lemmas that z3 proves over the reals (check_smt): F(-x, b) = F(x, b), and
b < c => F(x, b) < F(x, c). So x >= 0 suffices, and what holds at one b gives half of what holds at the others.

Covers. A cover of [A, B] is a list of pieces, each beginning where the last one ended; on each a Taylor ball
(balls.over_piece) must be certainly positive. On a piece that touches 0, where the function and its derivative
vanish exactly (SymPy), the second derivative must be certainly positive: the function is positive but at 0.
Beyond "far" a lemma about F(-x, b), proved by z3, takes over. See analysis/squareplus.md for the two arguments in full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from scaleproof.certify.kernel.balls import ball, hull, over_piece, precision, rational, taylor, value
from scaleproof.certify.kernel.check_smt import Reals
from scaleproof.certify.kernel.check_symbolic import expression, symbols_of

ZERO = Fraction(0)
Body = Mapping[str, Any]
Certain = Callable[[Fraction, Fraction], bool]


def check(body: Body, evidence: Body) -> str | None:
    """None if the statement and its bounds are proved, else the reason why not."""
    bounds, parameter = body["bounds"], body["parameter"]
    if body["variable"] in (parameter, f"{parameter}_zero") or not isinstance(bounds, dict):
        return "the variable, the parameter and what stands for the value at 0 need names of their own"
    with precision(_precision(evidence)):
        reason = _even_and_increasing(body)
        if reason:
            return reason
        kinds = {"threshold": _threshold, "minimax": _minimax}
        if body["kind"] not in kinds:
            return f"unknown kind of statement '{body['kind']}'"
        return kinds[body["kind"]](body, evidence, bounds)


def _threshold(body: Body, evidence: Body, bounds: Body) -> str | None:
    x, b, family = body["variable"], body["parameter"], body["family"]
    limit = value(body["threshold"], {})
    lo, hi = rational(evidence["b"][0]), rational(evidence["b"][1])
    if not (lo > 0 and ball(lo) < limit and limit < ball(hi)):
        return "the threshold is not certainly inside its enclosure"
    if set(bounds) != {"b"} or not _inside(limit, bounds["b"]):
        return "the threshold is not inside the stated bounds"
    # F(0, T) = 0, and F(., T) > 0 elsewhere; for b < T, F(0, b) < F(0, T) = 0
    far = rational(evidence["far"])
    symbol = symbols_of({x: "real"})[x]
    at_limit = expression(family, {x: symbol, b: expression(body["threshold"], {})})
    if not _vanishes_twice(at_limit, symbol):
        return "the family and its slope do not vanish at 0 at the threshold"
    reason = check_cover(evidence["cover"], ZERO, far, positive(family, x, {b: limit}, touch=ZERO))
    return reason or _tail(body, lo, hi, far, f"{family} > 0")


def _minimax(body: Body, evidence: Body, bounds: Body) -> str | None:
    x, b, family = body["variable"], body["parameter"], body["family"]
    if set(bounds) != {"b", "x", "error"}:
        return "a minimax statement has bounds for b, x and error"
    b_lo, b_hi = (rational(t) for t in bounds["b"])
    x_lo, x_hi = (rational(t) for t in bounds["x"])
    peak = evidence["peak"]
    left, right = rational(peak[0]["lo"]), rational(peak[-1]["hi"])
    far = rational(evidence["far"])
    if not (0 < b_lo < b_hi and 0 < left < x_lo < x_hi < right < far):
        return "the bounds are not in order"
    both = hull(b_lo, b_hi)
    at_zero = {k: value(family, {x: ball(ZERO), b: ball(v)}) for k, v in (("lo", b_lo), ("hi", b_hi))}
    error = -value(family, {x: ball(ZERO), b: both})
    if not _inside(error, bounds["error"]):
        return "the error at 0 is not inside the stated bounds"

    # sup F(., b_lo) < -F(0, b_lo): on the peak by the tangent of a concave function, elsewhere by a cover
    centre = rational(evidence["centre"])
    if not left <= centre <= right:
        return "the centre is not on the peak"
    top, slope, _ = taylor(family, x, ball(centre), {b: ball(b_lo)})
    reason = check_cover(peak, left, right, concave(family, x, {b: both}))
    if reason:
        return f"peak: {reason}"
    if not top + abs(slope) * ball(right - left) + at_zero["lo"] < 0:
        return "at the lower bound of b the positive error is not certainly the smaller one"
    below = f"-({family}) - {b}_zero"
    cover = evidence["below"]
    inner = {b: both, f"{b}_zero": -error}
    lower = positive(below, x, inner)
    reason = check_cover(cover["left"], ZERO, left, lower) or check_cover(cover["right"], right, far, lower)
    if reason:
        return f"upper bound: {reason}"
    # F(centre, b_hi) > -F(0, b_hi): in between the two errors are equal, at b*
    if not value(family, {x: ball(centre), b: ball(b_hi)}) + at_zero["hi"] > 0:
        return "at the upper bound of b the positive error is not certainly the larger one"
    # the peak of F(., b*) is inside the bounds of x: concave, rising before, falling after
    _, rising, _ = taylor(family, x, ball(x_lo), {b: both})
    _, falling, _ = taylor(family, x, ball(x_hi), {b: both})
    if not (rising > 0 and falling < 0):
        return "the peak is not certainly inside the bounds of x"
    # F(x, b) > F(0, b) but for x = 0: the negative error is largest at 0
    symbols = symbols_of({x: "real", b: "positive"})
    lifted = expression(family, symbols) - expression(family, {**symbols, x: sp.Integer(0)})
    if not _vanishes_twice(lifted, symbols[x]):
        return "the family's slope does not vanish at 0"
    above = f"({family}) - {b}_zero"
    reason = check_cover(evidence["above"], ZERO, far, positive(above, x, inner, touch=ZERO))
    if reason:
        return f"lower bound: {reason}"
    margin = rational(evidence["margin"])
    if not ball(margin) < error:
        return "the tail's margin is not below the error"
    size = f"{margin.numerator}/{margin.denominator}"
    return _tail(body, b_lo, b_hi, far, f"{family} < {size} and {family} > -{size}")


def check_cover(
    pieces: Sequence[Body], lo: Fraction, hi: Fraction, certain: Callable[[Fraction, Fraction], bool]
) -> str | None:
    """None if the pieces cover [lo, hi] without a gap and `certain(start, end)` holds on each."""
    edge = lo
    for number, piece in enumerate(pieces):
        start, end = rational(piece["lo"]), rational(piece["hi"])
        if start != edge or end <= start:
            return f"piece {number} does not begin at {edge}, where the last one ended"
        if not certain(start, end):
            return f"nothing is certain on [{start}, {end}]"
        edge = end
    return None if edge == hi else f"the cover ends at {edge}, not at {hi}"


def positive(text: str, variable: str, parameters: Body, touch: Fraction | None = None) -> Certain:
    """Is the Taylor ball of `text` on a piece above 0? On a piece that begins at `touch`: is f'' above 0?"""

    def certain(start: Fraction, end: Fraction) -> bool:
        if start == touch:
            return bool(taylor(text, variable, hull(start, end), parameters)[2] > 0)
        return bool(over_piece(text, variable, start, end, (start + end) / 2, parameters) > 0)

    return certain


def concave(text: str, variable: str, parameters: Body) -> Certain:
    """Is f'' certainly below 0 on a piece?"""

    def certain(start: Fraction, end: Fraction) -> bool:
        return bool(taylor(text, variable, hull(start, end), parameters)[2] < 0)

    return certain


def _even_and_increasing(body: Body) -> str | None:
    x, b, family = body["variable"], body["parameter"], body["family"]
    reals = Reals([x, b, "larger"])
    names = reals.variables
    reals.known += [names[b] > 0, names["larger"] > names[b]]
    here = reals.term(family)
    mirrored = reals.term(family, **{x: -names[x]})
    larger = reals.term(family, **{b: names["larger"]})
    if reals.unproved:
        return reals.unproved[0]
    if not reals.proves(here == mirrored):
        return "z3 does not prove that the family is even"
    return None if reals.proves(here < larger) else "z3 does not prove that the family increases with its parameter"


def _tail(body: Body, b_lo: Fraction, b_hi: Fraction, far: Fraction, goal: str) -> str | None:
    """For all x >= far and b_lo <= b <= b_hi, `goal` holds at -x (so, the family being even, at x)."""
    x, b = body["variable"], body["parameter"]
    reals = Reals([x, b])
    names = reals.variables
    exact = [reals.term(f"{v.numerator}/{v.denominator}") for v in (far, b_lo, b_hi)]
    reals.known += [names[x] >= exact[0], names[b] >= exact[1], names[b] <= exact[2]]
    term = reals.term(goal, "truth", **{x: -names[x]})
    if reals.unproved:
        return reals.unproved[0]
    return None if reals.proves(term) else f"z3 does not prove {goal} beyond {far}"


def _vanishes_twice(function: Any, symbol: Any) -> bool:
    """The function and its derivative are exactly 0 at 0."""
    return all(sp.simplify(f.subs(symbol, 0)) is sp.S.Zero for f in (function, sp.diff(function, symbol)))


def _inside(quantity: Any, bounds: Sequence[str]) -> bool:
    lo, hi = (rational(t) for t in bounds)
    return bool(ball(lo) < quantity) and bool(quantity < ball(hi))


def _precision(evidence: Body) -> int:
    bits = evidence["precision"]
    if not isinstance(bits, int) or not 53 <= bits <= 4096:
        raise ValueError("the precision is a number of bits from 53 to 4096")
    return bits

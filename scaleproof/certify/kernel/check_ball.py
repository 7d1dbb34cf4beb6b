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
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Setting:
    """What the lemmas of the minimax statement speak of: [b_lo, b_hi], a peak on [left, right], `far` beyond it.

    `error` is the ball of -F(0, b) for all those b.
    """

    x: str
    b: str
    family: str
    b_lo: Fraction
    b_hi: Fraction
    left: Fraction
    right: Fraction
    far: Fraction
    error: Any

    @property
    def all_b(self) -> Any:
        return hull(self.b_lo, self.b_hi)

    def at(self, x: Fraction, b: Fraction) -> Any:
        """The ball of F(x, b)."""
        return value(self.family, {self.x: ball(x), self.b: ball(b)})

    def over_zero(self, sign: str) -> tuple[str, str, dict[str, Any]]:
        """`sign` F(x, b) - F(0, b), for all those b: its text, the variable, and the balls of b and of F(0, b)."""
        name = f"{self.b}_zero"
        return f"{sign}({self.family}) - {name}", self.x, {self.b: self.all_b, name: -self.error}


def _minimax(body: Body, evidence: Body, bounds: Body) -> str | None:
    """The lemmas in turn, as analysis/squareplus.md numbers them: 1 balance, 2 lower side, 4 numbers; 3 follows."""
    if set(bounds) != {"b", "x", "error"}:
        return "a minimax statement has bounds for b, x and error"
    b_lo, b_hi = (rational(t) for t in bounds["b"])
    x_lo, x_hi = (rational(t) for t in bounds["x"])
    left, right = rational(evidence["peak"][0]["lo"]), rational(evidence["peak"][-1]["hi"])
    far = rational(evidence["far"])
    if not (0 < b_lo < b_hi and 0 < left < x_lo < x_hi < right < far):
        return "the bounds are not in order"
    x, b, family = body["variable"], body["parameter"], body["family"]
    error = -value(family, {x: ball(ZERO), b: hull(b_lo, b_hi)})
    if not _inside(error, bounds["error"]):
        return "the error at 0 is not inside the stated bounds"
    setting = Setting(x, b, family, b_lo, b_hi, left, right, far, error)
    return (
        _peak_is_concave(setting, evidence)
        or _balance(setting, evidence)
        or _upper_side(setting, evidence)
        or _peak_is_inside(setting, x_lo, x_hi)
        or _lower_side(setting, evidence)
        or _small_beyond(setting, body, evidence)
    )


def _peak_is_concave(s: Setting, evidence: Body) -> str | None:
    """1, 4: F(., b) is concave on [left, right] for every b in the bounds."""
    reason = check_cover(evidence["peak"], s.left, s.right, concave(s.family, s.x, {s.b: s.all_b}))
    return f"peak: {reason}" if reason else None


def _balance(s: Setting, evidence: Body) -> str | None:
    """1: on the peak F(x, b_lo) < -F(0, b_lo), by the tangent of a concave function; F(centre, b_hi) > -F(0, b_hi)."""
    centre = rational(evidence["centre"])
    if not s.left <= centre <= s.right:
        return "the centre is not on the peak"
    top, slope, _ = taylor(s.family, s.x, ball(centre), {s.b: ball(s.b_lo)})
    if not top + abs(slope) * ball(s.right - s.left) + s.at(ZERO, s.b_lo) < 0:
        return "at the lower bound of b the positive error is not certainly the smaller one"
    if not s.at(centre, s.b_hi) + s.at(ZERO, s.b_hi) > 0:
        return "at the upper bound of b the positive error is not certainly the larger one"
    return None


def _upper_side(s: Setting, evidence: Body) -> str | None:
    """1, 4: F(x, b) < -F(0, b) on [0, left] and [right, far], for every b in the bounds."""
    certain = positive(*s.over_zero("-"))
    cover = evidence["below"]
    reason = check_cover(cover["left"], ZERO, s.left, certain) or check_cover(cover["right"], s.right, s.far, certain)
    return f"upper bound: {reason}" if reason else None


def _peak_is_inside(s: Setting, x_lo: Fraction, x_hi: Fraction) -> str | None:
    """4: F(., b) rises at x_lo and falls at x_hi, for every b in the bounds."""
    _, rising, _ = taylor(s.family, s.x, ball(x_lo), {s.b: s.all_b})
    _, falling, _ = taylor(s.family, s.x, ball(x_hi), {s.b: s.all_b})
    return None if rising > 0 and falling < 0 else "the peak is not certainly inside the bounds of x"


def _lower_side(s: Setting, evidence: Body) -> str | None:
    """2: F(x, b) > F(0, b) on (0, far], for every b in the bounds; on the piece at 0 by the second derivative."""
    symbols = symbols_of({s.x: "real", s.b: "positive"})
    lifted = expression(s.family, symbols) - expression(s.family, {**symbols, s.x: sp.Integer(0)})
    if not _vanishes_twice(lifted, symbols[s.x]):
        return "the family's slope does not vanish at 0"
    reason = check_cover(evidence["above"], ZERO, s.far, positive(*s.over_zero(""), touch=ZERO))
    return f"lower bound: {reason}" if reason else None


def _small_beyond(s: Setting, body: Body, evidence: Body) -> str | None:
    """1, 2, 4: abs(F(x, b)) < margin < -F(0, b) for x >= far and every b in the bounds."""
    margin = rational(evidence["margin"])
    if not ball(margin) < s.error:
        return "the tail's margin is not below the error"
    size = f"{margin.numerator}/{margin.denominator}"
    return _tail(body, s.b_lo, s.b_hi, s.far, f"{s.family} < {size} and {s.family} > -{size}")


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

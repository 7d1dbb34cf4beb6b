"""Rigorous extremes of an elementwise function given as a graph: slopes, curvature, distance from ReLU, by Arb balls.

A graph is what torchcheck.properties.expression makes: nodes [operation, arguments], node 0 the input. Every node is
evaluated on a ball of inputs as a jet (f, f', f''); the domain is cut at the graph's switches and bisected, best first.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, pairwise
from typing import Any

from flint import arb

from scaleproof.analysis.enclosure import precision

Graph = list[Any]
#: pieces of the domain that a search may look at, and the gap (relative, or absolute below 1) at which it stops
PIECES, GAP = 3000, 1e-5
#: working precision in bits
BITS = 80


class NotEnclosed(Exception):
    """The graph has an operation, or a switch, that cannot be enclosed."""


#: balls around a quantity on a piece, and around its derivative where that exists
Quantity = tuple[Any, Any]
#: the quantity of a jet, at the ball x, on a piece right of 0 or left of it
Part = Callable[["Jet", Any, bool], Quantity]


@dataclass(frozen=True)
class Jet:
    """Balls around f, f' and f'' on a piece; `d2` is None where f' may jump inside."""

    f: Any
    d1: Any
    d2: Any


def certify(graph: Graph, domain: float) -> dict[str, tuple[float, float, str]]:
    """(lo, hi, note) around sup |f'|, sup |f''|, inf f', inf f'', sup |f - max(x, 0)| on [-domain, domain].

    Keys: lipschitz, smoothness, monotone, convex, relu-gap; rigorous for the graph in real arithmetic. At a switch
    where f jumps by less than 1e-6 (torch's softplus does at 20) the note says so and the slopes are those beside it;
    a larger jump makes lipschitz infinite, a jump of f' smoothness. Returns {} for a graph that cannot be enclosed.
    """
    with precision(BITS):
        try:
            cuts = sorted({-domain, 0.0, domain, *(c for c in _switches(graph) if abs(c) < domain)})
            jumps = {c: _jump(graph, c) for c in cuts[1:-1]}
        except NotEnclosed:
            return {}
        leaps = [c for c, j in jumps.items() if not j[0] < 1e-6]
        if leaps:
            return {"lipschitz": (math.inf, math.inf, f"; jumps by {jumps[leaps[0]][0]:.3g} at {leaps[0]:g}")}
        broken = [c for c, j in jumps.items() if not j[0] < 1e-15]
        kinks = [(c, j[1]) for c, j in jumps.items() if not j[1] < 1e-12]
        words = f"; jumps by at most {max(jumps[c][0] for c in broken):.1e} at {broken[0]:g}" if broken else ""
        pieces = list(pairwise(cuts))
        found: dict[str, tuple[float, float, str]] = {}
        try:
            for name, part in (("lipschitz", _slope), ("relu-gap", _gap)):
                found[name] = (*_largest(graph, pieces, part), words)
            low, high = _supremum(graph, pieces, _signed(_slope, -1))
            found["monotone"] = (-high + 0.0, -low + 0.0, words)
            if kinks:
                at = ", ".join(f"{c:g}" for c, _ in kinks[:3])
                found["smoothness"] = (math.inf, math.inf, f"{words}; f' jumps at {at}")
                if any(_falls(graph, c) for c, _ in kinks):
                    found["convex"] = (-math.inf, -math.inf, f"{words}; f' falls at a kink")
                else:
                    low, high = _supremum(graph, pieces, _signed(_curvature, -1))
                    found["convex"] = (-high + 0.0, -low + 0.0, f"{words}; f' rises at its kinks")
            else:
                found["smoothness"] = (*_largest(graph, pieces, _curvature), words)
                low, high = _supremum(graph, pieces, _signed(_curvature, -1))
                found["convex"] = (-high + 0.0, -low + 0.0, words)
        except NotEnclosed:
            pass
        return found


def _slope(jet: Jet, x: Any, positive: bool) -> Quantity:
    del x, positive
    return jet.d1, jet.d2


def _curvature(jet: Jet, x: Any, positive: bool) -> Quantity:
    del x, positive
    if jet.d2 is None:
        raise NotEnclosed("f' may jump away from the graph's switches")
    return jet.d2, None


def _gap(jet: Jet, x: Any, positive: bool) -> Quantity:
    return jet.f - (x if positive else 0), jet.d1 - (1 if positive else 0)


def _signed(part: Part, sign: int) -> Part:
    def found(jet: Jet, x: Any, positive: bool) -> Quantity:
        value, rate = part(jet, x, positive)
        return sign * value, None if rate is None else sign * rate

    return found


def _largest(graph: Graph, pieces: Sequence[tuple[float, float]], part: Part) -> tuple[float, float]:
    """Bounds around the supremum of a quantity's absolute value."""
    both = [_supremum(graph, pieces, _signed(part, sign)) for sign in (1, -1)]
    return max(lo for lo, _ in both), max(hi for _, hi in both)


def _supremum(graph: Graph, pieces: Sequence[tuple[float, float]], quantity: Part) -> tuple[float, float]:
    """Bounds (lo, hi) around the supremum of a quantity, by best-first bisection."""
    order = count()
    heap: list[tuple[float, int, float, float]] = []
    best = -math.inf

    def push(a: float, b: float, ceiling: float) -> None:
        nonlocal best
        whole = _hull(a, b)
        positive = a >= 0  # pieces do not straddle 0
        value, rate = quantity(evaluate(graph, a, b), whole, positive)
        middle = a + (b - a) / 2
        bound = min(ceiling, _upper(value))
        for x in (a, middle, b):
            at, _ = quantity(evaluate(graph, x, x, (a, b)), arb(x), positive)
            best = max(best, _lower(at))
            if x == middle and rate is not None:  # the mean value theorem: the better bound on small pieces
                bound = min(bound, _upper(at + rate * (whole - middle)))
        heapq.heappush(heap, (-bound, next(order), a, b))

    for a, b in pieces:
        push(a, b, math.inf)
    for _ in range(PIECES):
        bound, _, a, b = heap[0]
        if -bound - best <= GAP * max(1.0, abs(best)):
            break
        middle = _between(a, b)
        if not a < middle < b:
            break
        heapq.heappop(heap)
        push(a, middle, -bound)
        push(middle, b, -bound)
    hi = -heap[0][0]
    if not math.isfinite(hi) and not math.isfinite(best):
        raise NotEnclosed("no bound found")
    return best, max(hi, best)


def _between(a: float, b: float) -> float:
    """The middle, geometric where the piece spans magnitudes."""
    if a > 1 and b / a > 4:
        return math.sqrt(a * b)
    if b < -1 and a / b > 4:
        return -math.sqrt(a * b)
    return a + (b - a) / 2


def evaluate(graph: Graph, a: float, b: float, piece: tuple[float, float] | None = None) -> Jet:
    """The jet on the inputs [a, b]; switches are decided by `piece` (default [a, b]), which does not straddle them."""
    x = _hull(a, b)
    left, right = piece or (a, b)
    values: list[Any] = [Jet(x, arb(1), arb(0))]
    for name, arguments in graph[1:]:
        values.append(_apply(name, [_argument(values, g) for g in arguments], left, right, graph, arguments))
    found = values[-1]
    if not isinstance(found, Jet):
        raise NotEnclosed("the output is no number")
    return found


def _argument(values: Sequence[Any], g: Any) -> Any:
    if isinstance(g, dict):
        return values[g["node"]]
    return None if g is None else Jet(arb(g), arb(0), arb(0))


SWITCHING = ("gt", "ge", "lt", "le", "clamp", "clamp_min", "clamp_max", "minimum", "maximum", "abs", "relu", "sign")


def _apply(name: str, args: list[Any], left: float, right: float, graph: Graph, raw: Sequence[Any]) -> Any:
    if name in ("gt", "ge", "lt", "le"):
        return _condition(name, raw, left, right, graph)
    if name == "where":
        if not isinstance(args[0], bool):
            raise NotEnclosed("a switch that depends on more than x")
        return args[1] if args[0] else args[2]
    if name == "sub":
        return _plus(args[0], _times(args[1], _constant(-1)))
    if name == "rsub":
        return _plus(args[1], _times(args[0], _constant(-1)))
    if name == "add":
        return _plus(args[0], args[1])
    if name == "mul":
        return _times(args[0], args[1])
    if name == "div":
        return _times(args[0], _chain(args[1], *_reciprocal(args[1].f)))
    if name in ("clamp", "clamp_min", "clamp_max"):
        low, high = {"clamp": (1, 2), "clamp_min": (1, None), "clamp_max": (None, 1)}[name]
        found, moved = args[0], False
        if low is not None and low < len(raw) and raw[low] is not None:
            found = _larger(found, args[low], _above(raw[0], raw[low], left, right, graph))
            moved = found is args[low]
        if high is not None and high < len(raw) and raw[high] is not None:
            above = None if moved else _above(raw[0], raw[high], left, right, graph)
            found = _negated(_larger(_negated(found), _negated(args[high]), None if above is None else not above))
        return found
    if name == "relu":
        return _larger(args[0], _constant(0), _above(raw[0], 0.0, left, right, graph))
    if name == "maximum":
        return _larger(args[0], args[1], _above(raw[0], raw[1], left, right, graph))
    if name == "minimum":
        above = _above(raw[0], raw[1], left, right, graph)
        return _negated(_larger(_negated(args[0]), _negated(args[1]), None if above is None else not above))
    if name == "abs":
        return _larger(args[0], _negated(args[0]), _above(raw[0], 0.0, left, right, graph))
    if name == "sign":
        above = _above(raw[0], 0.0, left, right, graph)
        sign = _certain_sign(args[0].f) if above is None else 1 if above else -1
        if sign is None:
            raise NotEnclosed("sign at 0")
        return _constant(sign)
    if name == "pow":
        return _power(args[0], raw[1])
    if name in UNARY:
        return _chain(args[0], *UNARY[name](args[0].f))
    raise NotEnclosed(name)


def _condition(name: str, raw: Sequence[Any], left: float, right: float, graph: Graph) -> bool:
    """A comparison of x with a number on a piece that lies on one side of it (closed pieces extend continuously)."""
    above = _above(raw[0], raw[1], left, right, graph)
    if above is None:
        raise NotEnclosed("a comparison that is not of a x + b with a number, or a piece that straddles it")
    return above if name in ("gt", "ge") else not above


@dataclass(frozen=True)
class Line:
    """slope * x + shift, or slope * abs(x) + shift."""

    slope: float
    shift: float
    folded: bool = False

    def at(self, x: float) -> float:
        return self.slope * (abs(x) if self.folded else x) + self.shift


def _line(graph: Graph, node: int) -> Line | None:
    """The node as a line in x, where it is one (with exact coefficients)."""
    if node == 0:
        return Line(1.0, 0.0)
    name, arguments = graph[node]
    nodes = [a["node"] for a in arguments if isinstance(a, dict)]
    numbers = [float(a) for a in arguments if isinstance(a, int | float)]
    inner = _line(graph, nodes[0]) if len(nodes) == 1 else None
    if inner is None:
        return None
    if name == "neg" or (name == "mul" and numbers in ([1.0], [-1.0])):
        sign = -1.0 if name == "neg" else numbers[0]
        return Line(sign * inner.slope, sign * inner.shift, inner.folded)
    if name in ("add", "sub") and isinstance(arguments[0], dict) and inner.shift == 0:
        return Line(inner.slope, numbers[0] if name == "add" else -numbers[0], inner.folded)
    if name == "mul" and inner.shift == 0 and math.frexp(numbers[0])[0] in (0.5, -0.5):
        return Line(inner.slope * numbers[0], 0.0, inner.folded)
    if name == "abs" and inner == Line(1.0, 0.0):
        return Line(1.0, 0.0, folded=True)
    return None


def _places(line: Line, bound: float) -> list[float]:
    """Where the line passes a number: exact for slopes that are powers of two and small numbers, else an error."""
    exact = (Fraction(bound) - Fraction(line.shift)) / Fraction(line.slope)
    at = float(exact)
    if Fraction(at) != exact:
        raise NotEnclosed("a switch at a number that is no float")
    if line.folded:
        return [] if at < 0 else [-at, at]
    return [at]


def _switches(graph: Graph) -> list[float]:
    """Where comparisons, clamps, abs, relu and sign of a line in x switch."""
    found: list[float] = []
    for name, arguments in graph[1:]:
        if name == "where" or len([a for a in arguments if isinstance(a, dict)]) != 1:
            continue
        if name not in SWITCHING:
            continue
        (node,) = [a["node"] for a in arguments if isinstance(a, dict)]
        line = _line(graph, node)
        if line is not None:
            numbers = [float(a) for a in arguments if isinstance(a, int | float)]
            for bound in numbers or [0.0]:
                found += _places(line, bound)
            if line.folded:
                found.append(0.0)
    return found


def _jump(graph: Graph, c: float) -> tuple[float, float]:
    """Upper bounds of how far f and f' jump at c: what is evaluated at a point is known to 80 bits."""
    left = evaluate(graph, c, c, (c - 1e-3, c))
    right = evaluate(graph, c, c, (c, c + 1e-3))
    value, slope = abs(left.f - right.f), abs(left.d1 - right.d1)
    return _upper(value), _upper(slope)


def _falls(graph: Graph, c: float) -> bool:
    left, right = evaluate(graph, c, c, (c - 1e-3, c)), evaluate(graph, c, c, (c, c + 1e-3))
    return not _lower(right.d1 - left.d1) > -1e-12


def _constant(value: float) -> Jet:
    return Jet(arb(value), arb(0), arb(0))


def _plus(a: Jet, b: Jet) -> Jet:
    return Jet(a.f + b.f, a.d1 + b.d1, None if a.d2 is None or b.d2 is None else a.d2 + b.d2)


def _times(a: Jet, b: Jet) -> Jet:
    second = None if a.d2 is None or b.d2 is None else a.d2 * b.f + 2 * a.d1 * b.d1 + a.f * b.d2
    return Jet(a.f * b.f, a.d1 * b.f + a.f * b.d1, second)


def _chain(u: Jet, g: Any, g1: Any, g2: Any) -> Jet:
    """g(u): g' u', and g'' u'² + g' u''."""
    return Jet(g, g1 * u.d1, None if u.d2 is None else g2 * u.d1 * u.d1 + g1 * u.d2)


def _negated(a: Jet) -> Jet:
    return Jet(-a.f, -a.d1, None if a.d2 is None else -a.d2)


def _larger(a: Jet, b: Jet, first: bool | None) -> Jet:
    """max(a, b): the one that `first` or the balls decide for; else the union of both, whose f' may jump."""
    if first is None:
        difference = a.f - b.f
        first = True if difference >= 0 else False if difference <= 0 else None
    if first is not None:
        return a if first else b
    return Jet(a.f.max(b.f), a.d1.union(b.d1), None)


def _above(a: Any, b: Any, left: float, right: float, graph: Graph) -> bool | None:
    """Whether argument a is above b on the whole piece, told from its middle where both are lines or numbers.

    The pieces do not straddle the places where a line passes a number; closed pieces extend continuously.
    """
    if isinstance(a, int | float) and isinstance(b, dict):
        turned = _above(b, a, left, right, graph)
        return None if turned is None else not turned
    if not isinstance(a, dict) or not isinstance(b, int | float):
        return None
    line = _line(graph, a["node"])
    if line is None or any(left < p < right for p in _places(line, float(b))):
        return None
    return line.at(left + (right - left) / 2) > b


def _power(u: Jet, exponent: Any) -> Jet:
    if not isinstance(exponent, int | float):
        raise NotEnclosed("a variable exponent")
    if float(exponent).is_integer() and 0 <= exponent <= 16:
        n = int(exponent)
        f = u.f
        lower = [arb(0) if n < k else (f ** (n - k) if n - k else arb(1)) for k in (0, 1, 2)]
        return _chain(u, lower[0], n * lower[1], n * (n - 1) * lower[2])
    p = arb(exponent)
    if not u.f > 0:
        raise NotEnclosed("a fractional power near 0")
    return _chain(u, u.f**p, p * u.f ** (p - 1), p * (p - 1) * u.f ** (p - 2))


def _reciprocal(f: Any) -> tuple[Any, Any, Any]:
    r = 1 / f
    return r, -r * r, 2 * r * r * r


def _tanh(f: Any) -> tuple[Any, Any, Any]:
    t = _ends(lambda v: v.tanh(), f)
    near, far = f.abs_lower(), f.abs_upper()  # 1 - tanh² falls with abs(f); arb's abs does not cut at 0
    c = _within_unit((1 - near.tanh() ** 2).union(1 - far.tanh() ** 2))
    return t, c, -2 * t * c


def _sigmoid(f: Any) -> tuple[Any, Any, Any]:
    s, o = _ends(lambda v: 1 / (1 + (-v).exp()), f), _ends(lambda v: 1 / (1 + v.exp()), f)
    return s, s * o, s * o * (o - s)


def _ends(g: Callable[[Any], Any], f: Any) -> Any:
    """The range of a monotone g on the ball f: from its values at both ends."""
    return g(f) if f.is_exact() else g(f.lower()).union(g(f.upper()))


def _within_unit(s: Any) -> Any:
    """The ball cut to [0, 1], where the sigmoid lies."""
    try:
        return s.intersection(arb(0.5, 0.5))
    except ValueError:  # no finite ball
        return arb(0.5, 0.5)


def _sqrt(f: Any) -> tuple[Any, Any, Any]:
    r = f.sqrt()
    return r, 1 / (2 * r), -1 / (4 * r * f)


def _erf(f: Any) -> tuple[Any, Any, Any]:
    bell = 2 / arb.pi().sqrt() * (-(f * f)).exp()
    return f.erf(), bell, -2 * f * bell


def _erfc(f: Any) -> tuple[Any, Any, Any]:
    bell = 2 / arb.pi().sqrt() * (-(f * f)).exp()
    return f.erfc(), -bell, 2 * f * bell


def _atan(f: Any) -> tuple[Any, Any, Any]:
    r = 1 / (1 + f * f)
    return f.atan(), r, -2 * f * r * r


def _asinh(f: Any) -> tuple[Any, Any, Any]:
    r = 1 / (1 + f * f).sqrt()
    return f.asinh(), r, -f * r * r * r


def _rsqrt(f: Any) -> tuple[Any, Any, Any]:
    r = 1 / f.sqrt()
    return r, -r / (2 * f), 3 * r / (4 * f * f)


UNARY: dict[str, Callable[[Any], tuple[Any, Any, Any]]] = {
    "neg": lambda f: (-f, arb(-1), arb(0)),
    "exp": lambda f: (f.exp(), f.exp(), f.exp()),
    "expm1": lambda f: (f.expm1(), f.exp(), f.exp()),
    "log": lambda f: (f.log(), 1 / f, -1 / (f * f)),
    "log1p": lambda f: (f.log1p(), 1 / (1 + f), -1 / ((1 + f) * (1 + f))),
    "sin": lambda f: (f.sin(), f.cos(), -f.sin()),
    "cos": lambda f: (f.cos(), -f.sin(), -f.cos()),
    "sinh": lambda f: (f.sinh(), f.cosh(), f.sinh()),
    "cosh": lambda f: (f.cosh(), f.sinh(), f.cosh()),
    "square": lambda f: (f * f, 2 * f, arb(2)),
    "reciprocal": _reciprocal,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "sqrt": _sqrt,
    "rsqrt": _rsqrt,
    "erf": _erf,
    "erfc": _erfc,
    "atan": _atan,
    "asinh": _asinh,
}


def _certain_sign(f: Any) -> int | None:
    return 1 if f > 0 else -1 if f < 0 else None


def _hull(a: float, b: float) -> Any:
    return arb(a) if a == b else arb(a).union(arb(b))


def _upper(ball: Any) -> float:
    """A float not below the ball; infinity for what is not finite."""
    if not ball.is_finite():
        return math.inf
    return math.nextafter(float(ball.upper()), math.inf) if ball.rad() > 0 or not ball.is_exact() else _up(ball)


def _up(ball: Any) -> float:
    value = float(ball.mid())
    return value if arb(value) >= ball else math.nextafter(value, math.inf)


def _lower(ball: Any) -> float:
    return -_upper(-ball) if ball.is_finite() else -math.inf

"""Rigorous extremes of an elementwise function given as a graph: slopes, curvature, distance from ReLU, by Arb balls.

The domain is cut where the graph switches, and bisected, best first; on every piece the jet (f, f', f'') is enclosed.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from itertools import count, pairwise
from typing import Any

from flint import arb

from scaleproof.analysis.enclosure import precision
from scaleproof.analysis.graphs import Graph, evaluate, hull, switches
from scaleproof.analysis.jets import Jet, NotEnclosed

#: pieces of the domain that a search may look at, and the gap (relative, or absolute below 1) at which it stops
PIECES, GAP = 3000, 1e-5
#: working precision in bits
BITS = 80


#: balls around a quantity on a piece, and around its derivative where that exists
Quantity = tuple[Any, Any]
#: the quantity of a jet, at the ball x, on a piece right of 0 or left of it
Part = Callable[[Jet, Any, bool], Quantity]


def certify(graph: Graph, domain: float) -> dict[str, tuple[float, float, str]]:
    """(lo, hi, note) around sup |f'|, sup |f''|, inf f', inf f'', sup |f - max(x, 0)| on [-domain, domain].

    Keys: lipschitz, smoothness, monotone, convex, relu-gap; rigorous for the graph in real arithmetic. At a switch
    where f jumps by less than 1e-6 (torch's softplus does at 20) the note says so and the slopes are those beside it;
    a larger jump makes lipschitz infinite, a jump of f' smoothness. Returns {} for a graph that cannot be enclosed.
    """
    with precision(BITS):
        try:
            cuts = sorted({-domain, 0.0, domain, *(c for c in switches(graph) if abs(c) < domain)})
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
        whole = hull(a, b)
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


def _jump(graph: Graph, c: float) -> tuple[float, float]:
    """Upper bounds of how far f and f' jump at c: what is evaluated at a point is known to 80 bits."""
    left = evaluate(graph, c, c, (c - 1e-3, c))
    right = evaluate(graph, c, c, (c, c + 1e-3))
    value, slope = abs(left.f - right.f), abs(left.d1 - right.d1)
    return _upper(value), _upper(slope)


def _falls(graph: Graph, c: float) -> bool:
    left, right = evaluate(graph, c, c, (c - 1e-3, c)), evaluate(graph, c, c, (c, c + 1e-3))
    return not _lower(right.d1 - left.d1) > -1e-12


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

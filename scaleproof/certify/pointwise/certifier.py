"""Rigorous extremes of an elementwise function given as a graph: slopes, curvature, distance from ReLU, by Arb balls.

The domain is cut where the graph switches, and bisected, best first; on every piece the jet (f, f', f'') is enclosed.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any

from flint import arb

from scaleproof.certify.pointwise.graphs import evaluate, hull, switches
from scaleproof.certify.pointwise.jets import Jet, NotEnclosed
from scaleproof.theory.enclosure import precision
from torchcheck.data import Graph

#: pieces of the domain that a search may look at, and the gap (relative, or absolute below 1) at which it stops
PIECES, GAP = 3000, 1e-5
#: working precision in bits
BITS = 80
#: jumps of f, and of f', up to which the extremes beside them are given, with a note that says how large they may be
SMALL_JUMP, SMALL_KINK = 1e-6, 1e-12

#: balls around a quantity on a piece, and around its derivative where that exists
Quantity = tuple[Any, Any]
#: the quantity of a jet, at the ball x, on a piece right of 0 or left of it
Part = Callable[[Jet, Any, bool], Quantity]
#: what is known of each property: lo, hi, and words
Found = dict[str, tuple[float, float, str]]


@dataclass(frozen=True)
class Switch:
    """Balls around how far f and f' rise from the left of a switch to its right."""

    at: float
    value: Any
    slope: Any


def certify(graph: Graph, domain: float) -> Found:
    """(lo, hi, note) around sup |f'|, sup |f''|, inf f', inf f'', sup |f - max(x, 0)| on [-domain, domain].

    Keys: lipschitz, smoothness, monotone, convex, relu-gap; rigorous for the graph in real arithmetic. Where f jumps
    for certain, lipschitz is infinite and nothing else is said; a jump that may be there but is below 1e-6 (torch's
    softplus has one of 2.1e-9 at 20) is named in the note, and the extremes are those beside it; so are jumps of f'
    below 1e-12, while a certain one makes smoothness infinite. A graph that is not enclosed at some switch, or has
    another operation, gives {}; what has no finite bounds is left out, and so are smoothness and convex where f' is not
    enclosed at a switch.
    """
    with precision(BITS):
        try:
            places = {c for c in switches(graph) if abs(c) < domain}
            at_switches = [_switch(graph, c) for c in sorted(places)]
        except NotEnclosed:
            return {}
        leap = next((s for s in at_switches if _sign(s.value) != 0), None)
        if leap is not None and _upper(abs(leap.value)) >= SMALL_JUMP:
            return {"lipschitz": (math.inf, math.inf, f"; jumps by {abs(float(leap.value.mid())):.3g} at {leap.at:g}")}
        if any(not _upper(abs(s.value)) < SMALL_JUMP for s in at_switches):
            return {}
        pieces, words = list(pairwise(sorted({-domain, 0.0, domain, *places}))), _words(at_switches)
        bounds: Found = {}
        try:
            bounds["lipschitz"] = (*_largest(graph, pieces, _slope), words)
            bounds["relu-gap"] = (*_largest(graph, pieces, _gap), words)
            bounds["monotone"] = (*_infimum(graph, pieces, _slope), words)
            bounds |= _second_order(graph, pieces, at_switches, words)
        except NotEnclosed:
            pass
        return {name: f for name, f in bounds.items() if f[0] == f[1] or math.isfinite(f[1] - f[0])}


def _second_order(
    graph: Graph, pieces: Sequence[tuple[float, float]], at_switches: Sequence[Switch], words: str
) -> Found:
    """smoothness and convex, as far as f' is enclosed at every switch."""
    large = [s for s in at_switches if not _upper(abs(s.slope)) < SMALL_KINK]
    if any(_sign(s.slope) == 0 for s in large):
        return {}  # f' may jump there, and may not
    if not large:
        smoothness = (*_largest(graph, pieces, _curvature), words)
        return {"smoothness": smoothness, "convex": (*_infimum(graph, pieces, _curvature), words)}
    at = ", ".join(f"{s.at:g}" for s in large[:3])
    bounds: Found = {"smoothness": (math.inf, math.inf, f"{words}; f' jumps at {at}")}
    if any(_sign(s.slope) < 0 for s in large):
        return bounds | {"convex": (-math.inf, -math.inf, f"{words}; f' falls at a kink")}
    return bounds | {"convex": (*_infimum(graph, pieces, _curvature), f"{words}; f' rises at its kinks")}


def _switch(graph: Graph, c: float) -> Switch:
    """The rises at c, by the piece on its left and the piece on its right."""
    left, right = evaluate(graph, c, c, (c - 1e-3, c)), evaluate(graph, c, c, (c, c + 1e-3))
    return Switch(c, right.f - left.f, right.d1 - left.d1)


def _sign(ball: Any) -> int:
    """1 or -1 where that is certain, else 0."""
    return 1 if ball > 0 else -1 if ball < 0 else 0


def _words(at_switches: Sequence[Switch]) -> str:
    """Every jump that cannot be excluded, however small."""
    text = ""
    for name, sizes in (
        ("f", [(_upper(abs(s.value)), s.at) for s in at_switches]),
        ("f'", [(_upper(abs(s.slope)), s.at) for s in at_switches]),
    ):
        most, at = max((size for size in sizes if size[0] < SMALL_JUMP), default=(0.0, 0.0))
        small = 0 < most < (SMALL_JUMP if name == "f" else SMALL_KINK)
        text += f"; {name} jumps by at most {most:.1e} at {at:g}" if small else ""
    return text


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
    def result(jet: Jet, x: Any, positive: bool) -> Quantity:
        value, rate = part(jet, x, positive)
        return sign * value, None if rate is None else sign * rate

    return result


def _largest(graph: Graph, pieces: Sequence[tuple[float, float]], part: Part) -> tuple[float, float]:
    """Bounds around the supremum of a quantity's absolute value."""
    both = [_supremum(graph, pieces, _signed(part, sign)) for sign in (1, -1)]
    return max(lo for lo, _ in both), max(hi for _, hi in both)


def _infimum(graph: Graph, pieces: Sequence[tuple[float, float]], part: Part) -> tuple[float, float]:
    """Bounds around the infimum of a quantity."""
    low, high = _supremum(graph, pieces, _signed(part, -1))
    return -high + 0.0, -low + 0.0


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

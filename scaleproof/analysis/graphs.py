"""Evaluating a graph of elementary operations on a ball of inputs, and finding where it switches.

A graph is what torchcheck.properties.expression makes: nodes [operation, arguments]; an argument is {"node": k} or a
number, and node 0 is the input.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb

from scaleproof.analysis.jets import (
    UNARY,
    Jet,
    NotEnclosed,
    chain,
    constant,
    larger,
    negated,
    plus,
    power,
    reciprocal,
    times,
)

Graph = list[Any]


def evaluate(graph: Graph, a: float, b: float, piece: tuple[float, float] | None = None) -> Jet:
    """The jet on the inputs [a, b]; switches are decided by `piece` (default [a, b]), which does not straddle them."""
    x = hull(a, b)
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
        return plus(args[0], times(args[1], constant(-1)))
    if name == "rsub":
        return plus(args[1], times(args[0], constant(-1)))
    if name == "add":
        return plus(args[0], args[1])
    if name == "mul":
        return times(args[0], args[1])
    if name == "div":
        return times(args[0], chain(args[1], *reciprocal(args[1].f)))
    if name in ("clamp", "clamp_min", "clamp_max"):
        low, high = {"clamp": (1, 2), "clamp_min": (1, None), "clamp_max": (None, 1)}[name]
        found, moved = args[0], False
        if low is not None and low < len(raw) and raw[low] is not None:
            found = larger(found, args[low], _above(raw[0], raw[low], left, right, graph))
            moved = found is args[low]
        if high is not None and high < len(raw) and raw[high] is not None:
            above = None if moved else _above(raw[0], raw[high], left, right, graph)
            found = negated(larger(negated(found), negated(args[high]), None if above is None else not above))
        return found
    if name == "relu":
        return larger(args[0], constant(0), _above(raw[0], 0.0, left, right, graph))
    if name == "maximum":
        return larger(args[0], args[1], _above(raw[0], raw[1], left, right, graph))
    if name == "minimum":
        above = _above(raw[0], raw[1], left, right, graph)
        return negated(larger(negated(args[0]), negated(args[1]), None if above is None else not above))
    if name == "abs":
        return larger(args[0], negated(args[0]), _above(raw[0], 0.0, left, right, graph))
    if name == "sign":
        above = _above(raw[0], 0.0, left, right, graph)
        sign = _certain_sign(args[0].f) if above is None else 1 if above else -1
        if sign is None:
            raise NotEnclosed("sign at 0")
        return constant(sign)
    if name == "pow":
        return power(args[0], raw[1])
    if name in UNARY:
        return chain(args[0], *UNARY[name](args[0].f))
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


def switches(graph: Graph) -> list[float]:
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


def _certain_sign(f: Any) -> int | None:
    return 1 if f > 0 else -1 if f < 0 else None


def hull(a: float, b: float) -> Any:
    return arb(a) if a == b else arb(a).union(arb(b))

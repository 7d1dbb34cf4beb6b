"""Evaluating a graph of elementary operations on a ball of inputs, and finding where it switches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb

from scaleproof.certify.pointwise.jets import (
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
from torchcheck.data import Graph, Ref

#: what an operation takes: an earlier node, a number, or nothing
Argument = Ref | float | None


def evaluate(graph: Graph, a: float, b: float, piece: tuple[float, float] | None = None) -> Jet:
    """The jet on the inputs [a, b]; switches are decided by `piece` (default [a, b]), which does not straddle them."""
    x = hull(a, b)
    left, right = piece or (a, b)
    values: list[Any] = [Jet(x, arb(1), arb(0))]
    for node in graph[1:]:
        if node.op not in RULES:
            raise NotEnclosed(node.op)
        values.append(RULES[node.op](Call([_argument(values, a) for a in node.args], node.args, left, right, graph)))
    result = values[-1]
    if not isinstance(result, Jet):
        raise NotEnclosed("the output is no number")
    return result


def _argument(values: Sequence[Any], a: Argument) -> Any:
    if isinstance(a, Ref):
        return values[a.node]
    return None if a is None else constant(a)


@dataclass(frozen=True)
class Call:
    """An operation on a piece [left, right]: its arguments as jets, and as they stand in the graph."""

    args: list[Any]
    raw: Sequence[Argument]
    left: float
    right: float
    graph: Graph

    def above(self, a: Argument, b: Argument) -> bool | None:
        """Whether argument a is above b on the whole piece; None where that is not certain."""
        return _above(a, b, self.left, self.right, self.graph)

    def given(self, place: int) -> bool:
        """Whether there is an argument there that is not None."""
        return place < len(self.raw) and self.raw[place] is not None


def _compare(call: Call) -> bool:
    """Whether x is above a number on a piece that lies on one side of it (closed pieces extend continuously)."""
    above = call.above(call.raw[0], call.raw[1])
    if above is None:
        raise NotEnclosed("a comparison that is not of a x + b with a number, or a piece that straddles it")
    return above


def _where(call: Call) -> Any:
    chosen, yes, no = call.args
    if not isinstance(chosen, bool):
        raise NotEnclosed("a switch that depends on more than x")
    return yes if chosen else no


def _smaller(a: Jet, b: Jet, above: bool | None) -> Jet:
    """The smaller of two; `above` says whether a is above b."""
    return negated(larger(negated(a), negated(b), None if above is None else not above))


def _clamp(call: Call, low: int | None, high: int | None) -> Jet:
    """Between the arguments at these places, where they are given."""
    result: Jet = call.args[0]
    moved = False
    if low is not None and call.given(low):
        result = larger(result, call.args[low], call.above(call.raw[0], call.raw[low]))
        moved = result is call.args[low]
    if high is not None and call.given(high):
        result = _smaller(result, call.args[high], None if moved else call.above(call.raw[0], call.raw[high]))
    return result


def _sign(call: Call) -> Jet:
    above = call.above(call.raw[0], 0.0)
    sign = _certain_sign(call.args[0].f) if above is None else 1 if above else -1
    if sign is None:
        raise NotEnclosed("sign at 0")
    return constant(sign)


def _unary(name: str) -> Callable[[Call], Jet]:
    return lambda call: chain(call.args[0], *UNARY[name](call.args[0].f))


#: operation -> its jet (or, of a comparison, its truth) on a piece
RULES: dict[str, Callable[[Call], Any]] = {
    **{name: _unary(name) for name in UNARY},
    "add": lambda c: plus(c.args[0], c.args[1]),
    "sub": lambda c: plus(c.args[0], times(c.args[1], constant(-1))),
    "rsub": lambda c: plus(c.args[1], times(c.args[0], constant(-1))),
    "mul": lambda c: times(c.args[0], c.args[1]),
    "div": lambda c: times(c.args[0], chain(c.args[1], *reciprocal(c.args[1].f))),
    "pow": lambda c: power(c.args[0], c.raw[1]),
    "gt": _compare,
    "ge": _compare,
    "lt": lambda c: not _compare(c),
    "le": lambda c: not _compare(c),
    "where": _where,
    "clamp": lambda c: _clamp(c, 1, 2),
    "clamp_min": lambda c: _clamp(c, 1, None),
    "clamp_max": lambda c: _clamp(c, None, 1),
    "relu": lambda c: larger(c.args[0], constant(0), c.above(c.raw[0], 0.0)),
    "abs": lambda c: larger(c.args[0], negated(c.args[0]), c.above(c.raw[0], 0.0)),
    "maximum": lambda c: larger(c.args[0], c.args[1], c.above(c.raw[0], c.raw[1])),
    "minimum": lambda c: _smaller(c.args[0], c.args[1], c.above(c.raw[0], c.raw[1])),
    "sign": _sign,
}
#: operations whose branch a piece has to decide
SWITCHING = ("gt", "ge", "lt", "le", "clamp", "clamp_min", "clamp_max", "minimum", "maximum", "abs", "relu", "sign")


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
    name, arguments = graph[node].op, graph[node].args
    nodes, numbers = _parts(arguments)
    inner = _line(graph, nodes[0]) if len(nodes) == 1 else None
    if inner is None:
        return None
    if name == "neg" or (name == "mul" and numbers in ([1.0], [-1.0])):
        sign = -1.0 if name == "neg" else numbers[0]
        return Line(sign * inner.slope, sign * inner.shift, inner.folded)
    if name in ("add", "sub") and isinstance(arguments[0], Ref) and inner.shift == 0:
        return Line(inner.slope, numbers[0] if name == "add" else -numbers[0], inner.folded)
    if name == "mul" and inner.shift == 0 and math.frexp(numbers[0])[0] in (0.5, -0.5):
        return Line(inner.slope * numbers[0], 0.0, inner.folded)
    if name == "abs" and inner == Line(1.0, 0.0):
        return Line(1.0, 0.0, folded=True)
    return None


def _parts(arguments: Sequence[Argument]) -> tuple[list[int], list[float]]:
    """The nodes and the numbers among arguments."""
    return [a.node for a in arguments if isinstance(a, Ref)], [
        float(a) for a in arguments if isinstance(a, int | float)
    ]


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
    values: list[float] = []
    for node in graph[1:]:
        nodes, numbers = _parts(node.args)
        line = _line(graph, nodes[0]) if node.op in SWITCHING and len(nodes) == 1 else None
        if line is not None:
            for bound in numbers or [0.0]:
                values += _places(line, bound)
            if line.folded:
                values.append(0.0)
    return values


def _above(a: Argument, b: Argument, left: float, right: float, graph: Graph) -> bool | None:
    """Whether argument a is above b on the whole piece, told from its middle where both are lines or numbers.

    The pieces do not straddle the places where a line passes a number; closed pieces extend continuously.
    """
    if isinstance(a, int | float) and isinstance(b, Ref):
        turned = _above(b, a, left, right, graph)
        return None if turned is None else not turned
    if not isinstance(a, Ref) or not isinstance(b, int | float):
        return None
    line = _line(graph, a.node)
    if line is None or any(left < p < right for p in _places(line, float(b))):
        return None
    return line.at(left + (right - left) / 2) > b


def _certain_sign(f: Any) -> int | None:
    return 1 if f > 0 else -1 if f < 0 else None


def hull(a: float, b: float) -> Any:
    return arb(a) if a == b else arb(a).union(arb(b))

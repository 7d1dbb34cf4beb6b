"""The search for the evidence of the squareplus claims that balls and tables prove. Nothing here is trusted."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from flint import arb

from scaleproof.certify.kernel.balls import hull, precision, rational, value
from scaleproof.certify.kernel.certificate import Statement, Theorem
from scaleproof.certify.kernel.check_ball import ZERO, concave, positive
from scaleproof.certify.search.ball import cover, decimals, root
from scaleproof.certify.statements.squareplus import FAMILY, MINIMAX
from scaleproof.theory.squareplus import minimax_at


def _threshold(statements: tuple[Statement, ...], _tables: Mapping[str, bytes]) -> list[Theorem]:
    (statement,) = statements
    far = Fraction(6)
    with precision(256):
        limit = value(statement.body["threshold"], {})
        pieces = cover(ZERO, far, positive(FAMILY, "x", {"b": limit}, touch=ZERO))
        evidence = {"precision": 256, "b": ["19/10", "2"], "far": str(far), "cover": pieces}
        return [Theorem(statement, evidence)]


def _minimax(statements: tuple[Statement, ...], _tables: Mapping[str, bytes]) -> list[Theorem]:
    (statement,) = statements
    far = Fraction(8)
    with precision(384):
        _, x, _ = minimax_balls()
        around = hull(*map(rational, MINIMAX["b"]))
        inner: dict[str, Any] = {"b": around, "b_zero": value(FAMILY, {"x": arb(0), "b": around})}
        peak = rational(MINIMAX["x"][0])
        left, right = (Fraction(round(64 * peak) + k, 64) for k in (-4, 4))
        lower = positive(f"-({FAMILY}) - b_zero", "x", inner)
        upper = positive(f"({FAMILY}) - b_zero", "x", inner, touch=ZERO)
        evidence = {
            "precision": 384,
            "far": str(far),
            "margin": "7/100",
            "centre": decimals(x, 70)[0],
            "peak": cover(left, right, concave(FAMILY, "x", inner)),
            "below": {"left": cover(ZERO, left, lower), "right": cover(right, far, lower)},
            "above": cover(ZERO, far, upper),
        }
        return [Theorem(statement, evidence)]


def minimax_balls() -> tuple[Any, Any, Any]:
    """Balls of b*, x* and the error at the working precision, from the equation in t (analysis.squareplus)."""
    low, high = root(lambda t: minimax_at(t)[0], Fraction(1), Fraction(3), Fraction(1, 2**280))
    _, b, x, error = minimax_at(hull(low, high))
    return b, x, error


def _tables(statements: tuple[Statement, ...], tables: Mapping[str, bytes]) -> list[Theorem]:
    return [
        Theorem(s, {"table": base64.b64encode(zlib.compress(tables[s.body["format"]], 9)).decode()}) for s in statements
    ]


#: claim -> the search for its statements' evidence
SEARCHES: dict[str, Callable[[tuple[Statement, ...], Mapping[str, bytes]], list[Theorem]]] = {
    "squareplus.dominates-softplus": _threshold,
    "squareplus.minimax": _minimax,
    "squareplus.floats": _tables,
}

"""The formal statements of the squareplus claims, and their evidence."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from flint import arb

from scaleproof.analysis.squareplus import minimax_at
from scaleproof.proofs.balls import hull, precision, rational, value
from scaleproof.proofs.certificate import Statement, Theorem
from scaleproof.proofs.check_ball import ZERO, concave, positive
from scaleproof.proofs.prove_ball import cover, decimals, root

SP = "(x + sqrt(x**2 + b))/2"
GAP = f"({SP} - max(x, 0))"
SOFTPLUS = "log(1 + exp(x))"
FAMILY = f"{SP} - {SOFTPLUS}"
FORMATS = ("float16", "bfloat16")
#: the bend of the module whose tables the exhaustive statements are about
TABLE_B = 4


def _reals(assume: list[str], goal: str, words: str, variables: tuple[str, ...] = ("x", "b")) -> Statement:
    return Statement("smt", {"variables": list(variables), "assume": assume, "goal": goal}, words)


def _identity(left: str, right: str, words: str) -> Statement:
    symbols = {"x": "real", "b": "positive"}
    return Statement("symbolic", {"symbols": symbols, "left": left, "right": right}, words)


def _derivative(order: int) -> str:
    text = SP
    for _ in range(order):
        text = f"diff({text}, x)"
    return text


STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "squareplus.relu-limit": (
        _reals([], "(x + sqrt(x**2))/2 == max(x, 0)", "for all real x: SP_0(x) = max(x, 0)", ("x",)),
        _reals(["b > 0"], f"{SP} > max(x, 0)", "for all real x and b > 0: SP_b(x) > max(x, 0)"),
    ),
    "squareplus.gap": (
        _reals(
            ["b > 0"],
            f"0 < {GAP} and {GAP} <= sqrt(b)/2 and iff({GAP} == sqrt(b)/2, x == 0)",
            "for all real x and b > 0: 0 < SP_b(x) - max(x, 0) <= sqrt(b)/2, with equality if and only if x = 0",
        ),
        _reals(
            ["b > 0", "x != 0"],
            f"{GAP} < b/(4*abs(x)) and {GAP} > b/(4*abs(x)) - b**2/(16*abs(x)**3)",
            "for all x != 0 and b > 0: b/(4|x|) (1 - b/(4x²)) < SP_b(x) - max(x, 0) < b/(4|x|)",
        ),
    ),
    "squareplus.monotone": (
        _identity(_derivative(1), "(1 + x/sqrt(x**2 + b))/2", "SP_b'(x) = (1 + x/sqrt(x² + b))/2"),
        _reals(
            ["b > 0"],
            "0 < (1 + x/sqrt(x**2 + b))/2 and (1 + x/sqrt(x**2 + b))/2 < 1",
            "for all real x and b > 0: 0 < SP_b'(x) < 1",
        ),
        _reals(
            ["b > 0", "x < y"],
            f"0 < (y + sqrt(y**2 + b))/2 - {SP} and (y + sqrt(y**2 + b))/2 - {SP} < y - x",
            "for all real x < y and b > 0: 0 < SP_b(y) - SP_b(x) < y - x",
            ("x", "y", "b"),
        ),
    ),
    "squareplus.convex": (
        _identity(_derivative(2), "b/(2*sqrt(x**2 + b)**3)", "SP_b''(x) = b/(2 (x² + b)^(3/2))"),
        _identity(_derivative(3), "-3*b*x/(2*sqrt(x**2 + b)**5)", "SP_b'''(x) = -3 b x/(2 (x² + b)^(5/2))"),
        _reals(
            ["b > 0"],
            "0 < b/(2*sqrt(x**2 + b)**3) and b/(2*sqrt(x**2 + b)**3) <= 1/(2*sqrt(b))",
            "for all real x and b > 0: 0 < SP_b''(x) <= 1/(2 sqrt(b))",
        ),
        _identity("at(b/(2*sqrt(x**2 + b)**3), x, 0)", "1/(2*sqrt(b))", "SP_b''(0) = 1/(2 sqrt(b)): tight"),
        _reals(
            ["b > 0"],
            "abs(3*b*x/(2*sqrt(x**2 + b)**5)) <= 24*sqrt(5)/(125*b)",
            "for all real x and b > 0: |SP_b'''(x)| <= 24 sqrt(5)/(125 b)",
        ),
        _identity(
            "at(-3*b*x/(2*sqrt(x**2 + b)**5), x, -sqrt(b)/2)",
            "24*sqrt(5)/(125*b)",
            "SP_b'''(-sqrt(b)/2) = 24 sqrt(5)/(125 b): tight",
        ),
    ),
    "squareplus.dominates-softplus": (
        Statement(
            "ball",
            {
                "kind": "threshold",
                "variable": "x",
                "parameter": "b",
                "family": FAMILY,
                "threshold": "4*log(2)**2",
            },
            "for all b > 0: (SP_b(x) >= log(1 + exp(x)) for all real x) if and only if b >= 4 log(2)²",
        ),
    ),
    "squareplus.minimax": (
        Statement(
            "ball",
            {"kind": "minimax", "variable": "x", "parameter": "b", "family": FAMILY},
            "exactly one b* > 0 minimises the supremum over all real x of |SP_b(x) - log(1 + exp(x))|; at b* the "
            "supremum is attained at 0, where SP is the smaller, and at +-x*, where it is the larger; b*, x* and "
            "the supremum are in the stated bounds",
        ),
    ),
    "squareplus.floats": tuple(
        Statement(
            "exhaustive",
            {
                "format": name,
                "b": TABLE_B,
                "properties": ["finite", "not-below-relu", "non-decreasing", "faithful"],
            },
            f"for all finite {name} x <= y, f the module's table for b = {TABLE_B}: f(x) is finite, f(x) >= max(x, 0), "
            "f(x) <= f(y), and |f(x) - SP_b(x)| < 1 ulp",
        )
        for name in FORMATS
    ),
}


def _by_simplification(statements: tuple[Statement, ...], _tables: Mapping[str, bytes]) -> list[Theorem]:
    return [Theorem(s, {"steps": ["simplify"]}) if s.method == "symbolic" else Theorem(s) for s in statements]


def _threshold(statements: tuple[Statement, ...], _tables: Mapping[str, bytes]) -> list[Theorem]:
    (statement,) = statements
    far = Fraction(6)
    with precision(256):
        limit = value(statement.body["threshold"], {})
        pieces = cover(ZERO, far, positive(FAMILY, "x", {"b": limit}, touch=ZERO))
        evidence = {"precision": 256, "b": ["19/10", "2"], "far": str(far), "cover": pieces}
        return [Theorem(statement, evidence, {"b": decimals(limit, 50)})]


def _minimax(statements: tuple[Statement, ...], _tables: Mapping[str, bytes]) -> list[Theorem]:
    (statement,) = statements
    far = Fraction(8)
    with precision(384):
        low, high = root(lambda t: minimax_at(t)[0], Fraction(1), Fraction(3), Fraction(1, 2**280))
        _, b, x, error = minimax_at(hull(low, high))
        bounds = {"b": decimals(b, 46), "x": decimals(x, 43), "error": decimals(error, 44)}
        around = hull(*map(rational, bounds["b"]))
        inner: dict[str, Any] = {"b": around, "b_zero": value(FAMILY, {"x": arb(0), "b": around})}
        peak = rational(bounds["x"][0])
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
        return [Theorem(statement, evidence, bounds)]


def _tables(statements: tuple[Statement, ...], tables: Mapping[str, bytes]) -> list[Theorem]:
    return [
        Theorem(s, {"table": base64.b64encode(zlib.compress(tables[s.body["format"]], 9)).decode()}) for s in statements
    ]


SEARCHES: dict[str, Callable[..., list[Theorem]]] = {
    "squareplus.monotone": _by_simplification,
    "squareplus.convex": _by_simplification,
    "squareplus.dominates-softplus": _threshold,
    "squareplus.minimax": _minimax,
    "squareplus.floats": _tables,
}

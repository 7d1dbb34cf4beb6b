"""The formal statements say what the claims say: each is tied to an independent reading of its claim."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import pytest

from scaleproof.certify.kernel.language import evaluate
from scaleproof.certify.search import prove
from scaleproof.certify.statements import STATEMENTS
from scaleproof.certify.statements.squareplus import FAMILY, GAP, SP
from scaleproof.suite.registry import CLAIMS
from scaleproof.theory import squareplus as theory


def _number(text: str, **variables: float) -> Any:
    functions = {"sqrt": mpmath.sqrt, "exp": mpmath.exp, "log": mpmath.log, "abs": abs, "max": max}
    names = {k: mpmath.mpf(v) for k, v in variables.items()}
    return evaluate(text, names, mpmath.mpf, functions)


POINTS = [(-30.0, 0.5), (-1.25, 4.0), (0.0, 4.0), (0.0, 1.0), (0.75, 2.0), (50.0, 4.0)]


@pytest.mark.parametrize(("x", "b"), POINTS)
def test_texts_are_squareplus_its_gap_and_its_distance_to_softplus(x: float, b: float) -> None:
    with mpmath.workdps(40):
        value = theory.derivatives(x, b, 0)[0]
        assert abs(_number(SP, x=x, b=b) - float(value.mid())) < 1e-14
        assert abs(_number(GAP, x=x, b=b) - float(theory.gap(x, b).mid())) < 1e-14
        softplus = max(x, 0) + math.log1p(math.exp(-abs(x)))
        assert abs(_number(FAMILY, x=x, b=b) - (float(value.mid()) - softplus)) < 1e-14


def test_every_claim_with_a_proof_has_statements_and_no_other() -> None:
    assert set(STATEMENTS) == {c.id for c in CLAIMS if c.is_proved}


@pytest.mark.parametrize(
    ("claim", "fragments"),
    [
        ("squareplus.relu-limit", ["== max(x, 0)", "> max(x, 0)"]),
        ("squareplus.gap", ["<= sqrt(b)/2", "iff(", "b/(4*abs(x))"]),
        ("squareplus.monotone", ["(1 + x/sqrt(x**2 + b))/2", "< y - x"]),
        ("squareplus.convex", ["1/(2*sqrt(b))", "24*sqrt(5)/(125*b)"]),
        ("squareplus.dominates-softplus", ["4*log(2)**2", "log(1 + exp(x))"]),
        ("squareplus.minimax", ["log(1 + exp(x))", "minimax"]),
        ("squareplus.floats", ["non-decreasing", "not-below-relu", "finite", "float16", "bfloat16"]),
        ("eg.non-negative", ["theta*exp(u) > 0", "capped(stored(theta*v)) >= 0", "float32", "float64"]),
        ("eg.derivation", ["exp(-eta*g)", "log(u/theta)"]),
        ("eg.hypergradient", ["-eta*g*L_prime(theta - eta*nu*g)"]),
        ("eg.closed-form", ["exp(gamma*(s + a*c))"]),
        ("eg.sign-rule", ["nu*exp(gamma*a*c) > nu, a*c > 0"]),
        ("eg.paper-variant", ["p*exp(u) >= 0", "s*exp(v) >= 0"]),
    ],
)
def test_statements_contain_what_the_claim_is_about(claim: str, fragments: list[str]) -> None:
    text = " ".join(str(dict(s.body)) for s in STATEMENTS[claim])
    assert all(f in text for f in fragments)


def test_stated_constants_of_the_minimax_claim() -> None:
    (theorem,) = prove("squareplus.minimax").theorems
    stated = theorem.statement.body["bounds"]
    b, error = stated["b"][0], stated["error"][0]
    assert b.startswith("1.52382103")
    assert error.startswith("0.075931")
    enclosures = theory.minimax()
    for name, bounds in stated.items():
        digits = 40
        assert enclosures[name].lo[:digits] == bounds[0][:digits]


def test_minimax_against_a_plain_search() -> None:
    """The definition itself, on a grid, in ordinary floats: slow, and right to a few digits."""
    xs = [k / 50 for k in range(-1500, 1501)]

    def supremum(b: float) -> float:
        return max(abs((x + math.sqrt(x * x + b)) / 2 - math.log1p(math.exp(-abs(x))) - max(x, 0)) for x in xs)

    best = min((1.5 + k / 1000 for k in range(50)), key=supremum)
    assert abs(best - 1.5238) < 2e-3
    assert abs(supremum(best) - 0.0759314) < 2e-4

"""The smt checker proves true statements, and not their false siblings."""

from __future__ import annotations

from typing import Any

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleproof.certify.kernel import check_smt

SP = "(x + sqrt(x**2 + b))/2"


def _check(goal: str, assume: list[str] | None = None, variables: str = "x b") -> str | None:
    body: dict[str, Any] = {"variables": variables.split(), "assume": assume or [], "goal": goal}
    return check_smt.check(body, {})


@pytest.mark.parametrize(
    ("goal", "assume"),
    [
        ("x**2 >= 0", []),
        (f"{SP} > max(x, 0)", ["b > 0"]),
        ("exp(x) > x", []),
        ("exp(x) >= 1 + x", []),
        ("log(1 + exp(x)) > x", []),
        ("log(1 + exp(x)) == x + log(1 + exp(-x))", []),
        ("log(x) < x", ["x > 0"]),
        ("exp(x)*exp(-x) == 1", []),
        ("abs(min(x, b)) <= max(abs(x), abs(b))", []),
    ],
)
def test_proves(goal: str, assume: list[str]) -> None:
    assert _check(goal, assume) is None


@pytest.mark.parametrize(
    ("goal", "assume", "reason"),
    [
        ("x**2 > 0", [], "not refute"),
        (f"{SP} > max(x, 0)", ["b >= 0"], "not refute"),
        (f"{SP} < max(x, 0) + sqrt(b)/2", ["b > 0"], "not refute"),
        ("exp(x) > 1 + x", [], "not refute"),
        ("1/x > 0", ["b > 0"], "division"),
        ("sqrt(x) >= 0", [], "square root"),
        ("log(x) <= x - 1", [], "logarithm"),
        ("x == x + 1", ["b > 0", "b < 0"], "no values"),
        ("3*b*abs(x)/(2*sqrt(x**2 + b)**5) <= 23*sqrt(5)/(125*b)", ["b > 0"], "not refute"),
    ],
)
def test_does_not_prove(goal: str, assume: list[str], reason: str) -> None:
    found = _check(goal, assume)
    assert found is not None
    assert reason in found


def test_takes_no_evidence() -> None:
    body = {"variables": ["x"], "assume": [], "goal": "x == x"}
    assert check_smt.check(body, {"trust": "me"}) is not None


def _decimals(lo: int, hi: int) -> st.SearchStrategy[float]:
    """Thousandths: numbers that 60 digits tell apart after exp and log."""
    return st.integers(lo, hi).map(lambda k: k / 1000)


@given(_decimals(-30_000, 30_000), _decimals(-30_000, 30_000))
def test_axioms_of_exp_hold(u: float, v: float) -> None:
    with mpmath.workdps(60):
        a, b = mpmath.mpf(u), mpmath.mpf(v)
        e, f = mpmath.exp(a), mpmath.exp(b)
        assert e > 0
        assert e >= 1 + a
        assert e * (1 - a) <= 1
        assert a > 0 or e * (1 - a + a * a / 2) <= 1
        assert (a < b) == (e < f)


@given(_decimals(1, 10**9), _decimals(1, 10**9), _decimals(-20_000, 20_000))
def test_axioms_of_log_hold(s: float, t: float, u: float) -> None:
    with mpmath.workdps(60):
        a, b, c = mpmath.mpf(s), mpmath.mpf(t), mpmath.mpf(u)
        assert mpmath.log(a) <= a - 1
        assert a * mpmath.log(a) >= a - 1
        assert (a < b) == (mpmath.log(a) < mpmath.log(b))
        assert (a >= mpmath.exp(c)) == (mpmath.log(a) >= c)

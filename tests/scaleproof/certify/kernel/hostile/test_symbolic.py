"""check_symbolic: identities that hold for some values only, and derivatives where there are none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleproof.certify.kernel import check_symbolic
from scaleproof.certify.kernel.language import LanguageError

Accepts = Any
STEPS = {"steps": ["doit", "expand", "powsimp", "cancel", "expand_log", "simplify"]}


def _body(left: str, right: str, functions: list[str] | None = None) -> dict[str, Any]:
    symbols = {"x": "real", "y": "real", "b": "positive"}
    return {"symbols": symbols, "functions": functions or ["L"], "left": left, "right": right}


HOSTILE = [
    ("at(diff(abs(x), x), x, 0)", "0"),
    ("diff(abs(x), x)*abs(x)", "x"),
    ("sqrt(x)**2", "x"),
    ("sqrt(x*x)", "x"),
    ("exp(log(x))", "x"),
    ("x/x", "1"),
    ("x*x/x", "x"),
    ("(x*x - y*y)/(x - y)", "x + y"),
    ("log(x*x)", "2*log(x)"),
    ("log(x) - log(x)", "0"),
    ("sqrt(x*y)", "sqrt(x)*sqrt(y)"),
    ("(x < y)*1", "0"),
    ("max(x, y) + min(x, y)", "x + y"),
    ("at(log(b), b, x)", "log(x)"),
    ("at(1/b, b, x)*x", "1"),
    ("at(x/b, b, x)", "1"),
    ("at(sqrt(b), b, x)**2", "x"),
    ("at(x, x*x, b)", "x"),
    ("diff(x*x, x + 1)", "2*x"),
    ("diff(L(x), x)", "L(x)"),
    ("L(x)/L(x)", "1"),
    ("L(x + y)", "L(x) + L(y)"),
    ("diff(L(x*x), x)", "x*L_prime(x*x)"),
    ("diff(L(L(x)), x)", "L_prime(x)"),
    ("cos(x)/cos(x)", "1"),
    ("sin(x)/x*x", "sin(x)"),
    ("sqrt(x + b)**2", "x + b"),
    ("1/(b - 1)*(b - 1)", "1"),
]


@pytest.mark.parametrize(("left", "right"), HOSTILE)
def test_refused(accepts: Accepts, left: str, right: str) -> None:
    assert not accepts(check_symbolic, _body(left, right), STEPS)


@pytest.mark.parametrize("functions", [["exp"], ["x"], ["L", "L"], ["diff"]])
def test_a_function_has_a_name_of_its_own(accepts: Accepts, functions: list[str]) -> None:
    assert not accepts(check_symbolic, _body("exp(x)", "exp(x)", functions), STEPS)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("sqrt(b)**2", "b"),
        ("exp(log(b))", "b"),
        ("b/b", "1"),
        ("sqrt(x*x + b)**2", "x*x + b"),
        ("at(diff(x**3, x), x, 2)", "12"),
        ("at(log(b), b, exp(x))", "x"),
        ("diff(L(x*x), x)", "2*x*L_prime(x*x)"),
        ("diff(log(1 + exp(x)), x)", "exp(x)/(1 + exp(x))"),
        ("cos(x)**2 + sin(x)**2", "1"),
    ],
)
def test_true_ones_stay_accepted(accepts: Accepts, left: str, right: str) -> None:
    assert accepts(check_symbolic, _body(left, right), STEPS)


@settings(max_examples=40)
@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(1, 4), st.integers(-2, 2))
def test_powers_of_sums(p: int, q: int, n: int, shift: int) -> None:
    """d/dx (p x + q)^n = n p (p x + q)^(n-1), and nothing that differs by a constant."""
    rest = f"(({p})*x + ({q}))**{n - 1}" if n > 1 else "1"
    body = _body(f"diff((({p})*x + ({q}))**{n}, x)", f"{n}*({p})*{rest} + ({shift})")
    assert (check_symbolic.check(body, STEPS) is None) == (shift == 0)


def test_a_real_symbol_takes_any_real_value_and_a_positive_one_positive_values() -> None:
    body: dict[str, Any] = {"symbols": {"x": "real", "p": "positive"}, "left": "at(x**2, x, -2)", "right": "4"}
    assert check_symbolic.check(body, {"steps": ["doit"]}) is None
    assert check_symbolic.check({**body, "left": "at(p**2, p, 2)"}, {"steps": ["doit"]}) is None
    with pytest.raises(LanguageError, match="substitution of -2 is not certainly allowed"):
        check_symbolic.check({**body, "left": "at(p**2, p, -2)"}, {"steps": ["doit"]})


def test_the_reason_is_told() -> None:
    body: dict[str, Any] = {"symbols": {"x": "real"}, "functions": ["F", "F"], "left": "F(x)", "right": "F(x)"}
    assert check_symbolic.check(body, {"steps": []}) == "a function is declared twice"
    once = {**body, "functions": ["F"]}
    assert check_symbolic.check(once, {"steps": []}) is None
    assert check_symbolic.check(once, {"steps": ["guess"]}) == "unknown step 'guess'"
    assert check_symbolic.check({**once, "right": "x"}, {"steps": []}) == "left - right reduces to -x + F(x), not to 0"


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        ("1/x", "division by x is not certainly allowed"),
        ("sqrt(x)", "the root of x is not certainly allowed"),
        ("log(x)", "the logarithm of x is not certainly allowed"),
        ("diff(x*x, x + 1)", "differentiation by x + 1 is not certainly allowed"),
        ("at(x*x, x, sqrt(p) + F(x))", "substitution of sqrt(p) + F(x) is not certainly allowed"),
    ],
)
def test_what_is_not_certain_is_told(left: str, reason: str) -> None:
    body = {"symbols": {"x": "real", "p": "positive"}, "functions": ["F"], "left": left, "right": "0"}
    with pytest.raises(LanguageError) as caught:
        check_symbolic.check(body, {"steps": []})
    assert str(caught.value) == reason


def test_what_is_declared_wrongly_is_told() -> None:
    body = {"symbols": {"x": "complex"}, "left": "x", "right": "x"}
    with pytest.raises(LanguageError, match=r"^unknown kind of symbol 'complex'; known: real, positive$"):
        check_symbolic.check(body, {"steps": []})
    for name in ("x", "exp"):
        with pytest.raises(LanguageError, match=rf"^'{name}' is declared twice$"):
            check_symbolic.check({**body, "symbols": {"x": "real"}, "functions": [name]}, {"steps": []})

"""Siblings of the theorems that must fail: a wrong constant, power, sign or domain."""

from __future__ import annotations

from typing import Any

import pytest

from scaleproof.certify.kernel import check_integral, check_logic, check_smt, check_smt_float, check_symbolic
from scaleproof.certify.search import prove
from scaleproof.certify.statements import STATEMENTS

STEPS = {"steps": ["doit", "expand", "powsimp", "simplify"]}
TRIGONOMETRY = {"steps": ["expand_trig", "simplify"]}
#: claim, number of the statement, key of its body, what is right, what is wrong
SIBLINGS = [
    ("residual.plain-conflict", 0, "assume", ["cross == 0"], ["cross >= 0"]),
    ("residual.plain-conflict", 1, "goal", "v == 1/n)", "v == 2/n)"),
    ("residual.plain-conflict", 2, "goal", "== c/a", "== a/c"),
    ("residual.plain-conflict", 3, "goal", "< (m/n)*g", "== (m/n)*g"),
    ("residual.epsilon", 0, "right", "eps*F_prime", "F_prime"),
    ("residual.epsilon", 1, "goal", "(1 + eps*k)*x", "(1 + eps*eps*k)*x"),
    ("residual.one-dim", 0, "goal", "log(1 + 1/n) < 1", "log(1 + 2/n) < 1"),
    ("residual.one-dim", 1, "goal", ">= sqrt(n)/2", ">= sqrt(n)"),
    ("residual.one-dim", 2, "goal", "s == 1)", "s == -1)"),
    ("residual.one-dim", 3, "goal", "1 + e*e", "1 + e"),
    ("residual.high-dim", 0, "goal", "(1 + e*e)*v2", "(1 + e)*v2"),
    ("deepnet.first-order", 0, "right", "-u*L_prime", "u*L_prime"),
    ("deepnet.first-order", 1, "goal", "s*g == abs(g)", "s*g == g"),
    ("deepnet.first-order", 2, "goal", "step == w/sqrt(n)", "step == w"),
    ("deepnet.probe", 0, "right", "u*L_prime", "lam*L_prime"),
    ("deepnet.probe", 1, "left", "lam*lam*w*w", "w*w"),
    ("deepnet.paper-constants", 0, "assume", "8*n*b*b*b*b == 1", "2*n*b*b*b*b == 1"),
    ("deepnet.paper-constants", 1, "assume", "12*m*b*b*b*b == 1", "3*m*b*b*b*b == 1"),
    ("deepnet.paper-constants", 2, "goal", "(161/200)*(161/200)", "(163/200)*(163/200)"),
    ("flash.special-cases", 0, "goal", "0*others", "1*others"),
    ("flash.parameters", 0, "goal", "12*d*d", "11*d*d"),
    ("flash.parameters", 1, "assume", "d >= 512", "d >= 256"),
    ("flash.chunk-linear", 0, "goal", "q*k*v/n", "k*v/n"),
    ("flash.causal-normaliser", 0, "goal", "n == c*c", "n == c"),
    ("flash.causal-normaliser", 1, "goal", "== c*c/n", "== c/n"),
    ("flash.causal-normaliser", 2, "assume", "k*c == n", "k*c <= n"),
    ("eg.non-negative", 2, "assume", "v > 1/2", "v >= 1/2"),
    ("eg.non-negative", 3, "assume", "1/65536", "1/1048576"),
    ("eg.non-negative", 4, "goal", "== 0", "> 0"),
    ("eg.non-negative", 5, "assume", "v <= 1/2", "v <= 3/4"),
    ("eg.sign-rule", 1, "goal", "s + p >= s", "s + p > s"),
    (
        "events.shared-trigger",
        2,
        "assume",
        "(= (head x) (head y))",
        "(and (= (head x) (head y)) (= (tail x) (tail y)))",
    ),
    ("events.shared-trigger", 3, "assume", "(= (tail x) (tail y))", "false"),
    ("flash.no-leak", 0, "assume", "a + 1 <= b", "a <= b"),
    ("flash.no-leak", 1, "goal", "a < b + 1", "a < b"),
    ("flash.causal-memory", 0, "goal", "e == s", "e == n"),
    ("flash.causal-memory", 1, "assume", "h*v == e", "v == e"),
    ("gau.moments", 0, "hi", "704", "7037"),
    ("gau.moments", 0, "function", "exp(-x)", "2*exp(-x)"),
    ("gau.moments", 1, "lo", "215", "2159"),
    ("gau.moments", 2, "goal", "2066/10000", "2067/10000"),
    ("gplinker.count", 0, "goal", "/4", "/2"),
    ("gplinker.decode", 0, "goal", "(D h t p g u)", "(D t h p g u)"),
    ("gplinker.decode", 1, "goal", "(Q c t p d u)", "(Q c t p g u)"),
    ("gplinker.decode", 2, "assume", "(= t u)", "(= t t)"),
    ("gplinker.heads-suffice", 0, "assume", "(<= a c) (<= d b)", "(< a c) (< d b)"),
    ("gplinker.loss", 0, "goal", "> 1 + p*n", "<= 1 + p*n"),
    ("gplinker.loss", 1, "assume", "< 2", "< 3"),
    ("gplinker.loss", 2, "goal", "n/(1 + n) < 1", "n/(1 + p) < 1"),
    ("gplinker.sparse-loss", 0, "goal", "== 1 + n", "== n"),
    ("gplinker.sparse-loss", 1, "goal", "1 - share > 0", "1 - share > 1/2"),
    ("gplinker.parameters", 0, "goal", "9843200", "9843201"),
    ("gplinker.rotary", 0, "right", "cos((j - i)*w)", "cos((j + i)*w)"),
    ("gplinker.rotary", 1, "right", "-sin", "sin"),
    ("events.search", 0, "assume", "maximal", "true"),
    ("events.search", 1, "assume", "(W u)", "true"),
    ("events.shared-trigger", 0, "assume", "(forall ((e E)) (or (= e a) (= e b)))", "true"),
    ("events.shared-trigger", 1, "goal", "(not (in z b))", "(not (in z a))"),
    ("events.complete", 0, "assume", "(distinct x y z)", "(distinct x y)"),
    ("events.complete", 1, "goal", "(linked x y)", "(and (in x a) (in y a))"),
    ("events.complete", 2, "assume", "(= (in w c) (or (= w x) (= w z)))", "(= (in w c) (distinct w w))"),
    ("events.categorical", 0, "assume", "(= (at v) (at t)) (= (at w) (at t))", "true"),
]


def _changed(value: Any, right: Any, wrong: Any) -> Any:
    if isinstance(right, list):
        return wrong if value == right else value
    if isinstance(value, list):
        return [v.replace(right, wrong) for v in value]
    return value.replace(right, wrong)


@pytest.mark.parametrize(("claim", "index", "key", "right", "wrong"), SIBLINGS)
def test_a_wrong_sibling_is_not_proved(claim: str, index: int, key: str, right: Any, wrong: Any) -> None:
    statement = STATEMENTS[claim][index]
    body = dict(statement.body)
    broken = {**body, key: _changed(body[key], right, wrong)}
    assert broken != body
    if statement.method == "integral":
        evidence = {"reach": 20, "precision": 160}
        assert check_integral.check(body, evidence) is None
        assert check_integral.check(broken, evidence) is not None
    elif statement.method == "symbolic":
        steps = TRIGONOMETRY if claim == "gplinker.rotary" else STEPS
        assert check_symbolic.check(body, steps) is None
        assert check_symbolic.check(broken, steps) is not None
    elif statement.method == "smt-float":
        assert check_smt_float.check(body, {}) is None
        assert check_smt_float.check(broken, {}) is not None
    elif statement.method == "logic":
        assert check_logic.check(body, prove(claim).theorems[index].evidence) is None
        assert check_logic.check(broken, prove(claim).theorems[index].evidence) is not None
    else:
        evidence = prove(claim).theorems[index].evidence
        assert check_smt.check(body, evidence) is None
        assert check_smt.check(broken, evidence) is not None


@pytest.mark.parametrize(
    "evidence",
    [
        {"reach": 1, "precision": 160},
        {"reach": 20, "precision": 8},
        {"reach": 20.0, "precision": 160},
        {"reach": 3, "precision": 160},  # the tail bound is then wider than the statement
    ],
)
def test_poor_evidence_for_an_integral_is_rejected(evidence: dict[str, Any]) -> None:
    assert check_integral.check(STATEMENTS["gau.moments"][0].body, evidence) is not None


def test_an_integral_needs_a_function_below_the_identity() -> None:
    body = {**STATEMENTS["gau.moments"][0].body, "function": "x*x", "lo": "0", "hi": "2"}
    assert "growth" in (check_integral.check(body, {"reach": 20, "precision": 160}) or "")


LOGIC = {"declare": ["(declare-fun P (Int) Bool)"], "assume": ["(P 1)"], "goal": "(exists ((x Int)) (P x))"}


def test_logic_proves_and_does_not() -> None:
    assert check_logic.check(LOGIC, {}) is None
    assert "refute" in (check_logic.check({**LOGIC, "goal": "(P 2)"}, {}) or "")
    assert "no example" in (check_logic.check({**LOGIC, "assume": ["(P 1)", "(not (P 1))"]}, {}) or "")


@pytest.mark.parametrize(
    ("change", "evidence"),
    [
        ({"declare": ["(assert false)"]}, {}),
        ({"declare": ["(declare-fun P (Int) Bool) (assert false)"]}, {}),
        ({"assume": ["(P 1)) (assert false"]}, {}),
        ({"goal": "true) (assert false"}, {}),
        ({"goal": "(P 2) (P 1)"}, {}),
        ({"goal": "true ; (P 2)"}, {}),
        ({}, {"example": {"P": "(define-fun Q ((x Int)) Bool true)"}}),
        ({}, {"example": {"P": "(declare-fun P (Int) Bool)"}}),
    ],
)
def test_logic_takes_single_terms_only(change: dict[str, Any], evidence: dict[str, Any]) -> None:
    assert check_logic.check({**LOGIC, **change}, evidence) is not None

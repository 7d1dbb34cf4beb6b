"""Siblings of the depth theorems that must fail: a wrong constant, power, sign or domain."""

from __future__ import annotations

from typing import Any

import pytest

from scaleproof.proofs import check_smt, check_symbolic
from scaleproof.proofs.theorems.depth import STATEMENTS

STEPS = {"steps": ["doit", "expand", "powsimp", "simplify"]}
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
    if statement.method == "symbolic":
        assert check_symbolic.check(body, STEPS) is None
        assert check_symbolic.check(broken, STEPS) is not None
    else:
        assert check_smt.check(body, {}) is None
        assert check_smt.check(broken, {}) is not None

"""check_logic: examples that are none, names that mean something else, and false statements about sets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleproof.certify.kernel import check_logic

Accepts = Any
C = "(declare-const c Int)"
P = "(declare-fun P (Int) Bool)"
EVEN = ["(declare-fun P (Int) Bool)", "(define-fun Q ((x Int)) Bool (not (P x)))"]


def _body(declare: list[str], assume: list[str], goal: str) -> dict[str, Any]:
    return {"declare": declare, "assume": assume, "goal": goal}


HALF = _body([C], ["(= (* 2 c) 1)"], "false")

#: body and example
HOSTILE: list[tuple[dict[str, Any], dict[str, str]]] = [
    (HALF, {}),
    (HALF, {"c": "(define-fun c () Real 0.5)"}),
    (HALF, {"c": "(define-fun c () Int 0.5)"}),
    (HALF, {"c": "(define-fun c () Int 1)"}),
    (HALF, {C: "(define-fun c () Real 0.5)"}),
    (_body(EVEN, ["(P 1)", "(Q 1)"], "false"), {"Q": "(define-fun Q ((x Int)) Bool true)"}),
    (_body(EVEN, ["(P 1)", "(Q 1)"], "false"), {"P": "(define-fun P ((x Int)) Bool true)"}),
    (_body(EVEN, ["(P 1)", "(Q 1)"], "false"), {"P": "(define-fun P ((x Real)) Bool true)"}),
    (_body([P], ["(P 1)"], "(P 2)"), {"P": "(define-fun P ((x Int)) Bool true)"}),
    (_body([P], ["(P 1)", "(not (P 1))"], "false"), {"P": "(declare-fun P (Int) Bool)"}),
    (_body([P], ["(P 1)", "(not (P 1))"], "false"), {"R": "(define-fun R ((x Int)) Bool true)"}),
    (_body([P, P], ["(P 1)"], "(P 1)"), {}),
    (_body(["(define-fun not ((x Bool)) Bool x)"], [], "(not true)"), {}),
    (_body(["(define-fun = ((x Int) (y Int)) Bool true)"], [], "(= 1 2)"), {}),
    (_body(["(declare-const true Bool)"], [], "true"), {}),
    (_body(["(declare-const Int Int)"], [], "true"), {}),
    (_body([P], ["(exists ((and Int)) (P and))"], "(exists ((x Int)) (P x))"), {}),
    (_body(["(declare-fun f (Int) Int)"], [], "(= (f (div 1 0)) (f 0))"), {}),
    (_body([], [], "(= (mod 5 0) 5)"), {}),
    (_body([C], [], "(= (to_real c) 0.5)"), {}),
    (_body([P], [], "(exists ((x Int)) (P x))"), {}),
    (_body([P], ["(exists ((x Int)) (P x))"], "(forall ((x Int)) (P x))"), {}),
    (_body(["(declare-sort N 1)"], [], "true"), {}),
    (_body(["(declare-sort N 0) (assert false)"], [], "false"), {}),
    (_body(["(define-fun-rec f ((x Int)) Int (+ 1 (f x)))"], [], "false"), {}),
    (_body(["(assert false)"], [], "false"), {}),
    (_body([C], ["(= c 1)) (assert false"], "false"), {}),
    (_body([C], [], "true) (assert false"), {}),
    (_body([C], [], ""), {}),
    (_body([C], [], "true ; (= c 2)"), {}),
    (_body([C], [], "(= c 1) (= c c)"), {}),
    (_body([C], [], "(! (= c 1) :named g)"), {}),
    (_body([C], [], '(= c (str.len "ab"))'), {}),
]


@pytest.mark.parametrize(("body", "example"), HOSTILE)
def test_refused(accepts: Accepts, body: dict[str, Any], example: dict[str, str]) -> None:
    assert not accepts(check_logic, body, {"example": example} if example else {})


@pytest.mark.parametrize(
    ("body", "example"),
    [
        (_body([C], ["(= (* 2 c) 2)"], "(= c 1)"), {"c": "(define-fun c () Int 1)"}),
        (_body(EVEN, ["(P 1)"], "(not (Q 1))"), {"P": "(define-fun P ((x Int)) Bool (= x 1))"}),
        (_body([P], ["(P 1)"], "(exists ((x Int)) (P x))"), {}),
        (_body([P], ["(forall ((x Int)) (P x))"], "(P 7)"), {"P": "(define-fun P ((x Int)) Bool true)"}),
        (_body(["(declare-sort N 0)", "(declare-fun A (N N) Bool)"], [], "(forall ((x N)) (= (A x x) (A x x)))"), {}),
        (_body([], [], "(forall ((x Int)) (exists ((y Int)) (< x y)))"), {}),
    ],
)
def test_true_ones_stay_accepted(accepts: Accepts, body: dict[str, Any], example: dict[str, str]) -> None:
    assert accepts(check_logic, body, {"example": example} if example else {})


@settings(max_examples=40)
@given(st.sets(st.integers(0, 3)), st.sets(st.integers(0, 3)))
def test_inclusion_of_finite_sets(a: set[int], b: set[int]) -> None:
    """A as defined lies in B as defined, or not: z3's answer is Python's."""

    def member(name: str, values: set[int]) -> str:
        return f"(define-fun {name} ((x Int)) Bool (or false {' '.join(f'(= x {v})' for v in sorted(values))}))"

    body = _body([member("A", a), member("B", b)], [], "(forall ((x Int)) (=> (A x) (B x)))")
    assert (check_logic.check(body, {}) is None) == (a <= b)


@pytest.mark.parametrize(
    ("declare", "goal", "example", "reason"),
    [
        ([P, P], "true", {}, "'P' is declared twice"),
        ([P], "true", {"P": "(define-fun P ((x Real)) Bool true)"}, "the example defines something else than 'P'"),
        ([P], "true", {"P": P}, "the example defines something else than 'P'"),
        ([P], "true", {"R": C, "Q": C}, "the example defines Q, R, which nothing declares"),
        (["(declare-sort N 0)"], "true", {"N": "(declare-sort N 0)"}, "the example defines something else than 'N'"),
        (["(declare-sort N 1)"], "true", {}, "a declaration is no single declare-sort, declare-const, declare-fun or"),
        (["(declare-const and Int)"], "true", {}, "'and' cannot be a name"),
        (["(declare-const 3 Int)"], "true", {}, "'3' cannot be a name"),
        (["(define-fun f ((x)) Bool true)"], "true", {}, "parameters are pairs of a name and a sort"),
        (["(define-fun f (x) Bool true)"], "true", {}, "parameters are pairs of a name and a sort"),
        ([P], "(forall x (P x))", {}, "'x' is neither declared nor a word of the language"),
        ([P], "(forall (((x) Int)) (P x))", {}, "'['x']' cannot be a name"),
        ([P], "(P z)", {}, "'z' is neither declared nor a word of the language"),
        ([P], "(P)", {}, "a term is a word, or a word and what it is applied to, in parentheses"),
        ([P], "((P) 1)", {}, "a term is a word, or a word and what it is applied to, in parentheses"),
        ([P], "(P 1))", {}, "'(P 1))' closes more than it opens"),
        ([P], "(P 1", {}, "'(P 1' is no single expression"),
        ([P], "(P 1) (P 2)", {}, "'(P 1) (P 2)' is no single expression"),
        ([P], "", {}, "'' is no single expression"),
        ([P], "true ; no", {}, "a declaration or term is a text without comments and quotes"),
        ([P], 'true "', {}, "a declaration or term is a text without comments and quotes"),
        ([P], "true |", {}, "a declaration or term is a text without comments and quotes"),
        ([P], 3, {}, "a declaration or term is a text without comments and quotes"),
        ([P], "(P 1)", {}, "z3 does not refute the negation (sat)"),
    ],
)
def test_the_reason_is_told(declare: list[str], goal: Any, example: dict[str, str], reason: str) -> None:
    found = check_logic.check(_body(declare, [], goal), {"example": example})
    assert found is not None
    assert found.startswith(reason)


def test_assumptions_without_an_example_are_told() -> None:
    assert check_logic.check(HALF, {}) == "z3 finds no example in which the assumptions hold"

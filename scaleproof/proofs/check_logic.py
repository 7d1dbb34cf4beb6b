"""Trusted: a first-order statement over sets and relations holds if z3 finds its negation unsatisfiable.

body: {"declare": [SMT-LIB declarations], "assume": [SMT-LIB terms], "goal": SMT-LIB term}. Declarations are
declare-sort, declare-const, declare-fun and define-fun (not recursive); relations are functions to Bool. The
assumptions have to be satisfiable, so that nothing is proved of nothing. What is proved holds for domains of any size.
evidence: {} or {"example": {declaration: define-fun}}: definitions in place of declarations of the same name and type,
under which z3 finds the assumptions to hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import z3

#: z3's own measure of work; deterministic, unlike seconds
RESOURCE_LIMIT = 50_000_000
COMMANDS = ("(declare-sort ", "(declare-const ", "(declare-fun ", "(define-fun ")


def check(body: Mapping[str, Any], evidence: Mapping[str, Any]) -> str | None:
    """None if the statement is proved, else the reason why not."""
    example = evidence.get("example", {})
    if any(d.split()[1] != e.split()[1] or not e.startswith("(define-fun ") for d, e in example.items()):
        return "an example defines something else than what it stands for"
    concrete = [example.get(d, d) for d in body["declare"]]
    if not all(isinstance(d, str) and d.startswith(COMMANDS) and _one(d) for d in [*body["declare"], *concrete]):
        return "a declaration is no single declare-sort, declare-const, declare-fun or define-fun"
    if not all(isinstance(t, str) and _one(t) for t in [*body["assume"], body["goal"]]):
        return "an assumption or the goal is no single term"
    if _answer(concrete, body["assume"]) != z3.sat:
        return "z3 finds no example in which the assumptions hold"
    answer = _answer(body["declare"], [*body["assume"], f"(not {body['goal']})"])
    return None if answer == z3.unsat else f"z3 does not refute the negation ({answer})"


def _answer(declarations: Sequence[str], terms: Sequence[str]) -> Any:
    context = z3.Context()
    solver = z3.Solver(ctx=context)
    solver.set("rlimit", RESOURCE_LIMIT)
    text = "\n".join([*declarations, *(f"(assert {t})" for t in terms)])
    solver.add(z3.parse_smt2_string(text, ctx=context))
    return solver.check()


def _one(text: str) -> bool:
    """Is this a single name or one balanced pair of parentheses, without comments or quotes?"""
    if any(c in text for c in ';"|'):
        return False
    depth = 0
    for position, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth < 0 or (depth == 0 and position < len(text) - 1 and "(" in text):
            return False
    return depth == 0

"""Trusted: a statement about IEEE 754 arithmetic (round to nearest even) holds if z3 refutes its negation.

body: {"formats": [names], "variables": [names], "assume": [texts], "goal": text}: for all values of each
format, NaN and infinities included, the assumptions imply the goal; + - * / round. Integers are exact
constants of the format. The functions are isnan, isfinite, implies, iff. Subnormals are kept (no flush to zero).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import z3

from scaleproof.proofs.check_smt import RESOURCE_LIMIT
from scaleproof.proofs.language import evaluate

#: exponent bits and significand bits (the hidden one included)
FORMATS = {"float16": (5, 11), "bfloat16": (8, 8), "float32": (8, 24), "float64": (11, 53)}


def check(body: Mapping[str, Any], evidence: Mapping[str, Any]) -> str | None:
    """None if the statement is proved in every format, else the first format and reason where not."""
    if evidence:
        return "an smt theorem carries no evidence"
    for name in body["formats"]:
        context = z3.Context()  # a fresh one: what z3 did before must not change what it does now
        sort = z3.FPSort(*FORMATS[name], context)
        variables = {v: z3.FP(v, sort) for v in body["variables"]}

        def number(value: int, sort: Any = sort) -> Any:
            return z3.FPVal(value, sort, ctx=sort.ctx)

        functions = {
            "==": lambda a, c: z3.fpEQ(a, c, a.ctx),  # z3's own == would call NaN equal to NaN and 0 different from -0
            "!=": lambda a, c: z3.fpNEQ(a, c, a.ctx),
            "/": lambda a, c: z3.simplify(a / c),  # 1/2 is then a constant
            "isnan": lambda a: z3.fpIsNaN(a, a.ctx),
            "isfinite": lambda a: z3.Not(z3.Or(z3.fpIsNaN(a, a.ctx), z3.fpIsInf(a, a.ctx))),
            "implies": z3.Implies,
            "iff": lambda a, b: a == b,
            "and": z3.And,
            "or": z3.Or,
        }
        assumed = [evaluate(text, variables, number, functions) for text in body["assume"]]
        goal = evaluate(body["goal"], variables, number, functions)
        if _decide(context, assumed) != z3.sat:
            return f"{name}: no values were found that satisfy the assumptions"
        if _decide(context, [*assumed, z3.Not(goal)]) != z3.unsat:
            return f"{name}: z3 does not refute the negation"
    return None


def _decide(context: Any, formulas: list[Any]) -> Any:
    solver = z3.Solver(ctx=context)  # a fresh one each time: z3's incremental mode is much slower on floating point
    solver.set("rlimit", RESOURCE_LIMIT)
    solver.add(*formulas)
    return solver.check()

"""Trusted: a statement about IEEE 754 arithmetic (round to nearest even) holds if z3 refutes its negation.

body: {"formats": [names], "variables": [names], "wide": [names], "assume": [texts], "goal": text}: for all values of
each format, NaN and infinities included, the assumptions imply the goal. Arithmetic is as torch does it: float16 and
bfloat16 numbers are taken into float32, where + - * / round; a result is in the format itself only after stored(e),
which rounds once more. capped(e) is torch's clamp_max with the format's largest finite number: infinity becomes that,
and NaN stays NaN. `variables` are numbers of the format, `wide` ones any of the arithmetic's. Integers are
constants of the format, which has to hold them exactly (2049 is none of float16). The other functions are isnan,
isfinite, implies and iff. Subnormals are kept (no flush to zero).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import z3

from scaleproof.certify.kernel.check_smt import RESOURCE_LIMIT
from scaleproof.certify.kernel.language import evaluate, integers

#: exponent bits and significand bits (the hidden one included)
FORMATS = {"float16": (5, 11), "bfloat16": (8, 8), "float32": (8, 24), "float64": (11, 53)}
#: the formats whose arithmetic is another's
ARITHMETIC = {"float16": "float32", "bfloat16": "float32"}


def check(body: Mapping[str, Any], evidence: Mapping[str, Any]) -> str | None:
    """None if the statement is proved in every format, else the first format and reason where not."""
    if evidence:
        return "an smt-float theorem carries no evidence"
    if not body["formats"] or set(body["formats"]) - set(FORMATS):
        return f"the formats are some of {', '.join(FORMATS)}"
    constants = set().union(*(integers(text, "truth") for text in [*body["assume"], body["goal"]]))
    for name in body["formats"]:
        context = z3.Context()  # a fresh one: what z3 did before must not change what it does now
        for value in sorted(constants):
            if not _holds(value, *FORMATS[name]):
                return f"{value} is no number of {name}"
        own, sort = (z3.FPSort(*FORMATS[n], context) for n in (name, ARITHMETIC.get(name, name)))
        nearest = z3.RoundNearestTiesToEven(context)
        if set(body["variables"]) & set(body["wide"]):
            return "a variable is declared twice"

        def widened(value: Any, sort: Any = sort, nearest: Any = nearest) -> Any:
            return value if value.sort() == sort else z3.fpFPToFP(nearest, value, sort, sort.ctx)

        def stored(value: Any, own: Any = own, nearest: Any = nearest, widened: Any = widened) -> Any:
            return widened(value if value.sort() == own else z3.fpFPToFP(nearest, value, own, own.ctx))

        def capped(value: Any, name: str = name, own: Any = own, widened: Any = widened) -> Any:
            return z3.If(z3.fpGT(value, most := widened(_largest(own, *FORMATS[name])), value.ctx), most, value)

        variables = {v: widened(z3.FP(v, own)) for v in body["variables"]} | {v: z3.FP(v, sort) for v in body["wide"]}

        def number(value: int, sort: Any = sort) -> Any:
            return z3.FPVal(value, sort, ctx=sort.ctx)

        functions = {
            "==": lambda a, c: z3.fpEQ(a, c, a.ctx),  # z3's own == would call NaN equal to NaN and 0 different from -0
            "!=": lambda a, c: z3.fpNEQ(a, c, a.ctx),
            "/": lambda a, c: z3.simplify(a / c),  # 1/2 is then a constant
            "neg": lambda a: z3.fpNeg(a, a.ctx),  # z3's own - makes its result in the default context
            "stored": stored,
            "capped": capped,
            "isnan": lambda a: z3.fpIsNaN(a, a.ctx),
            "isfinite": lambda a: z3.Not(z3.Or(z3.fpIsNaN(a, a.ctx), z3.fpIsInf(a, a.ctx))),
            "implies": z3.Implies,
            "iff": lambda a, b: a == b,
            "and": z3.And,
            "or": z3.Or,
        }
        assumed = [evaluate(text, variables, number, functions, "truth") for text in body["assume"]]
        goal = evaluate(body["goal"], variables, number, functions, "truth")
        if _decide(context, assumed) != z3.sat:
            return f"{name}: no values were found that satisfy the assumptions"
        if _decide(context, [*assumed, z3.Not(goal)]) != z3.unsat:
            return f"{name}: z3 does not refute the negation"
    return None


def _largest(sort: Any, exponent_bits: int, significand_bits: int) -> Any:
    """The largest finite number, by its bits: all ones but for the sign and the exponent's last."""
    fraction = significand_bits - 1
    bits = ((2**exponent_bits - 2) << fraction) + 2**fraction - 1
    return z3.fpBVToFP(z3.BitVecVal(bits, exponent_bits + significand_bits, sort.ctx), sort, sort.ctx)


def _holds(value: int, exponent_bits: int, significand_bits: int) -> bool:
    """Does the format hold this whole number?"""
    size = abs(value)
    odd = size // (size & -size) if size else 0
    return odd.bit_length() <= significand_bits and size.bit_length() <= 1 << (exponent_bits - 1)


def _decide(context: Any, formulas: list[Any]) -> Any:
    solver = z3.Solver(ctx=context)  # a fresh one each time: z3's incremental mode is much slower on floating point
    solver.set("rlimit", RESOURCE_LIMIT)
    solver.add(*formulas)
    return solver.check()

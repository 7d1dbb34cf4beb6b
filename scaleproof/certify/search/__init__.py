"""Untrusted: the search for evidence that the kernel checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scaleproof.certify.kernel.certificate import Certificate, Statement, Theorem
from scaleproof.certify.search.squareplus import SEARCHES
from scaleproof.certify.statements import EXAMPLES, STATEMENTS

#: what sympy is asked to do to the difference of two sides, one after the other
STEPS = ("doit", "expand", "expand_trig", "powsimp", "simplify")


def prove(claim: str, tables: Mapping[str, bytes] | None = None) -> Certificate:
    """Searches for the evidence of a claim's statements; not trusted, `replay` is.

    `tables` are the outputs of a module over all inputs of a format, for exhaustive statements.
    """
    statements = STATEMENTS[claim]
    if search := SEARCHES.get(claim):
        return Certificate(claim, tuple(search(statements, tables or {})))
    return Certificate(claim, tuple(Theorem(s, _evidence(claim, s)) for s in statements))


def _evidence(claim: str, statement: Statement) -> dict[str, Any]:
    if statement.method == "symbolic":
        return {"steps": list(STEPS)}
    if statement.method == "integral":
        return {"reach": 20, "precision": 160}
    example = EXAMPLES.get((claim, statement.name))
    return {"example": example} if example else {}

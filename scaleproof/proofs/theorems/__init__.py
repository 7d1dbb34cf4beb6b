"""Which formal statements stand for which claim, and the search for their evidence; one file a family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scaleproof.proofs.certificate import Certificate, Checked, Statement, Theorem, check
from scaleproof.proofs.theorems import depth, eg, extraction, gated, squareplus

#: claim -> the statements that its certificate has to carry, no others
STATEMENTS: dict[str, tuple[Statement, ...]] = {
    **squareplus.STATEMENTS,
    **eg.STATEMENTS,
    **depth.STATEMENTS,
    **gated.STATEMENTS,
    **extraction.STATEMENTS,
}

_SEARCHES: dict[str, Callable[..., list[Theorem]]] = {
    **squareplus.SEARCHES,
    **eg.SEARCHES,
    **depth.SEARCHES,
    **gated.SEARCHES,
    **extraction.SEARCHES,
}


def prove(claim: str, tables: Mapping[str, bytes] | None = None) -> Certificate:
    """Searches for the evidence of a claim's statements; not trusted, `replay` is.

    `tables` are the outputs of a module over all inputs of a format, for exhaustive statements.
    """
    search = _SEARCHES.get(claim)
    statements = STATEMENTS[claim]
    theorems = search(statements, tables or {}) if search else [Theorem(s) for s in statements]
    return Certificate(claim, tuple(theorems))


def replay(raw: Any) -> Checked:
    """Checks a certificate (parsed JSON) against the statements of the claim that it names."""
    return check(raw, STATEMENTS)

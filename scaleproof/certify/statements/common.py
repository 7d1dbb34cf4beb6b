"""Short forms of the statements that every family has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scaleproof.certify.kernel.certificate import Statement

ALL_FORMATS = ("float16", "bfloat16", "float32", "float64")


def reals(name: str, variables: str, assume: list[str], goal: str, words: str) -> Statement:
    """For all real variables (names with spaces between): the assumptions give the goal."""
    return Statement(name, "smt", {"variables": variables.split(), "assume": assume, "goal": goal}, words)


def floats(
    name: str, variables: str, wide: str, assume: list[str], goal: str, words: str, formats: Sequence[str] = ALL_FORMATS
) -> Statement:
    """For all floating-point variables of every format; `wide` ones have the format that is computed in."""
    body = {
        "formats": list(formats),
        "variables": variables.split(),
        "wide": wide.split(),
        "assume": assume,
        "goal": goal,
    }
    return Statement(name, "smt-float", body, words)


def identity(
    name: str, symbols: Mapping[str, str], left: str, right: str, words: str, functions: Sequence[str] = ()
) -> Statement:
    """left = right, as expressions in symbols (name -> domain) and unknown functions."""
    body = {"symbols": dict(symbols), "left": left, "right": right}
    return Statement(name, "symbolic", {**body, "functions": list(functions)} if functions else body, words)


def logic(name: str, declare: list[str], assume: list[str], goal: str, words: str) -> Statement:
    """The goal follows from the assumptions, first-order, in SMT-LIB's language."""
    return Statement(name, "logic", {"declare": declare, "assume": assume, "goal": goal}, words)

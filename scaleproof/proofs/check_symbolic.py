"""Trusted: an identity holds if SymPy turns left - right into the literal 0 by the named steps.

body: {"symbols": {name: "real" | "positive"}, "functions": [names], "left": text, "right": text}.
`functions` are arbitrary differentiable functions F of one variable, written F(e), with the derivative
written F_prime(e). diff(e, x) and at(e, x, value) differentiate and substitute.
evidence: {"steps": [names from STEPS, applied in this order]}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from scaleproof.proofs.language import LanguageError, evaluate

STEPS: dict[str, Callable[[Any], Any]] = {
    "doit": lambda e: e.doit(),
    "expand": sp.expand,
    "powsimp": sp.powsimp,
    "together": sp.together,
    "cancel": sp.cancel,
    "expand_log": sp.expand_log,
    "expand_trig": sp.expand_trig,
    "simplify": sp.simplify,
}
ASSUMPTIONS: dict[str, dict[str, bool]] = {"real": {"real": True}, "positive": {"positive": True}}


def expression(text: str, symbols: Mapping[str, Any], functions: list[str] | None = None) -> Any:
    """The SymPy expression of a text over `symbols` and undefined `functions`."""
    known: dict[str, Callable[..., Any]] = {
        "sqrt": sp.sqrt,
        "exp": sp.exp,
        "log": sp.log,
        "cos": sp.cos,
        "sin": sp.sin,
        "abs": sp.Abs,
        "max": sp.Max,
        "min": sp.Min,
        "diff": sp.diff,
        "at": lambda e, x, value: e.subs(x, value),
    }
    for name in functions or []:
        known[name] = sp.Function(name)
        known[f"{name}_prime"] = _derivative(name)
    return evaluate(text, symbols, sp.Integer, known)


def symbols_of(kinds: Mapping[str, str]) -> dict[str, Any]:
    """SymPy symbols with the declared assumptions."""
    try:
        return {name: sp.Symbol(name, **ASSUMPTIONS[kind]) for name, kind in kinds.items()}
    except KeyError as error:
        raise LanguageError(f"unknown kind of symbol {error}; known: {', '.join(ASSUMPTIONS)}") from error


def check(body: Mapping[str, Any], evidence: Mapping[str, Any]) -> str | None:
    """None if the identity is proved, else the reason why not."""
    symbols = symbols_of(body["symbols"])
    names = list(body.get("functions", []))
    difference = expression(body["left"], symbols, names) - expression(body["right"], symbols, names)
    for step in evidence["steps"]:
        if step not in STEPS:
            return f"unknown step '{step}'"
        difference = STEPS[step](difference)
    return None if difference is sp.S.Zero else f"left - right reduces to {difference}, not to 0"


def _derivative(name: str) -> Callable[[Any], Any]:
    def at(argument: Any) -> Any:
        place = sp.Dummy("xi")
        return sp.Subs(sp.Derivative(sp.Function(name)(place), place), place, argument)

    return at

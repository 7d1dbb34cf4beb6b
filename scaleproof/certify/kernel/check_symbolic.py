"""Trusted: an identity holds if SymPy turns left - right into the literal 0 by the named steps.

body: {"symbols": {name: "real" | "positive"}, "functions": [names], "left": text, "right": text}.
`functions` are arbitrary differentiable functions F of one variable, written F(e), with the derivative
written F_prime(e). diff(e, x) and at(e, x, value) differentiate by a symbol and substitute for one.
evidence: {"steps": [names from STEPS, applied in this order]}.

Every function of the language is smooth where it is allowed, and SymPy's assumptions have to show that it is: what a
root or logarithm is taken of, and what is divided by, is positive or negative for all values of the symbols, and a
substituted value is of the symbol's kind. So x/x = 1, sqrt(x)**2 = x and exp(log(x)) = x are not accepted for real x,
and there is no abs, max or min to differentiate at a kink.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from scaleproof.certify.kernel.language import LanguageError, evaluate

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
    """The SymPy expression of a text over `symbols` and undefined `functions`; raises LanguageError."""
    own = {symbol for symbol in symbols.values() if isinstance(symbol, sp.Symbol)}
    known: dict[str, Callable[..., Any]] = {
        "/": lambda a, b: a / _allowed(b, b.is_positive or b.is_negative, "division by"),
        "sqrt": lambda e: sp.sqrt(_allowed(e, e.is_positive, "the root of")),
        "log": lambda e: sp.log(_allowed(e, e.is_positive, "the logarithm of")),
        "exp": sp.exp,
        "cos": sp.cos,
        "sin": sp.sin,
        "diff": lambda e, x: sp.diff(e, _allowed(x, x in own, "differentiation by")),
        "at": lambda e, x, value: e.subs(x, _allowed(value, _fits(value, x, own), "substitution of")),
    }
    for name in functions or []:
        if {name, f"{name}_prime"} & (set(known) | set(symbols)):
            raise LanguageError(f"'{name}' is declared twice")
        known[name] = sp.Function(name)
        known[f"{name}_prime"] = _derivative(name)
    return evaluate(text, symbols, sp.Integer, known)


def _allowed(argument: Any, is_certain: bool | None, what: str) -> Any:
    if not is_certain:
        raise LanguageError(f"{what} {argument} is not certainly allowed")
    return argument


def _fits(value: Any, symbol: Any, own: set[Any]) -> bool:
    """Is the value of the kind that the symbol was declared with?"""
    return symbol in own and bool(value.is_positive if symbol.is_positive else value.is_real)


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
    if len(names) != len(set(names)):
        return "a function is declared twice"
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

"""The formal statements of the eg claims, and their evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scaleproof.proofs.certificate import Statement, Theorem

ALL_FORMATS = ["float16", "bfloat16", "float32", "float64"]


def _reals(variables: str, assume: list[str], goal: str, words: str) -> Statement:
    return Statement("smt", {"variables": variables.split(), "assume": assume, "goal": goal}, words)


def _floats(variables: str, assume: list[str], goal: str, words: str) -> Statement:
    body = {"formats": ALL_FORMATS, "variables": variables.split(), "assume": assume, "goal": goal}
    return Statement("smt-float", body, words)


def _identity(symbols: dict[str, str], left: str, right: str, words: str) -> Statement:
    return Statement("symbolic", {"symbols": symbols, "functions": ["L"], "left": left, "right": right}, words)


_NOT_NEGATIVE = _floats(
    "theta v",
    ["theta >= 0", "v >= 0", "isfinite(theta)", "isfinite(v)"],
    "theta*v >= 0",
    "in every format, for finite theta >= 0 and a finite factor v >= 0: the rounded product is >= 0, never NaN",
)

_MIRROR = {"u": "positive", "theta": "positive", "eta": "positive", "g": "real"}
_OBJECTIVE = "(g*u + (u*log(u/theta) - u + theta)/eta)"

STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "eg.non-negative": (
        _reals(
            "theta u",
            ["theta >= 0"],
            "theta*exp(u) >= 0 and implies(theta > 0, theta*exp(u) > 0)",
            "over the reals: theta >= 0 gives theta exp(u) >= 0, and theta > 0 gives theta exp(u) > 0",
        ),
        _NOT_NEGATIVE,
        _floats(
            "theta v",
            ["theta > 0", "v > 1/2", "isfinite(theta)", "isfinite(v)"],
            "theta*v > 0",
            "in every format, for finite theta > 0 and a finite factor v > 1/2: the rounded product is > 0",
        ),
        _floats(
            "theta v",
            ["theta > 0", "theta*(1/2) == 0", "v >= 0", "v <= 1/2"],
            "theta*v == 0",
            "in every format, for theta > 0 whose half rounds to 0 (the smallest subnormal) and every factor "
            "0 <= v <= 1/2: the rounded product is 0",
        ),
    ),
    "eg.derivation": (
        _identity(
            {"phi": "real"},
            "diff(L(exp(phi)), phi)",
            "exp(phi)*L_prime(exp(phi))",
            "d/dphi L(exp(phi)) = exp(phi) L'(exp(phi)), L any differentiable function of one coordinate",
        ),
        _identity(
            {"phi": "real", "eta": "real", "g": "real"},
            "exp(phi - eta*g)",
            "exp(phi)*exp(-eta*g)",
            "phi <- phi - eta g is theta <- theta exp(-eta g), for theta = exp(phi)",
        ),
        _identity(
            _MIRROR,
            f"at(diff({_OBJECTIVE}, u), u, theta*exp(-eta*g))",
            "0",
            "theta exp(-eta g) is a stationary point of g u + (u log(u/theta) - u + theta)/eta",
        ),
        _identity(
            _MIRROR,
            f"diff(diff({_OBJECTIVE}, u), u)",
            "1/(eta*u)",
            "the second derivative of g u + (u log(u/theta) - u + theta)/eta is 1/(eta u)",
        ),
        _reals(
            "eta u",
            ["eta > 0", "u > 0"],
            "1/(eta*u) > 0",
            "for eta > 0 and u > 0: 1/(eta u) > 0, so the stationary point is the only minimum",
        ),
    ),
    "eg.hypergradient": (
        _identity(
            {"theta": "real", "eta": "real", "nu": "real", "g": "real"},
            "diff(L(theta - eta*nu*g), nu)",
            "-eta*g*L_prime(theta - eta*nu*g)",
            "d/dnu L(theta - eta nu g) = -eta g L'(theta - eta nu g), L any differentiable function of one "
            "coordinate with the others held fixed; g is g_{t-1} and L' at the new point is g_t",
        ),
    ),
    "eg.closed-form": (
        _identity({"gamma": "real"}, "exp(gamma*0)", "1", "the empty sum gives exp(0) = 1, the start nu_1 = 1"),
        _identity(
            {"gamma": "real", "s": "real", "a": "real", "c": "real"},
            "exp(gamma*s)*exp(gamma*a*c)",
            "exp(gamma*(s + a*c))",
            "a step multiplies exp(gamma s) by exp(gamma a c) and gives exp(gamma (s + a c)): induction on t",
        ),
    ),
    "eg.sign-rule": (
        _reals(
            "nu gamma a c",
            ["nu > 0", "gamma > 0"],
            "iff(nu*exp(gamma*a*c) > nu, a*c > 0) and iff(nu*exp(gamma*a*c) < nu, a*c < 0)",
            "over the reals, for nu > 0 and gamma > 0: nu exp(gamma a c) > nu if and only if a c > 0, and < nu if "
            "and only if a c < 0",
        ),
        _floats(
            "s p",
            ["isfinite(s)", "p == p"],
            "implies(p >= 0, s + p >= s) and implies(p <= 0, s + p <= s)",
            "in every format, for finite s = log nu and any p: the rounded sum s + p is not below s for p >= 0 and "
            "not above it for p <= 0",
        ),
    ),
    "eg.paper-variant": (
        _reals(
            "p s u v",
            ["p >= 0", "s >= 0"],
            "p*exp(u) >= 0 and s*exp(v) >= 0",
            "over the reals: p >= 0 and s >= 0 give p exp(u) >= 0 and s exp(v) >= 0",
        ),
        _NOT_NEGATIVE,
    ),
}


def _evidence(statements: tuple[Statement, ...], _tables: Mapping[str, bytes]) -> list[Theorem]:
    steps = {"steps": ["doit", "expand", "powsimp", "simplify"]}
    return [Theorem(s, steps if s.method == "symbolic" else {}) for s in statements]


SEARCHES: dict[str, Callable[..., list[Theorem]]] = dict.fromkeys(STATEMENTS, _evidence)

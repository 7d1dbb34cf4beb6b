"""The formal statements of the eg claims that have a proof."""

from __future__ import annotations

from functools import partial

from scaleproof.certify.kernel.certificate import Statement
from scaleproof.certify.statements.common import floats, identity, reals

_identity = partial(identity, functions=("L",))

_NOT_NEGATIVE = floats(
    "product-not-negative",
    "theta",
    "v",
    ["theta >= 0", "v >= 0", "isfinite(theta)", "isfinite(v)"],
    "capped(stored(theta*v)) >= 0 and isfinite(capped(stored(theta*v))) and implies(theta == 0, stored(theta*v) == 0)",
    "in every format, for finite theta >= 0 and a finite factor v >= 0: the product, rounded (twice in float16 and "
    "bfloat16, which are multiplied in float32) and, where it overflowed, set to the largest finite number, is >= 0 and "
    "finite; for theta = 0 it is 0",
)

_MIRROR = {"u": "positive", "theta": "positive", "eta": "positive", "g": "real"}
_OBJECTIVE = "(g*u + (u*log(u/theta) - u + theta)/eta)"

STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "eg.non-negative": (
        reals(
            "reals",
            "theta u",
            ["theta >= 0"],
            "theta*exp(u) >= 0 and implies(theta > 0, theta*exp(u) > 0)",
            "over the reals: theta >= 0 gives theta exp(u) >= 0, and theta > 0 gives theta exp(u) > 0",
        ),
        _NOT_NEGATIVE,
        floats(
            "product-positive",
            "theta",
            "v",
            ["theta > 0", "v > 1/2", "isfinite(theta)", "isfinite(v)"],
            "stored(theta*v) > 0",
            "in float64, float32 and float16, for finite theta > 0 and finite v > 1/2: the rounded product is > 0",
            ["float16", "float32", "float64"],
        ),
        floats(
            "product-positive-bfloat16",
            "theta",
            "v",
            ["theta > 0", "v >= 1/2 + 1/65536", "isfinite(theta)", "isfinite(v)"],
            "stored(theta*v) > 0",
            "in bfloat16, for finite theta > 0 and finite v >= 1/2 + 2^-16: the product, rounded to float32 and "
            "then to bfloat16, is > 0",
            ["bfloat16"],
        ),
        floats(
            "rounded-twice",
            "theta",
            "v",
            ["theta > 0", "stored(theta*(1/2)) == 0", "v == 1/2 + 1/1048576"],
            "v > 1/2 and stored(theta*v) == 0",
            "in bfloat16 the smallest subnormal times 1/2 + 2^-20, more than 1/2, is 0 after both roundings",
            ["bfloat16"],
        ),
        floats(
            "smallest-to-zero",
            "theta",
            "v",
            ["theta > 0", "stored(theta*(1/2)) == 0", "v >= 0", "v <= 1/2"],
            "stored(theta*v) == 0",
            "in every format, for theta > 0 whose half rounds to 0 (the smallest subnormal) and every factor "
            "0 <= v <= 1/2: the rounded product is 0",
        ),
    ),
    "eg.derivation": (
        _identity(
            "chain-rule",
            {"phi": "real"},
            "diff(L(exp(phi)), phi)",
            "exp(phi)*L_prime(exp(phi))",
            "d/dphi L(exp(phi)) = exp(phi) L'(exp(phi)), L any differentiable function of one coordinate",
        ),
        _identity(
            "step-of-logarithm",
            {"phi": "real", "eta": "real", "g": "real"},
            "exp(phi - eta*g)",
            "exp(phi)*exp(-eta*g)",
            "phi <- phi - eta g is theta <- theta exp(-eta g), for theta = exp(phi)",
        ),
        _identity(
            "stationary",
            _MIRROR,
            f"at(diff({_OBJECTIVE}, u), u, theta*exp(-eta*g))",
            "0",
            "theta exp(-eta g) is a stationary point of g u + (u log(u/theta) - u + theta)/eta",
        ),
        _identity(
            "second-derivative",
            _MIRROR,
            f"diff(diff({_OBJECTIVE}, u), u)",
            "1/(eta*u)",
            "the second derivative of g u + (u log(u/theta) - u + theta)/eta is 1/(eta u)",
        ),
        reals("convex", "eta u", ["eta > 0", "u > 0"], "1/(eta*u) > 0", "for eta > 0 and u > 0: 1/(eta u) > 0"),
    ),
    "eg.hypergradient": (
        _identity(
            "hypergradient",
            {"theta": "real", "eta": "real", "nu": "real", "g": "real"},
            "diff(L(theta - eta*nu*g), nu)",
            "-eta*g*L_prime(theta - eta*nu*g)",
            "d/dnu L(theta - eta nu g) = -eta g L'(theta - eta nu g), L any differentiable function of one "
            "coordinate with the others held fixed; g is g_{t-1} and L' at the new point is g_t",
        ),
    ),
    "eg.closed-form": (
        _identity(
            "empty-sum", {"gamma": "real"}, "exp(gamma*0)", "1", "the empty sum gives exp(0) = 1, the start nu_1 = 1"
        ),
        _identity(
            "step",
            {"gamma": "real", "s": "real", "a": "real", "c": "real"},
            "exp(gamma*s)*exp(gamma*a*c)",
            "exp(gamma*(s + a*c))",
            "a step multiplies exp(gamma s) by exp(gamma a c) and gives exp(gamma (s + a c))",
        ),
    ),
    "eg.sign-rule": (
        reals(
            "reals",
            "nu gamma a c",
            ["nu > 0", "gamma > 0"],
            "iff(nu*exp(gamma*a*c) > nu, a*c > 0) and iff(nu*exp(gamma*a*c) < nu, a*c < 0)",
            "over the reals, for nu > 0 and gamma > 0: nu exp(gamma a c) > nu if and only if a c > 0, and < nu if "
            "and only if a c < 0",
        ),
        floats(
            "addition-keeps-order",
            "s p",
            "",
            ["isfinite(s)", "p == p"],
            "implies(p >= 0, s + p >= s) and implies(p <= 0, s + p <= s)",
            "in float32 and float64, in which log nu is kept, for finite s = log nu and any p: the rounded s + p is "
            "not below s for p >= 0 and not above it for p <= 0",
            ["float32", "float64"],
        ),
    ),
    "eg.paper-variant": (
        reals(
            "reals",
            "p s u v",
            ["p >= 0", "s >= 0"],
            "p*exp(u) >= 0 and s*exp(v) >= 0",
            "over the reals: p >= 0 and s >= 0 give p exp(u) >= 0 and s exp(v) >= 0",
        ),
        _NOT_NEGATIVE,
    ),
}

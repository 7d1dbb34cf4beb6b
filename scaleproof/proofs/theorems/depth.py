"""The formal statements of the residual and deepnet claims that have a proof, and their evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scaleproof.proofs.certificate import Statement, Theorem


def _reals(variables: str, assume: list[str], goal: str, words: str) -> Statement:
    return Statement("smt", {"variables": variables.split(), "assume": assume, "goal": goal}, words)


def _identity(symbols: dict[str, str], left: str, right: str, words: str) -> Statement:
    return Statement("symbolic", {"symbols": symbols, "functions": ["L", "F"], "left": left, "right": right}, words)


_MOMENT = _reals(
    "s2 cross x v",
    ["cross == 0"],
    "s2 + 2*x*cross + x*x*v == s2 + x*x*v",
    "E (S + x W)^2 = E S^2 + 2 x E(S W) + x^2 E W^2 with E(S W) = 0 (W independent of S, of mean 0) adds x^2 v: by "
    "induction over the inputs, E (sum x_i W_i)^2 = v sum x_i^2",
)
_BELOW_E = _reals(
    "n",
    ["n >= 1"],
    "exp(1/n)*exp(-1/n) == 1 and n*log(1 + 1/n) < 1",
    "n log(1 + 1/n) < 1 for n >= 1, that is (1 + 1/n)^n < e",
)

STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "residual.plain-conflict": (
        _MOMENT,
        _reals(
            "n m v q g",
            ["n > 0", "m > 0", "q > 0", "g > 0"],
            "iff(n*v*q == q, v == 1/n) and implies(v == 1/n, m*v*g == (m/n)*g)",
            "without biases: the forward second moment n v q equals q if and only if v = 1/n, and then the backward one "
            "is m v g = (m/n) g",
        ),
        _reals(
            "a b c",
            ["a > 0", "b > 0", "c > 0"],
            "(b/a)*(c/b) == c/a",
            "the backward factors of successive layers telescope to (last width)/(first width), whatever the depth",
        ),
        _reals(
            "n m v q g s",
            ["n > 0", "m > 0", "q > 0", "g > 0", "s > 0", "s < 1"],
            "iff(n*v*q + s*q == q, v == (1 - s)/n) and implies(v == (1 - s)/n, m*v*g < (m/n)*g)",
            "with biases of variance s q, 0 < s < 1: forward stability n v q + s q = q holds if and only if "
            "v = (1 - s)/n, and then the backward factor is (1 - s) m/n, below m/n",
        ),
    ),
    "residual.epsilon": (
        _identity(
            {"x": "real", "eps": "real", "theta": "real"},
            "diff(L(x + eps*F(theta)), theta)",
            "eps*F_prime(theta)*L_prime(x + eps*F(theta))",
            "d/dtheta L(x + eps F(theta)) = eps F'(theta) L'(y): the gradient carries the factor eps",
        ),
        _reals(
            "x y f eps k",
            ["x > 0", "f >= 0", "f <= k*x", "eps >= 0", "y <= x + eps*f", "y >= x - eps*f"],
            "y <= (1 + eps*k)*x and y >= (1 - eps*k)*x",
            "norms: x = |x|, f = |f(x)| <= k |x| and the triangle inequality give (1 - eps k)|x| <= |y| <= (1 + eps k)|x|; "
            "the same with cotangents and |v df/dx| <= k |v|",
        ),
    ),
    "residual.one-dim": (
        _BELOW_E,
        _reals(
            "n",
            ["n >= 1"],
            "n*log(1 + 1/sqrt(n)) >= sqrt(n)/2",
            "n log(1 + n^(-1/2)) >= sqrt(n)/2 for n >= 1: (1 + n^(-1/2))^n diverges",
        ),
        _reals(
            "e s",
            ["e >= 0", "s >= -1", "s <= 1"],
            "abs(1 + e*s) <= 1 + e and implies(e > 0, iff(abs(1 + e*s) == 1 + e, s == 1))",
            "a layer with abs(f') = abs(s) <= 1 expands by at most 1 + eps, for eps > 0 exactly if f' = 1",
        ),
        _reals(
            "e",
            [],
            "((1 + e)*(1 + e) + (1 - e)*(1 - e))/2 == 1 + e*e",
            "with f' = +1 or -1, equally likely, the mean square of 1 + eps f' is 1 + eps^2, in one dimension too",
        ),
    ),
    "residual.high-dim": (
        _reals(
            "v2 cross w2 e",
            ["cross == 0", "w2 == v2"],
            "v2 + 2*e*cross + e*e*w2 == (1 + e*e)*v2",
            "E|v + eps v J|^2 = |v|^2 + 2 eps E<v, vJ> + eps^2 E|vJ|^2 = (1 + eps^2)|v|^2 where E<v, vJ> = 0 and "
            "E|vJ|^2 = |v|^2; by independence of the layers (1 + eps^2)^N",
        ),
        _MOMENT,
        _BELOW_E,
    ),
    "deepnet.first-order": (
        _identity(
            {"theta": "real", "eta": "real", "u": "real"},
            "diff(L(theta - eta*u), eta)",
            "-u*L_prime(theta - eta*u)",
            "d/deta L(theta - eta u) = -u L'(theta - eta u), per coordinate; at eta = 0 the sum is -<grad L, u>",
        ),
        _reals(
            "g s",
            ["s*s == 1", "s*g >= 0"],
            "g*g >= 0 and s*g == abs(g)",
            "u = g gives g^2 per coordinate (SGD), u = sign g gives abs(g) (Adam's first step)",
        ),
        _reals(
            "w r n step",
            ["w > 0", "n >= 1", "r == sqrt(n)", "step*r == w"],
            "step == w/sqrt(n) and implies(n > 1, step < w)",
            "LAMB rescales the update, here n signs of norm sqrt(n), to norm w = |theta|: each coordinate moves by "
            "w/sqrt(n), not w, so the decrease is |theta| |g|_1/sqrt(n) per tensor of n entries",
        ),
    ),
    "deepnet.probe": (
        _identity(
            {"lam": "real", "u": "real"},
            "diff(L(lam*u), lam)",
            "u*L_prime(lam*u)",
            "d/dlambda L(lambda u) = u L'(lambda u), per entry; summed over entries <dL/dW, U>",
        ),
        _identity(
            {"lam": "positive", "u": "real", "w": "positive"},
            "diff(lam*u/sqrt(lam*lam*u*u + lam*lam*w*w), lam)",
            "0",
            "a normalised output does not depend on the scale of the weights before it: its derivative by lambda is 0",
        ),
    ),
    "deepnet.paper-constants": (
        _reals(
            "n a b",
            ["n >= 1", "a > 0", "b > 0", "a*a*a*a == 2*n", "8*n*b*b*b*b == 1"],
            "2*n*2*b*b == a*a and 2*a*a*b*b == 1",
            "encoder or decoder alone: alpha^4 = 2N and beta^4 = 1/(8N) give 2N (beta^2 + beta^2)/alpha^2 = 1 and "
            "alpha beta = 2^(-1/2)",
        ),
        _reals(
            "m a b",
            ["m >= 1", "a > 0", "b > 0", "a*a*a*a == 3*m", "12*m*b*b*b*b == 1"],
            "3*m*2*b*b == a*a and 2*a*a*b*b == 1",
            "decoder of an encoder-decoder: alpha^4 = 3M and beta^4 = 1/(12M) give 3M (beta^2 + beta^2)/alpha^2 = 1 and "
            "alpha beta = 2^(-1/2)",
        ),
        _reals(
            "a2 b2",
            ["a2 > 0", "b2 > 0", "2*a2*b2 == 1", "16*b2*b2*b2*b2 == 27*a2*a2*a2*a2"],
            "a2 > (161/200)*(161/200) and a2 < (163/200)*(163/200) and b2 > (173/200)*(173/200) and "
            "b2 < (175/200)*(175/200)",
            "encoder of an encoder-decoder, alpha = a (N^4 M)^(1/16) and beta = b (N^4 M)^(-1/16): a b = 2^(-1/2) and the "
            "balance (b/a)^8 = 27/16 fix a = 27^(-1/16) and b = (27/256)^(1/16), which round to 0.81 and 0.87",
        ),
    ),
}


def _evidence(statements: tuple[Statement, ...], _tables: Mapping[str, bytes]) -> list[Theorem]:
    steps = {"steps": ["doit", "expand", "powsimp", "simplify"]}
    return [Theorem(s, steps if s.method == "symbolic" else {}) for s in statements]


SEARCHES: dict[str, Callable[..., list[Theorem]]] = dict.fromkeys(STATEMENTS, _evidence)

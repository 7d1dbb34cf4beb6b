"""The formal statements of the residual claims that have a proof."""

from __future__ import annotations

from functools import partial

from scaleproof.certify.kernel.certificate import Statement
from scaleproof.certify.statements.common import identity, reals

_identity = partial(identity, functions=("L", "F"))

_MOMENT = reals(
    "moment",
    "s2 cross x v",
    ["cross == 0"],
    "s2 + 2*x*cross + x*x*v == s2 + x*x*v",
    "with s2 = E S^2, cross = E(S W) = 0 (W independent of S, of mean 0) and v = E W^2: E (S + x W)^2 = s2 + x^2 v",
)
_BELOW_E = reals(
    "below-e",
    "n",
    ["n >= 1"],
    "exp(1/n)*exp(-1/n) == 1 and n*log(1 + 1/n) < 1",
    "n log(1 + 1/n) < 1 for n >= 1, that is (1 + 1/n)^n < e",
)


STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "residual.plain-conflict": (
        _MOMENT,
        reals(
            "forward-fixes-variance",
            "n m v q g",
            ["n > 0", "m > 0", "q > 0", "g > 0"],
            "iff(n*v*q == q, v == 1/n) and implies(v == 1/n, m*v*g == (m/n)*g)",
            "without biases: the forward second moment n v q equals q if and only if v = 1/n, and then the backward one "
            "is m v g = (m/n) g",
        ),
        reals(
            "telescope",
            "a b c",
            ["a > 0", "b > 0", "c > 0"],
            "(b/a)*(c/b) == c/a",
            "the backward factors of two successive layers, widths a, b, c, telescope: (b/a) (c/b) = c/a",
        ),
        reals(
            "biases",
            "n m v q g s",
            ["n > 0", "m > 0", "q > 0", "g > 0", "s > 0", "s < 1"],
            "iff(n*v*q + s*q == q, v == (1 - s)/n) and implies(v == (1 - s)/n, m*v*g < (m/n)*g)",
            "with biases of variance s q, 0 < s < 1: forward stability n v q + s q = q holds if and only if "
            "v = (1 - s)/n, and then the backward factor is (1 - s) m/n, below m/n",
        ),
    ),
    "residual.epsilon": (
        _identity(
            "chain-rule",
            {"x": "real", "eps": "real", "theta": "real"},
            "diff(L(x + eps*F(theta)), theta)",
            "eps*F_prime(theta)*L_prime(x + eps*F(theta))",
            "d/dtheta L(x + eps F(theta)) = eps F'(theta) L'(y): the gradient carries the factor eps",
        ),
        reals(
            "norms",
            "x y f eps k",
            ["x > 0", "f >= 0", "f <= k*x", "eps >= 0", "y <= x + eps*f", "y >= x - eps*f"],
            "y <= (1 + eps*k)*x and y >= (1 - eps*k)*x",
            "norms: x = |x|, f = |f(x)| <= k |x| and the triangle inequality give (1 - eps k)|x| <= |y| <= (1 + eps k)|x|",
        ),
    ),
    "residual.one-dim": (
        _BELOW_E,
        reals(
            "root-diverges",
            "n",
            ["n >= 1"],
            "n*log(1 + 1/sqrt(n)) >= sqrt(n)/2",
            "n log(1 + n^(-1/2)) >= sqrt(n)/2 for n >= 1: (1 + n^(-1/2))^n is at least exp(sqrt(n)/2)",
        ),
        reals(
            "worst-case",
            "e s",
            ["e >= 0", "s >= -1", "s <= 1"],
            "abs(1 + e*s) <= 1 + e and implies(e > 0, iff(abs(1 + e*s) == 1 + e, s == 1))",
            "a layer with abs(f') = abs(s) <= 1 expands by at most 1 + eps, for eps > 0 exactly if f' = 1",
        ),
        reals(
            "random-sign",
            "e",
            [],
            "((1 + e)*(1 + e) + (1 - e)*(1 - e))/2 == 1 + e*e",
            "with f' = +1 or -1, equally likely, the mean square of 1 + eps f' is 1 + eps^2, in one dimension too",
        ),
    ),
    "residual.high-dim": (
        reals(
            "mean-square",
            "v2 cross w2 e",
            ["cross == 0", "w2 == v2"],
            "v2 + 2*e*cross + e*e*w2 == (1 + e*e)*v2",
            "E|v + eps v J|^2 = |v|^2 + 2 eps E<v, vJ> + eps^2 E|vJ|^2 = (1 + eps^2)|v|^2 where E<v, vJ> = 0 and "
            "E|vJ|^2 = |v|^2, for one layer",
        ),
        _MOMENT,
        _BELOW_E,
    ),
}

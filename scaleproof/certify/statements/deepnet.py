"""The formal statements of the deepnet claims that have a proof."""

from __future__ import annotations

from functools import partial

from scaleproof.certify.kernel.certificate import Statement
from scaleproof.certify.statements.common import identity, reals

_identity = partial(identity, functions=("L", "F"))


STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "deepnet.first-order": (
        _identity(
            "chain-rule",
            {"theta": "real", "eta": "real", "u": "real"},
            "diff(L(theta - eta*u), eta)",
            "-u*L_prime(theta - eta*u)",
            "d/deta L(theta - eta u) = -u L'(theta - eta u), for one coordinate",
        ),
        reals(
            "per-coordinate",
            "g s",
            ["s*s == 1", "s*g >= 0"],
            "g*g >= 0 and s*g == abs(g)",
            "u = g gives g^2 per coordinate (SGD), u = sign g gives abs(g) (Adam's first step)",
        ),
        reals(
            "lamb",
            "w r n step",
            ["w > 0", "n >= 1", "r == sqrt(n)", "step*r == w"],
            "step == w/sqrt(n) and implies(n > 1, step < w)",
            "LAMB rescales the update, here n signs of norm sqrt(n), to norm w = |theta|: each coordinate moves by "
            "w/sqrt(n), less than w for n > 1",
        ),
    ),
    "deepnet.probe": (
        _identity(
            "chain-rule",
            {"lam": "real", "u": "real"},
            "diff(L(lam*u), lam)",
            "u*L_prime(lam*u)",
            "d/dlambda L(lambda u) = u L'(lambda u), for one entry",
        ),
        _identity(
            "after-a-norm",
            {"lam": "positive", "u": "real", "w": "positive"},
            "diff(lam*u/sqrt(lam*lam*u*u + lam*lam*w*w), lam)",
            "0",
            "a normalised output does not depend on the scale of the weights before it: its derivative by lambda is 0",
        ),
    ),
    "deepnet.paper-constants": (
        reals(
            "stack",
            "n a b",
            ["n >= 1", "a > 0", "b > 0", "a*a*a*a == 2*n", "8*n*b*b*b*b == 1"],
            "2*n*2*b*b == a*a and 2*a*a*b*b == 1",
            "encoder or decoder alone: alpha^4 = 2N and beta^4 = 1/(8N) give 2N (beta^2 + beta^2)/alpha^2 = 1 and "
            "alpha beta = 2^(-1/2)",
        ),
        reals(
            "decoder-with-cross-attention",
            "m a b",
            ["m >= 1", "a > 0", "b > 0", "a*a*a*a == 3*m", "12*m*b*b*b*b == 1"],
            "3*m*2*b*b == a*a and 2*a*a*b*b == 1",
            "decoder of an encoder-decoder: alpha^4 = 3M and beta^4 = 1/(12M) give 3M (beta^2 + beta^2)/alpha^2 = 1 and "
            "alpha beta = 2^(-1/2)",
        ),
        reals(
            "encoder-under-decoder",
            "a2 b2",
            ["a2 > 0", "b2 > 0", "2*a2*b2 == 1", "16*b2*b2*b2*b2 == 27*a2*a2*a2*a2"],
            "a2 > (161/200)*(161/200) and a2 < (163/200)*(163/200) and b2 > (173/200)*(173/200) and "
            "b2 < (175/200)*(175/200)",
            "encoder of an encoder-decoder, alpha = a (N^4 M)^(1/16) and beta = b (N^4 M)^(-1/16): a b = 2^(-1/2) and the "
            "balance (b/a)^8 = 27/16 fix a = 27^(-1/16) and b = (27/256)^(1/16), which round to 0.81 and 0.87",
        ),
    ),
}

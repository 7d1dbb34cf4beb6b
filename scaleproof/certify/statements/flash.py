"""The formal statements of the flash claims that have a proof."""

from __future__ import annotations

from scaleproof.certify.kernel.certificate import Statement
from scaleproof.certify.statements.common import reals

STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "flash.special-cases": (
        reals(
            "entries",
            "u a v others",
            [],
            "u*(1*v + 0*others) == u*v and 1*(a*v + others) == a*v + others",
            "an entry of U ⊙ A V, v the token's own value and `others` the weighted sum of all others: with A = I it is u v, "
            "the gated linear unit; with U = 1 it is the attention's mean",
        ),
    ),
    "flash.parameters": (
        reals(
            "count",
            "d e s",
            [],
            "2*d*e + d*s + 4*s + e*d == 3*d*e + s*(d + 4) and "
            "implies(e == 2*d, 2*(3*d*e + s*(d + 4)) == 12*d*d + 2*s*(d + 4))",
            "W_u, W_v (d e each), W_z (d s), gamma and beta of Q and K (4 s), W_o (e d): 3 d e + s (d + 4); with e = 2d two "
            "units have 12 d^2 + 2 s (d + 4)",
        ),
        reals(
            "excess",
            "d s",
            ["d >= 512", "s == 128"],
            "2*s*(d + 4) <= 12*d*d/20 and s*(d + 4) <= 6*d*d/20",
            "for s = 128 and d >= 512 the rest is at most 5 % of 12 d^2, and of 3 d e for one unit",
        ),
    ),
    "flash.chunk-linear": (
        reals(
            "one-term",
            "q sum k v n",
            ["n > 0"],
            "q*(sum + k*v)/n == q*sum/n + q*k*v/n",
            "per entry: one more term k v of the sum adds the pair's term q k v/n of unchunked linear attention",
        ),
    ),
    "flash.causal-normaliser": (
        reals(
            "iff-square",
            "n c g",
            ["n > 0", "c > 0", "g > 1"],
            "iff((g - 1)*n/c == (g - 1)*c, n == c*c)",
            "(g - 1) n/c is the number (g - 1) c of positions in the g - 1 earlier chunks if and only if n = c^2",
        ),
        reals(
            "weights",
            "n c g",
            ["n > 0", "c > 0", "g > 1"],
            "(g - 1)*c/((g - 1)*c) == 1 and (g - 1)*c/((g - 1)*n/c) == c*c/n",
            "if every earlier position contributes 1, the sum over (g - 1) c, divided by (g - 1) c, is the mean 1; divided by "
            "(g - 1) n/c it is c^2/n",
        ),
        reals(
            "chunks-for-c",
            "n c k g",
            ["n > 0", "c > 0", "k > 0", "k*c == n", "g > 1"],
            "(g - 1)*n/k == (g - 1)*c",
            "for n positions in k chunks of c: (g - 1) n/k is (g - 1) c, the number of positions in the earlier chunks",
        ),
    ),
    "flash.no-leak": (
        reals(
            "earlier",
            "a b c i j",
            ["c >= 1", "c*a <= j", "j < c*a + c", "c*b <= i", "i < c*b + c", "a + 1 <= b"],
            "j < i",
            "position j of chunk a, position i of chunk b (whole numbers), a < b: what the sum over earlier chunks shows to i "
            "comes before i (and inside a chunk the mask shows j <= i only)",
        ),
        reals(
            "complete",
            "a b c i j",
            ["c >= 1", "c*a <= j", "j < c*a + c", "c*b <= i", "i < c*b + c", "j <= i"],
            "a < b + 1",
            "and nothing is missing: j <= i implies a < b + 1, so a <= b: j is in the same chunk or in an earlier one",
        ),
    ),
    "flash.causal-memory": (
        reals(
            "positions",
            "b n c s e",
            ["b > 0", "n > 0", "c > 0", "s > 0", "e > 0"],
            "b*n*s*e == c*(b*(n/c)*s*e) and iff(b*n*s*e == b*n*s*s, e == s)",
            "one K^T V (s e numbers) for each position takes c times as many as one for each chunk; it is b n s^2 only for "
            "values of s dimensions",
        ),
        reals(
            "heads",
            "b n s e h v",
            ["b > 0", "n > 0", "s > 0", "h > 0", "v > 0", "h*v == e"],
            "h*(b*n*s*v) == b*n*s*e and iff(h*(b*n*s*v) == h*(b*n*s*s), v == s)",
            "h heads of v = e/h value dimensions together take b n s e, h b n s^2 only if each has s value dimensions",
        ),
    ),
}

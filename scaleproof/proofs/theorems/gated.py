"""The formal statements of the flash and gau claims that have a proof, and their evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scaleproof.proofs.certificate import Statement, Theorem


def _reals(variables: str, assume: list[str], goal: str, words: str) -> Statement:
    return Statement("smt", {"variables": variables.split(), "assume": assume, "goal": goal}, words)


def _mean(power: int, lo: str, hi: str, words: str) -> Statement:
    body = {"variable": "x", "function": "x/(1 + exp(-x))", "power": power, "lo": lo, "hi": hi}
    return Statement("integral", body, words)


STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "flash.special-cases": (
        _reals(
            "u a v others",
            [],
            "u*(1*v + 0*others) == u*v and 1*(a*v + others) == a*v + others",
            "an entry of U ⊙ A V, v the token's own value and `others` the weighted sum of all others: with A = I it is u v, "
            "the gated linear unit; with U = 1 it is the attention's mean",
        ),
    ),
    "flash.parameters": (
        _reals(
            "d e s",
            [],
            "2*d*e + d*s + 4*s + e*d == 3*d*e + s*(d + 4) and "
            "implies(e == 2*d, 2*(3*d*e + s*(d + 4)) == 12*d*d + 2*s*(d + 4))",
            "W_u, W_v (d e each), W_z (d s), gamma and beta of Q and K (4 s), W_o (e d): 3 d e + s (d + 4); with e = 2d two "
            "units have 12 d^2 + 2 s (d + 4)",
        ),
        _reals(
            "d s",
            ["d >= 512", "s == 128"],
            "2*s*(d + 4) <= 12*d*d/20 and s*(d + 4) <= 6*d*d/20",
            "for s = 128 and d >= 512 the rest is at most 5 % of 12 d^2, and of 3 d e for one unit",
        ),
    ),
    "flash.chunk-linear": (
        _reals(
            "q sum k v n",
            ["n > 0"],
            "q*(sum + k*v)/n == q*sum/n + q*k*v/n",
            "per entry: one more term k v of the sum over a chunk's tokens, or over chunks, adds the pair's term q k v/n of "
            "unchunked linear attention; by induction over tokens and chunks Q sum_h K_h^T V_h/n = (Q K^T) V/n",
        ),
    ),
    "flash.causal-normaliser": (
        _reals(
            "n c g",
            ["n > 0", "c > 0", "g > 1"],
            "iff((g - 1)*n/c == (g - 1)*c, n == c*c)",
            "(g - 1) n/c is the number (g - 1) c of positions in the g - 1 earlier chunks if and only if n = c^2",
        ),
        _reals(
            "n c g",
            ["n > 0", "c > 0", "g > 1"],
            "(g - 1)*c/((g - 1)*c) == 1 and (g - 1)*c/((g - 1)*n/c) == c*c/n",
            "if every earlier position contributes 1, the sum over (g - 1) c, divided by (g - 1) c, is the mean 1; divided by "
            "(g - 1) n/c it is c^2/n",
        ),
    ),
    "flash.no-leak": (
        _reals(
            "a b c i j",
            ["c >= 1", "c*a <= j", "j < c*a + c", "c*b <= i", "i < c*b + c", "a + 1 <= b"],
            "j < i",
            "position j of chunk a, position i of chunk b (whole numbers), a < b: what the sum over earlier chunks shows to i "
            "comes before i (and inside a chunk the mask shows j <= i only)",
        ),
        _reals(
            "a b c i j",
            ["c >= 1", "c*a <= j", "j < c*a + c", "c*b <= i", "i < c*b + c", "j <= i"],
            "a < b + 1",
            "and nothing is missing: j <= i implies a < b + 1, so a <= b: j is in the same chunk or in an earlier one",
        ),
    ),
    "flash.causal-memory": (
        _reals(
            "b n c s e",
            ["b > 0", "n > 0", "c > 0", "s > 0", "e > 0"],
            "b*n*s*e == c*(b*(n/c)*s*e) and iff(b*n*s*e == b*n*s*s, e == s)",
            "one K^T V (s e numbers) for each position takes c times as many as one for each chunk; it is b n s^2 only for "
            "values of s dimensions",
        ),
        _reals(
            "b n s e h v",
            ["b > 0", "n > 0", "s > 0", "h > 0", "v > 0", "h*v == e"],
            "h*(b*n*s*v) == b*n*s*e and iff(h*(b*n*s*v) == h*(b*n*s*s), v == s)",
            "h heads of v = e/h value dimensions together take b n s e, h b n s^2 only if each has s value dimensions",
        ),
    ),
    "gau.moments": (
        _mean(1, "0.20662096414190703", "0.20662096414190704", "mu = E swish(g), g ~ N(0, 1), to 17 digits"),
        _mean(2, "0.35577551981735215", "0.35577551981735216", "nu^2 = E swish(g)^2 to 17 digits"),
        _reals(
            "mu nu2",
            [
                "mu >= 20662096414190703/100000000000000000",
                "mu <= 20662096414190704/100000000000000000",
                "nu2 >= 35577551981735215/100000000000000000",
                "nu2 <= 35577551981735216/100000000000000000",
            ],
            "mu >= 2066/10000 and mu < 2067/10000 and nu2 >= 3557/10000 and nu2 < 3558/10000",
            "the first four digits of mu are 0.2066, those of nu^2 0.3557",
        ),
    ),
}


def _evidence(statements: tuple[Statement, ...], _tables: Mapping[str, bytes]) -> list[Theorem]:
    return [Theorem(s, {"reach": 20, "precision": 160} if s.method == "integral" else {}) for s in statements]


SEARCHES: dict[str, Callable[..., list[Theorem]]] = dict.fromkeys(STATEMENTS, _evidence)

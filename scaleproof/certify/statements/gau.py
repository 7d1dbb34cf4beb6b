"""The formal statements of the gau claims that have a proof."""

from __future__ import annotations

from scaleproof.certify.kernel.certificate import Statement
from scaleproof.certify.statements.common import reals


def _mean(name: str, power: int, lo: str, hi: str, words: str) -> Statement:
    body = {"variable": "x", "function": "x/(1 + exp(-x))", "power": power, "lo": lo, "hi": hi}
    return Statement(name, "integral", body, words)


STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "gau.moments": (
        _mean("mu", 1, "0.20662096414190703", "0.20662096414190704", "mu = E swish(g), g ~ N(0, 1), to 17 digits"),
        _mean("nu-squared", 2, "0.35577551981735215", "0.35577551981735216", "nu^2 = E swish(g)^2 to 17 digits"),
        reals(
            "digits",
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
    )
}

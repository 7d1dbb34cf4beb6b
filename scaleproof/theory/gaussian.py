"""Gaussian moments E f(lambda g)^k of activations, g ~ N(0, 1): Arb enclosures, each checked once more by mpmath."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mpmath
from flint import acb, arb

from scaleproof.theory.enclosure import Enclosure, precision, twice_checked


@dataclass(frozen=True)
class Activation:
    """f over complex balls (`analytic` asks for a non-finite ball off its domain), and its definition in mpmath."""

    ball: Callable[[Any, bool], Any]
    definition: Callable[[Any], Any]


def _softplus(x: Any, analytic: bool) -> Any:
    return (1 + x.exp()).log(analytic=analytic)


def _squareplus(x: Any, analytic: bool) -> Any:
    return (x + (x * x + 4).sqrt(analytic=analytic)) / 2


#: |f(x)| <= 2 |x| for |x| >= 2 holds for all of them
ACTIVATIONS: dict[str, Activation] = {
    "swish": Activation(lambda x, _: x / (1 + (-x).exp()), lambda x: x / (1 + mpmath.exp(-x))),
    "gelu": Activation(lambda x, _: x * (1 + (x / acb(2).sqrt()).erf()) / 2, lambda x: x * mpmath.ncdf(x)),
    "tanh": Activation(lambda x, _: x.tanh(), mpmath.tanh),
    "sigmoid": Activation(lambda x, _: 1 / (1 + (-x).exp()), lambda x: 1 / (1 + mpmath.exp(-x))),
    "tanh'": Activation(lambda x, _: 1 / x.cosh() ** 2, lambda x: mpmath.sech(x) ** 2),
    "x tanh'": Activation(lambda x, _: x / x.cosh() ** 2, lambda x: x * mpmath.sech(x) ** 2),
    "softplus": Activation(_softplus, lambda x: mpmath.log1p(mpmath.exp(x))),
    "squareplus": Activation(_squareplus, lambda x: (x + mpmath.sqrt(x * x + 4)) / 2),
}


@lru_cache(maxsize=64)
def moment(activation: str, power: int, gain: str = "1", digits: int = 40) -> Enclosure:
    """E f(gain g)^power to `digits` places, `gain` a positive decimal.

    Raises KeyError for an unknown activation, ValueError for a power below 1 or a gain that is not positive.
    """
    f = ACTIVATIONS[activation]
    if power < 1 or not float(gain) > 0:
        raise ValueError(f"a moment needs a power of at least 1 and a positive gain, got {power} and {gain}")
    with precision(int(3.4 * digits) + 60):
        scale = arb(gain)

        def integrand(x: Any, analytic: bool) -> Any:
            return f.ball(scale * x, analytic) ** power * (-x * x / 2).exp()

        ball = gaussian_mean(integrand, scale, power, digits)

    def definition() -> list[Any]:
        scale = mpmath.mpf(gain)
        ends = [-60, -20, -8, -2, 0, 2, 8, 20, 60]
        return [mpmath.quad(lambda x: f.definition(scale * x) ** power * mpmath.npdf(x), ends)]

    (result,) = twice_checked({f"E {activation}({gain} g)^{power}": ball}, definition, digits)
    return result


def gaussian_mean(integrand: Callable[[Any, bool], Any], gain: Any, power: int, digits: int) -> Any:
    """The ball of the mean, for an integrand f(gain x)^power exp(-x²/2) with |f(x)| <= 2 |x| beyond 2.

    Arb's quadrature over [-R, R], and the tails: for R² >= 2 power each is below
    (2 gain)^power 2 R^(power - 1) exp(-R²/2)/sqrt(2 pi).
    """
    reach = 5 + int((2 * 2.31 * (digits + 10)) ** 0.5) + int(2 / float(gain.lower())) + 2 * power
    inside = acb.integral(integrand, -reach, reach).real
    tail = 2 * (2 * gain) ** power * 2 * arb(reach) ** (power - 1) * (-(arb(reach) ** 2) / 2).exp()
    return (inside + tail.union(-tail)) / (2 * arb.pi()).sqrt()

"""Exact laws of plain and residual perceptrons at initialisation, at every width (kexue.fm/archives/8994)."""

from __future__ import annotations

import math

import numpy as np


def plain_log_factor(width: int, activation: str) -> float:
    """E log of a layer's |x'|²/|x|² for Gaussian weights of variance 1/n (linear) or 2/n (relu).

    Linear: chi²_n/n, so psi(n/2) + log(2/n). Relu: 2 chi²_K/n with K ~ Bin(n, 1/2) active units, given K > 0. The same
    holds for cotangents (Hanin and Nica 2018, arXiv:1812.05994, for relu).
    """
    from scipy import special  # which takes a while to import

    if activation == "linear":
        return float(special.digamma(width / 2) + math.log(2 / width))
    active = np.arange(1, width + 1)
    weights = np.array([math.comb(width, int(k)) / 2**width for k in active])
    return float((weights @ (special.digamma(active / 2) + math.log(4 / width))) / weights.sum())


def residual_mean(epsilon: float, layers: int) -> float:
    """E|y|²/|x|² = (1 + epsilon²)^N for zero-mean random branches that keep the norm in the mean (exact, any width)."""
    return float((1 + epsilon**2) ** layers)


def residual_fourth(epsilon: float, layers: int, width: int) -> float:
    """E|y|⁴/|x|⁴ = ((1 + epsilon²)² + (4 epsilon² + 2 epsilon⁴)/n)^N for Gaussian linear branches: exact at width n.

    With W of variance 1/n a layer's |x + epsilon W x|²/|x|² is |e + (epsilon/sqrt(n)) g|², e a unit vector and g
    standard normal: mean 1 + epsilon², variance (4 epsilon² + 2 epsilon⁴)/n, and layers are independent.
    """
    return float(((1 + epsilon**2) ** 2 + (4 * epsilon**2 + 2 * epsilon**4) / width) ** layers)


def rectified_log_factor(epsilon: float, layers: int) -> float:
    """log(|y|/|x|) for f = sqrt(2) relu(x W), W of variance 1/n, in the limit of large width: a mean that adds up.

    With q the second moment and s the mean of the stream's coordinates, E f_i = sqrt(q/pi) and E f_i² = q give
    q <- (1 + epsilon²) q + 2 epsilon s sqrt(q/pi), s <- s + epsilon sqrt(q/pi), from q = 1, s = 0.
    """
    q, s = 1.0, 0.0
    for _ in range(layers):
        mean = math.sqrt(q / math.pi)
        q, s = (1 + epsilon**2) * q + 2 * epsilon * s * mean, s + epsilon * mean
    return math.log(q) / 2


def residual_gradient(epsilon: float, layers: int, matrices: int) -> float:
    """E of the summed squared gradients, per N = 1 and epsilon = 1: matrices * N epsilon² (1 + epsilon²)^(N-1)."""
    return matrices * layers * epsilon**2 * (1 + epsilon**2) ** (layers - 1)


def scalar_log_factor(epsilon: float) -> tuple[float, float]:
    """Mean and variance of log|1 + epsilon w|, w ~ N(0, 1): what a one-dimensional layer with a random weight does.

    With s = 1/epsilon the integrand log|1 + epsilon w| has its singularity at w = -s; both sides are integrated apart.
    """
    from scipy import integrate

    def density(w: float) -> float:
        return math.exp(-w * w / 2) / math.sqrt(2 * math.pi)

    def integrand(u: float, side: float, power: int) -> float:  # w = -1/epsilon + side * u
        w = -1 / epsilon + side * u
        return math.log(epsilon * u) ** power * density(w)

    def moment(power: int) -> float:
        top, options = 12 + 1 / epsilon, {"points": [1 / epsilon], "limit": 400, "epsabs": 1e-13}
        return float(sum(integrate.quad(integrand, 0, top, args=(side, power), **options)[0] for side in (1.0, -1.0)))

    mean = moment(1)
    return mean, moment(2) - mean**2

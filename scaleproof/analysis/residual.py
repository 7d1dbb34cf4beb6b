"""Exact laws of plain and residual perceptrons at initialisation, at every width (kexue.fm/archives/8994)."""

from __future__ import annotations

import math

import numpy as np
from scipy import special, stats


def plain_log_factor(width: int, activation: str) -> float:
    """E log of a layer's |x'|²/|x|² for Gaussian weights of variance 1/n (linear) or 2/n (relu).

    Linear: chi²_n/n, so psi(n/2) + log(2/n). Relu: 2 chi²_K/n with K ~ Bin(n, 1/2) active units, given K > 0. The same
    holds for cotangents (Hanin and Nica 2018, arXiv:1812.05994, for relu).
    """
    if activation == "linear":
        return float(special.digamma(width / 2) + math.log(2 / width))
    active = np.arange(1, width + 1)
    weights = stats.binom.pmf(active, width, 0.5)
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


def residual_gradient(epsilon: float, layers: int, matrices: int) -> float:
    """E of the summed squared gradients, per N = 1 and epsilon = 1: matrices * N epsilon² (1 + epsilon²)^(N-1)."""
    return matrices * layers * epsilon**2 * (1 + epsilon**2) ** (layers - 1)


def scalar_log_factor(epsilon: float) -> float:
    """E log|1 + epsilon w| for w ~ N(0, 1): what a one-dimensional layer with a random weight does, typically.

    With s = 1/epsilon the integrand log|1 + epsilon w| has its singularity at w = -s; both sides are integrated apart.
    """
    from scipy import integrate

    def density(w: float) -> float:
        return math.exp(-w * w / 2) / math.sqrt(2 * math.pi)

    def integrand(u: float, side: float) -> float:  # w = -1/epsilon + side * u
        w = -1 / epsilon + side * u
        return math.log(epsilon * u) * density(w)

    top = 12 + 1 / epsilon
    parts = [
        integrate.quad(integrand, 0, top, args=(side,), points=[1 / epsilon], limit=400, epsabs=1e-13)[0]
        for side in (1.0, -1.0)
    ]
    return float(sum(parts))

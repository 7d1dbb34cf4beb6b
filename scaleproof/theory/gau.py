"""The gated attention unit at initialisation: its attention's entries and its output's second moment, at finite size.

Setting of kexue.fm/archives/8990: X ~ N(0, 1) entrywise, LeCun-normal weights times `gain` (lambda), Q(Z) = K(Z) = Z.
With S_ij = <Z_i, Z_j> and A_ij = relu²(S_ij)/D, the output O = (U ⊙ A V) W_o has the second moment

    E O_i² = lambda² E [U_i² sum_{j,l} A_ij A_il V_j V_l]

which falls into four kinds of pairs (j, l): both the token itself, one other token twice, the token and another, two
others. The article keeps the first alone. Each is an expectation over S's, computed from their characteristic function:

- the s units of Z are independent given X, so the characteristic function of (S_ij, S_il) is the s-th power of one
  unit's, p(t) = E exp(i t_1 phi(g_i) phi(g_j) + i t_2 phi(g_i) phi(g_l)), g the unit's three pre-activations;
- g is Gaussian with the covariance G = X X^T/d = I + theta, d G a Wishart matrix. log p is taken to second order in
  theta; its first order, which is multiplied by s, goes through the Wishart law's exact cumulant function
  -(d/2) log det(1 - 2T/d) - tr T, so that nothing is expanded in s/d; its second order through its mean.

All numbers are
float64 estimates, no enclosures; the Gaussian moments that enter are enclosed in theory.gaussian.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.polynomial.hermite_e import hermegauss, hermeval
from numpy.typing import NDArray

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]
#: a characteristic function's derivatives, by one Hermite order a token
Partial = Callable[..., Complex]

#: Gauss-Hermite nodes of one pre-activation; points and half width (in standard deviations) of the grids of S
NODES, POINTS, SPAN = 96, 256, 14.0


@dataclass(frozen=True)
class Unit:
    """A GAU: n tokens, head size s, width d, init gain lambda, and what relu² is divided by."""

    tokens: int
    head_size: int
    width: int
    gain: float = 1.0
    normaliser: str = "ns"
    causal: bool = False


@dataclass(frozen=True)
class Pairs:
    """Means over X and weights, per pair of keys: of relu²(S_ii), relu²(S_ij), and of U_i² relu² relu² V V.

    `itself` (i, i), `other` (j, j), `mixed` (i, j), `others` (j, l), for distinct i, j, l.
    """

    diagonal: float
    off_diagonal: float
    itself: float
    other: float
    mixed: float
    others: float


@dataclass(frozen=True)
class Output:
    """E O² = itself + other + mixed + others: the shares of the four kinds of pairs of keys."""

    itself: float
    other: float
    mixed: float
    others: float

    @property
    def rms(self) -> float:
        return math.sqrt(self.itself + self.other + self.mixed + self.others)


def output(unit: Unit) -> Output:
    """E O_i² averaged over tokens i, by kinds of pairs (see the module)."""
    pairs = moments(unit.head_size, unit.width, unit.gain)
    seen, divided = visible(unit)
    weight = unit.gain**2 / divided**2
    return Output(
        float(np.mean(weight)) * pairs.itself,
        float(np.mean(weight * (seen - 1))) * pairs.other,
        float(np.mean(weight * (seen - 1))) * 2 * pairs.mixed,
        float(np.mean(weight * (seen - 1) * (seen - 2))) * pairs.others,
    )


def limit(unit: Unit) -> float:
    """The RMS of the output as n -> infinity with the divisor n s (or, causal, the visible keys): a constant."""
    return unit.gain * math.sqrt(max(0.0, moments(unit.head_size, unit.width, unit.gain).others)) / unit.head_size


def source_rms(unit: Unit) -> float:
    """The article's s nu⁶/n at gain 1, and its lambda⁷ law from there (kexue.fm/archives/8990)."""
    nu2 = swish_moments(1.0)[1]
    return unit.head_size * nu2**3 / unit.tokens * unit.gain**7


def row_sum(unit: Unit) -> float:
    """The mean over queries of sum_j A_ij."""
    pairs = moments(unit.head_size, unit.width, unit.gain)
    seen, divided = visible(unit)
    return float(np.mean((pairs.diagonal + (seen - 1) * pairs.off_diagonal) / divided))


def local_exponent(unit: Unit, step: float = 0.05) -> float:
    """d log RMS(O) / d log lambda at the unit's gain."""

    def at(sign: int) -> float:
        gain = unit.gain * math.exp(sign * step / 2)
        return math.log(output(replace(unit, gain=gain)).rms)

    return (at(1) - at(-1)) / step


def visible(unit: Unit) -> tuple[Real, Real]:
    """For each query (one stands for all, if all are alike): how many keys it sees, and what relu² is divided by."""
    n, s = unit.tokens, unit.head_size
    seen = np.arange(1.0, n + 1) if unit.causal else np.array([float(n)])
    divided = {"ns": np.full_like(seen, n * s), "n2": np.full_like(seen, float(n) ** 2), "visible": seen * s}
    return seen, divided[unit.normaliser]


@lru_cache(maxsize=16)
def swish_moments(gain: float) -> tuple[float, float]:
    """mu = E phi(lambda g) and nu² = E phi(lambda g)² for swish, in float64."""
    _, w, phi = _nodes(gain)
    return float(gain * (w @ phi)), float(gain**2 * (w @ phi**2))


@lru_cache(maxsize=4096)
def moments(head_size: int, width: int, gain: float) -> Pairs:
    """The means over pairs for a head size s, a width d and a gain lambda."""
    s, d = head_size, width
    g, w, phi = _nodes(gain)
    # phi is swish(lambda g)/lambda: the powers of lambda go on at the end
    mu, nu2, fourth = (float(w @ phi**k) for k in (1, 2, 4))
    c1 = float(w @ (g * phi))
    off = _Grid(s * mu**2, SPAN * math.sqrt(s * (nu2**2 - mu**4) + (s * c1**2) ** 2 / d))
    own = _Grid(s * nu2, SPAN * math.sqrt(s * (fourth - nu2**2) + 2 * (s * nu2) ** 2 / d))
    law = Law(s, d, gain)
    a = _square_of_relu(off.points)
    square, growth = _grown(gain, 2, 0)
    alone = _of_another(law, off.frequencies, [Factor(1.0, (0.0, 0.0))])
    other = _of_another(law, off.frequencies, [Factor(square**2, (growth, growth))])
    mixed = _of_itself_and_another(law, own.frequencies, off.frequencies)
    others = _of_two_others(law, off.frequencies)
    q = _of_itself(law)
    return Pairs(
        diagonal=gain**4 * q[0],
        off_diagonal=gain**4 * float(a @ off.density(alone)),
        itself=gain**12 * q[1],
        other=gain**12 * float(a**2 @ off.density(other)),
        mixed=gain**12 * float((own.points**2) @ _joint(own, off, mixed) @ a),
        others=gain**12 * float(a @ _joint(off, off, others) @ a),
    )


def _square_of_relu(x: Real) -> Real:
    return np.asarray(np.maximum(x, 0.0) ** 2)


def _nodes(gain: float) -> tuple[Real, Real, Real]:
    """Gauss-Hermite nodes and weights of a standard normal, and swish(gain * node)/gain."""
    g, w = hermegauss(NODES)
    return g, w / w.sum(), swish(gain, g)


def swish(gain: float, x: Real) -> Real:
    """swish(gain * x)/gain."""
    from scipy import special  # which takes a while to import

    return np.asarray(x * special.expit(gain * x))


@dataclass(frozen=True)
class Law:
    """What the scores' law depends on: head size s, width d, init gain."""

    s: int
    d: int
    gain: float


@dataclass(frozen=True)
class Factor:
    """`size` exp(sum of growth_k delta_k) rho^order, rho the covariance of `pair`."""

    size: float
    growth: tuple[float, ...]
    pair: tuple[int, int] = (0, 1)
    order: int = 0


def wishart(tilt: Mapping[tuple[int, int], Complex], d: int, pair: tuple[int, int]) -> tuple[Complex, Complex]:
    """log E exp(sum of tilt theta), theta = G - 1 with d G Wishart of d degrees of freedom, and E theta_pair so tilted.

    For up to three tokens, elementwise: -(d/2) log det M - tr T with M = 1 - 2T/d, T_ii = tilt_ii, T_ij = tilt_ij/2,
    and (M^-1)_pair. M has a positive definite real part, and so have its pivots, whose principal logarithms are summed.
    """
    zero = np.zeros((), dtype=complex)
    m = {(i, j): (i == j) - (2 if i == j else 1) / d * tilt.get((i, j), zero) for i in range(3) for j in range(i, 3)}
    a, b, c, e, f, h = (m[k] for k in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)))
    second = e - b * b / a
    mixed = f - b * c / a
    third = h - c * c / a - mixed * mixed / second
    trace = sum((tilt.get((k, k), zero) for k in range(3)), zero)
    cumulant = -d / 2 * (np.log(a) + np.log(second) + np.log(third)) - trace
    cofactors = {(0, 0): e * h - f * f, (0, 1): c * f - b * h, (1, 2): b * c - a * f}
    return np.asarray(cumulant), np.asarray(cofactors[pair] / (a * second * third))


class _Grid:
    """Points of S around `centre`, and the frequencies of the discrete Fourier transform between them."""

    def __init__(self, centre: float, reach: float) -> None:
        self.step = 2 * reach / POINTS
        self.points: Real = np.asarray(centre + self.step * (np.arange(POINTS) - POINTS // 2), dtype=np.float64)
        self.frequencies: Real = np.asarray(2 * math.pi * np.fft.fftfreq(POINTS, self.step), dtype=np.float64)

    def phases(self) -> Complex:
        """exp(-i t S_0) of the first point, which turns the transform into that of the shifted variable."""
        return np.asarray(np.exp(-1j * self.frequencies * self.points[0]))

    def density(self, characteristic: Complex) -> Real:
        """Probabilities (times whatever factor the characteristic function carries) at the points."""
        return np.asarray(np.fft.fft(characteristic * self.phases()).real / POINTS)


def _joint(first: _Grid, second: _Grid, characteristic: Complex) -> Real:
    shifted = characteristic * first.phases()[:, None] * second.phases()[None, :]
    return np.asarray(np.fft.fft2(shifted).real / POINTS**2)


def _tilted(p: Partial, tokens: int, law: Law, factors: Sequence[Factor]) -> Complex:
    """E over theta of p^s times a sum of factors, to second order of log p in theta (see the module).

    `p(h, ...)` is one unit's characteristic function, E of prod_k He_{h_k}(g_k) exp(i t S): the Hermite orders h, one a
    token, are derivatives by the variances (order 2, times 1/2) and covariances of the pre-activations g.
    """
    base = p(*[0] * tokens)
    live = np.abs(base) ** law.s > 1e-13
    safe = np.where(live, base, 1.0)
    tilt, bends = {}, np.zeros_like(base)
    for i in range(tokens):
        for j in range(i, tokens):
            orders = [(i == k) + (j == k) for k in range(tokens)]
            half, variance = (0.5, 2 / law.d) if i == j else (1.0, 1 / law.d)  # d/d G_ii = (d²/dg_i²)/2
            slope = half * p(*orders) / safe
            bends += 0.5 * variance * (half**2 * p(*(2 * o for o in orders)) / safe - slope**2)
            tilt[i, j] = law.s * slope
    log = law.s * (np.log(safe) + bends)
    total = np.zeros_like(base)
    for factor in factors:
        moved = {key: eta + (factor.growth[key[0]] if key[0] == key[1] else 0) for key, eta in tilt.items()}
        cumulant, covariance = wishart(moved, law.d, factor.pair)
        shape = (1.0, covariance, covariance**2 + 1 / law.d)[factor.order]
        total += factor.size * np.where(live, np.exp(np.where(live, log + cumulant, -np.inf)) * shape, 0.0)
    return total


def _grown(gain: float, k: int, h: int) -> tuple[float, float]:
    """E f^(h)(sqrt(1 + delta) g), f = phi^k, at delta = 0 (it is E He_h f), and its logarithm's slope in delta."""
    g, w, phi = _nodes(gain)
    at, next_ = (float(w @ (_hermite(order, g) * phi**k)) for order in (h, h + 2))
    return at, 0.5 * next_ / at


def _values(law: Law, tokens: int, i: int, j: int) -> list[Factor]:
    """U_0² phi(g_i) phi(g_j): Mehler's sum of c_k² rho^k/k! up to rho², c_k = E He_k(g) phi(g)."""
    factors = []
    gate, gate_growth = _grown(law.gain, 2, 0)
    for order in (0, 1, 2):
        c, slope = _grown(law.gain, 1, order)
        growth = [0.0] * tokens
        growth[0] += gate_growth
        growth[i] += slope
        growth[j] += slope
        factors.append(Factor(gate * c**2 / math.factorial(order), tuple(growth), (i, j), order))
    return factors


def _unit(gain: float, t: Real) -> list[Complex]:
    """[h][t, node]: E He_h(g) exp(i t phi(node) phi(g)), the derivatives by g's variance and covariances."""
    g, w, phi = _nodes(gain)
    phase = np.exp(1j * t[:, None, None] * phi[None, :, None] * phi[None, None, :])
    return [phase @ (w * _hermite(h, g)) for h in range(5)]


def _of_another(law: Law, t: Real, factors: Sequence[Factor]) -> Complex:
    """The characteristic function of S_01, times factors of theta: p(h) = E He_h0(g_0) E He_h1(g) exp(i t phi phi)."""
    g, w, _ = _nodes(law.gain)
    chi = _unit(law.gain, t)
    return _tilted(lambda i, j: np.asarray(chi[j] @ (w * _hermite(i, g))), 2, law, factors)


def _of_two_others(law: Law, t: Real) -> Complex:
    """That of (S_01, S_02), times U_0² V_1 V_2; given g_0 the two are independent."""
    g, w, _ = _nodes(law.gain)
    chi = _unit(law.gain, t)
    return _tilted(
        lambda i, j, k: np.asarray((chi[j] * (w * _hermite(i, g))) @ chi[k].T), 3, law, _values(law, 3, 1, 2)
    )


def _of_itself_and_another(law: Law, own: Real, t: Real) -> Complex:
    """That of (S_00, S_01), times U_0² V_0 V_1."""
    g, w, phi = _nodes(law.gain)
    chi = _unit(law.gain, t)
    phase = np.exp(1j * own[:, None] * phi**2)
    return _tilted(lambda i, j: np.asarray((phase * (w * _hermite(i, g))) @ chi[j].T), 2, law, _values(law, 2, 0, 1))


def _of_itself(law: Law) -> tuple[float, float]:
    """E S_ii² and E U_i² S_ii⁴ V_i², over the chi-square law of |x_i|²/d."""
    nodes, weights = hermegauss(9)
    # Wilson and Hilferty 1931: (chi²_d/d)^(1/3) is normal to high accuracy
    q = (1 - 2 / (9 * law.d) + nodes * math.sqrt(2 / (9 * law.d))) ** 3
    total = np.zeros(2)
    for value, weight in zip(q, weights / weights.sum(), strict=True):
        total += weight * np.array(_given_norm(law, math.sqrt(value)))
    return float(total[0]), float(total[1])


def _given_norm(law: Law, r: float) -> tuple[float, float]:
    """The same for |x_i| = r sqrt(d): raw moments of a sum of s independent squares, from their cumulants."""
    g, w, _ = _nodes(law.gain)
    phi = swish(law.gain, r * g)
    m = [float(w @ phi ** (2 * k)) for k in range(5)]
    first, second = m[1], m[2] - m[1] ** 2
    third = m[3] - 3 * m[2] * m[1] + 2 * m[1] ** 3
    fourth = m[4] - 4 * m[3] * m[1] - 3 * m[2] ** 2 + 12 * m[2] * m[1] ** 2 - 6 * m[1] ** 4
    a, b, c, d = (law.s * cumulant for cumulant in (first, second, third, fourth))
    return b + a**2, (d + 4 * c * a + 3 * b**2 + 6 * b * a**2 + a**4) * m[1] ** 2


def _hermite(order: int, g: Real) -> Real:
    """The probabilists' Hermite polynomial He_order."""
    return np.asarray(hermeval(g, [0] * order + [1]))

"""Mean-field predictions for residual stacks at initialisation: signals, cotangents and squared gradient norms.

Everything is an expectation over Gaussian weights, to leading order in 1/width. What is assumed, by name:

- A1 *fresh weights*: the weights of a layer are independent of the signal that enters it (exact at initialisation)
  and, in the backward pass, of the cotangent that enters it (the gradient independence assumption: Schoenholz et al.
  2017, arXiv:1611.01232; exact for a last linear map, an approximation where the forward pass used the same weights).
- A2 *self-averaging*: squared norms and inner products of tokens are replaced by their means; each layer adds an error
  of relative order width^(-1/2), so that the logarithm of a product over N layers spreads like sqrt(N/width).
- A3 *exchangeable tokens*: all tokens of a sequence have one second moment q per coordinate, one cosine c with each
  other, one squared cotangent norm D and one cotangent inner product E.
- A4 *Gaussian logits*: attention scores of one query are Gaussian over keys, of variance q² (1 - c) (Xavier q and k,
  scale 1/sqrt(head size)); the scores of two queries have the correlation c.

Sources for the parts: relu kernels, Cho and Saul 2009; signal and gradient recursions, Poole et al. 2016
(arXiv:1606.05340); Post-LN and Pre-LN, Xiong et al. 2020 (arXiv:2002.04745); token correlation, Noci et al. 2022
(arXiv:2206.03126). The constants, the q and k paths and the finite-sequence terms are derived here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from scaleproof.theory.gaussian import moment


@dataclass(frozen=True)
class Architecture:
    """What the prediction is about: `layers` blocks of `branches`, each a residual sublayer (torchcheck's Transformer).

    `hidden` is 4 * width; `common` the cosine of two input tokens, which have second moment 1 per coordinate.
    `cotangent` and `shared` are the squared norm, and the inner product with another token's, of dL/dy for one token.
    """

    width: int
    layers: int
    alpha: float = 1.0
    gain: float = 1.0
    norm: str = "post"
    tokens: int = 32
    batch: int = 1
    branches: tuple[str, ...] = ("attention", "ffn")
    common: float = 0.0
    cotangent: float = 0.0
    shared: float = 0.0


@dataclass(frozen=True)
class Profile:
    """Per sublayer, in forward order: RMS of stream and branch, token cosine, |dL/dx| of the input and of the output.

    `squares[role]` are expected squared Frobenius norms of gradients, one for each sublayer that has the role.
    """

    stream: list[float]
    branch: list[float]
    cosine: list[float]
    cotangent: list[float]
    squares: dict[str, list[float]]

    def total(self, roles: Sequence[str]) -> float:
        return sum(sum(self.squares.get(role, ())) for role in roles)

    def sizes(self, roles: Sequence[str], width: int) -> float:
        """The sum of the absolute values of the entries, if they are normal: sqrt(2 numel/pi) |g| for each matrix.

        They are nearly so while tokens differ; where all tokens are alike gradients have rank 1, and entries are
        products of two normal numbers, smaller by sqrt(2/pi) = 0.8 in the mean.
        """
        numbers = {role: width**2 * (4 if role in ("inner", "outer") else 1) for role in roles}
        return sum(
            math.sqrt(2 / math.pi * numbers[role] * square) for role in roles for square in self.squares.get(role, ())
        )


@dataclass(frozen=True)
class _Step:
    """What the backward pass needs: inputs (q, c) and, of the branch, (u, c), output (q_out, c_out), mixing moments.

    `variance` is the squared divisor of the layer norm at the sublayer's output: q_out without the squared mean over
    coordinates, which is 1/width of what the branch (and the stack's input) brings.
    """

    kind: str
    q: float
    u: float
    c: float
    branch: float
    q_out: float
    c_out: float
    variance: float
    s1: float = 0.0
    s2: float = 0.0
    s3: float = 0.0


def constants(scaling: str, layers: int, norm: str = "post") -> tuple[float, float]:
    """(alpha, gain) of a named scaling for N blocks, as the sources print them: theory has its own.

    kexue.fm/archives/8978, last table (sgd, adam, lamb; post-norm, then alpha = 1, the gain recomputed) and section 5
    (keep-rate, slow); arXiv:2203.00555, sec. 4.1 (deepnorm). Raises KeyError for an unknown name.
    """
    n = float(layers)
    post = {
        "none": (1.0, 1.0),
        "sgd": ((2 * n) ** 0.25, (2 * n) ** -0.25),
        "adam": ((2 * n) ** 0.5, (2 * n) ** -0.5),
        "lamb": (1.0, (2 * n) ** -0.5),
        "keep-rate": (1.0, (2 * n) ** -0.5),
        "slow": ((2 * n) ** 0.5, 1.0),
        "deepnorm": ((2 * n) ** 0.25, (8 * n) ** -0.25),
    }
    other = {"sgd": (1.0, (2 * n) ** -0.5), "adam": (1.0, 1 / (2 * n)), "lamb": (1.0, (2 * n) ** -0.5)}
    return (post if norm == "post" else {**post, **other})[scaling]


def linear_loss_cotangent(tokens: int, batch: int) -> float:
    """|dL/dy|² of a token for L = mean over tokens of <c, y>/sqrt(width): (1/(B T))²."""
    return 1.0 / (max(tokens, 1) * batch) ** 2


@dataclass(frozen=True)
class Cotangent:
    """dL/dx in the mean over tokens: `own` (D) a token's squared norm, `other` (E) its inner product with another's."""

    own: float
    other: float

    def times(self, own: float, other: float | None = None) -> Cotangent:
        return Cotangent(own * self.own, (own if other is None else other) * self.other)

    def plus(self, more: Cotangent) -> Cotangent:
        return Cotangent(self.own + more.own, self.other + more.other)


#: roles with what a token's gradient has as squared norm, and as inner product with another token's
Gradients = list[tuple[str, Cotangent]]


def predict(stack: Architecture) -> Profile:
    """The recursions forward and backward through the stack."""
    steps = _forward(stack)
    tokens = max(stack.tokens, 1)
    at = Cotangent(stack.cotangent or linear_loss_cotangent(stack.tokens, stack.batch), stack.shared)
    # A layer norm projects the mean and the signal's own direction out of a cotangent. Below the last norm that of a
    # post-norm stream has neither left (the map from x to the norm is homogeneous in x: Euler's identity), but for the
    # mean that the branch adds.
    keep, last = 1 - 2 / stack.width, steps[-1]
    gradients: Gradients = []  # from the last sublayer to the first, as the cotangents
    if stack.norm == "pre":
        gradients, at = _norm(at, last.c_out, keep / last.variance)
    cotangents = [at]
    for step in reversed(steps):
        if stack.norm == "post":
            own, at = _norm(at, step.c_out, keep / step.variance)
            gradients += own
        own, inner = (_ffn if step.kind == "ffn" else _attention)(stack, step, at)
        gradients += own
        if stack.norm == "pre":
            own, inner = _norm(inner, step.c, keep / (step.q * (1 - 1 / stack.width)))
            gradients += own
        at = at.times(stack.alpha**2).plus(inner)
        if stack.norm == "post":
            keep = 1 - inner.own / at.own / stack.width
        cotangents.append(at)
    squares: dict[str, list[float]] = {}
    for role, g in reversed(gradients):
        squares.setdefault(role, []).append(stack.batch * tokens * (g.own + (tokens - 1) * g.other))
    return Profile(
        stream=[math.sqrt(s.q) for s in steps],
        branch=[math.sqrt(s.branch) for s in steps],
        cosine=[s.c for s in steps],
        cotangent=[math.sqrt(stack.batch * tokens * c.own) for c in reversed(cotangents)],
        squares=squares,
    )


def _forward(stack: Architecture) -> list[_Step]:
    """(q, c) -> (alpha² q + b, (alpha² q c + b')/(alpha² q + b)), b and b' the branch's own and shared second moment.

    Attention: b = gain⁴ u (c + (1 - c) s1), b' with s2 for s1, the means of sum_k A_ik² and sum_k A_ik A_jk; relu's
    layer: b = gain' u, b' = b relu_kernel(c). Behind a norm u, or the next q, is 1.
    """
    q, c = 1.0, stack.common
    steps: list[_Step] = []
    for _ in range(stack.layers):
        for kind in stack.branches:
            u = 1.0 if stack.norm == "pre" else q
            s1 = s2 = s3 = 0.0
            if kind == "attention":
                s1, s3 = softmax_moments(u * u * (1 - c), stack.tokens)
                s2 = (stack.tokens * s1) ** max(c, 0.0) / stack.tokens  # from 1/T (independent) to s1 (equal queries)
                own, other = (_attention_gain(stack) * u * (c + (1 - c) * mixed) for mixed in (s1, s2))
            else:
                own = _ffn_gain(stack) * u
                other = own * relu_kernel(c)
            q_out = stack.alpha**2 * q + own
            c_out = (stack.alpha**2 * q * c + other) / q_out
            fresh = own if steps and stack.norm == "post" else q_out
            steps.append(_Step(kind, q, u, c, own, q_out, c_out, q_out - fresh / stack.width, s1, s2, s3))
            q, c = (1.0 if stack.norm == "post" else q_out), min(1.0, c_out)
    return steps


def _norm(at: Cotangent, c: float, factor: float) -> tuple[Gradients, Cotangent]:
    """(D, E) -> factor (D, E), what the projection keeps over the variance; gain and shift get (2 D, (1 + c) E)."""
    return [("norm", at.times(2, 1 + c))], at.times(factor)


def _ffn(stack: Architecture, step: _Step, at: Cotangent) -> tuple[Gradients, Cotangent]:
    """Through W2 relu(W1 x), v = 2 gain²/(width + hidden): D -> hidden v/2 D -> width v D, E with the mask kernel."""
    width, hidden, c = stack.width, 4 * stack.width, step.c
    variance = 2 * stack.gain**2 / (width + hidden)
    active = hidden * step.u * width * variance / 2  # of relu(W1 x)
    inside = at.times(hidden * variance / 2, hidden * variance / 2 * relu_mask_kernel(c))
    gradients = [
        ("bias", at),
        ("outer", at.times(active, active * relu_kernel(c))),
        ("inner", inside.times(width * step.u, width * step.u * c)),
        ("bias", inside),
    ]
    return gradients, inside.times(width * variance)


def _attention(stack: Architecture, step: _Step, at: Cotangent) -> tuple[Gradients, Cotangent]:
    """Through the values, and through the scores of queries and keys.

    Values: D -> gain⁴ (D s1 + (T-1) E s2), E -> gain⁴ (D (1 - s1)/(T-1) + E (1 - s2)). Scores: softmax keeps
    differences between keys only, hence (1 - c) twice; the sum over keys has an incoherent part s1 - 2 s3 + s1² and a
    coherent one, 1/width.
    """
    width, others, c, u, gain2 = stack.width, max(stack.tokens, 1) - 1, step.c, step.u, stack.gain**2
    mixed = (width * u * (c + (1 - c) * step.s1), width * u * (c + (1 - c) * step.s2))
    value = at.times(gain2)
    spread = (u * (1 - c)) ** 2 * gain2
    incoherent = step.s1 - 2 * step.s3 + step.s1**2
    score = value.times(spread * (incoherent + 1 / width), spread * (step.s2 + 1 / width))
    gradients = [
        ("bias", at),
        ("output", at.times(gain2 * mixed[0], gain2 * mixed[1])),
        ("value", value.times(*mixed)),
        ("bias", value),
        ("query", score.times(width * u, width * u * c)),
        ("key", score.times(width * u, width * u * c)),
    ]
    own = value.own * step.s1 + value.other * others * step.s2
    other = value.own * (1 - step.s1) / max(others, 1) + value.other * (1 - step.s2)
    return gradients, Cotangent(
        gain2 * own + 2 * score.own, gain2 * other + score.other - score.own / max(stack.tokens - 1, 1)
    )


def _ffn_gain(stack: Architecture) -> float:
    """E|F(x)|²/E|x|² of relu(x W1) W2 under Xavier with gain: width * hidden/2 * (2 gain²/(width + hidden))²."""
    hidden = 4 * stack.width
    return stack.width * hidden / 2 * (2 * stack.gain**2 / (stack.width + hidden)) ** 2


def _attention_gain(stack: Architecture) -> float:
    """The value and output matrices' gain⁴; the mixing is apart."""
    return stack.gain**4


def probe(gain: str) -> float:
    """(dL/dlambda)² over |dL/dW|² |U|²/n in the mean, for tanh(W x), W = lambda U of n entries, lambda = `gain`.

    U and x are Gaussian with Var(U x) = 1, so that to leading order in 1/width, z = U x, it is the mean of z² over
    that of 1, both weighed by tanh'(lambda z)²: dL/dlambda is the sum of c z tanh'(lambda z), |dL/dW|² that of
    c² tanh'(lambda z)² |x|², for independent cotangents c.
    """
    weighed, weight = (float(moment(name, 2, gain).lo) for name in ("x tanh'", "tanh'"))
    return weighed / float(gain) ** 2 / weight


def relu_kernel(c: float) -> float:
    """E relu(a) relu(b)/E relu(a)² for unit Gaussians of correlation c (Cho and Saul 2009, n = 1)."""
    c = min(1.0, max(-1.0, c))
    return (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / math.pi


def relu_mask_kernel(c: float) -> float:
    """P(a > 0, b > 0)/P(a > 0) for unit Gaussians of correlation c (Cho and Saul 2009, n = 0)."""
    return (math.pi - math.acos(min(1.0, max(-1.0, c)))) / math.pi


@lru_cache(maxsize=4096)
def softmax_moments(variance: float, tokens: int) -> tuple[float, float]:
    """(E sum A_j², E sum A_j³) for A = softmax of `tokens` independent N(0, variance) scores.

    With w = exp(score): 1/(sum w)^p = integral of t^(p-1) exp(-t sum w)/Gamma(p), so that
    E sum A^p = T/Gamma(p) * integral of t^(p-1) E[w^p exp(-t w)] (E exp(-t w))^(T-1) dt: exact for every T.
    """
    if tokens <= 1:
        return 1.0, 1.0
    if variance < 1e-9:
        return 1 / tokens, 1 / tokens**2
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    w = np.exp(math.sqrt(variance) * nodes)
    log_t = np.linspace(math.log(1e-4 / tokens), math.log(60.0), 600)
    t = np.exp(log_t)[:, None]
    decay = np.exp(-t * w)
    rest = (decay @ weights) ** (tokens - 1)
    moments = []
    for p, gamma in ((2, 1.0), (3, 2.0)):
        value = (decay @ (weights * w**p)) * rest * t[:, 0] ** p
        moments.append(float(tokens / gamma * np.trapezoid(value, log_t)))
    return moments[0], moments[1]

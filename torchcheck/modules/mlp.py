"""Plain and residual multilayer perceptrons with the exact initialisations that kexue.fm/archives/8994 argues about."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

Activation = Literal["linear", "relu"]


class PlainMLP(nn.Module):
    """x <- phi(x W + b), `layers` times, no residuals: (batch, widths) in and out.

    Gaussian weights of variance gain_phi (1 - bias_share)/fan_in, gain_phi = 1 (linear) or 2 (relu), and biases of
    variance bias_share * gain_phi * q for a stream of second moment q = 1: the second moment per coordinate is kept
    for every bias_share in [0, 1). With share 0 there are no biases (kexue.fm/archives/8994, section 3).

    Args:
        width: of every layer; `narrow` (default: the same) is the width of every second one.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        activation: Activation = "relu",
        bias_share: float = 0.0,
        narrow: int | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= bias_share < 1:
            raise ValueError(f"bias_share must lie in [0, 1), got {bias_share}")
        widths = [width if k % 2 == 0 else (narrow or width) for k in range(layers + 1)]
        scale = 2.0 if activation == "relu" else 1.0
        chain = [nn.Linear(n, m, bias=bias_share > 0) for n, m in pairwise(widths)]
        for layer in chain:
            nn.init.normal_(layer.weight, std=math.sqrt(scale * (1 - bias_share) / layer.in_features))
            if bias_share > 0:
                nn.init.normal_(layer.bias, std=math.sqrt(scale * bias_share))
        self.layers = nn.ModuleList(chain)
        self.phi = nn.ReLU() if activation == "relu" else nn.Identity()

    def forward(self, x: Float[Tensor, "*batch first"]) -> Float[Tensor, "*batch last"]:
        for layer in self.layers:
            x = self.phi(layer(x))
        return x


class ResidualMLP(nn.Module):
    """x <- x + epsilon f(x), `layers` times, (batch, width) in and out (kexue.fm/archives/8994, eq. for y).

    `branch`: "linear" f = x W; "relu" f = sqrt(2) relu(x W1) W2, both with Gaussian weights of variance 1/width, so
    that E|f(x)|² = |x|²; "rectified" f = sqrt(2) relu(x W), which keeps the norm too but has a mean; "coherent" f = x
    (every factor +1, one weight of 1 a coordinate, not random).
    `epsilon` defaults to layers^(-1/2).
    """

    def __init__(
        self,
        width: int,
        layers: int,
        epsilon: float | None = None,
        branch: Literal["linear", "relu", "rectified", "coherent"] = "relu",
    ) -> None:
        super().__init__()
        self.epsilon = layers**-0.5 if epsilon is None else epsilon
        kinds = {
            "linear": _LinearBranch,
            "relu": _ReluBranch,
            "rectified": _RectifiedBranch,
            "coherent": _CoherentBranch,
        }
        if branch not in kinds:
            raise ValueError(f"branch must be one of {', '.join(kinds)}, got {branch!r}")
        self.branches = nn.ModuleList(kinds[branch](width) for _ in range(layers))

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        for branch in self.branches:
            x = x + self.epsilon * branch(x)
        return x


class _LinearBranch(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = _gaussian(width)

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        out: Tensor = self.linear(x)
        return out


class _ReluBranch(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.outer = _gaussian(width), _gaussian(width)

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        out: Tensor = math.sqrt(2) * self.outer(torch.relu(self.inner(x)))
        return out


class _RectifiedBranch(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = _gaussian(width)

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        out: Tensor = math.sqrt(2) * torch.relu(self.linear(x))
        return out


class _CoherentBranch(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        return x * self.weight


def _gaussian(width: int) -> nn.Linear:
    layer = nn.Linear(width, width, bias=False)
    nn.init.normal_(layer.weight, std=width**-0.5)
    return layer


class ScaledLinear(nn.Module):
    """y = x (lambda U)ᵀ with a learned number `scale` = lambda and a fixed `direction` = U of entries N(0, 1/width).

    `then` is "residual" (x + tanh(y)), or "norm" (layer norm of y, which does not see the scale).
    `forward(x, weight)` uses `weight`, (width, width), in place of lambda U.
    """

    def __init__(self, width: int, scale: float = 0.5, then: Literal["residual", "norm"] = "residual") -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.register_buffer("direction", torch.randn(width, width) / math.sqrt(width))
        self.norm = nn.LayerNorm(width, eps=0.0) if then == "norm" else None

    def forward(
        self, x: Float[Tensor, "*batch width"], weight: Float[Tensor, "width width"] | None = None
    ) -> Float[Tensor, "*batch width"]:
        y = x @ (self.weight() if weight is None else weight).T
        out: Tensor = x + torch.tanh(y) if self.norm is None else self.norm(y)
        return out

    def weight(self) -> Float[Tensor, "width width"]:
        """lambda U, (width, width)."""
        direction: Tensor = self.get_buffer("direction")
        return self.scale * direction

"""Plain and residual networks broken in one named way each."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from torchcheck.modules.mlp import PlainMLP, ResidualMLP


class LoudMLP(PlainMLP):
    """Twice the variance of a stable network."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        with torch.no_grad():
            for p in self.parameters():
                p.mul_(math.sqrt(2))


class RootEpsilon(ResidualMLP):
    """The branch is weighed by the square root of epsilon."""

    def forward(self, x: Tensor) -> Tensor:
        for branch in self.branches:
            x = x + math.sqrt(self.epsilon) * branch(x)
        return x


class CoherentResidual(ResidualMLP):
    """Adds a branch that is not random, f = x."""

    def __init__(self, width: int, layers: int, epsilon: float | None = None, branch: str = "coherent") -> None:
        super().__init__(width, layers, epsilon, "coherent")

"""SquarePlus broken in one named way each; its claims must notice."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from torchcheck.modules.squareplus import SquarePlus, squareplus


class ShrunkSquarePlus(SquarePlus):
    """Divides by 2.0001 instead of 2."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (2 / 2.0001)


class DoubledBend(SquarePlus):
    """Uses 2b for b."""

    def forward(self, x: Tensor) -> Tensor:
        return squareplus(x, 2 * self.b)


class FlippedSlope(SquarePlus):
    """The backward has (1 - x/r)/2 for (1 + x/r)/2."""

    def forward(self, x: Tensor) -> Tensor:
        right = super().forward(x)
        mirrored = -squareplus(-x, self.b)
        return mirrored + (right - mirrored).detach()


class DetachedSlope(SquarePlus):
    """The first derivative is right but carries no graph, so the second is 0."""

    def forward(self, x: Tensor) -> Tensor:
        r = torch.sqrt(x * x + self.b)
        return super().forward(x).detach() + (x - x.detach()) * (0.5 + 0.5 * x / r).detach()


class RoundedBend(SquarePlus):
    """Rounds b to two significant digits."""

    def forward(self, x: Tensor) -> Tensor:
        b = float(self.b)
        digits = 1 - math.floor(math.log10(b))
        return squareplus(x, round(b, digits))


class TranscendentalRoot(nn.Module):
    """Takes the square root as exp(log(x² + b)/2)."""

    def __init__(self, b: float = 4.0) -> None:
        super().__init__()
        self.b = b

    def forward(self, x: Tensor) -> Tensor:
        return (x + torch.exp(torch.log(x * x + self.b) / 2)) / 2


class UnguardedSquare(SquarePlus):
    """Squares x without a guard, so that x² overflows."""

    def forward(self, x: Tensor) -> Tensor:
        r = torch.sqrt(x * x + self.b)
        return torch.where(x < 0, (float(self.b) / 2) / (r - x), (x + r) / 2)

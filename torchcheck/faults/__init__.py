"""Modules and optimizers broken in one named way each; a claim's check must notice its fault."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.modules import AmidFunnel, ExponentiatedGradient, HypergradientSGD, SquarePlus, squareplus


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


class LinearEG(ExponentiatedGradient):
    """Uses 1 - u, the first-order term, for exp(-u)."""

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        for p, g in zip(params, grads, strict=True):
            p.mul_(1 - group["lr"] * g)


class KeptFactorEG(ExponentiatedGradient):
    """Keeps the factor theta of the gradient by log theta."""

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        super()._update(group, params, [p * g for p, g in zip(params, grads, strict=True)])


class SameGradientSGD(HypergradientSGD):
    """Multiplies the current gradient with itself instead of the previous one."""

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        for p, g in zip(params, grads, strict=True):
            if "previous" in self.state[p]:
                self.state[p]["previous"].copy_(g)
        super()._update(group, params, grads)


class EarlyStartSGD(HypergradientSGD):
    """Takes the first gradient for the one before it (g_0 = g_1 instead of none)."""

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        for p, g in zip(params, grads, strict=True):
            if "previous" not in self.state[p]:
                self.state[p]["log_nu"] = torch.zeros_like(p)
                self.state[p]["previous"] = g.clone()
        super()._update(group, params, grads)


class WrongSignSGD(HypergradientSGD):
    """Uses -gamma for gamma."""

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        super()._update({**group, "gamma": -group["gamma"]}, params, grads)


class LinearGainFunnel(AmidFunnel):
    """Reports gains 1 + log p, the first-order term of exp(log p)."""

    def gains(self) -> list[Tensor]:
        return [1 + s["log_gain"] for s in self.state.values()]

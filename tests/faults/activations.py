"""Activations with one seeded fault each."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from tests.faults.fault import SeededFault


class ExpGate(nn.Module):
    """x * exp(x)/(1 + exp(x)): the sigmoid, written so that it overflows."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x.exp() / (1 + x.exp())


class WrongBackward(torch.autograd.Function):
    """tanh with half of its derivative missing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        out: Tensor = grads[0] * (1 - x.tanh().square() / 2)
        return out


def wrong_gradient(x: Tensor) -> Tensor:
    out: Tensor = WrongBackward.apply(x)  # type: ignore[no-untyped-call]
    return out


def detached_gate(x: Tensor) -> Tensor:
    return x * x.sigmoid().detach()


def normalised(x: Tensor) -> Tensor:
    return x / (x.std() + 1e-6)


def noisy(x: Tensor) -> Tensor:
    return x + 1e-3 * torch.randn_like(x)


def overwriting(x: Tensor) -> Tensor:
    return x.clamp_(min=0)


def cubed(x: Tensor) -> Tensor:
    return x**3


def cancelling(x: Tensor) -> Tensor:
    return (1 + x.sigmoid() * 1e4) - 1e4 * x.sigmoid() + x


def dead(x: Tensor) -> Tensor:
    return (x - 100).clamp(min=0)


def stepped(x: Tensor) -> Tensor:
    return torch.where(x > 0, x + 1, x)


class SavedLogistic(torch.autograd.Function):
    """softplus, whose backward takes the logistic function that forward saved."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.slope = x.sigmoid()
        return torch.nn.functional.softplus(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        out: Tensor = grad * ctx.slope
        return out


def saved_slope(x: Tensor) -> Tensor:
    return SavedLogistic.apply(x)  # type: ignore[no-untyped-call, no-any-return]


class Mish(nn.Module):
    """An exponential where Mish has a softplus."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.tanh(torch.exp(x.clamp(max=20)))


class GELU(nn.Module):
    """The root of 2 over pi, not of both."""

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2) / math.pi * (x + 0.044715 * x**3)))


class CELU(nn.Module):
    """alpha is taken times, and never over."""

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(min=0) + self.alpha * torch.expm1(x.clamp(max=0))


def selu(x: Tensor) -> Tensor:
    """SELU without its alpha."""
    return 1.0507009873554805 * torch.where(x > 0, x, torch.expm1(x.clamp(max=0)))


class FrozenSlope(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(0.25))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, x * self.slope.item())


def hasty_mish(x: Tensor) -> Tensor:
    return x * torch.tanh(torch.log(1 + torch.exp(x)))


def on_a_grid(x: Tensor) -> Tensor:
    """Steps of a sixteenth, through which no gradient comes."""
    return torch.round(16 * x) / 16


FAULTS: tuple[SeededFault, ...] = (
    SeededFault("exp over 1 + exp", "activation", ExpGate, ("range.float16", "lost.float16")),
    SeededFault("a custom backward pass is wrong", "activation", wrong_gradient, ("gradient",)),
    SeededFault("the gate is detached", "activation", detached_gate, ("gradient",)),
    SeededFault("divided by the batch's deviation", "activation", normalised, ("elementwise",)),
    SeededFault("noise in eval mode", "activation", noisy, ("deterministic",)),
    SeededFault("the input is clamped in place", "activation", overwriting, ("input-kept",)),
    SeededFault("a cube: unbounded slope", "activation", cubed, ("lipschitz",)),
    SeededFault("terms that cancel", "activation", cancelling, ("accuracy.float16",)),
    SeededFault("dead for all usual inputs", "activation", dead, ("second-moment",)),
    SeededFault("a jump", "activation", stepped, ("lipschitz",)),
    SeededFault("a slope saved by forward", "activation", saved_slope, ("second-derivative",)),
    SeededFault("a logarithm of 1 + exp", "activation", hasty_mish, ("lost-gradient",)),
    SeededFault("a slope that no gradient reaches", "activation", FrozenSlope, ("dead-parameters",)),
    SeededFault("Mish without its softplus", "activation", Mish, ("as-published",)),
    SeededFault("GELU with another root", "activation", GELU, ("as-published",)),
    SeededFault("CELU with half of its alpha", "activation", CELU, ("as-published",)),
    SeededFault("rounding without a straight-through estimate", "activation", on_a_grid, ("lets-through",)),
    SeededFault("SELU without its alpha", "activation", selu, ("as-published",)),
)

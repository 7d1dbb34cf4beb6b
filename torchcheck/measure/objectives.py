"""Losses of a network's output whose gradient has a known size, so that what is measured is the network's own."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: classes of the cross-entropy loss
CLASSES = 64


class LinearLoss(nn.Module):
    """Mean over tokens of <c, y>/sqrt(width), c normal and fixed: a cotangent of norm 1/tokens per token."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("c", torch.randn(shape) / math.sqrt(shape[-1]))

    def forward(self, y: Tensor) -> Tensor:
        return (y * self.get_buffer("c")).sum(-1).mean()


class SquaredLoss(nn.Module):
    """Mean over tokens of |y - t|²/(2 sqrt(width)), t normal and fixed."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("t", torch.randn(shape))

    def forward(self, y: Tensor) -> Tensor:
        return (y - self.get_buffer("t")).square().sum(-1).mean() / (2 * math.sqrt(y.shape[-1]))


class CrossEntropy(nn.Module):
    """Cross-entropy of random targets under a fixed linear head with logits of variance |y|²/width."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("head", torch.randn(CLASSES, shape[-1]) / math.sqrt(shape[-1]))
        self.register_buffer("targets", torch.randint(CLASSES, shape[:-1]).flatten())

    def forward(self, y: Tensor) -> Tensor:
        logits = F.linear(y, self.get_buffer("head"))
        return F.cross_entropy(logits.flatten(0, -2), self.get_buffer("targets"))


LOSSES: dict[str, Callable[[tuple[int, ...]], nn.Module]] = {
    "linear": LinearLoss,
    "squared": SquaredLoss,
    "cross-entropy": CrossEntropy,
}

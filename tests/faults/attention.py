"""Attention layers with one seeded fault each."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.faults.fault import Fault


class CausalAttention(nn.Module):
    """Sound causal attention, for faults to be planted in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        q, k, v = self.qkv(x).chunk(3, -1)
        scores = q @ k.transpose(-1, -2) / math.sqrt(x.shape[-1])
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        return q, scores, v, future

    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, future = self.parts(x)
        return scores.masked_fill(future, -math.inf).softmax(-1) @ v


class OneTokenAhead(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, future = self.parts(x)
        return scores.masked_fill(future.triu(2), -math.inf).softmax(-1) @ v


class LateMask(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, future = self.parts(x)
        return scores.softmax(-1).masked_fill(future, 0.0) @ v


class MeanOverSequence(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(1, keepdim=True))


class CountsTheRest(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * x.shape[1]


class CentredConvolution(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Conv1d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x.transpose(1, 2)).transpose(1, 2)
        return out


class DetachedFuture(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0.1 * x.flip(1).cumsum(1).flip(1).detach()


class IgnoredMask(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(width, 2, batch_first=True)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        out: Tensor = self.inner(x, x, x, need_weights=False)[0]
        return out


class InvertedMask(IgnoredMask):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        out: Tensor = self.inner(x, x, x, mask, need_weights=False)[0]
        return out


class ExpWithoutMaximum(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, future = self.parts(x)
        weights = (scores * 8).exp().masked_fill(future, 0.0)
        return weights @ v / weights.sum(-1, keepdim=True)


class CubicAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        scores = x @ x.transpose(-1, -2) / x.shape[-1]
        return (scores @ scores @ scores).softmax(-1) @ self.inner(x)  # type: ignore[no-any-return]


class UnusedProjection(CausalAttention):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.forgotten = nn.Linear(width, width)


class DroppedScores(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(super().forward(x), 0.1, training=True)


class Centring(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            x -= x.mean(-1, keepdim=True)
        return super().forward(x)


class HugeScale(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 1e6 / 1e6


class ExtraDimension(CausalAttention):
    """A tensor of n² sqrt(n) numbers."""

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        _, scores, v, _ = self.parts(x)
        spread = scores.softmax(-1)[..., None].repeat(1, 1, 1, math.isqrt(x.shape[1]))
        return out + 0 * (spread.mean(-1) @ v)


FAULTS: tuple[Fault, ...] = (
    Fault("it sees one token ahead", "attention", OneTokenAhead, ("leak",)),
    Fault("the mask comes after the softmax", "attention", LateMask, ("leak",), options={"causal": True}),
    Fault("the mean runs over the sequence", "attention", MeanOverSequence, ("leak",), options={"causal": True}),
    Fault("it counts the tokens to come", "attention", CountsTheRest, ("length",)),
    Fault("a convolution that is centred", "attention", CentredConvolution, ("leak",)),
    Fault("the future, detached", "attention", DetachedFuture, ("leak",)),
    Fault("the mask is ignored", "attention", IgnoredMask, ("padding",)),
    Fault("the mask is inverted", "attention", InvertedMask, ("padding",)),
    Fault("exponentials without the maximum", "attention", ExpWithoutMaximum, ("range.float16",), certain=False),
    Fault("cubic cost", "attention", CubicAttention, ("cost-operations",)),
    Fault("a projection is never used", "attention", UnusedProjection, ("dead-parameters",)),
    Fault("dropout in eval mode, after attention", "attention", DroppedScores, ("deterministic",)),
    Fault("the input is centred in place", "attention", Centring, ("input-kept",)),
    Fault("a scale that overflows float16", "attention", HugeScale, ("overflow.float16",)),
    Fault("a tensor of more than pairs", "attention", ExtraDimension, ("cost-memory",)),
)

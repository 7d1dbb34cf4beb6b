"""The five variants of docs/check.md: one healthy, the others explode, leak, overflow and drift."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class GatedFeedForward(nn.Module):
    """Healthy: x + W3(silu(W1 n) * W2 n) with n = RMSNorm(x), the feed-forward part of Llama."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.gate, self.up = (nn.Linear(width, 2 * width, bias=False) for _ in range(2))
        self.down = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        n = self.norm(x)
        out: Tensor = x + self.down(F.silu(self.gate(n)) * self.up(n))
        return out


class Unnormalised(nn.Module):
    """Explodes: the norm was taken out "because the skip connection is enough"."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        for linear in (self.inner, self.outer):
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.outer(F.relu(self.inner(x)))
        return out


class ConvAttention(nn.Module):
    """Leaks: causal attention whose values pass a convolution over 3 tokens, padded on both sides."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Conv1d(width, width, 3, padding=1, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        v = self.mix(v.transpose(1, 2)).transpose(1, 2)
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        scores = (q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])).masked_fill(future, -math.inf)
        out: Tensor = scores.softmax(-1) @ v
        return out


class SumOfSquaresNorm(nn.Module):
    """Overflows in float16: the norm sums squares of the stream, scaled up, in the dtype of the stream."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        size = (16 * x).square().sum(-1, keepdim=True).sqrt() / (16 * math.sqrt(x.shape[-1]))
        out: Tensor = x + F.gelu(self.inner(x / size))
        return out


#: Drifts: somebody "tidied" 1.702 (the sigmoid form of GELU) to 1.7
SLOPE = 1.702


def quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(SLOPE * x)

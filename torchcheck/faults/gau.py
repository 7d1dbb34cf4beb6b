"""Gated attention units broken in one named way each."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.modules.gau import GAU, Projected, gau_stack
from torchcheck.modules.transformer import Sublayer


class SwappedAffine(GAU):
    """gamma and beta are swapped: Q = K = 1 at initialisation."""

    def project(self, x: Tensor, start: int = 0) -> Projected:
        gate, values, heads = super().project(x, start)
        z = heads[0]
        return Projected(gate, values, tuple(z * b + g for g, b in zip(self.gamma, self.beta, strict=True)))


class LoudValues(GAU):
    """W_u and W_v have twice the variance."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        with torch.no_grad():
            self.inner.weight.mul_(math.sqrt(2))


class ForgottenGain(GAU):
    """The gain is not on W_z."""

    def __init__(self, *args: Any, gain: float = 1.0, **options: Any) -> None:
        super().__init__(*args, gain=gain, **options)
        with torch.no_grad():
            self.shared.weight.div_(gain)


class _Undivided(GAU):
    """relu²(Q K^T) is divided by s alone."""

    def divisor(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return torch.full((1, 1), float(self.head_size), dtype=torch.float64, device=x.device)


def undivided_stack(width: int, layers: int, **options: Any) -> nn.Module:
    """GAUs whose attention is not divided by n."""
    model = gau_stack(width, layers, **options)
    for m in model.modules():
        if isinstance(m, Sublayer):
            m.branch = _Undivided(width, **options)
    return model

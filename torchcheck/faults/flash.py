"""FLASH layers broken in one named way each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck.modules.flash import FLASH
from torchcheck.modules.gau import GAU


class AddedGate(GAU):
    """Adds the gate to A V instead of multiplying by it."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        gate, values, (q, k) = self.project(x)
        mixed = values if self.kernel == "identity" else F.scaled_dot_product_attention(q, k, values)
        out: Tensor = self.outer(gate + mixed)
        return out


class SquareValues(GAU):
    """Has one more d x d matrix."""

    def __init__(self, width: int, *args: Any, **options: Any) -> None:
        super().__init__(width, *args, **options)
        self.extra = nn.Linear(width, width, bias=False)


class ForgottenLength(GAU):
    """relu² is divided by s alone, or, for "n2", by n."""

    def divisor(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().divisor(x, mask) / x.shape[-2]


class DroppedChunk(FLASH):
    """The global part leaves the first chunk out."""

    def _everywhere(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, n: int) -> Tensor:
        k = k.clone()
        k[..., 0, :, :] = 0.0
        return super()._everywhere(q, k, v, mask, n)


class CountsItself(FLASH):
    """The causal global part of chunk g is divided by g c, one chunk too many."""

    def _past(self, k: Tensor, v: Tensor, inside: Tensor | None, n: int) -> Tensor:
        before = torch.arange(k.shape[-3], device=k.device, dtype=v.dtype)
        return super()._past(k, v, inside, n) * (before / (before + 1))[:, None, None]


class LateMask(FLASH):
    """The mask inside a chunk begins one position too late."""

    def _local(self, q: Tensor, k: Tensor, v: Tensor, inside: Tensor | None) -> Tensor:
        if not self.causal:
            return super()._local(q, k, v, inside)
        scores = (q @ k.mT).tril(1).relu().square()
        return scores @ v / (self.chunk * self.head_size)


class DenseGlobal(FLASH):
    """The global part is computed as (Q K^T) V."""

    def _everywhere(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, n: int) -> Tensor:
        flat = [t.flatten(-3, -2) for t in (q, k, v)]
        out: Tensor = (flat[0] @ flat[1].mT / n) @ flat[2]
        return out.reshape(v.shape)


class ChunkOfOne(FLASH):
    """Sums at every position, whatever chunk is asked for."""

    def __init__(self, *args: Any, chunk: int = 256, **options: Any) -> None:
        super().__init__(*args, chunk=1, **options)

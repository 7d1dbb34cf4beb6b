"""Norms of inputs far from zero."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.faults.blocks import SquaresApartNorm
from torchcheck import check


class BatchNorm(nn.Module):
    """Statistics of the batch, by two passes or one."""

    two_passes = True

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(dim))
        self.register_buffer("running_var", torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean = x.mean((0, 1))
            square = (x - mean).square() if self.two_passes else x.square()
            var = square.mean((0, 1)) - (0 if self.two_passes else mean.square())
            self.running_mean.lerp_(mean.detach().to(self.running_mean), 0.1)
            self.running_var.lerp_(var.detach().to(self.running_var), 0.1)
        out: Tensor = (x - mean) * (var + 1e-5).rsqrt()
        return out


class OnePassBatchNorm(BatchNorm):
    two_passes = False


class Channels(nn.Module):
    """torch's own, of tokens."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return out


@pytest.mark.parametrize(
    ("subject", "status"),
    [
        (nn.LayerNorm, "ok"),
        (Channels, "ok"),
        (BatchNorm, "ok"),
        (nn.RMSNorm, "skipped"),
        (SquaresApartNorm, "failed"),
        (OnePassBatchNorm, "failed"),
    ],
)
def test_squares_that_cancel_are_seen(subject: type[nn.Module], status: str) -> None:
    finding = check(subject, "layer", width=32, seq_len=8, select=["offset"])["offset"]
    assert finding.status == status, finding

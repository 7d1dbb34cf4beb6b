"""Convolutions and attention over maps, whole and torn apart by a reshape."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.faults.blocks import AttentionOfTornMaps, ConvolvesTornRows
from tests.sound.layers import ResidualUnit
from tests.sound.maps import AttnBlock, ConvNeXtBlock, SelfAttention2d
from torchcheck import check
from torchcheck.properties.finding import Finding


class TornBehindAGate(ConvNeXtBlock):  # type: ignore[misc]
    """Its scale of 1e-6 hides what a reshape has torn apart."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.dw(x).permute(0, 2, 3, 1)
        y = self.gamma * self.p2(torch.relu(self.p1(self.norm(y))))
        return x + y.reshape(x.shape)


class KnowsPlaces(nn.Module):
    """A table added to a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.table, self.conv = nn.Parameter(torch.randn(channels, 1, 1)), nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        _, _, _, width = x.shape
        out: Tensor = self.conv(x + self.table * torch.arange(width).to(x))
        return out


def moves_along(subject: Any, kind: str) -> Finding:
    return check(subject, kind=kind, width=16, seq_len=8, depths=(2, 4, 8), select=["moves-along"])["moves-along"]


@pytest.mark.parametrize(
    ("subject", "kind"),
    [(ResidualUnit, "block"), (ConvNeXtBlock, "block"), (AttnBlock, "layer"), (SelfAttention2d, "layer")],
)
def test_sound_ones_move_along(subject: Any, kind: str) -> None:
    assert moves_along(subject, kind).status == "ok"


@pytest.mark.parametrize(
    ("subject", "kind"), [(ConvolvesTornRows, "block"), (AttentionOfTornMaps, "layer"), (TornBehindAGate, "block")]
)
def test_torn_rows_do_not(subject: Any, kind: str) -> None:
    assert moves_along(subject, kind).status == "failed"


def test_what_knows_places_is_not_asked() -> None:
    finding = moves_along(KnowsPlaces, "layer")
    assert (finding.status, finding.note) == ("skipped", "its author speaks of 'arange'")

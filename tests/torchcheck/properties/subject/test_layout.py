"""Modules that take their features before the tokens."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from tests.sound.layers import CausalConv1d, TemporalBlock
from torchcheck.properties.subject.layout import tokens_first
from torchcheck.properties.subject.signatures import needed_of


class TokensAlready(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(8, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x.transpose(1, 2)).transpose(1, 2)
        return out


class EitherWay(TokensAlready):
    """It finds its features by their number."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.shape[-1] == 8 else super().forward(x.transpose(1, 2))


@pytest.mark.parametrize("module", [nn.Conv1d(8, 5, 3, padding=1), CausalConv1d(8, 8), TemporalBlock(8)])
def test_features_before_tokens_are_turned(module: nn.Module) -> None:
    module.eval()
    plain, turned = copy.deepcopy(module), tokens_first(module, 8)
    x = torch.randn(3, 11, 8)
    assert torch.equal(turned(x), plain(x.transpose(1, 2)).transpose(1, 2))
    assert type(turned).__name__ == type(plain).__name__
    assert needed_of(turned.forward) == needed_of(plain.forward)
    assert torch.equal(copy.deepcopy(turned)(x), turned(x))


@pytest.mark.parametrize(
    "module", [TokensAlready(), EitherWay(), nn.Linear(8, 8), nn.Conv1d(4, 4, 1), nn.Conv2d(8, 8, 1)]
)
def test_others_are_as_they_were(module: nn.Module) -> None:
    kind = type(module)
    assert type(tokens_first(module.eval(), 8)) is kind

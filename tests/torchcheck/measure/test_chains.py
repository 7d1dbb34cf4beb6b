"""Networks in which nothing joins two values made of the input, and others."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from torchcheck.measure.chains import is_chain


class Sum(nn.Module):
    """A layer and a skip around it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layer(x)
        return out


class Gate(Sum):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = torch.sigmoid(x) * self.layer(x)
        return out


PLAIN = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 8), nn.GELU())


@pytest.mark.parametrize(
    ("network", "chain"),
    [
        (PLAIN, True),
        (nn.Sequential(*PLAIN, Sum()), False),
        (nn.Sequential(Gate(), *PLAIN), False),
        (nn.TransformerEncoderLayer(8, 2, batch_first=True), False),
    ],
)
def test_a_chain_joins_nothing(network: nn.Module, chain: bool) -> None:
    x = torch.randn(2, 3, 8, requires_grad=True)
    assert is_chain(network(x), x) is chain


def test_what_the_output_does_not_depend_on_is_no_start() -> None:
    x, other = (torch.randn(3, requires_grad=True) for _ in range(2))
    assert is_chain(2 * x, x)
    assert not is_chain(2 * x, other)
    assert not is_chain(torch.ones(3), x)

"""Suggested scalings: found from what matrices do, those that the article has, and confirmed."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from torchcheck.modules import depth_scaling
from torchcheck.properties.registry import REGISTRY
from torchcheck.properties.subject.rescale import Carrier, carriers_of
from torchcheck.properties.subject.variant import CheckSettings, Variant
from torchcheck.properties.suggest import suggest
from torchcheck.run.execute import Here


class Stock(nn.Module):
    """A pre-norm block as people write it."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        h = self.ln1(x)
        x = x + self.attention(h, h, h, need_weights=False)[0]
        out: Tensor = x + self.mlp(self.ln2(x))
        return out


class Grouped(nn.Module):
    """Attention whose values come first in one matrix, with names that say nothing."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        v, q, k = self.a(x).chunk(3, -1)
        out: Tensor = x + self.b((q @ k.mT / math.sqrt(x.shape[-1])).softmax(-1) @ v)
        return out


def test_values_are_told_from_queries_by_what_they_do() -> None:
    model = nn.ModuleDict({"layers": nn.ModuleList([Grouped(8)])})
    x = torch.randn(2, 5, 8)
    found = carriers_of(model, lambda: model["layers"][0](x).sin().sum())  # type: ignore[index]
    assert set(found) == {Carrier("a.weight", 0, 0, 8), Carrier("b.weight"), Carrier("a.bias", 0, 0, 8)}


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lamb"])
def test_a_stock_block_gets_the_article_s_gain_and_a_second_measurement_confirms_it(optimizer: str) -> None:
    settings = CheckSettings(width=32, seq_len=8, depths=(2, 4, 8, 16, 32, 64), optimizer=optimizer)
    found = suggest(Variant(Stock, "block"), settings, Here(), REGISTRY["block"].properties)
    assert found.verified, found
    assert found.scaling is not None
    assert (2 * 24) ** -found.scaling.gain_power == pytest.approx(depth_scaling(optimizer, 24, "pre").gain)
    assert "slow = lr" in found.code


def test_the_suggested_code_runs_and_scales_what_was_scaled() -> None:
    settings = CheckSettings(width=16, seq_len=4, depths=(2, 4, 8, 16, 32))
    found = suggest(Variant(Stock, "block"), settings, Here(), REGISTRY["block"].properties)
    assert found.scaling is not None
    made, same = (nn.Sequential(*(Stock(16) for _ in range(24))) for _ in range(2))
    same.load_state_dict(made.state_dict())
    found.scaling.apply_(made, depth=24)
    names: dict[str, object] = {"torch": torch, "model": same, "lr": 1e-3}
    exec(found.code, names)
    assert all(torch.allclose(p, q) for p, q in zip(made.parameters(), same.parameters(), strict=True))
    assert sum(len(g["params"]) for g in names["groups"]) == len(list(same.parameters()))  # type: ignore[attr-defined]


def test_what_has_nothing_to_scale_is_told_so() -> None:
    found = suggest(Variant(nn.Identity, "block"), CheckSettings(depths=(2, 4)), Here(), REGISTRY["block"].properties)
    assert not found.verified
    assert "nothing can be scaled" in found.words

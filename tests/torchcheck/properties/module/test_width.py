"""Exponents of width: those of standard parametrisation, and of muP's learning rates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck import check_block
from torchcheck.properties.module.width import widths
from torchcheck.properties.subject.variant import CheckSettings, Variant, load

SMALL = CheckSettings(seq_len=8, depths=(2,), widths=(32, 64, 128))


class FeedForward(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.down(F.gelu(self.up(self.norm(x))))
        return out


def by_width(model: nn.Module) -> torch.optim.Optimizer:
    """muP's rates of hidden matrices under Adam: proportional to 1/fan_in."""
    groups = [{"params": [p], "lr": 1e-3 * (32 / p.shape[1] if p.dim() > 1 else 1.0)} for p in model.parameters()]
    return torch.optim.Adam(groups)


def test_updates_grow_with_width_at_one_rate_and_stay_at_mup_s() -> None:
    loaded = load(Variant(FeedForward, "block"))
    standard = {m.name: m for m in widths(loaded, SMALL, 2)}
    mup = {m.name: m for m in widths(replace(loaded, optimizer=by_width), SMALL, 2)}
    assert standard["width-update"].lo is not None
    assert standard["width-update"].lo > 0.25
    assert mup["width-update"].hi is not None
    assert mup["width-update"].hi < 0.25
    for found in (standard, mup):
        assert found["width-signal"].hi is not None
        assert found["width-signal"].hi < 0.25


def test_an_optimizer_beside_the_subject_is_the_one_that_steps(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch\nfrom torch import nn\n"
        "class Block(nn.Module):\n"
        "    def __init__(self, dim):\n"
        "        super().__init__()\n"
        "        self.map = nn.Linear(dim, dim)\n"
        "    def forward(self, x):\n"
        "        return x + self.map(x).tanh()\n"
        "def optimizer(model):\n"
        "    return torch.optim.SGD(model.parameters(), lr=0.0)\n"
    )
    (found, *_) = widths(load(Variant(f"{file}:Block", "block")), SMALL, 2)
    assert found.value is None
    assert "learn nothing" in found.note


class Diverging(FeedForward):
    """Finite at the smaller widths alone."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (float("nan") if x.shape[-1] > 64 else 1.0)


def test_a_width_at_which_it_is_not_finite_fails() -> None:
    for m in widths(load(Variant(Diverging, "block")), SMALL, 2):
        assert m.value == float("inf")
        assert "at width 128" in m.note


def test_widths_are_not_asked_for_unless_they_are() -> None:
    result = check_block(FeedForward, width=32, seq_len=8, depths=(2, 4), select=["width"])
    assert not list(result)

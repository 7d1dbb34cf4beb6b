"""Paths, caches and train mode's mean: sound modules of several conventions pass, or are left alone with a reason."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.faults.attention import Cached
from torchcheck import CheckResult, check

SMALL = {"width": 16, "seq_len": 10, "depths": (2, 4), "dtypes": ("float32",), "select": ("paths",)}


def paths(subject: Any, kind: str) -> CheckResult:
    result = check(subject, kind, **SMALL)
    assert result, repr(result)
    return result


class Recurrent(nn.Module):
    """A GRU with its state, tokens first or not."""

    def __init__(self, width: int, batch_first: bool = True) -> None:
        super().__init__()
        self.rnn = nn.GRU(width, width, batch_first=batch_first)

    def forward(self, x: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        out, state = self.rnn(x, hx)
        return x + out, state


class Weights(nn.Module):
    """Takes a cache that it fills itself, and returns weights: nothing that can be passed on."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, width)

    def forward(self, x: Tensor, cache: dict[str, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        y = self.map(x)
        if cache is not None:
            y = torch.cat([cache["past"], y], 1)
        return y, y.mean(-1)


class NoFallback(nn.Module):
    """Its slow path needs a buffer that only older versions of torch register."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.flash, self.qkv = True, nn.Linear(width, 3 * width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        if self.flash:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        out: Tensor = (q @ k.mT).masked_fill(self.bias, 0).softmax(-1) @ v  # type: ignore[operator]
        return out


def test_states_and_caches_that_are_passed_on_agree() -> None:
    assert paths(Recurrent, "block")["cached"].status == "ok"
    assert paths(Cached, "attention")["cached"].status == "ok"


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        (lambda width: Recurrent(width, batch_first=False), "its tokens come first"),
        (Weights, "not called token by token"),
        (nn.TransformerEncoderLayer, "forward takes nothing of the past"),
    ],
)
def test_other_conventions_are_left_alone(subject: Any, why: str) -> None:
    if subject is nn.TransformerEncoderLayer:
        found = paths(lambda width: nn.TransformerEncoderLayer(width, 2, 32, batch_first=True), "block")["cached"]
    else:
        found = paths(subject, "block")["cached"]
    assert found.status == "skipped"
    assert why in found.note


def test_a_path_that_cannot_run_says_nothing() -> None:
    assert paths(NoFallback, "attention")["paths-agree"].value == 0


@pytest.mark.parametrize("norm_first", [True, False])
def test_torchs_dropout_is_made_up_for(norm_first: bool) -> None:
    found = paths(
        lambda width: nn.TransformerEncoderLayer(width, 2, 32, 0.1, batch_first=True, norm_first=norm_first), "block"
    )["train-mean"]
    assert found.value is not None
    assert 0.85 < found.value < 1.15


class ZeroedPadding(nn.Module):
    """One path leaves padded places at zero, the other does not: those are nobody's business."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, width)

    def forward(self, x: Tensor, key_padding_mask: Tensor | None = None, need_weights: bool = False) -> Any:
        y = self.map(x)
        if key_padding_mask is not None and need_weights:
            y = y.masked_fill(key_padding_mask[..., None], 0)
        return (y, y.mean(-1)) if need_weights else y


def test_padded_places_are_not_compared() -> None:
    assert paths(ZeroedPadding, "attention")["paths-agree"].value == 0

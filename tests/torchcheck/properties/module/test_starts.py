"""Where networks are looked at: off a start on a kink, as chains that fade or explode, with masks of truths."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.sound.layers import WaveNetBlock
from tests.sound.maps import InvertedResidual
from torchcheck import check

SMALL: dict[str, Any] = {"width": 16, "seq_len": 8, "depths": (2, 4, 8, 16, 32, 64)}


class Chain(nn.Module):
    """Layers one after another; `gain` multiplies their weights."""

    def __init__(self, width: int, depth: int = 3, gain: float = 1.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        with torch.no_grad():
            for p in self.parameters():
                p.mul_(gain)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x


def test_zeros_on_a_kink_are_no_detached_part() -> None:
    assert check(InvertedResidual, select=["derivative"], **SMALL)["derivative"].status == "ok"


def test_a_chain_that_fades_is_a_question() -> None:
    result = check(Chain, "model", select=["expansion", "distinct"], **SMALL)
    assert result
    assert {f.status for f in result} <= {"question", "skipped"}, list(map(str, result))
    assert all("Post-LN" not in f.note for f in result)


def test_a_chain_that_explodes_is_a_failure() -> None:
    result = check(Chain, "model", options={"gain": 6.0}, select=["expansion"], **SMALL)
    assert result["expansion"].status == "failed"


def test_a_sum_is_no_expansion_and_a_product_is() -> None:
    shallow = {**SMALL, "depths": (2, 4, 8)}
    for seed in (1, 2):
        assert check(InvertedResidual, select=["expansion"], seed=seed, **shallow)["expansion"].status == "skipped"
    doubled = check(Chain, "model", options={"gain": 6.0}, select=["expansion"], **shallow)
    assert doubled["expansion"].status == "failed"


def test_what_a_block_gives_beside_its_stream_is_used() -> None:
    assert check(WaveNetBlock, select=["dead-parameters"], **SMALL)["dead-parameters"].status == "ok"


class Masked(nn.Module):
    """Its mask is added as 1 and 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        scores = q @ k.transpose(1, 2) / math.sqrt(x.shape[-1])
        if mask is not None:
            scores = scores + mask[:, None, :].to(scores.dtype)
        out: Tensor = scores.softmax(-1) @ v
        return out


class MaskedByTruths(Masked):
    """mask: True where a token counts."""


@pytest.mark.parametrize(("subject", "status"), [(Masked, "ok"), (MaskedByTruths, "failed")])
def test_a_mask_of_truths_is_no_sum(subject: Any, status: str) -> None:
    assert check(subject, "attention", select=["padding"], **SMALL)["padding"].status == status

"""Masks of a context, and lengths in the place of a mask."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.faults.attention import ContextAttention, ContextBlock, DropsTheMask, SortedReader, SortedTwice
from torchcheck import check

SIZES: dict[str, Any] = {"width": 32, "seq_len": 8, "depths": (2, 4)}


class Decoder(nn.TransformerDecoderLayer):
    def __init__(self, width: int) -> None:
        super().__init__(width, 2, 2 * width, batch_first=True)


class AddedMask(ContextAttention):
    """A mask that says what is added to the scores."""

    def hidden(self, scores: Tensor, context_mask: Tensor) -> Tensor:
        if not context_mask.is_floating_point() or bool((context_mask == 1).any()):
            raise TypeError("what is added to scores")
        return scores + context_mask[:, None, :]


@pytest.mark.parametrize("subject", [ContextAttention, ContextBlock, Decoder, AddedMask])
def test_a_context_s_mask_is_tried_in_every_form(subject: type[nn.Module]) -> None:
    finding = check(subject, **SIZES, select=["context-padding"])["context-padding"]
    assert finding.status == "ok", finding


def test_a_mask_without_effect_is_seen() -> None:
    finding = check(DropsTheMask, **SIZES, select=["context-padding"])["context-padding"]
    assert finding.status == "failed"
    assert finding.note == "context with context_mask"


def test_without_a_context_nothing_is_asked() -> None:
    finding = check(nn.TransformerEncoderLayer, "block", options={"nhead": 2}, **SIZES, select=["context-padding"])
    assert finding["context-padding"].status == "skipped"


class PoolsByLength(nn.Module):
    """The mean over the first tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, width)

    def forward(self, x: Tensor, x_len: Tensor) -> Tensor:
        keep = (torch.arange(x.shape[1], device=x.device) < x_len[:, None]).to(x.dtype)
        out: Tensor = (self.map(x) * keep[..., None]).sum(1) / x_len[:, None]
        return out


@pytest.mark.parametrize(("subject", "status"), [(SortedReader, "ok"), (SortedTwice, "failed"), (PoolsByLength, "ok")])
def test_lengths_are_a_mask(subject: type[nn.Module], status: str) -> None:
    result = check(subject, "attention", **SIZES, select=["padding", "padded-alone"])
    assert result["padded-alone"].status == status, result
    assert result["padding"].note in ("with lengths", "with x_len")


def test_a_reader_of_lengths_is_sound() -> None:
    result = check(SortedReader, **SIZES)
    assert result, repr(result)

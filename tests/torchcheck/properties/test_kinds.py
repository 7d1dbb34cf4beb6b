"""What a subject is, where its author's names are nobody's convention: it is tried."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck import check
from torchcheck.properties.kinds import infer_kind
from torchcheck.run.subjects import SubjectError


class Scale(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(c))

    def forward(self, inp: Tensor) -> Tensor:
        return inp * self.factor


class Halved(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.map = nn.Linear(c, c // 2)

    def forward(self, inp: Tensor) -> Tensor:
        out: Tensor = self.map(inp)
        return out


class SelfAttn(nn.Module):
    def __init__(self, emb_dim: int) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(emb_dim, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x, x, x)[0]
        return out


class Pooled(nn.Module):
    """Attention that needs a mask, and gives one vector a sequence."""

    def __init__(self, hidden_dim: int) -> None:
        super().__init__()
        self.scores = nn.Linear(hidden_dim, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        weights = self.scores(x).squeeze(-1).masked_fill(~mask.bool(), -1e4).softmax(-1)
        return (weights[..., None] * x).sum(1)


class Smoothed(nn.Module):
    def forward(self, logits: Tensor, gold: Tensor) -> Tensor:
        return F.cross_entropy(logits, gold, label_smoothing=0.1)


def overlap(guess: Tensor, truth: Tensor) -> Tensor:
    p = guess.sigmoid()
    return 1 - (2 * (p * truth).sum() + 1) / (p.sum() + truth.sum() + 1)


def gated(v: Tensor) -> Tensor:
    return v * v.sigmoid()


def summed(v: Tensor) -> Tensor:
    return v.sum()


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        (Scale, "block"),
        (SelfAttn, "attention"),
        (Pooled, "attention"),
        (Smoothed, "loss"),
        (overlap, "loss"),
        (gated, "activation"),
    ],
)
def test_what_names_do_not_tell_is_tried(subject: Any, kind: str) -> None:
    assert infer_kind(subject)[0] == kind


@pytest.mark.parametrize("subject", [Halved, summed])
def test_what_fits_no_kind_is_asked_about(subject: Any) -> None:
    with pytest.raises(SubjectError, match="say --kind"):
        infer_kind(subject)


def test_a_mask_that_is_needed_is_given_everywhere() -> None:
    result = check(Pooled, width=16, seq_len=12)
    assert result, result
    assert all(f.status not in ("error", "inconclusive") for f in result), result

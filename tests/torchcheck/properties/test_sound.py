"""Everyday code in which nothing is wrong passes, and nothing of it raises."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.sound import SUBJECTS
from tests.sound.attention import ShiftedAttention
from tests.sound.losses import TripletLoss
from torchcheck import check

#: the same for every seed, and timed
TIMED = ("step-cost", "cost-time")


def test_there_are_subjects() -> None:
    assert len(SUBJECTS) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: s.__name__)
def test_everyday_code_passes(subject: Any) -> None:
    torch.set_num_threads(1)
    result = check(subject, width=32, seq_len=12, depths=(2, 4, 8, 16), skip=TIMED, shared=set(TIMED))
    assert result, repr(result)
    assert all(f.status != "error" for f in result), repr(result)


class Gated(nn.Module):
    """A branch behind a gate that starts at 0; `first` is what stands before it."""

    first = 1.0

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(self.first * torch.ones(dim)), nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.b * torch.tanh(self.a * x)


class NeverGated(Gated):
    first = 0.0


class Router(nn.Module):
    """Two experts far apart, and scores that a rounding turns over."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, 2)

    def forward(self, x: Tensor) -> Tensor:
        return x + 10 * self.gate(1e-3 * x).argmax(-1, keepdim=True).to(x.dtype)


class KeepsAScale(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.map = nn.Linear(dim, dim)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        scale = self.get_buffer("scale")
        if self.training:
            with torch.no_grad():
                scale.lerp_(2 * x.square().mean().sqrt().to(scale.dtype), 0.5)
        return x + self.map(x / scale)


class TwoModes(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.map = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.map(x) * (0.5 if self.training else 1.0)


class Teacher(nn.Module):
    """Its second map is a frozen copy of the first."""

    frozen = True

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.map = nn.Linear(dim, dim)
        self.copy = copy.deepcopy(self.map).requires_grad_(not self.frozen)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.tanh(self.map(x) - self.copy(x) + x)


class Twins(Teacher):
    frozen = False


class FirstToken(nn.Module):
    """The first token stands for all: right for padding on the right."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(dim, 2, batch_first=True)

    def forward(self, x: Tensor, key_padding_mask: Tensor | None = None) -> Tensor:
        out: Tensor = self.inner(x, x, x, key_padding_mask=key_padding_mask, need_weights=False)[0]
        return out[:, 0]


@pytest.mark.parametrize(
    ("subject", "kind", "name", "status"),
    [
        (Gated, "block", "dead-parameters", "ok"),
        (NeverGated, "block", "dead-parameters", "failed"),
        (Router, "layer", "agreement.bfloat16", "skipped"),
        (KeepsAScale, "layer", "train-eval", "skipped"),
        (TwoModes, "layer", "train-eval", "failed"),
        (Teacher, "layer", "layers-differ", "ok"),
        (Twins, "layer", "layers-differ", "failed"),
        (FirstToken, "attention", "padding", "ok"),
        (TripletLoss, "loss", "perfect", "ok"),
    ],
)
def test_what_looks_like_a_fault_and_what_is_one(subject: Any, kind: str, name: str, status: str) -> None:
    result = check(subject, kind, width=32, seq_len=12, depths=(2, 4), select=[name])
    assert result[name].status == status, result


def test_tokens_may_be_mixed_before_they_attend() -> None:
    names = ("score-pairs", "equal-tokens")
    result = check(ShiftedAttention, "attention", width=16, seq_len=12, select=names)
    assert {result[n].note for n in names} == {"tokens are mixed before they are scored"}

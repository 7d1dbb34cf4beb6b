"""What is let be, where a module is moved, scaled with depth, optimized beside others, or a loss chooses examples."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from tests.faults.models import Decoder
from tests.faults.optimizers import Plain
from tests.faults.state import Attention
from torchcheck import CheckResult, check, check_loss, check_optimizer


class Placed(nn.Module):
    """A block that takes its tensors from wherever `term` says."""

    def __init__(self, width: int, term: Callable[[Any, Tensor], Tensor] = lambda _, x: x) -> None:
        super().__init__()
        self.map, self.table = nn.Linear(width, width), nn.Embedding(64, width)
        self.slope, self.term = torch.linspace(0, 1, width), term
        self.register_buffer("ramp", torch.linspace(0, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.term(self, self.map(x))


def moved(term: Callable[[Any, Tensor], Tensor]) -> CheckResult:
    return check(lambda width: Placed(width, term), "block", width=16, seq_len=6, depths=(2, 4), select=["moved"])


@pytest.mark.parametrize(
    "term",
    [
        lambda _, h: h + torch.zeros(16),
        lambda m, h: h * m.slope,
        lambda _, h: h.masked_fill(torch.arange(16) > 3, 0.0),
        lambda m, h: h + m.table(torch.arange(6)),
        lambda _, h: torch.cat([h, torch.zeros(*h.shape[:2], 0)], -1),
        lambda _, h: h @ torch.eye(16),
    ],
)
def test_what_stays_on_the_first_device_is_found(term: Callable[[Any, Tensor], Tensor]) -> None:
    assert moved(term)["moved"].status == "failed"


@pytest.mark.parametrize(
    "term",
    [
        lambda m, h: h * m.slope.to(h) + torch.zeros(16).to(h.device),
        lambda m, h: h[:, torch.arange(6)] * m.ramp,
        lambda _, h: h * torch.tensor(3.0) + float(torch.ones(3).sum()),
        lambda _, h: h + torch.zeros_like(h) + torch.ones(16, dtype=h.dtype, device=h.device),
        lambda _, h: h.new_zeros(h.shape).index_fill(1, torch.zeros(1, dtype=torch.long, device=h.device), 1.0) + h,
    ],
)
def test_what_is_moved_or_may_stay_is_let_be(term: Callable[[Any, Tensor], Tensor]) -> None:
    assert moved(term)["moved"].status == "ok"


class Turned(Attention):
    """Attention whose queries and keys are turned by angles of a dtype, None for the input's."""

    dtype: torch.dtype | None = torch.float32

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.inner(x).unflatten(-1, (3, 2, -1)).permute(2, 0, 3, 1, 4)
        places = torch.arange(x.shape[1], device=x.device).to(self.dtype or x.dtype)
        rates = 100.0 ** -torch.linspace(0, 1, query.shape[-1] // 2, device=x.device).to(places.dtype)
        angles = places[:, None] * rates
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)

        def turn(t: Tensor) -> Tensor:
            a, b = t.chunk(2, -1)
            return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)

        mixed = F.scaled_dot_product_attention(turn(query), turn(key), value, attn_mask=self.visible(x))
        out: Tensor = x + self.outer(mixed.transpose(1, 2).flatten(2))
        return out


class TurnedInHalf(Turned):
    dtype = None


def test_angles_in_half_precision_show_in_the_scores_beneath_a_stream() -> None:
    for subject, failed in ((Turned, False), (TurnedInHalf, True)):
        result = check(subject, "block", width=32, depths=(2, 4), select=["agreement"])
        assert bool(result.failed) is failed, result
        assert all(("score table" in f.note) is failed for f in result.failed)


class EnterAsTokens(Attention):
    """Heads enter as if they were tokens; they leave rightly."""

    def forward(self, x: Tensor) -> Tensor:
        parts = [t.reshape(x.shape[0], 2, x.shape[1], -1) for t in self.inner(x).chunk(3, -1)]
        out: Tensor = self.outer(F.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2))
        return out


def test_heads_that_enter_as_tokens_are_found() -> None:
    for subject, status in ((Attention, "ok"), (EnterAsTokens, "failed")):
        result = check(subject, "attention", width=32, seq_len=12, select=["heads-apart"])
        assert result["heads-apart"].status == status


class PowerNorm(nn.Module):
    """Divides by the mean of all tokens' squares, and is no norm that is known by its name."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean((1, 2), keepdim=True) + 1e-5) * self.gain


def test_a_norm_of_features_that_mixes_tokens_leaks() -> None:
    assert check(PowerNorm, width=16, seq_len=12, select=["leak"])["leak"].status == "failed"


class OptionalScale(Decoder):
    def __init__(self, layers: int = 2, width: int = 32, scaled: bool = False) -> None:
        super().__init__(layers, width)
        if scaled:
            for layer in self.layers:
                nn.init.normal_(layer.down.weight, std=0.02 / math.sqrt(2 * layers))  # type: ignore[union-attr, arg-type]


def test_a_scale_that_is_an_option_is_asked_about() -> None:
    plain, scaled = (
        check(OptionalScale, "model", depths=(2, 4), select=["depth-scaled"], options=o)["depth-scaled"]
        for o in ({}, {"scaled": True})
    )
    assert plain.status == "question"
    assert scaled.status == "ok"


class CheckpointedBlock(nn.Module):
    """Computed again for its gradient, by a checkpoint that allows no torch.autograd.grad."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.map = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + checkpoint(lambda h: self.map(self.norm(h)).tanh(), x, use_reentrant=True)
        return out


def test_a_reentrant_checkpoint_is_no_error() -> None:
    result = check(CheckpointedBlock, width=16, seq_len=6, depths=(2, 4), select=["leak", "length", "derivative"])
    assert [f.status for f in result if f.name == "derivative"] == ["ok"]
    assert result, result


class SharesItsMean(Plain):
    """Steps divided by the mean size of all gradients, as Adai's are by that of its second moments."""

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        every = [q.grad.abs().flatten() for g in self.param_groups for q in g["params"] if q.grad is not None]
        return super().update(p, state, lr / (1 + float(torch.cat(every).mean())), foreach)


class RefusesToStand(Plain):
    """Goes to 0 at once where no gradient comes, as FTRL does."""

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        return super().update(p, state, lr, foreach) if p.grad is not None and bool(p.grad.any()) else -p


def test_optimizers_by_design() -> None:
    assert check_optimizer(SharesItsMean, select=["neighbours"])["neighbours"].status == "skipped"
    assert check_optimizer(RefusesToStand, select=["stays"])["stays"].status == "ok"


def hardest_loss(scores: Tensor, target: Tensor) -> Tensor:
    """The mean over examples that cost more than 1, however many those are."""
    each = F.cross_entropy(scores, target, reduction="none")
    hard = each > 1
    return (each * hard).sum() / hard.sum().clamp(min=1)


class VariantLoss(nn.Module):
    """Its alpha is that of one of its variants."""

    def __init__(self, alpha: float = 2.0, variant: str = "plain") -> None:
        super().__init__()
        self.alpha, self.variant = alpha, variant

    def forward(self, scores: Tensor, target: Tensor) -> Tensor:
        factor = self.alpha if self.variant == "scaled" else 1.0
        return factor * F.cross_entropy(scores, target)


def test_losses_that_choose_are_asked_about() -> None:
    assert check_loss(hardest_loss, select=["continuous"])["continuous"].status == "question"
    assert check_loss(VariantLoss, select=["options-used"])["options-used"].status == "question"
    scaled = check_loss(VariantLoss, options={"variant": "scaled"}, select=["options-used"])
    assert scaled["options-used"].status == "ok"

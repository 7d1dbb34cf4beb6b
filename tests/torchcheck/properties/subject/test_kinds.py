"""What a subject is, where its author's names are nobody's convention: it is tried."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck import check, check_layer
from torchcheck.properties.subject.kinds import infer_kind
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


class GatedUnit(nn.Module):
    """No skip: a stack of such is nobody's."""

    def __init__(self, dim: int, hidden_dim: int | None = None) -> None:
        super().__init__()
        hidden = hidden_dim or 4 * dim
        self.gate, self.up, self.down = nn.Linear(dim, hidden), nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down(F.silu(self.gate(x)) * self.up(x))
        return out


class Recurrent(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.inner = nn.GRU(dim, dim, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x)[0]
        return out


class ShiftedConv(nn.Module):
    def __init__(self, dim: int, size: int = 4) -> None:
        super().__init__()
        self.inner = nn.Conv1d(dim, dim, size, padding=size - 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2)
        return out


class BatchNorm(nn.Module):
    """As torch's, for tokens."""

    def __init__(self, num_features: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x: Tensor) -> Tensor:
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean((0, 1)), x.var((0, 1), unbiased=False)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(var, self.momentum)
        return (x - mean) * torch.rsqrt(var + 1e-5)


class BatchNorm1d(BatchNorm):
    """Its momentum is that of the old statistics."""

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features, momentum=0.9)


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
        (GatedUnit, "layer"),
        (Recurrent, "layer"),
        (ShiftedConv, "layer"),
        (BatchNorm, "block"),
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


def test_a_layer_as_asked() -> None:
    assert check_layer(GatedUnit, width=16, seq_len=6, select=["alone", "inputs-used"])


def test_a_mask_that_is_needed_is_given_everywhere() -> None:
    result = check(Pooled, width=16, seq_len=12)
    assert result, result
    assert all(f.status not in ("error", "inconclusive") for f in result), result


@pytest.mark.parametrize("subject", [GatedUnit, Recurrent, ShiftedConv, BatchNorm, Scale, SelfAttn])
def test_what_is_sound_and_no_block_passes(subject: Any) -> None:
    result = check(subject, width=16, seq_len=12, depths=(2, 4, 8))
    assert result, result


def test_a_batch_norm_with_its_momentum_turned_over() -> None:
    for subject, status in ((BatchNorm, "ok"), (BatchNorm1d, "failed")):
        assert check(subject, width=16, seq_len=12, select=["as-published"])["as-published"].status == status


class Softmax(nn.Module):
    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return x.softmax(self.dim)


def test_what_mixes_entries_is_no_activation_and_an_axis_no_width() -> None:
    assert infer_kind(Softmax)[0] == "layer"
    result = check(Softmax, width=16, seq_len=6)
    assert result, repr(result)
    assert infer_kind(nn.GELU)[0] == "activation"


class Forecast(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.map = nn.Linear(dim, dim)

    def forward(self, time_series: Tensor) -> Tensor:
        out: Tensor = time_series + self.map(time_series)
        return out


class Frequencies(nn.Module):
    """Numbers of a time, one an example."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.map = nn.Linear(dim, dim)

    def forward(self, timesteps: Tensor) -> Tensor:
        rates = torch.linspace(0, 1, self.map.in_features, device=timesteps.device)
        out: Tensor = self.map((timesteps.float()[:, None] * rates).sin().to(self.map.weight.dtype))
        return out


def test_a_time_is_no_series_in_time() -> None:
    assert infer_kind(Forecast)[0] == "block"
    assert infer_kind(Frequencies)[0] == "layer"
    for subject in (Forecast, Frequencies):
        result = check(subject, width=16, seq_len=6, depths=(2, 4))
        assert result, repr(result)

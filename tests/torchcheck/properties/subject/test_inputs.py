"""Masks of token models, caches in parts, and layers that stand in a list more than once."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from tests.faults.attention import CausalAttention
from tests.faults.blocks import StochasticDepth
from tests.faults.models import Decoder, MaskedRightly
from torchcheck import check_attention, check_model
from torchcheck.properties.subject.calling import size_of
from torchcheck.properties.subject.training_mode import with_dropout

SIZES = {"width": 32, "seq_len": 8, "depths": (2, 4)}


def test_a_right_mask_of_tokens_passes() -> None:
    result = check_model(MaskedRightly, **SIZES, select=["masks"])
    assert [f.status for f in result if not f.name.startswith("context-")] == ["ok", "ok"], result


class Cached(CausalAttention):
    """Keys and values of the past before those that come, as the mask of the future assumes."""

    turned = False

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:  # type: ignore[override]
        q, k, v = self.qkv(x).chunk(3, -1)
        if past is not None:
            pairs = [(p, new)[:: -1 if self.turned else 1] for p, new in zip(past, (k, v), strict=True)]
            k, v = (torch.cat(pair, 1) for pair in pairs)
        count, all_ = q.shape[1], k.shape[1]
        future = torch.ones(count, all_, dtype=torch.bool, device=x.device).triu(all_ - count + 1)
        scores = (q @ k.mT / math.sqrt(x.shape[-1])).masked_fill(future, -math.inf)
        return scores.softmax(-1) @ v, (k, v)


class TurnedCache(Cached):
    """The past after what comes: token by token nobody sees it."""

    turned = True


@pytest.mark.parametrize(("kind", "status"), [(Cached, "ok"), (TurnedCache, "question")])
def test_several_tokens_behind_a_cache(kind: type[nn.Module], status: str) -> None:
    assert check_attention(kind, width=16, seq_len=10, select=["cached"])["cached"].status == status


def test_no_dropout_is_none_whether_a_module_counts_what_goes_or_what_stays() -> None:
    made = with_dropout(StochasticDepth(8, keep_prob=0.4), 0.0)
    assert made.keep_prob == 1.0
    assert with_dropout(nn.Dropout(0.3), 0.25).p == 0.25


class Repeated(Decoder):
    """[layer] * depth."""

    def __init__(self, layers: int = 2, width: int = 32) -> None:
        super().__init__(1, width)
        self.layers = nn.ModuleList([self.layers[0]] * layers)


@pytest.mark.parametrize(("kind", "status"), [(Decoder, "ok"), (Repeated, "question")])
def test_one_layer_many_times_is_asked_about(kind: type[nn.Module], status: str) -> None:
    assert check_model(kind, **SIZES, select=["layers-differ"])["layers-differ"].status == status


@pytest.mark.parametrize(
    ("values", "size"),
    [([3.0, -4.0], 12.5**0.5), ([], 1.0), ([0.0, 0.0], 1.0), ([math.inf, 1.0], 1.0), ([math.nan], 1.0)],
)
def test_changes_are_held_to_a_size_that_is_a_number(values: list[float], size: float) -> None:
    assert size_of(torch.tensor(values, dtype=torch.float64)) == pytest.approx(size, rel=1e-15)

"""Multiply-adds of known products, whatever runs them: fused kernels, fast paths, recurrent layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from torchcheck.measure.operations import FURTHER, multiply_adds

B, H, N, M, E = 2, 3, 8, 5, 4
D = H * E
#: queries, keys and values; an input; matrix, vector and points
Q, K = torch.randn(B, H, N, E), torch.randn(B, H, M, E)
X = torch.randn(B, N, D)
PROJECTIONS, PAIRS, FEED = 4 * B * N * D * D, 2 * B * N * N * D, 2 * B * N * D * 2 * D


@pytest.mark.parametrize(
    ("call", "count"),
    [
        (lambda: nn.Linear(3, 5)(torch.ones(2, 3)), 2 * 3 * 5),
        (lambda: torch.ones(4, 2, 3) @ torch.ones(4, 3, 6), 4 * 2 * 3 * 6),
        (lambda: torch.ones(7).exp(), 0),
        (lambda: torch.einsum("bhid,bhjd->bhij", Q, K), B * H * N * M * E),
        (lambda: F.scaled_dot_product_attention(Q, K, K), 2 * B * H * N * M * E),
        (lambda: F.scaled_dot_product_attention(Q, Q, Q, is_causal=True), 2 * B * H * N * N * E),
        (lambda: F.scaled_dot_product_attention(Q, K, K, torch.zeros(N, M)), 2 * B * H * N * M * E),
        (lambda: nn.MultiheadAttention(D, H, batch_first=True).eval()(X, X, X), PROJECTIONS + PAIRS),
        (lambda: nn.MultiheadAttention(D, H, batch_first=True)(X, X, X, need_weights=False), PROJECTIONS + PAIRS),
        (lambda: nn.TransformerEncoderLayer(D, H, 2 * D, batch_first=True).eval()(X), PROJECTIONS + PAIRS + FEED),
        (lambda: nn.GRU(D, D, batch_first=True)(X), 2 * 3 * B * N * D * D),
        (lambda: nn.LSTM(D, D, batch_first=True)(X), 2 * 4 * B * N * D * D),
        (lambda: nn.Conv1d(D, D, 3, padding=1)(X.mT), B * N * 3 * D * D),
        (lambda: torch.cdist(X, X[:, :M]), B * N * M * D),
        (lambda: torch.cdist(torch.ones(1, 30, 7), torch.ones(1, 40, 7)), 30 * 40 * 7),
        (lambda: X[0] @ X[0, 0], N * D),
        (lambda: torch.dot(X[0, 0], X[0, 1]), D),
    ],
)
def test_products_of_known_size(call: Callable[[], Any], count: int) -> None:
    assert multiply_adds(call) == count


def test_values_of_another_width_are_counted_as_such() -> None:
    """On CPUs no fused kernel takes them; other kernels do."""
    count = FURTHER[torch.ops.aten._scaled_dot_product_flash_attention_for_cpu]
    assert count(Q, K, K[..., :2]) == 2 * B * H * N * M * (E + 2)


def test_it_counts_what_torch_counts() -> None:
    """Where torch counts: on CPUs not its own attention, and layers in train mode alone."""
    layer = nn.Sequential(nn.Linear(D, 2 * D), nn.GELU(), nn.Linear(2 * D, D))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        layer(X)
    assert multiply_adds(lambda: layer(X)) == counter.get_total_flops() // 2 > 0


def test_torch_is_as_it_was() -> None:
    for enabled in (False, True):
        torch.backends.mha.set_fastpath_enabled(enabled)
        with pytest.raises(ValueError, match="mine"):
            multiply_adds(lambda: (_ for _ in ()).throw(ValueError("mine")))
        assert torch.backends.mha.get_fastpath_enabled() is enabled
    assert torch._C._get_mkldnn_enabled()

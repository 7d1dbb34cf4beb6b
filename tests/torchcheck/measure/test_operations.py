"""Multiply-adds of known products, and of what torch's own counter counts."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from torchcheck.measure.operations import multiply_adds


def test_products_of_known_size() -> None:
    assert multiply_adds(lambda: nn.Linear(3, 5)(torch.ones(2, 3))) == 2 * 3 * 5
    assert multiply_adds(lambda: torch.ones(4, 2, 3) @ torch.ones(4, 3, 6)) == 4 * 2 * 3 * 6
    assert multiply_adds(lambda: torch.ones(7).exp()) == 0


def test_it_counts_what_torch_counts() -> None:
    q = torch.randn(2, 3, 8, 4)
    layer = nn.TransformerEncoderLayer(12, 3, 24, batch_first=True).train()
    for call in (lambda: F.scaled_dot_product_attention(q, q, q), lambda: layer(torch.randn(2, 5, 12))):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            call()
        assert multiply_adds(call) == counter.get_total_flops() // 2

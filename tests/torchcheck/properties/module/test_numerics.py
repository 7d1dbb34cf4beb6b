"""Half precision of modules that cannot be cast, and lengths that a module does not take."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from torchcheck import check

SMALL = {"width": 16, "seq_len": 8, "depths": (2, 4)}


class Tables(nn.Module):
    """Multiplies by a table that stays in float32, 64 places long."""

    def __init__(self, width: int, size: float = 1.0) -> None:
        super().__init__()
        self.norm, self.map = nn.LayerNorm(width), nn.Linear(width, width)
        self.table = size * torch.ones(64, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.map(self.norm(x) * self.table[: x.shape[-2]])
        return out


def test_what_cannot_be_cast_is_checked_under_autocast() -> None:
    for kind, name in (("block", "overflow.float16"), ("attention", "range.float16")):
        found = check(Tables, kind, select=(name,), **SMALL)[name]
        assert found.status == "ok", found
        assert "under autocast, for it cannot be cast: mat1 and mat2 must have the same dtype" in found.note
    assert "autocast" not in check(nn.GELU, "attention", select=("range.float16",), **SMALL)["range.float16"].note


def test_an_overflow_is_seen_there_too() -> None:
    found = check(Tables, "block", options={"size": 1e5}, select=("overflow",), **SMALL)
    assert found["overflow.float16"].status == "failed"
    assert found["overflow.float32"].status == "ok"


def test_a_limited_context_is_no_error() -> None:
    result = check(Tables, "attention", select=("attention",), dtypes=("float32",), width=16, seq_len=8)
    assert not result.broken
    assert "it takes no 1024 tokens" in result["cost-operations"].note

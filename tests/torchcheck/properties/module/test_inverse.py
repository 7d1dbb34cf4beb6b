"""Layers that can be undone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.faults.blocks import Coupling, CouplingOutOfOrder, CouplingTurnedOver
from torchcheck import check


class Scan(nn.Module):
    """A sum over the past, or the future."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.map = nn.Linear(dim, dim)

    def forward(self, x: Tensor, reverse: bool = False) -> Tensor:
        y = self.map(x)
        out: Tensor = (y.flip(1).cumsum(1).flip(1) if reverse else y.cumsum(1)) + x
        return out


class Additive(nn.Module):
    """An additive coupling. Volume is kept, and nothing is said of it; a flag of forward undoes it."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.shift = nn.Linear(dim // 2, dim - dim // 2)

    def forward(self, x: Tensor, reverse: bool = False) -> Tensor:
        a, b = x.tensor_split([self.shift.in_features], -1)
        return torch.cat((a, b - self.shift(a) if reverse else b + self.shift(a)), -1)


@pytest.mark.parametrize(
    ("subject", "statuses"),
    [
        (Coupling, ("ok", "ok")),
        (CouplingOutOfOrder, ("failed", "ok")),
        (CouplingTurnedOver, ("ok", "failed")),
        (Additive, ("ok", "skipped")),
        (nn.LayerNorm, ("skipped", "skipped")),
        (Scan, ("skipped", "skipped")),
    ],
)
def test_a_layer_is_undone_and_says_its_volume(subject: type[nn.Module], statuses: tuple[str, str]) -> None:
    result = check(subject, "block", width=16, seq_len=4, depths=(2, 4), select=["reversible"])
    assert tuple(result[n].status for n in ("inverse", "log-determinant")) == statuses, result


def test_a_coupling_is_sound() -> None:
    result = check(Coupling, "block", width=16, seq_len=4, depths=(2, 4, 8))
    assert result, repr(result)

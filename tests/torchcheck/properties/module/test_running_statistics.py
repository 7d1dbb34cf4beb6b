"""Running statistics: their limit, and networks whose batch norms have those of the batch."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from torchcheck import check
from torchcheck.properties.module.running_statistics import _limit
from torchcheck.properties.subject.training_mode import calibrated


@given(start=st.floats(-10, 10), goal=st.floats(-10, 10), momentum=st.floats(0.01, 1))
def test_the_limit_of_a_moving_average_is_what_it_moves_to(start: float, goal: float, momentum: float) -> None:
    terms, value = [], start
    for _ in range(4):
        value += momentum * (goal - value)
        terms.append(torch.tensor([value], dtype=torch.float64))
    limit = _limit(terms)
    if limit is not None:  # it is none where rounding has the last word
        assert float(limit) == pytest.approx(goal, rel=1e-3, abs=1e-4)
    if abs(start - goal) > 0.1 and momentum < 0.9:
        assert limit is not None


@pytest.mark.parametrize("terms", [(0.0, 1.0, 3.0, 7.0), (0.0, 1.0, 1.5, 2.2), (1.0, -1.0, 1.0, -1.0)])
def test_what_grows_or_follows_no_geometric_sequence_has_no_limit(terms: tuple[float, ...]) -> None:
    assert _limit([torch.tensor([t], dtype=torch.float64) for t in terms]) is None


class Counted(nn.Module):
    """A moving average in whose place a counter stands."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.register_buffer("running_count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.running_count += 1
        out: Tensor = self.linear(x)
        return out


def test_a_counter_is_no_moving_average() -> None:
    finding = check(Counted, "layer", width=8, seq_len=4, select=["statistics"])["running-statistics"]
    assert (finding.status, finding.note) == ("skipped", "running_count follows no moving average")


def test_batch_norms_get_the_statistics_of_the_batch_and_their_momentum_back() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.BatchNorm1d(4, momentum=None)).eval()
    x = 3 * torch.randn(256, 4) + 2
    assert calibrated(model, x) is model
    assert [m.momentum for m in model[1:]] == [0.1, None]
    assert not any(m.training for m in model)
    y = model[:2](x)
    assert float(y.mean().detach()) == pytest.approx(0, abs=1e-5)
    assert float(y.square().mean().sqrt().detach()) == pytest.approx(1, abs=1 / 256)


def test_a_deep_stack_of_batch_norms_is_judged_as_it_trains() -> None:
    """With the statistics that it is built with, each of these blocks would double the signal's square."""

    class Unit(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.linear, self.norm = nn.Linear(width, width), nn.BatchNorm1d(width)
            nn.init.normal_(self.linear.weight, std=math.sqrt(1 / width))

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = x + self.norm(self.linear(x).transpose(1, 2)).transpose(1, 2)
            return out

    result = check(Unit, "block", width=16, seq_len=8, depths=(2, 4, 8, 16, 32), select=["growth"])
    assert result["growth"].status == "ok"

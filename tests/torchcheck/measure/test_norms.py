"""Norms, first-order decreases and streams, against slow twins in exact or float64 arithmetic."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from torchcheck.measure.first_order import decreases, first_order
from torchcheck.measure.norms import norm, norms, rms
from torchcheck.measure.streams import watched

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


@given(
    st.lists(st.floats(-1, 1).filter(lambda v: v == 0 or abs(v) > 1e-2), max_size=20),
    st.sampled_from([1e-30, 1e-3, 1.0, 1e3, 1e30]),
    st.sampled_from(DTYPES),
)
def test_norms_are_those_of_the_numbers_held(values: list[float], size: float, dtype: torch.dtype) -> None:
    x = (torch.tensor(values, dtype=torch.float64) * size).to(dtype)
    held = [float(v) for v in x]
    if not all(math.isfinite(v) for v in held):
        return  # float16 has no such numbers
    one, two = math.fsum(map(abs, held)), math.hypot(*held)
    assert norms([x], 1) == pytest.approx([one], rel=1e-6, abs=0)
    assert norms([x], 2) == pytest.approx([two], rel=1e-6, abs=0)
    assert float(norm(x)) == pytest.approx(two, rel=1e-6, abs=0)
    assert float(rms(x)) == pytest.approx(two / math.sqrt(max(1, len(held))), rel=1e-6, abs=0)


def test_norms_of_what_is_not_finite() -> None:
    assert norms([torch.tensor([math.inf, 1.0])], 2) == [math.inf]
    assert math.isnan(norms([torch.tensor([math.nan])], 1)[0])
    assert norms([], 2) == []


def test_a_decrease_by_hand() -> None:
    g, w = torch.tensor([3.0, 0.0, -4.0]), torch.tensor([1.0, 2.0, 2.0])
    (whole,), (moved,) = decreases([g], [w]), decreases([g], [w], [2])
    assert (whole.sgd, whole.adam, whole.norm) == (25.0, 7.0, 5.0)
    assert whole.lamb == pytest.approx(3 * 7 / math.sqrt(3))
    assert moved.lamb == pytest.approx(3 * 7 / math.sqrt(2))
    (zero,) = decreases([g], [torch.zeros(3)])
    assert zero.lamb == 7.0  # LAMB moves a weight of norm 0 by the signs themselves


@pytest.mark.parametrize("size", [1.0, 1e-30, 1e25, 0.0])
def test_first_order_is_the_sum_over_parameters(size: float) -> None:
    model = nn.Linear(5, 3)
    x = torch.randn(4, 5)
    value, parts = first_order(model, lambda: (model(x) * size).sum())
    assert all(p.grad is None for p in model.parameters())
    model(x).sum().backward()
    assert value == pytest.approx(float((model(x).detach().double() * size).sum()), rel=1e-5)
    for name, p in model.named_parameters():
        assert p.grad is not None
        g, w = p.grad.double() * size, p.detach().double()
        one = float(g.abs().sum())
        found = (parts[name].sgd, parts[name].adam, parts[name].lamb, parts[name].norm)
        slow = (float(g.square().sum()), one, float(w.norm()) * one / math.sqrt(w.numel()), float(g.norm()))
        assert found == pytest.approx(slow, rel=1e-5)


def test_first_order_is_what_small_steps_do() -> None:
    model, x = nn.Linear(6, 2).double(), torch.randn(5, 6, dtype=torch.float64)

    def loss() -> Tensor:
        found: Tensor = model(x).square().sum()
        return found

    before, parts = first_order(model, loss)
    rate = 1e-7
    loss().backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for p in model.parameters():
            assert p.grad is not None
            p -= rate * p.grad
    assert (before - float(loss().detach())) / rate == pytest.approx(sum(d.sgd for d in parts.values()), rel=1e-4)


class Plus(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + x.tanh()


def test_a_stream_is_what_whole_tensors_say() -> None:
    blocks = [Plus(), Plus(), Plus()]
    x = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    points = [x]
    for block in blocks:
        points.append(block(points[-1]))
    grads = torch.autograd.grad(points[-1].square().sum(), points)
    seen: list[Tensor] = []
    with watched(blocks, seen.append) as stream:
        y = x
        for block in blocks:
            y = block(y)
        y.square().sum().backward()  # type: ignore[no-untyped-call]
    assert stream.rms == pytest.approx([float(p.detach().square().mean().sqrt()) for p in points])
    assert stream.cotangent == pytest.approx([float(g.norm()) for g in grads])
    assert stream.branch == pytest.approx([float((points[3] - points[2]).detach().square().mean().sqrt())])
    assert len(seen) == 3
    assert not blocks[0]._forward_hooks
    assert not blocks[0]._forward_pre_hooks


def test_a_stream_without_blocks_is_empty() -> None:
    with watched([]) as stream:
        pass
    assert (stream.rms, stream.branch, stream.cotangent) == ([], [], [])


def test_a_block_that_changes_the_width_adds_nothing() -> None:
    block = nn.Linear(4, 2)
    with watched([block]) as stream:
        block(torch.randn(3, 4))
    assert (len(stream.rms), stream.branch) == (2, [])

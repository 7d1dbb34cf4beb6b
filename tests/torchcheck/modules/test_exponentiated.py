"""The optimizers: the update itself, torch's conventions, and the edges of floating point."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from torchcheck.modules import AmidFunnel, ExponentiatedGradient, HypergradientSGD
from torchcheck.run.subjects import DTYPES

OPTIMIZERS = [ExponentiatedGradient, HypergradientSGD, AmidFunnel]
ALL = list(DTYPES.values())


def _params(dtypes: list[torch.dtype] = [torch.float32]) -> list[nn.Parameter]:  # noqa: B006
    shapes = [(5, 3), (), (0,), (1,)]
    return [nn.Parameter((torch.rand(s) + 0.5).to(d)) for d in dtypes for s in shapes]


def _train(optimizer: torch.optim.Optimizer, params: list[nn.Parameter], steps: int, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for p in params:
            p.grad = torch.randn(p.shape, generator=generator).to(p.dtype)
        optimizer.step()


def test_eg_multiplies_by_the_exponential() -> None:
    p = nn.Parameter(torch.tensor([1.0, 2.0, 0.0], dtype=torch.float64))
    p.grad = torch.tensor([1.0, -1.0, 5.0], dtype=torch.float64)
    ExponentiatedGradient([p], lr=0.5).step()
    assert p.tolist() == pytest.approx([math.exp(-0.5), 2 * math.exp(0.5), 0.0], rel=1e-15)


def test_hypergradient_follows_the_articles_two_lines() -> None:
    theta = nn.Parameter(torch.zeros(4, dtype=torch.float64))
    optimizer = HypergradientSGD([theta], lr=0.1, gamma=0.3)
    nu, value, previous = torch.ones(4).double(), torch.zeros(4).double(), torch.zeros(4).double()
    for _ in range(5):
        grad = torch.randn(4, dtype=torch.float64)
        theta.grad = grad
        optimizer.step()
        nu = nu * torch.exp(0.3 * previous * grad)
        value = value - 0.1 * nu * grad
        previous = grad
    torch.testing.assert_close(theta.detach(), value)
    torch.testing.assert_close(optimizer.step_sizes()[0], nu)


def test_funnel_follows_its_five_lines() -> None:
    params = [nn.Parameter(torch.zeros(3, dtype=torch.float64)), nn.Parameter(torch.zeros(2, dtype=torch.float64))]
    optimizer = AmidFunnel(params, lr=0.1, gamma_p=0.2, gamma_s=0.05, beta=0.8, mu=0.7)
    theta, p, m, h = torch.zeros(5).double(), torch.ones(5).double(), torch.zeros(5).double(), torch.zeros(5).double()
    s = 1.0
    for _ in range(6):
        g = torch.randn(5, dtype=torch.float64)
        params[0].grad, params[1].grad = g[:3].clone(), g[3:].clone()
        optimizer.step()
        p = p * torch.exp(0.2 * m * g)
        s = s * math.exp(0.05 * float(h @ g))
        m = 0.8 * m + 0.2 * g
        h = 0.7 * h + 0.1 * p * g
        theta = theta - s * h
    torch.testing.assert_close(torch.cat([q.detach() for q in params]), theta)
    torch.testing.assert_close(torch.cat(optimizer.gains()), p)
    assert optimizer.scales() == pytest.approx([s])


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_foreach_and_loop_agree_bit_for_bit(make: Any) -> None:
    together = _params(ALL)
    apart = copy.deepcopy(together)
    _train(make(together, foreach=True), together, 5)
    _train(make(apart, foreach=False), apart, 5)
    assert all(torch.equal(a, b) for a, b in zip(together, apart, strict=True))


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_maximize_is_minimize_of_the_negative(make: Any) -> None:
    up, down = _params(), _params()
    for a, b in zip(up, down, strict=True):
        b.data.copy_(a.data)
    first, second = make(up, maximize=True), make(down)
    for _ in range(4):
        for a, b in zip(up, down, strict=True):
            a.grad = torch.randn(a.shape)
            b.grad = -a.grad
        first.step()
        second.step()
    assert all(torch.equal(a, b) for a, b in zip(up, down, strict=True))


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_a_resumed_run_is_the_same_run(make: Any) -> None:
    straight = _params(ALL)
    resumed = copy.deepcopy(straight)
    first = make(straight)
    _train(first, straight, 3, seed=1)
    _train(first, straight, 3, seed=2)
    before = make(resumed)
    _train(before, resumed, 3, seed=1)
    after = make(resumed)
    after.load_state_dict(copy.deepcopy(before.state_dict()))
    _train(after, resumed, 3, seed=2)
    assert all(torch.equal(a, b) for a, b in zip(straight, resumed, strict=True))
    for state in after.state.values():
        for key, value in state.items():
            assert key == "previous" or value.dtype in (torch.float32, torch.float64)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_groups_closure_and_missing_gradients(make: Any) -> None:
    a, b, idle = (nn.Parameter(torch.ones(2)) for _ in range(3))
    optimizer = make([{"params": [a, idle]}, {"params": [b], "lr": 0.0}])

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (a + b).sum()
        loss.backward()
        return loss.detach()

    assert float(optimizer.step(closure)) == 4.0
    assert torch.equal(idle, torch.ones(2))
    assert torch.equal(b, torch.ones(2))
    assert not torch.equal(a, torch.ones(2))
    assert repr(optimizer)


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_eg_at_the_edges(dtype: torch.dtype) -> None:
    largest = torch.finfo(dtype).max
    start = torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0, 1.0, largest], dtype=dtype)
    grads = torch.tensor([-math.inf, -largest, math.inf, -math.inf, math.nan, largest, -largest], dtype=dtype)
    p = nn.Parameter(start)
    p.grad = grads
    ExponentiatedGradient([p], lr=1.0).step()
    values = p.tolist()
    assert values[:3] == [0.0, 0.0, 0.0]
    assert 0 < values[3] <= largest
    assert math.isnan(values[4])
    assert values[5] == 0.0
    assert values[6] == largest


@settings(max_examples=60)
@given(
    st.sampled_from(list(DTYPES)), st.lists(st.floats(0, 65504, width=16), max_size=6), st.data(), st.floats(1e-6, 10)
)
def test_eg_keeps_non_negative_numbers_non_negative_and_finite(
    dtype: str, start: list[float], data: st.DataObject, lr: float
) -> None:
    kind = DTYPES[dtype]
    p = nn.Parameter(torch.tensor(start, dtype=kind))
    optimizer = ExponentiatedGradient([p], lr=lr)
    largest = torch.finfo(kind).max
    for _ in range(3):
        sizes = [data.draw(st.floats(-largest, largest)) for _ in start]
        p.grad = torch.tensor(sizes, dtype=torch.float64).to(kind)
        optimizer.step()
        assert bool(((p >= 0) & p.isfinite()).all())


@settings(max_examples=40)
@given(st.sampled_from(list(DTYPES)), st.integers(0, 2**31))
def test_funnel_and_hypergradient_never_make_a_step_size_negative(dtype: str, seed: int) -> None:
    kind = DTYPES[dtype]
    generator = torch.Generator().manual_seed(seed)
    p = nn.Parameter(torch.ones(8, dtype=kind))
    q = nn.Parameter(torch.ones(8, dtype=kind))
    funnel, hyper = AmidFunnel([p], gamma_p=1.0, gamma_s=1.0), HypergradientSGD([q], gamma=1.0)
    for _ in range(4):
        exponents = torch.rand(8, generator=generator, dtype=torch.float64) * 2 - 1
        size = (exponents * 0.4 * math.log(torch.finfo(kind).max)).exp()
        grad = (size * torch.sign(torch.rand(8, generator=generator) - 0.5)).to(kind)
        p.grad, q.grad = grad.clone(), grad.clone()
        funnel.step()
        hyper.step()
        for sizes in (funnel.gains()[0], hyper.step_sizes()[0]):
            assert bool(((sizes >= 0) & sizes.isfinite()).all())
        assert 0 <= funnel.scales()[0] < math.inf


@pytest.mark.slow
@pytest.mark.parametrize("dtype", list(DTYPES))
def test_ten_thousand_steps_keep_the_sign(dtype: str) -> None:
    from torchcheck.probes.eg.optimizers import nonnegativity

    target = {"target": "torchcheck.modules:ExponentiatedGradient", "options": {}}
    found = {m.name: m.value for m in nonnegativity(target, dtype, 10_000, seed=3)}
    assert found["sign.negative"] == found["sign.nan"] == found["sign.revived"] == 0


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_bad_arguments_are_refused(make: Any) -> None:
    p = nn.Parameter(torch.ones(2))
    for lr in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="lr must be finite"):
            make([p], lr=lr)
    p.grad = torch.sparse_coo_tensor(torch.tensor([[0]]), torch.tensor([1.0]), (2,), check_invariants=True)
    with pytest.raises(RuntimeError, match="sparse"):
        make([p]).step()


def test_eg_refuses_a_negative_start() -> None:
    good, bad = nn.Parameter(torch.ones(2)), nn.Parameter(torch.tensor([1.0, -1.0]))
    with pytest.raises(ValueError, match="parameter 1 of group 0 has negative"):
        ExponentiatedGradient([good, bad])

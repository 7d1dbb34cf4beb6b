"""The SquarePlus module: exact values at the edges, and every way in which torch may call it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scaleproof.theory import squareplus as theory
from torchcheck.modules import SquarePlus, squareplus
from torchcheck.run.subjects import DTYPES

ALL = list(DTYPES.values())


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_special_values(dtype: torch.dtype) -> None:
    info = torch.finfo(dtype)
    small = info.smallest_normal * info.eps
    x = torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan, info.max, small, -small], dtype=dtype)
    y = SquarePlus()(x).tolist()
    assert y[:4] == [1.0, 1.0, math.inf, 0.0]
    assert math.isnan(y[4])
    assert y[5] == info.max
    assert y[6:] == [1.0, 1.0]
    low = SquarePlus()(torch.tensor([-info.max], dtype=dtype)).double().item()
    assert low == pytest.approx(1 / info.max, rel=2 * info.eps, abs=small / 2)


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_slopes_at_special_values(dtype: torch.dtype) -> None:
    info = torch.finfo(dtype)
    x = torch.tensor([0.0, -0.0, math.inf, -math.inf, info.max, -info.max], dtype=dtype, requires_grad=True)
    (slope,) = torch.autograd.grad(squareplus(x).sum(), x)
    assert slope.tolist() == [0.5, 0.5, 1.0, 0.0, 1.0, 0.0]


#: b of every size, and x around its root, where neither is negligible
BENDS = [0.0, 1e-307, 1e-300, 1e-276, 1e-200, 1e-8, 1.0, 4.0, 1e6, 1e200, 1e280, 1e300]
INPUTS = st.floats(allow_nan=False, allow_infinity=False) | st.builds(
    lambda m, e: m * 10.0**e, st.floats(-10, 10), st.integers(-165, 160)
)


@settings(max_examples=1000)
@given(INPUTS, st.sampled_from(BENDS))
@example(1.1507743668508536e-158, 0.0)  # its square is subnormal, and the root of that 1e-9 off
@example(-1.1507743668508536e-158, 1e-307)
@example(1e155, 1e300)  # its square overflows, and b still counts
@example(-1e155, 1e300)
def test_float64_values_are_within_four_ulp(x: float, b: float) -> None:
    y = SquarePlus(b)(torch.tensor(x, dtype=torch.float64)).item()
    if b == 0:
        assert y == max(x, 0.0)
        return
    exact = theory.derivatives(x, b, 0)[0]
    assert abs(exact - y) < 4 * math.ulp(float(exact.mid()))


@pytest.mark.parametrize("b", [0.0, 1e-44, 1e-38, 1e-30, 1.0, 1e20, 1e34])
@pytest.mark.parametrize("size", [1e-44, 1e-22, 1e-19, 1e-15, 1.0, 1e13, 1e17, 1.5e20])
def test_float32_values_are_within_four_ulp(size: float, b: float) -> None:
    """Around where squares underflow, at 1e-19, and overflow, at 1e19."""
    x = torch.tensor([size, -size])
    for got, at in zip(SquarePlus(b)(x).tolist(), x.tolist(), strict=True):
        exact = theory.derivatives(at, float(torch.tensor(b)), 0)[0] if b else max(at, 0.0)
        ulp = max(float(np.spacing(np.float32(float(exact)))), 1e-45)
        assert abs(float(exact) - got) < 4 * ulp


@given(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30))
def test_order_is_kept(x: float, y: float) -> None:
    low, high = sorted([x, y])
    f_low, f_high = SquarePlus(1.7)(torch.tensor([low, high], dtype=torch.float64)).tolist()
    assert max(low, 0.0) <= f_low <= f_high


def test_zero_bend_is_relu_with_the_limit_slope_at_zero() -> None:
    x = torch.tensor([-3.0, -1e-40, 0.0, 1e-40, 3.0], requires_grad=True)
    y = squareplus(x, 0.0)
    assert torch.equal(y, torch.relu(x))
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert slope.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_gradients_of_first_and_second_order() -> None:
    x = torch.linspace(-5, 5, 31, dtype=torch.float64, requires_grad=True)
    b = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(squareplus, (x, b))
    assert torch.autograd.gradgradcheck(squareplus, (x, b))


def test_learnable_bend_gets_its_gradient() -> None:
    module = SquarePlus(2.0, learnable=True)
    x = torch.randn(4, 3)
    module(x).sum().backward()
    assert isinstance(module.b, torch.nn.Parameter)
    assert module.b.grad is not None
    expected = (0.25 / torch.sqrt(x * x + 2)).sum()
    torch.testing.assert_close(module.b.grad, expected)
    assert dict(SquarePlus().named_parameters()) == {}


def test_half_does_not_round_a_constant_bend() -> None:
    module = SquarePlus(1.0001).half()
    assert module.b == 1.0001
    assert module(torch.zeros(1, dtype=torch.float16)).dtype == torch.float16


def test_vmap_meta_autocast_and_empty() -> None:
    x = torch.randn(5, 3)
    b = torch.rand(5) + 0.1
    batched = torch.func.vmap(torch.func.grad(lambda t, c: squareplus(t, c).sum()), (0, 0))(x, b)
    single = torch.stack([torch.func.grad(lambda t, c=c: squareplus(t, c).sum())(t) for t, c in zip(x, b, strict=True)])
    torch.testing.assert_close(batched, single)
    assert SquarePlus()(torch.empty(3, 4, device="meta")).shape == (3, 4)
    with torch.device("meta"):
        assert SquarePlus(learnable=True)(torch.empty(2)).is_meta
    assert SquarePlus()(torch.empty(0)).shape == (0,)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = SquarePlus()(torch.nn.functional.linear(x, torch.randn(3, 3)))
    assert out.dtype == torch.bfloat16


@pytest.mark.slow
def test_compiles_into_one_graph() -> None:
    module = SquarePlus(1.3, learnable=True)
    compiled = torch.compile(module, fullgraph=True)
    x = torch.randn(100, requires_grad=True)
    compiled(x).sum().backward()
    grad, by_b = x.grad, module.b.grad  # type: ignore[union-attr]
    x.grad = module.b.grad = None  # type: ignore[union-attr]
    module(x).sum().backward()
    torch.testing.assert_close(grad, x.grad)
    torch.testing.assert_close(by_b, module.b.grad)  # type: ignore[union-attr]


@pytest.mark.parametrize("b", [-1.0, math.inf, math.nan])
def test_a_bad_bend_is_refused(b: float) -> None:
    with pytest.raises(ValueError, match="b must be finite"):
        SquarePlus(b)


def test_integers_are_refused() -> None:
    with pytest.raises(TypeError, match="floating-point"):
        SquarePlus()(torch.arange(3))


def test_gap_is_what_the_article_says_at_a_round_number() -> None:
    y = SquarePlus(4.0)(torch.tensor(-1e6, dtype=torch.float64)).item()
    assert abs(Fraction(y) * 4 * 10**6 / 4 - 1) < Fraction(2, 10**12)

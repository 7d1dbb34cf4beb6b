"""Certified extremes of activations: right for known constants, true of random samples, never for what branches."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import flint
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from scaleproof.analysis.graphs import evaluate
from scaleproof.analysis.pointwise import certify
from torchcheck.properties.expression import certifier, trace
from torchcheck.properties.expression import evaluate as by_torch

#: known to more digits than the search asks for: GELU and SiLU by mpmath, the others by hand
LIPSCHITZ = {
    "GELU": (nn.GELU(), 1.1289041451851),
    "SiLU": (nn.SiLU(), 1.0998393201288),
    "Tanh": (nn.Tanh(), 1.0),
    "Sigmoid": (nn.Sigmoid(), 0.25),
    "ReLU": (nn.ReLU(), 1.0),
    "Hardswish": (nn.Hardswish(), 1.5),
    "ELU": (nn.ELU(), 1.0),
    "LeakyReLU": (nn.LeakyReLU(0.25), 1.0),
    "Softshrink": (nn.Softshrink(), 1.0),
    "SELU": (nn.SELU(), 1.0507009873554805 * 1.6732632423543772),
}


def graph_of(f: Callable[[Tensor], Tensor]) -> Any:
    found = trace(f.double() if isinstance(f, nn.Module) else f)
    assert found is not None
    return found


@pytest.mark.parametrize("name", LIPSCHITZ)
def test_known_lipschitz_constants(name: str) -> None:
    module, exact = LIPSCHITZ[name]
    lo, hi, _ = certify(graph_of(module), 65536.0)["lipschitz"]
    assert lo <= exact * (1 + 1e-9)
    assert exact * (1 - 1e-9) <= hi
    assert hi - lo <= 1e-4


def test_known_smoothness_and_shape() -> None:
    found = certify(graph_of(nn.Tanh()), 65536.0)
    lo, hi, _ = found["smoothness"]
    assert lo <= 4 / (3 * math.sqrt(3)) <= hi  # sup of 2 t (1 - t²) at t = 1/sqrt(3)
    relu = certify(graph_of(nn.ReLU()), 65536.0)
    assert relu["smoothness"][0] == math.inf
    assert relu["convex"][:2] == (0.0, 0.0)
    assert relu["relu-gap"][1] == 0.0


def test_jumps_are_told() -> None:
    assert certify(graph_of(nn.Hardshrink(0.5)), 65536.0)["lipschitz"][0] == math.inf
    assert "jumps by at most 2.1e-09 at 20" in certify(graph_of(nn.Softplus()), 65536.0)["lipschitz"][2]


PIECES = [
    lambda x: torch.tanh(x), lambda x: x * torch.sigmoid(x), lambda x: torch.relu(x), lambda x: x.abs() * 0.5,
    lambda x: torch.exp(-x * x), lambda x: torch.log1p(x * x), lambda x: torch.sqrt(x * x + 1), torch.sin,
    lambda x: torch.erf(x), lambda x: x / (1 + x.abs()), lambda x: torch.where(x > 0, x, 0.5 * x),
    lambda x: x.clamp(-2, 3), lambda x: torch.atan(x), lambda x: torch.maximum(x, 0.1 * x),
]  # fmt: skip


@settings(max_examples=25)
@given(st.integers(0, len(PIECES) - 1), st.integers(0, len(PIECES) - 1), st.floats(-3, 3), st.floats(-2, 2))
def test_no_sample_leaves_the_certified_range(a: int, b: int, scale: float, shift: float) -> None:
    def f(x: Tensor) -> Tensor:
        return PIECES[a](x) * scale + PIECES[b](x + shift)

    graph = trace(f)
    if graph is None:
        return
    found = certify(graph, 64.0)
    x = torch.linspace(-63.9, 63.9, 20_001, dtype=torch.float64)
    slope = f(x).diff() / x.diff()
    if "lipschitz" in found:
        jumps = 1e-6 / float(x.diff()[0]) if "jumps" in found["lipschitz"][2] else 0.0
        assert float(slope.abs().max()) <= found["lipschitz"][1] + 1e-9 + jumps
    if "monotone" in found and "jumps by" not in found["monotone"][2]:
        assert float(slope.min()) >= found["monotone"][0] - 1e-9
    if "relu-gap" in found:
        assert float((f(x) - x.clamp(min=0)).abs().max()) <= found["relu-gap"][1] + 1e-9


@given(st.floats(-60, 60), st.floats(1e-6, 1.0))
def test_a_jet_on_a_ball_contains_the_jet_at_its_points(middle: float, radius: float) -> None:
    graph = graph_of(nn.GELU("tanh"))
    before = flint.ctx.prec
    flint.ctx.prec = 80
    try:
        whole = evaluate(graph, middle - radius, middle + radius)
        for x in (middle - radius, middle, middle + radius):
            at = evaluate(graph, x, x)
            assert all(w.overlaps(v) for w, v in ((whole.f, at.f), (whole.d1, at.d1), (whole.d2, at.d2)))
    finally:
        flint.ctx.prec = before


def test_what_branches_or_is_unknown_has_no_graph() -> None:
    assert trace(lambda x: x if float(x.sum()) > 0 else -x) is None
    assert trace(lambda x: torch.special.bessel_j0(x)) is None
    assert trace(lambda x: x + torch.randn(1).double()) is None


def test_a_graph_is_run_again_by_torch() -> None:
    x = torch.randn(50, dtype=torch.float64)
    assert torch.allclose(by_torch(graph_of(nn.Mish()), x), nn.Mish()(x))


def test_the_certifier_is_found_by_its_entry_point() -> None:
    assert certifier() is certify

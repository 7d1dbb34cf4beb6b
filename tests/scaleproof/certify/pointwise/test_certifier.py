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

from scaleproof.certify.pointwise.certifier import certify
from scaleproof.certify.pointwise.graphs import evaluate
from torchcheck import Finding, check_activation
from torchcheck.properties.activation.expression import evaluate as by_torch
from torchcheck.properties.activation.expression import trace

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
    assert "f jumps by at most 2.1e-09 at 20" in certify(graph_of(nn.Softplus()), 65536.0)["lipschitz"][2]


def _xlogx(x: Tensor) -> Tensor:
    return torch.where(x > 0, x * torch.log(x), 0.0 * x)


def _sinc(x: Tensor) -> Tensor:
    return torch.where(x.abs() > 0, torch.sin(x) / x, 1.0 + 0 * x)


def _power(x: Tensor) -> Tensor:
    return x * torch.sqrt(x.abs())


@pytest.mark.parametrize("f", [_xlogx, _sinc, _power])
def test_what_is_not_enclosed_at_a_point_is_not_called_a_jump(f: Callable[[Tensor], Tensor]) -> None:
    found = certify(graph_of(f), 16.0)  # log(0), 0/0 and the derivative of sqrt(0): no finite ball, and no jump either
    assert "lipschitz" not in found
    assert "smoothness" not in found
    assert "convex" not in found


def test_small_jumps_are_named_and_large_ones_certain() -> None:
    tiny = certify(graph_of(lambda x: torch.where(x > 1, x + 1e-16, x)), 16.0)
    assert "f jumps by at most 1.0e-16 at 1" in tiny["lipschitz"][2]
    kink = certify(graph_of(lambda x: torch.where(x > 1, 1 + (x - 1) * 0.5, x)), 16.0)
    assert kink["convex"][0] == -math.inf
    assert kink["smoothness"][0] == math.inf
    assert set(certify(graph_of(nn.Hardshrink(0.5)), 16.0)) == {"lipschitz"}


def test_a_certificate_that_samples_deny_is_thrown_away_whole() -> None:
    def wrong(_graph: Any, _domain: float) -> Any:
        return {"lipschitz": (0.4, 0.5, ""), "smoothness": (0.1, 5.0, "")}

    result = check_activation(nn.Tanh, dtypes=("float32",), certify=wrong)
    assert result["lipschitz"].value == pytest.approx(1.0, abs=1e-3)
    assert not any("certified" in f.note for f in result)


PIECES = [
    lambda x: torch.tanh(x),
    lambda x: x * torch.sigmoid(x),
    lambda x: torch.relu(x),
    lambda x: x.abs() * 0.5,
    lambda x: torch.exp(-x * x),
    lambda x: torch.log1p(x * x),
    lambda x: torch.sqrt(x * x + 1),
    torch.sin,
    lambda x: torch.erf(x),
    lambda x: x / (1 + x.abs()),
    lambda x: torch.where(x > 0, x, 0.5 * x),
    lambda x: x.clamp(-2, 3),
    lambda x: torch.atan(x),
    lambda x: torch.maximum(x, 0.1 * x),
]


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
        jumps = 1e-6 / float(x.diff()[0]) if "; f jumps" in found["lipschitz"][2] else 0.0
        assert float(slope.abs().max()) <= found["lipschitz"][1] + 1e-9 + jumps
    if "monotone" in found and "; f jumps" not in found["monotone"][2]:
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


def test_a_check_certifies_only_with_a_certifier() -> None:
    def slope(**options: Any) -> Finding:
        return check_activation(nn.Tanh, **options)["lipschitz"]

    assert "estimated" in slope().note
    assert "certified" in slope(certify=certify).note

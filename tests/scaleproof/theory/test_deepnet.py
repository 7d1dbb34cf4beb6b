"""Mean-field predictions against definitions, sampling and the real modules."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scaleproof.theory import residual
from scaleproof.theory.deepnet import Architecture, predict, probe, relu_kernel, relu_mask_kernel, softmax_moments
from torchcheck.modules.scaling import named_scaling
from torchcheck.probes.deepnet.profiles import profiles

ROLES = ("query", "key", "value", "output", "inner", "outer", "norm")


@pytest.mark.parametrize("c", [-1.0, -0.5, 0.0, 0.3, 0.9, 1.0])
def test_relu_kernels_are_gaussian_integrals(c: float) -> None:
    a, b = np.random.default_rng(0).multivariate_normal([0, 0], [[1, c], [c, 1]], 400_000, check_valid="ignore").T
    assert relu_kernel(c) == pytest.approx(np.mean(np.maximum(a, 0) * np.maximum(b, 0)) / 0.5, abs=0.01)
    assert relu_mask_kernel(c) == pytest.approx(np.mean((a > 0) & (b > 0)) / 0.5, abs=0.01)


@pytest.mark.parametrize("gain", ["0.5", "0.001", "3"])
def test_probe_is_the_weighed_mean_of_squares(gain: str) -> None:
    z = np.random.default_rng(1).standard_normal(2_000_000)
    weights = np.cosh(float(gain) * z) ** -4.0
    assert probe(gain) == pytest.approx((weights * z * z).sum() / weights.sum(), rel=0.01)


@given(st.floats(0, 4), st.integers(1, 500))
def test_softmax_moments_lie_between_uniform_and_one_hot(variance: float, tokens: int) -> None:
    second, third = softmax_moments(variance, tokens)
    assert 1 / tokens * (1 - 1e-4) <= second <= 1 + 1e-9
    assert second**2 * (1 - 1e-4) <= third <= second * (1 + 1e-9)


@pytest.mark.parametrize(("variance", "tokens"), [(0.25, 2), (1.0, 16), (1.0, 64), (2.0, 8)])
def test_softmax_moments_are_those_of_samples(variance: float, tokens: int) -> None:
    scores = np.random.default_rng(1).normal(scale=math.sqrt(variance), size=(200_000, tokens))
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    second, third = softmax_moments(variance, tokens)
    assert second == pytest.approx((weights**2).sum(axis=1).mean(), rel=5e-3)
    assert third == pytest.approx((weights**3).sum(axis=1).mean(), rel=1e-2)


POST = [("post", scaling) for scaling in ("none", "sgd", "adam", "lamb", "deepnorm", "slow")]


@pytest.mark.parametrize(("norm", "scaling"), [*POST, ("pre", "none"), ("pre", "sgd"), ("pre", "adam")])
def test_theory_predicts_every_matrix_of_a_shallow_transformer(norm: str, scaling: str) -> None:
    options = {"scaling": scaling, "norm": norm, "heads": 2}
    subject = {"target": "torchcheck.modules:scaled_transformer", "options": options}
    (m,) = profiles(subject, [3], width=128, tokens=32, batch=2, seeds=6)
    constants = named_scaling(scaling, 3, norm)  # type: ignore[arg-type]
    theory = predict(Architecture(128, 3, constants.alpha, constants.gain, norm, 32, 2))
    for role in ROLES:
        measured = np.mean(np.sqrt(m.data["squares"][role]))
        assert measured == pytest.approx(math.sqrt(theory.total([role])), rel=0.15), role
    for name in ("stream", "branch", "cotangent"):
        np.testing.assert_allclose(m.data["signals"][name], getattr(theory, name), rtol=0.15)


def test_theory_predicts_the_gradients_of_one_block_of_independent_tokens() -> None:
    """Finer than above: squared gradients, of tokens that share nothing, where what is mixed counts most."""
    subject = {"target": "torchcheck.modules:scaled_transformer", "options": {"scaling": "none", "norm": "post"}}
    (m,) = profiles(subject, [1], width=256, tokens=16, batch=4, seeds=24)
    theory = predict(Architecture(256, 1, 1.0, 1.0, "post", 16, 4))
    for role in ROLES[:-1]:
        assert np.mean(m.data["squares"][role]) == pytest.approx(theory.total([role]), rel=0.07), role


def test_standard_post_norm_is_linear_and_pre_norm_logarithmic() -> None:
    roles = ROLES[:-1]
    post = [predict(Architecture(256, n)).total(roles) for n in (100, 200, 400)]
    assert post[1] / post[0] == pytest.approx(2, rel=0.05)
    assert post[2] / post[1] == pytest.approx(2, rel=0.02)
    pre = [predict(Architecture(256, n, norm="pre")).total(roles) for n in (100, 200, 400)]
    assert pre[2] - pre[1] == pytest.approx(pre[1] - pre[0], rel=0.05)


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_plain_log_factor(activation: str) -> None:
    generator = np.random.default_rng(2)
    width = 16
    active = np.full(200_000, width) if activation == "linear" else generator.binomial(width, 0.5, 200_000)
    chi = stats.chi2.rvs(np.maximum(active, 1), random_state=generator)
    scale = 1.0 if activation == "linear" else 2.0
    sampled = np.log(scale * chi / width)[active > 0].mean()
    assert residual.plain_log_factor(width, activation) == pytest.approx(sampled, abs=5e-3)


@pytest.mark.parametrize("epsilon", [0.05, 0.125, 0.5, 1.0, 3.0])
def test_scalar_log_factor(epsilon: float) -> None:
    w = np.random.default_rng(3).normal(size=2_000_000)
    logs = np.log(np.abs(1 + epsilon * w))
    mean, variance = residual.scalar_log_factor(epsilon)
    assert mean == pytest.approx(logs.mean(), abs=5e-3)
    assert variance == pytest.approx(logs.var(), rel=2e-2)


def test_fourth_moment_of_a_gaussian_layer() -> None:
    g = np.random.default_rng(4).normal(size=(400_000, 5))
    factor = ((np.eye(5)[0] + 0.7 / math.sqrt(5) * g) ** 2).sum(axis=1)
    assert factor.mean() == pytest.approx(residual.residual_mean(0.7, 1), rel=5e-3)
    assert (factor**2).mean() == pytest.approx(residual.residual_fourth(0.7, 1, 5), rel=1e-2)
    assert residual.residual_fourth(0.7, 3, 5) == pytest.approx(residual.residual_fourth(0.7, 1, 5) ** 3)


def test_residual_laws_meet_at_one_layer() -> None:
    assert residual.residual_mean(1.0, 1) == 2
    assert residual.residual_gradient(1.0, 1, 2) == 2
    assert residual.residual_mean(1000**-0.5, 1000) < math.e

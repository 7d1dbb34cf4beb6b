"""Increments, expansions, the scale probe and training, on cases with known answers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from torchcheck.modules import PlainMLP, ResidualMLP
from torchcheck.probes.deepnet.constants import scaled_weights
from torchcheck.probes.deepnet.increments import increments, scale_probe
from torchcheck.probes.deepnet.training import CharacterModel, corpus, training
from torchcheck.probes.residual.propagation import chain_rule, expansion

STACK = {"target": "torchcheck.modules:scaled_transformer", "options": {}}
RESIDUAL = "torchcheck.modules:ResidualMLP"


def _by_name(measurements: Any) -> dict[str, Any]:
    return {m.name: m for m in measurements}


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lamb"])
def test_small_steps_change_the_loss_as_predicted_and_large_ones_do_not(optimizer: str) -> None:
    rates = {"sgd": [1e-5, 10.0], "adam": [1e-8, 0.1], "lamb": [1e-8, 0.3]}[optimizer]
    found = _by_name(increments(STACK, optimizer, rates, [2], width=16, seeds=2))
    m = found[f"increment.{optimizer}.N=2"]
    assert m.value == pytest.approx(1, abs=1e-3)
    assert abs(m.data["curve"][1] - 1) > 0.05
    article = found[f"article.{optimizer}.N=2"].value
    assert article == pytest.approx(1, abs=1e-3) if optimizer != "lamb" else article < 0.1


def test_later_adam_steps_are_no_sign_steps() -> None:
    (m, _) = increments(STACK, "adam", [1e-3], [2], width=16, seeds=2, warm=20)
    assert abs(m.value - 1) > 0.02  # type: ignore[operator]


def test_expansion_of_a_known_matrix() -> None:
    found = _by_name(expansion({"target": RESIDUAL, "options": {"branch": "coherent"}}, 3, 5, 64))
    factor = (1 + 3**-0.5) ** 6
    assert found["forward.N=3"].value == pytest.approx(factor)
    assert found["backward.N=3"].value == pytest.approx(factor)
    assert found["log-backward.N=3"].value == pytest.approx(math.log(factor) / 2)
    again = expansion({"target": RESIDUAL, "options": {"branch": "linear"}}, 3, 5, 64, seed=1)
    assert [m.value for m in again] == [
        m.value for m in expansion({"target": RESIDUAL, "options": {"branch": "linear"}}, 3, 5, 64, seed=1)
    ]


def test_rows_expand_and_weigh_as_autograd_says() -> None:
    """The probe's outer products against the gradients of a network of one row."""
    (gradient,) = (
        m
        for m in expansion({"target": RESIDUAL, "options": {"branch": "relu"}}, 2, 5, 64, rows=1)
        if m.name.startswith("gradient")
    )
    sizes = []
    for k in range(64):
        torch.manual_seed(k)
        model = ResidualMLP(5, 2, branch="relu").double()
        x = torch.randn(1, 5).double()
        y = model(x)
        v = torch.randn(y.shape).double()
        grads = torch.autograd.grad((y * v).sum(), list(model.parameters()))
        sizes.append(float(sum(g.square().sum() for g in grads) / (x.square().mean() * v.square().mean() * 5)))
    assert gradient.value == pytest.approx(sum(sizes) / 64)


def test_stable_plain_networks_keep_the_second_moment() -> None:
    for share in (0.0, 0.5):
        model = PlainMLP(512, 6, bias_share=share)
        out = model(torch.randn(256, 512))
        assert float(out.detach().square().mean()) == pytest.approx(1, rel=0.25)
    narrow = PlainMLP(8, 3, narrow=4)
    assert [layer.in_features for layer in narrow.layers] == [8, 4, 8]
    with pytest.raises(ValueError, match="bias_share"):
        PlainMLP(8, 2, bias_share=1.0)
    with pytest.raises(ValueError, match="branch must be"):
        ResidualMLP(8, 2, branch="gaussian")  # type: ignore[arg-type]


def test_chain_rule_tells_epsilon_from_its_root() -> None:
    right = _by_name(chain_rule({"target": RESIDUAL, "options": {}}, [0.1]))
    wrong = _by_name(chain_rule({"target": "torchcheck.faults.residual:RootEpsilon", "options": {}}, [0.1]))
    assert right["layer.gradient"].value < 1e-13
    assert wrong["layer.gradient"].value > 1


def test_a_norm_hides_the_scale() -> None:
    scaled = {"target": "torchcheck.modules:ScaledLinear", "options": {"then": "norm"}}
    found = _by_name(scale_probe(scaled, width=8, seeds=64))
    assert found["probe.identity"].value < 1e-13
    assert found["probe.square"].hi < 1e-24
    free = _by_name(scale_probe({**scaled, "options": {"then": "residual"}}, width=8, seeds=256))
    assert free["probe.least"].value < 0.1
    assert 0.2 < free["probe.square"].value < 1
    assert free["probe.independent"].lo < 1 < free["probe.independent"].hi


def test_weights_that_get_beta() -> None:
    found = _by_name(scaled_weights({**STACK, "options": {"scaling": "deepnorm"}}, 4, 64))
    assert found["gain.query"].value == pytest.approx(1, rel=0.05)
    assert found["gain.value"].value == pytest.approx(32**-0.25, rel=0.05)
    assert found["alpha"].value == 8**0.25


def test_corpus_is_text_with_its_frequencies() -> None:
    ids, surprisal = corpus()
    assert len(ids) > 100_000
    assert float(torch.exp(-surprisal).sum()) == pytest.approx(1)
    assert int(ids.max()) == len(surprisal) - 1


def test_a_shallow_model_learns_and_the_loss_starts_near_uniform() -> None:
    sizes = {"layers": 1, "width": 32, "steps": 60, "batch": 8, "tokens": 16}
    (m,) = training(STACK, rate=1e-2, **sizes)
    assert m.series[0].y[0] == pytest.approx(math.log(len(corpus()[1])), rel=0.15)
    assert m.value is not None
    assert m.value < 0
    assert training(STACK, rate=1e-2, **sizes)[0].value == m.value


def test_a_loss_that_is_not_finite_ends_the_run() -> None:
    (m,) = training(STACK, layers=1, width=16, rate=1e30, steps=10, batch=2, tokens=8)
    assert m.samples < 10
    assert m.value is not None
    assert math.isfinite(m.value)


def test_a_causal_character_model_does_not_see_the_future() -> None:
    from torchcheck.modules import scaled_transformer

    model = CharacterModel(scaled_transformer(16, 2, causal=True), 16, 20, 8)
    ids = torch.randint(20, (1, 8))
    other = ids.clone()
    other[0, 5] = (other[0, 5] + 1) % 20
    torch.testing.assert_close(model(ids)[:, :5], model(other)[:, :5])
    assert not torch.equal(model(ids)[:, 5:], model(other)[:, 5:])

"""Telling kinds, building at a width and depth, finding inputs, and the scaling that --suggest tries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.faults.optimizers import Plain
from tests.scaleproof.check.variants_for_tests import Pictures, Sound, deep_only, relu
from torchcheck import Threshold, check, check_block, check_model
from torchcheck.properties.engine import check as run_check
from torchcheck.properties.engine import describe
from torchcheck.properties.finding import Property
from torchcheck.properties.module.depth import BLOCK, point
from torchcheck.properties.module.first_rate import first_rate
from torchcheck.properties.plan import Description, Group, Kind, Step
from torchcheck.properties.subject.kinds import infer_kind
from torchcheck.properties.subject.rescale import Carrier, Scaling, carriers_of
from torchcheck.properties.subject.variant import CheckSettings, Variant, build, load, takes_depth
from torchcheck.run.execute import Here
from torchcheck.run.subjects import SubjectError

SMALL: dict[str, Any] = {"width": 8, "seq_len": 4, "depths": (2, 4, 8), "dtypes": ("float32",)}


class MyAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x)
        return out


def my_loss(scores: Tensor, target: Tensor) -> Tensor:
    return (scores - target).square().mean()


def make_optimizer(params: Any) -> torch.optim.Optimizer:
    return Plain(params)


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        (nn.GELU, "activation"),
        (nn.GELU(), "activation"),
        (relu, "activation"),
        (Sound, "block"),
        (nn.TransformerEncoderLayer, "block"),
        (MyAttention, "attention"),
        (nn.MultiheadAttention, "attention"),
        (deep_only, "model"),
        (Pictures, "model"),
        (nn.Linear, "layer"),
        (nn.Conv1d, "layer"),
        (nn.LSTMCell, "layer"),
        (torch.optim.Adam, "optimizer"),
        (make_optimizer, "optimizer"),
        (nn.CrossEntropyLoss, "loss"),
        (nn.MSELoss(), "loss"),
        (my_loss, "loss"),
    ],
)
def test_kinds_are_inferred_where_the_signature_is_clear(subject: Any, kind: str) -> None:
    assert infer_kind(subject)[0] == kind


@pytest.mark.parametrize("subject", [nn.Bilinear, Sound(8), lambda a, _b, _c: a, torch.optim.SGD([torch.zeros(1)])])
def test_and_asked_for_where_it_is_not(subject: Any) -> None:
    with pytest.raises(SubjectError, match=r"say --kind|give its class"):
        infer_kind(subject)


def test_fresh_weights_by_seed() -> None:
    loaded = load(Variant(Sound, "block"))
    a, b, c = (build(loaded, 8, None, seed) for seed in (0, 0, 1))
    assert torch.equal(a.inner.weight, b.inner.weight)
    assert not torch.equal(a.inner.weight, c.inner.weight)
    assert takes_depth(loaded)


def test_an_instance_is_copied_and_initialised_again() -> None:
    one = Sound(8)
    loaded = load(Variant(one, "block"))
    made = build(loaded, 8, None, 3)
    assert made is not one
    assert not torch.equal(made.inner.weight, one.inner.weight)
    assert not takes_depth(loaded)


class Volumes(nn.Module):
    """Takes (batch, 2, n, n, n), which nobody can guess."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv3d(2, 2, 3, padding=1) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + 0.1 * torch.relu(layer(x))
        return x


def test_other_inputs_need_example_inputs() -> None:
    refused = check_model(Volumes, **SMALL)
    assert "example_inputs(batch, generator)" in refused["runs"].note

    def volumes(batch: int, generator: torch.Generator) -> Tensor:
        return torch.randn(batch, 2, 4, 4, 4, generator=generator)

    result = check_model(Volumes, example_inputs=volumes, **SMALL)
    assert not result.broken
    assert result["growth"].value is not None


def test_a_loss_of_ones_own() -> None:
    result = check_block(Sound, loss=lambda y: y.square().mean(), **SMALL)
    assert result["increment"].value is not None


def test_hugging_face_models_need_nothing() -> None:
    transformers = pytest.importorskip("transformers")

    def gpt2(depth: int, width: int) -> nn.Module:
        config = transformers.GPT2Config(vocab_size=50, n_embd=width, n_layer=depth, n_head=2, n_positions=64)
        made: nn.Module = transformers.GPT2Model(config)
        return made

    result = check(gpt2, causal=True, **SMALL)
    assert result.kind == "model"
    assert result, repr(result)
    assert result["leak"].status == "ok"


def test_thresholds_and_skips() -> None:
    strict = check_block(Sound, thresholds={"growth": Threshold(5, 6)}, skip=("first-lr", "overflow"), **SMALL)
    assert strict["growth"].status == "failed"
    assert not {"first-lr", "overflow.float32"} & {f.name for f in strict}
    with pytest.raises(ValueError, match="no property of kind block"):
        check_block(Sound, thresholds={"beauty": Threshold(0, 1)}, **SMALL)
    with pytest.raises(TypeError, match="colour"):
        check_block(Sound, colour=3)


def test_depths_of_one_or_two_networks_are_inconclusive_not_wrong() -> None:
    result = check_block(Sound, **{**SMALL, "depths": (2,)})
    assert result["growth"].status == "inconclusive"
    assert not result.failed


def test_scaling_multiplies_what_carries_and_nothing_else() -> None:
    model = nn.Sequential(*(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(2)))
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    carriers = carriers_of(model, lambda: model(torch.randn(2, 4, 8)).square().sum())
    Scaling(0.0, 0.5, carriers=carriers).apply_(model, depth=8)
    for name, p in model.named_parameters():
        ratio = (p.detach() / before[name])[before[name] != 0]
        if name.endswith("out_proj.weight") or ".linear" in name:  # their biases do not start at 0
            assert torch.allclose(ratio, torch.tensor(0.25))
        elif name.endswith("in_proj_weight"):
            q, k, v = (p.detach() / before[name]).chunk(3)
            assert torch.allclose(v, torch.tensor(0.25))
            assert torch.equal(q, torch.ones_like(q))
            assert torch.equal(k, torch.ones_like(k))
        else:
            assert bool((ratio == 1).all())


def test_the_suggested_code_does_what_was_measured() -> None:
    made, same = (nn.Sequential(*(Sound(8) for _ in range(24))) for _ in range(2))
    same.load_state_dict(made.state_dict())
    scaling = Scaling(0.0, 0.5, carriers=(Carrier("inner.weight", 1, 2, 5),))
    scaling.apply_(made, depth=24)
    exec(scaling.code(), {"torch": torch, "model": same})
    assert torch.allclose(made[3].inner.weight, same[3].inner.weight)  # type: ignore[union-attr, arg-type]


def test_nothing_of_a_file_is_run_twice(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch\nCALLS = []\nCALLS.append(1)\nassert len(CALLS) == 1\ndef act(x):\n    return x.relu()\n"
    )
    assert check(f"{file}:act", dtypes=("float32",))


class Bursting(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 1e10


class Detached(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return x + 0 * super().forward(x)


def test_an_update_that_is_not_there_is_not_a_small_one() -> None:
    burst = check_block(Bursting, **SMALL)["increment"]
    assert (burst.status, burst.note) == ("failed", "NaN or infinite at depth 4")
    dead = check_block(Detached, **SMALL)["increment"]
    assert dead.status == "failed"
    assert "exactly 0" in dead.note


def fails(_loaded: Any, _settings: CheckSettings) -> Any:
    raise RuntimeError("no more")


def test_a_round_without_any_answer_ends_the_check() -> None:
    rounds = []

    def more(*_: Any) -> list[Step]:
        rounds.append(1)
        assert len(rounds) < 5, "the same round is planned for ever"
        return [Step(fails, ("works",))]

    properties = {"describe": Property("described", better="none"), "works": Property("works", better="none")}
    kind = Kind((Group("all", properties, lambda *_: [Step(describe)]),), more)
    result = run_check(Variant(relu), CheckSettings(), Here(), {"activation": kind})
    assert rounds == [1]
    assert "no more" in result["works"].note


def test_settings_are_plain_data() -> None:
    assert CheckSettings(**CheckSettings().to_json()) == CheckSettings()


def test_what_takes_long_comes_last() -> None:
    """A budget that ends early has answered most properties, and the depths of a block have the rest of it."""
    steps = BLOCK.steps(CheckSettings(depths=(2, 4)), Description("block", "", any_depth=True))
    grid = [k for k, step in enumerate(steps) if step.function is point]
    assert grid
    assert min(grid) > max(k for k, step in enumerate(steps) if step.function not in (point, first_rate))

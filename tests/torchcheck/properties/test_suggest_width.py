"""Suggested powers of width: those of muP's table by a tensor's role, and confirmed by what four steps change."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck import check_block
from torchcheck.properties.module.width import widths
from torchcheck.properties.registry import REGISTRY
from torchcheck.properties.subject.parametrisation import Parametrisation, Rule, rules_of
from torchcheck.properties.subject.variant import CheckSettings, Variant, load
from torchcheck.properties.suggest_width import WidthSuggestion, suggest_width
from torchcheck.run.execute import Here

SMALL = CheckSettings(seq_len=8, depths=(2,), widths=(32, 64, 128))


class Network(nn.Module):
    """Tokens of a fixed size in, classes of a fixed number out, and places that are added."""

    def __init__(self, width: int, std: float = 0.0) -> None:
        super().__init__()
        self.read, self.places = nn.Linear(8, width), nn.Parameter(torch.randn(16, width))
        self.up, self.down, self.norm = nn.Linear(width, 2 * width), nn.Linear(2 * width, width), nn.LayerNorm(width)
        self.classes = nn.Linear(width, 10)
        if std:
            nn.init.normal_(self.up.weight, std=std)

    def forward(self, x: Tensor) -> Tensor:
        x = self.read(x) + self.places[: x.shape[1]]
        out: Tensor = self.classes(self.norm(x + self.down(F.gelu(self.up(x)))))
        return out


class Block(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm, self.mlp = (
            nn.LayerNorm(dim),
            nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.mlp(self.norm(x))
        return out


def tokens(batch: int, generator: torch.Generator) -> Tensor:
    return torch.randn(batch, 8, 8, generator=generator)


def rules(optimizer: str, std: float = 0.0) -> dict[str, Rule]:
    narrow, wide = ([Network(w, std) for _ in range(4)] for w in (32, 128))
    return {r.ending: r for r in rules_of(narrow, wide, 4.0, optimizer)}


def assert_confirmed(found: WidthSuggestion) -> Parametrisation:
    assert found.verified, found
    assert found.scaled is not None
    return found.scaled


def test_roles_are_told_from_what_grows() -> None:
    roles = {n: r.role for n, r in rules("adam").items()}
    assert roles == {
        "read.weight": "input",
        "read.bias": "input",
        "places": "input",
        "up.weight": "hidden",
        "up.bias": "input",
        "down.weight": "hidden",
        "down.bias": "input",
        "norm.weight": "input",
        "norm.bias": "input",
        "classes.weight": "output",
        "classes.bias": "fixed",
    }


def test_powers_are_those_of_the_table() -> None:
    """Tensor Programs V, table 8; torch's Linear has 1/sqrt(fan_in), which a readout wants once more."""
    adam, sgd = rules("adam"), rules("sgd")
    assert {n: (r.rate, r.gain) for n, r in adam.items() if r.rate or r.gain} == {
        "up.weight": (-1, 0),
        "down.weight": (-1, 0),
        "classes.weight": (-1, -0.5),
    }
    assert {n: r.rate for n, r in sgd.items() if r.role == "hidden"} == {"up.weight": 0, "down.weight": 0}
    assert sgd["read.bias"].rate == sgd["places"].rate == 1
    assert sgd["classes.weight"].rate == -1


def test_a_deviation_of_no_power_of_width_wants_one() -> None:
    assert rules("adam", std=0.02)["up.weight"].gain == -0.5


def test_a_block_s_rates_are_confirmed_and_the_code_gives_them() -> None:
    found = suggest_width(Variant(Block, "block"), SMALL, Here(), REGISTRY["block"].properties)
    scaled = assert_confirmed(found)
    model = nn.Sequential(*(Block(128) for _ in range(3)))
    names: dict[str, object] = {"model": model, "lr": 1e-3}
    exec(found.code, names)
    rates = [g["lr"] for g in names["groups"]]  # type: ignore[attr-defined]
    ours = [g["lr"] for g in scaled.groups(model, 128, 1e-3)]
    assert rates == pytest.approx(ours)
    assert min(rates) == pytest.approx(1e-3 / 4)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_check_suggests_what_it_confirms(optimizer: str) -> None:
    found = suggest_width(
        Variant(Network, "model", inputs=tokens),
        CheckSettings(depths=(2,), widths=(32, 64, 128, 256), optimizer=optimizer),
        Here(),
        REGISTRY["model"].properties,
    )
    assert_confirmed(found)


def test_other_powers_do_not_hold() -> None:
    """The rates of hidden matrices as they are, which is standard parametrisation: the measurement tells it apart."""
    found = assert_confirmed(suggest_width(Variant(Block, "block"), SMALL, Here(), REGISTRY["block"].properties))
    without = Parametrisation(found.base, tuple(replace(r, rate=0.0) for r in found.rules))
    measured = {m.name: m for m in widths(load(Variant(Block, "block")), SMALL, 2, without)}
    assert measured["width-update"].lo is not None
    assert measured["width-update"].lo > 0.25


def test_a_check_with_widths_carries_the_suggestion() -> None:
    given = {"width": 32, "seq_len": 8, "depths": (2, 4), "widths": (32, 64, 128), "select": ["width"]}
    result = check_block(Block, suggestion=True, **given)
    assert result["width-update"].status == "failed"
    assert "a second measurement confirms them" in result.suggestion
    assert not check_block(Block, **given).suggestion


def test_lamb_has_no_rules() -> None:
    found = suggest_width(
        Variant(Block, "block"), CheckSettings(widths=(32, 64), optimizer="lamb"), Here(), REGISTRY["block"].properties
    )
    assert not found.verified
    assert "alone" in found.words

"""Two versions with the same weights: where they part first, and by how much."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from torchcheck.properties.against import parting
from torchcheck.properties.finding import EPSILON, Parting
from torchcheck.properties.subject.variant import CheckSettings, Variant, load
from torchcheck.run.subjects import DTYPES

SETTINGS = CheckSettings(width=16, seq_len=6)


class Old(nn.Module):
    """A feed-forward block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.act = self.activation()

    def activation(self) -> nn.Module:
        return nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.down(self.act(self.up(self.norm(x))))
        return out


class OtherActivation(Old):
    def activation(self) -> nn.Module:
        return nn.SiLU()


class OtherBackward(Old):
    def forward(self, x: Tensor) -> Tensor:
        return x.detach() + super().forward(x) - x


class NoBias(Old):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.down(self.act(self.up(self.norm(x)))) - self.down.bias.detach()
        return out


class Renamed(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers_of_mine = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers_of_mine(x)
        return out


class OtherOrder(nn.Module):
    """The same names, registered in another order."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down, self.act = nn.Linear(2 * width, width), nn.GELU()
        self.up, self.norm = nn.Linear(width, 2 * width), nn.LayerNorm(width)

    forward = Old.forward


class Narrower(Old):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.up, self.down = nn.Linear(width, width), nn.Linear(width, width)


def part(new: type[nn.Module], dtype: str = "float32") -> Parting:
    (found,) = parting(load(Variant(new, "block")), SETTINGS, Variant(Old, "block"), dtype)
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("new", [Old, Renamed, OtherOrder])
def test_the_same_computation_is_the_same_whatever_its_names(new: type[nn.Module], dtype: str) -> None:
    found = part(new, dtype)
    assert found.same, found
    assert found.place == ""
    assert "the same" in str(found)


def test_the_first_module_that_differs_is_named() -> None:
    found = part(OtherActivation)
    assert (found.place, found.same) == ("layers.0.act", False)
    assert found.by > 0.01
    assert "first at layers.0.act" in str(found)


def test_a_difference_in_the_gradient_alone_is_seen() -> None:
    found = part(OtherBackward, "float64")
    assert found.output <= 1e-12
    assert (found.steepest, found.same) == ("the input", False)


def test_a_difference_outside_of_modules_has_no_place_but_a_size() -> None:
    found = part(NoBias)
    assert found.place == "layers.0"
    assert not found.same


def test_weights_that_do_not_fit_are_named() -> None:
    found = part(Narrower)
    assert math.isnan(found.output)
    assert not found.same
    assert "do not fit each other: layers.0.up.weight" in str(found)


def test_epsilons_are_torchs() -> None:
    assert {name: torch.finfo(dtype).eps for name, dtype in DTYPES.items()} == EPSILON

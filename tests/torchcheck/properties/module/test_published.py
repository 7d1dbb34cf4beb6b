"""Activations and norms beside those of their names."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.faults.activations import CELU
from torchcheck import check


class Softplus(nn.Module):
    over_beta = True

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, x: Tensor) -> Tensor:
        y = F.softplus(self.beta * x)
        return y / self.beta if self.over_beta else y


class SoftplusTimes(Softplus):
    over_beta = False


SoftplusTimes.__name__ = "Softplus"


class LeakyReLU(nn.Module):
    def __init__(self, negative_slope: float = 0.2) -> None:
        super().__init__()
        self.slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, self.slope * x)


class ELU(nn.Module):
    """With a number that torch's has not: what it is to be is not known."""

    def __init__(self, alpha: float = 1.0, gain: float = 2.0) -> None:
        super().__init__()
        self.alpha, self.gain = alpha, gain

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * F.elu(x, self.alpha)


@pytest.mark.parametrize(
    ("subject", "status"),
    [(Softplus, "ok"), (SoftplusTimes, "failed"), (LeakyReLU, "ok"), (CELU, "failed"), (ELU, "skipped")],
)
def test_numbers_of_a_name_are_tried(subject: Any, status: str) -> None:
    finding = check(subject, "activation", select=["as-published"])["as-published"]
    assert finding.status == status, finding


class WrongBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        del ctx
        return x * 3

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:  # type: ignore[override]
        del ctx
        return g


class Smooth(nn.Module):
    """Linear around the ground state; binary inputs are reversed by others."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = WrongBackward.apply(x)
        return out


class RoundSTE(Smooth):
    """Another function's slope."""


class Binarizer(Smooth):
    """And so is this one's."""


class Reverses(Smooth):
    """A gradient reversal, three times."""


@pytest.mark.parametrize(
    ("subject", "status"), [(Smooth, "failed"), (RoundSTE, "skipped"), (Binarizer, "skipped"), (Reverses, "skipped")]
)
def test_a_gradient_is_another_s_by_clear_words_alone(subject: Any, status: str) -> None:
    assert check(subject, "activation", select=["gradient"])["gradient"].status == status

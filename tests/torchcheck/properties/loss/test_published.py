"""Losses by their names: the reference functions are torch's, and what has more to say is left alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck import check
from torchcheck.properties.loss.published import PUBLISHED


@pytest.mark.parametrize(
    ("name", "torchs", "own"),
    [
        ("mse", nn.MSELoss(), {}),
        ("l1", nn.L1Loss(), {}),
        ("huber", nn.HuberLoss(delta=0.7), {"delta": 0.7}),
        ("smoothl1", nn.SmoothL1Loss(beta=1.0), {"beta": 1.0}),
    ],
)
def test_a_reference_of_errors_is_torchs(name: str, torchs: nn.Module, own: dict[str, float]) -> None:
    g = torch.Generator().manual_seed(0)
    a, b = (2 * torch.randn(50, dtype=torch.float64, generator=g) for _ in range(2))
    assert float(PUBLISHED[name].references[0](a, b, own=own)) == pytest.approx(float(torchs(a, b)), rel=1e-12)


def test_a_reference_of_classes_is_torchs() -> None:
    g = torch.Generator().manual_seed(0)
    scores, target = torch.randn(6, 8, dtype=torch.float64, generator=g), torch.tensor([0, 3, 2, 7, 1, 1])
    smoothed = PUBLISHED["labelsmoothingcrossentropy"].references[0](scores, target, own={"smoothing": 0.2})
    assert float(smoothed) == pytest.approx(float(F.cross_entropy(scores, target, label_smoothing=0.2)), rel=1e-12)
    focal = PUBLISHED["focal"].references[0](scores, target, own={"gamma": 0.0})
    assert float(focal) == pytest.approx(float(F.cross_entropy(scores, target)), rel=1e-12)
    hinge = PUBLISHED["hinge"].references[0](scores, torch.sign(scores), own={})
    assert float(hinge) == pytest.approx(float(F.hinge_embedding_loss(scores.abs(), -torch.ones(6, 8))), rel=1e-6)


class SmoothL1Loss(nn.Module):
    def __init__(self, beta: float = 1.0, steepness: float = 1.0) -> None:
        super().__init__()
        self.beta, self.steepness = beta, steepness

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(self.steepness * prediction, self.steepness * target, beta=self.beta)


class RMSELoss(nn.Module):
    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        return (F.mse_loss(prediction, target) + 1e-9).sqrt()


class BCELoss(nn.Module):
    def forward(self, p: Tensor, labels: Tensor) -> Tensor:
        return -(labels * (p + 1e-12).log() + (1 - labels) * (1 - p + 1e-12).log()).mean()


@pytest.mark.parametrize(
    ("loss", "options", "status"),
    [
        (SmoothL1Loss, {"beta": 0.5}, "ok"),
        (SmoothL1Loss, {"steepness": 2.0}, "skipped"),
        (RMSELoss, {}, "ok"),
        (BCELoss, {}, "ok"),
        (nn.HuberLoss, {}, "ok"),
        (nn.TripletMarginLoss, {}, "skipped"),
    ],
)
def test_a_loss_is_held_against_its_name(loss: Any, options: dict[str, float], status: str) -> None:
    assert check(loss, "loss", options=options, select=["published"])["as-published"].status == status


class LogBCELoss(nn.Module):
    def forward(self, y_pred: Tensor, y_true: Tensor) -> Tensor:
        return -(y_true * (y_pred + 1e-9).log() + (1 - y_true) * (1 - y_pred + 1e-9).log()).mean()


class ClampedBCELoss(nn.Module):
    def forward(self, y_pred: Tensor, y_true: Tensor) -> Tensor:
        return F.binary_cross_entropy(y_pred.clamp(1e-6, 1 - 1e-6), y_true.to(y_pred))


class SoftF1Loss(nn.Module):
    def forward(self, y_pred: Tensor, y_true: Tensor) -> Tensor:
        """y_pred holds probabilities, one an entry."""
        both = (y_true * y_pred).sum()
        return 1 - 2 * both / (y_pred.sum() + y_true.sum() + 1e-6)


@pytest.mark.parametrize("loss", [BCELoss, LogBCELoss, ClampedBCELoss, SoftF1Loss])
def test_what_is_a_probability_is_told_by_words_logarithms_and_clamps(loss: type[nn.Module]) -> None:
    result = check(loss, "loss", skip=["empty-target", "batch-order"])
    assert result, repr(result)
    assert result["accuracy.float16"].note.startswith("it takes probabilities")

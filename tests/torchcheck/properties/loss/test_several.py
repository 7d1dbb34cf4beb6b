"""Losses of several arguments that have the name of a published one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck import check
from torchcheck.properties.loss.several import multiple


class DPOLoss(nn.Module):
    """Rafailov et al. (2023), with an order of its own."""

    sign = 1.0

    def __init__(self, beta: float = 0.1) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, chosen_logps: Tensor, rejected_logps: Tensor, ref_chosen: Tensor, ref_rejected: Tensor) -> Tensor:
        ahead = (chosen_logps - ref_chosen) - (rejected_logps - ref_rejected)
        return -F.logsigmoid(self.sign * self.beta * ahead).mean()


class TurnedDPOLoss(DPOLoss):
    sign = -1.0


class PPOLoss(nn.Module):
    """Schulman et al. (2017)."""

    def __init__(self, clip_eps: float = 0.2) -> None:
        super().__init__()
        self.clip_eps = clip_eps

    def least(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.minimum(a, b)

    def forward(self, log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor) -> Tensor:
        ratio = (log_probs - old_log_probs).exp()
        clipped = ratio.clamp(1 - self.clip_eps, 1 + self.clip_eps)
        return -self.least(ratio * advantages, clipped * advantages).mean()


class OptimistsPPOLoss(PPOLoss):
    def least(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.maximum(a, b)


class OneSidedPPOLoss(PPOLoss):
    def least(self, a: Tensor, b: Tensor) -> Tensor:
        del a
        return b


class HingeGANLoss(nn.Module):
    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())


class SwappedHingeGANLoss(HingeGANLoss):
    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        return super().forward(fake, real)


class TripletLoss(nn.Module):
    def __init__(self, margin: float = 0.3) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        near, far = (F.pairwise_distance(anchor, other) for other in (positive, negative))
        return F.relu(near - far + self.margin).mean()


class ActiveTripletLoss(TripletLoss):
    """The mean over those that are not kept yet."""

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        near, far = (F.pairwise_distance(anchor, other) for other in (positive, negative))
        each = F.relu(near - far + self.margin)
        return each.sum() / ((each > 0).sum() + 1e-16)


ActiveTripletLoss.__name__ = "TripletLoss"


class NearFarTripletLoss(TripletLoss):
    """The far one is near to the positive, not to the anchor."""

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        near, far = F.pairwise_distance(anchor, positive), F.pairwise_distance(positive, negative)
        return F.relu(near - far + self.margin).mean()


class GaussianNLLLoss(nn.Module):
    share = 0.5

    def forward(self, mean: Tensor, log_var: Tensor, target: Tensor) -> Tensor:
        return (self.share * log_var + 0.5 * (target - mean).square() / log_var.exp()).mean()


class HalvedGaussianNLLLoss(GaussianNLLLoss):
    """log(variance) for log(deviation)."""

    share = 1.0


class GaussianNLL(nn.Module):
    """By the standard deviation."""

    def forward(self, mu: Tensor, sigma: Tensor, y: Tensor) -> Tensor:
        return (sigma.log() + 0.5 * ((y - mu) / sigma).square()).mean()


class WeightedBCELoss(nn.Module):
    def __init__(self, pos_weight: float = 3.0) -> None:
        super().__init__()
        self.pos_weight = pos_weight

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        there = self.pos_weight * labels * F.softplus(-logits)
        return (there + (1 - labels) * F.softplus(logits)).mean()


class TurnedWeightedBCELoss(WeightedBCELoss):
    """What is not there is weighed."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return super().forward(-logits, 1 - labels)


SOUND: tuple[Any, ...] = (
    *(DPOLoss, PPOLoss, HingeGANLoss, TripletLoss, GaussianNLLLoss, GaussianNLL, WeightedBCELoss),
    *(ActiveTripletLoss, nn.MarginRankingLoss, nn.CosineEmbeddingLoss, nn.GaussianNLLLoss),
)
FAULTY: tuple[Any, ...] = (
    *(TurnedDPOLoss, OptimistsPPOLoss, OneSidedPPOLoss, SwappedHingeGANLoss, NearFarTripletLoss),
    *(HalvedGaussianNLLLoss, TurnedWeightedBCELoss),
)


@pytest.mark.parametrize("loss", SOUND)
def test_each_is_told_by_its_arguments(loss: type[nn.Module]) -> None:
    finding = check(loss, "loss", select=["published"])["as-published"]
    assert finding.status == "ok", finding


@pytest.mark.parametrize("loss", SOUND[:7])
def test_a_sound_one_passes(loss: type[nn.Module]) -> None:
    result = check(loss, "loss")
    assert result, repr(result)


@pytest.mark.parametrize("loss", FAULTY)
def test_another_function_of_the_same_arguments_is_seen(loss: type[nn.Module]) -> None:
    named = type(loss.__mro__[1].__name__, (loss,), {})
    finding = check(named, "loss", select=["published"])["as-published"]
    assert finding.status == "failed", finding


class ProximalPPOLoss(PPOLoss):
    """With one argument more than the name tells."""

    def forward(self, log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, ref_values: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(log_probs, old_log_probs, advantages) + ref_values.mean()


ProximalPPOLoss.__name__ = "PPOLoss"


def test_further_arguments_leave_it_open() -> None:
    finding = check(ProximalPPOLoss, "loss", select=["published"])["as-published"]
    assert finding.status == "skipped", finding


def test_no_gradient_is_no_multiple_and_no_agreement() -> None:
    zero, one = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    assert multiple([(one, one), (2 * one, 2 * one)]) == 0
    assert multiple([(zero, zero), (one, one)]) == 0
    for pairs in ([(zero, one)], [(one, zero)], [(-one, one)], [(one * torch.nan, one)], [(zero, zero)], []):
        assert multiple(pairs) == 1.0

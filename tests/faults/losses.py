"""Losses with one seeded fault each."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.faults.fault import Fault


def textbook_cross_entropy(scores: Tensor, target: Tensor) -> Tensor:
    chances = scores.exp() / scores.exp().sum(-1, keepdim=True)
    return -chances.gather(1, target[:, None]).log().mean()


def detached_loss(scores: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(scores.detach(), target) + 0 * scores.sum()


def places_matter(scores: Tensor, target: Tensor) -> Tensor:
    weight = torch.linspace(1, 2, len(scores), dtype=scores.dtype, device=scores.device)
    return (F.cross_entropy(scores, target, reduction="none") * weight).mean()


def class_matters(scores: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(
        scores + 0.1 * torch.arange(scores.shape[1], dtype=scores.dtype, device=scores.device), target
    )


def half_gradient(scores: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(0.5 * scores + 0.5 * scores.detach(), target)


def overwriting_loss(scores: Tensor, target: Tensor) -> Tensor:
    if not torch.is_grad_enabled():
        scores -= scores.max()
    return F.cross_entropy(scores, target)


def noisy_loss(scores: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(scores + 1e-3 * torch.randn_like(scores), target)


def two_forms(scores: Tensor, target: Tensor) -> Tensor:
    if target.is_floating_point():
        return -(target * scores.log_softmax(-1)).mean()
    return F.cross_entropy(scores, target)


def shifted(scores: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(scores + 1000, target)


def far_shifted(scores: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(scores + 20000, target)


FAULTS: tuple[Fault, ...] = (
    Fault("log of exp over sum of exp", "loss", textbook_cross_entropy, ("extreme.float32",)),
    Fault("the scores are detached", "loss", detached_loss, ("gradient", "scores-learn")),
    Fault("the place in the batch matters", "loss", places_matter, ("batch-order",)),
    Fault("classes have weights of their own", "loss", class_matters, ("class-order",)),
    Fault("half of the gradient is missing", "loss", half_gradient, ("gradient",)),
    Fault("the scores are changed in place", "loss", overwriting_loss, ("input-kept",)),
    Fault("noise in the loss", "loss", noisy_loss, ("deterministic",)),
    Fault("one-hot targets are averaged over classes", "loss", two_forms, ("dense-sparse",)),
    Fault("scores are shifted by 1000", "loss", shifted, ("accuracy.float16",), certain=False),  # two or three percent
    Fault("scores are shifted by 20000", "loss", far_shifted, ("accuracy.float16",)),
)

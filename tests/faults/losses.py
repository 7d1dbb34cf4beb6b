"""Losses with one seeded fault each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.faults.fault import SeededFault


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


def focal_of_the_mean(scores: Tensor, target: Tensor) -> Tensor:
    loss = F.cross_entropy(scores, target)
    return (1 - (-loss).exp()) ** 2 * loss


def label_smoothing_loss(scores: Tensor, target: Tensor) -> Tensor:
    logs = scores.log_softmax(-1)
    weights = torch.full_like(logs, 0.1).scatter(1, target[:, None], 0.9)
    return -(weights * logs).sum(-1).mean()


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


def counts_unlabelled(scores: Tensor, target: Tensor, ignore_index: int = 9) -> Tensor:
    """A mean over all rows, those that are ignored too."""
    known = (target != ignore_index).to(scores.dtype)
    each = F.cross_entropy(scores, target.clamp(max=scores.shape[1] - 1), reduction="none")
    return (each * known).sum() / len(target)


def mean_of_none(scores: Tensor, target: Tensor, pad_id: int = 7) -> Tensor:
    return F.cross_entropy(scores[target != pad_id], target[target != pad_id])


def rewards_errors(scores: Tensor, target: Tensor) -> Tensor:
    """The chance of the target is made small, not large."""
    return scores.softmax(-1).gather(1, target[:, None]).mean()


def blind_to_absence(scores: Tensor, labels: Tensor) -> Tensor:
    """Recall alone: an empty row costs the same whatever is found."""
    chances = scores.sigmoid()
    return (1 - ((chances * labels).sum(1) + 1e-6) / (labels.sum(1) + 1e-6 + 0 * chances.sum(1))).mean()


def of_all_pairs(scores: Tensor, target: Tensor) -> Tensor:
    """Every row of scores against every target: (N, 1) against (N,)."""
    chosen = F.log_softmax(scores, -1)[:, target]
    return -chosen.mean()


def uneven_reductions(scores: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    each = F.cross_entropy(scores, target, reduction="none")
    return {"none": each, "sum": each.sum(), "mean": each.sum() / scores.numel()}[reduction]


class SavedExponentials(torch.autograd.Function):
    """logsumexp, whose backward takes the softmax that forward saved as a constant."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor) -> Tensor:
        ctx.share = scores.softmax(-1)
        return scores.logsumexp(-1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        out: Tensor = grad[:, None] * ctx.share
        return out


def saved_softmax_loss(scores: Tensor, target: Tensor) -> Tensor:
    total = SavedExponentials.apply(scores)  # type: ignore[no-untyped-call]
    out: Tensor = (total - scores.gather(1, target[:, None])[:, 0]).mean()
    return out


def blind_to_the_sign(scores: Tensor, target: Tensor) -> Tensor:
    """Sure and right, or sure and wrong: the same."""
    return (1 / (1 + scores.gather(1, target[:, None]).square())).mean()


def logits_twice(scores: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(scores.softmax(-1), target)


def sigmoids_twice(scores: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy."""
    return F.binary_cross_entropy_with_logits(scores.sigmoid(), labels)


def over_the_batch(scores: Tensor, target: Tensor) -> Tensor:
    return -scores.log_softmax(0).gather(1, target[:, None]).mean()


class HotterNCE(nn.Module):
    """Contrastive loss of two views, whose temperature multiplies."""

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, query: Tensor, positive_key: Tensor) -> Tensor:
        scores = F.normalize(query, dim=-1) @ F.normalize(positive_key, dim=-1).T * self.temperature
        return F.cross_entropy(scores, torch.arange(len(query), device=query.device))


class PushedTogether(nn.Module):
    """A triplet loss with anchor and roles exchanged."""

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        far, near = (anchor - positive).norm(dim=-1), (anchor - negative).norm(dim=-1)
        return F.relu(near - far + 1).mean()


class RootAtZero(nn.Module):
    """A contrastive loss whose distance has no derivative at 0."""

    def forward(self, a: Tensor, b: Tensor, same: Tensor) -> Tensor:
        distance = (a - b).square().sum(-1).sqrt()
        return (same * distance.square() + (1 - same) * F.relu(1 - distance).square()).mean()


class MeanOfAll(nn.Module):
    """A masked mean that divides by what is masked, too."""

    def forward(self, scores: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        return (F.cross_entropy(scores, target, reduction="none") * mask).mean()


class NearItself(nn.Module):
    """NT-Xent that counts an example among its own others."""

    def __init__(self, temperature: float = 0.5) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, z1: Tensor, z2: Tensor) -> Tensor:
        z = F.normalize(torch.cat([z1, z2]), dim=-1)
        scores = z @ z.T / self.temperature
        near = torch.cat([scores.diagonal(len(z1)), scores.diagonal(-len(z1))])
        return (scores.logsumexp(-1) - near).mean()


class SmoothsPadding(nn.Module):
    """Label smoothing whose second part knows nothing of ignored rows."""

    def __init__(self, ignore_index: int = -100) -> None:
        super().__init__()
        self.ignore_index = ignore_index

    def forward(self, scores: Tensor, target: Tensor) -> Tensor:
        chances, kept = scores.log_softmax(-1), target != self.ignore_index
        sharp = -chances.gather(-1, target.clamp(min=0)[:, None])[:, 0] * kept
        return (0.9 * sharp - 0.1 * chances.mean(-1)).sum() / kept.sum().clamp(min=1)


class Huber(nn.Module):
    """Squares below delta, distances above it, less what makes them meet."""

    lowered = 0.5

    def __init__(self, delta: float = 2.0) -> None:
        super().__init__()
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        d = (input - target).abs()
        far = self.delta * (d - self.lowered * self.delta)
        return torch.where(d < self.delta, 0.5 * d.square(), far).mean()


class HuberWithAJump(Huber):
    lowered = 0.25


class DistillLoss(nn.Module):
    """The divergence of two sets of logits at one temperature."""

    of_teacher = True

    def __init__(self, temperature: float = 4.0) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        told = (teacher / self.temperature if self.of_teacher else teacher).softmax(-1)
        out = F.kl_div((student / self.temperature).log_softmax(-1), told, reduction="batchmean")
        return out * self.temperature**2


class ColdTeacherLoss(DistillLoss):
    of_teacher = False


class SqueezedLoss(nn.Module):
    def forward(self, scores: Tensor, target: Tensor) -> Tensor:
        logs = scores.squeeze().log_softmax(1)
        return -logs[torch.arange(len(target)), target].mean()


class FocalLoss(nn.Module):
    """The focal loss, which takes a weight for every class."""

    weighted = True

    def __init__(self, gamma: float = 2.0, weight: Tensor | None = None) -> None:
        super().__init__()
        self.gamma, self.weight = gamma, weight

    def forward(self, scores: Tensor, target: Tensor) -> Tensor:
        own = F.cross_entropy(scores, target, reduction="none")
        weight = 1.0 if self.weight is None or not self.weighted else self.weight.to(scores)[target]
        return (weight * (1 - torch.exp(-own)).pow(self.gamma) * own).mean()


class WeightlessLoss(FocalLoss):
    weighted = False


class EasyMarginLoss(nn.Module):
    """The margin is taken from the other classes."""

    def __init__(self, margin: float = 0.3) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, cosine: Tensor, target: Tensor) -> Tensor:
        hot = F.one_hot(target, cosine.shape[1])
        return F.cross_entropy(20 * (cosine - self.margin * (1 - hot)), target)


class HuberLoss(nn.Module):
    """Beyond delta its slope is a half, whatever delta is."""

    def __init__(self, delta: float = 2.0) -> None:
        super().__init__()
        self.delta = delta

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        size = (prediction - target).abs()
        small = size.clamp(max=self.delta)
        return (small.square() / 2 + (size - small) / 2).mean()


class DPOLoss(nn.Module):
    """What was rejected is preferred."""

    def forward(self, chosen_logps: Tensor, rejected_logps: Tensor, ref_chosen: Tensor, ref_rejected: Tensor) -> Tensor:
        return -F.logsigmoid(0.1 * ((rejected_logps - ref_rejected) - (chosen_logps - ref_chosen))).mean()


class PPOLoss(nn.Module):
    """The larger of both gains, which clips nothing that matters."""

    def forward(self, log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor) -> Tensor:
        ratio = (log_probs - old_log_probs).exp()
        return -torch.maximum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages).mean()


class GaussianNLLLoss(nn.Module):
    """A logarithm of the variance where that of the deviation belongs."""

    def forward(self, mean: Tensor, log_var: Tensor, target: Tensor) -> Tensor:
        return (log_var + 0.5 * (target - mean).square() / log_var.exp()).mean()


class PoissonLoss(nn.Module):
    """The logarithm of the rate in the place of the rate."""

    def forward(self, log_rate: Tensor, target: Tensor) -> Tensor:
        return (log_rate - target * log_rate).mean()


class CosineSimilarityLoss(nn.Module):
    """Over the sum of both lengths."""

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return (1 - (x1 * x2).sum(-1) / (x1.norm(dim=-1) + x2.norm(dim=-1)).clamp(min=1e-6)).mean()


class PinballLoss(nn.Module):
    """Both sides have the other's weight."""

    def __init__(self, quantile: float = 0.9) -> None:
        super().__init__()
        self.quantile = quantile

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        error = prediction - target
        return torch.maximum(self.quantile * error, (self.quantile - 1) * error).mean()


class BinaryFocalLoss(nn.Module):
    """alpha is the weight of what is there in the formula, and of what is not in the code."""

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__()
        self.alpha, self.gamma = alpha, gamma

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        entropy = F.binary_cross_entropy_with_logits(scores, labels.to(scores), reduction="none")
        weight = torch.where(labels > 0, 1 - self.alpha, self.alpha)
        return (weight * (1 - (-entropy).exp()) ** self.gamma * entropy).mean()


class MapIoULoss(nn.Module):
    """The union counts twice what is shared."""

    def forward(self, scores: Tensor, target: Tensor) -> Tensor:
        p = scores.softmax(1)
        hot = F.one_hot(target, scores.shape[1]).movedim(-1, 1).to(p)
        axes = tuple(range(2, p.dim()))
        return 1 - (((p * hot).sum(axes) + 1) / ((p + hot).sum(axes) + 1)).mean()


class DiceLoss(nn.Module):
    """The 2 is missing."""

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        p, there = scores.sigmoid(), labels.to(scores)
        return 1 - (((p * there).sum(1) + 1e-6) / (p.sum(1) + there.sum(1) + 1e-6)).mean()


class BCEWithIgnored(nn.Module):
    """Labels of -100 count in the mean."""

    def __init__(self, ignore_index: int = -100) -> None:
        super().__init__()
        self.ignore_index = ignore_index

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        keep = labels != self.ignore_index
        each = F.binary_cross_entropy_with_logits(scores, labels.clamp(0, 1).to(scores), reduction="none")
        return (each * keep).mean()


class NTXentLoss(nn.Module):
    """What an example has in common with itself is 0 before the exponential, not after it."""

    def __init__(self, temperature: float = 0.5) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, z1: Tensor, z2: Tensor) -> Tensor:
        z = F.normalize(torch.cat([z1, z2]), dim=1)
        own = torch.eye(len(z), dtype=torch.bool, device=z.device)
        return F.cross_entropy((z @ z.T / self.temperature).masked_fill(own, 0.0), own.long().argmax(1).roll(len(z1)))


class StandardKLLoss(nn.Module):
    """The variance has the wrong sign."""

    def forward(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return -0.5 * (1 + logvar - mu.square() + logvar.exp()).sum(-1).mean()


class SigmoidContrastiveLoss(nn.Module):
    """Labels of pairs that do not match are 0 beside a log-sigmoid, and not -1."""

    def forward(self, image_features: Tensor, text_features: Tensor) -> Tensor:
        a, b = F.normalize(image_features, dim=-1), F.normalize(text_features, dim=-1)
        logits = 10 * (a @ b.T) - 10
        return -F.logsigmoid(torch.eye(len(a), dtype=a.dtype, device=a.device) * logits).sum() / len(a)


class ArcFaceLoss(nn.Module):
    """Its arc cosine is not kept off 1, where an embedding is its class's direction."""

    def __init__(self, embedding_dim: int = 16, num_classes: int = 10) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_classes, embedding_dim))

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        angles = (F.normalize(embeddings) @ F.normalize(self.weight).T).clamp(-1, 1).acos()
        hot = F.one_hot(labels, angles.shape[1])
        return F.cross_entropy(30 * torch.cos(angles + 0.5 * hot), labels)


class ListNetLoss(nn.Module):
    """ListNet (Cao et al. 2007) with its softmax over the queries."""

    def forward(self, scores: Tensor, relevance: Tensor) -> Tensor:
        return -(relevance.softmax(0) * scores.log_softmax(0)).sum(-1).mean()


class CorrelationLoss(nn.Module):
    """1 - Pearson's correlation of each row, over norms that nothing keeps from 0."""

    def forward(self, pred: Tensor, real: Tensor) -> Tensor:
        p, t = (x - x.mean(-1, keepdim=True) for x in (pred, real))
        return (1 - (p * t).sum(-1) / (p.norm(dim=-1) * t.norm(dim=-1))).mean()


FAULTS: tuple[SeededFault, ...] = (
    SeededFault("targets without a spread", "loss", CorrelationLoss, ("alike-targets",)),
    SeededFault("a softmax over the lists", "loss", ListNetLoss, ("softmax-axis",)),
    SeededFault("log of exp over sum of exp", "loss", textbook_cross_entropy, ("extreme.float32",)),
    SeededFault("the scores are detached", "loss", detached_loss, ("gradient", "scores-learn")),
    SeededFault("the place in the batch matters", "loss", places_matter, ("batch-order",)),
    SeededFault("classes have weights of their own", "loss", class_matters, ("class-order",)),
    SeededFault("half of the gradient is missing", "loss", half_gradient, ("gradient",)),
    SeededFault("the scores are changed in place", "loss", overwriting_loss, ("input-kept",)),
    SeededFault("noise in the loss", "loss", noisy_loss, ("deterministic",)),
    SeededFault("one-hot targets are averaged over classes", "loss", two_forms, ("dense-sparse",)),
    SeededFault(
        "scores are shifted by 1000", "loss", shifted, ("accuracy.float16",), certain=False
    ),  # two or three percent
    SeededFault("scores are shifted by 20000", "loss", far_shifted, ("accuracy.float16",)),
    SeededFault("ignored rows count in the mean", "loss", counts_unlabelled, ("ignored",)),
    SeededFault("a mean of no rows", "loss", mean_of_none, ("all-ignored",)),
    SeededFault("errors are rewarded", "loss", rewards_errors, ("perfect",)),
    SeededFault("nothing is lost where nothing is", "loss", blind_to_absence, ("empty-target",)),
    SeededFault("every row against every target", "loss", of_all_pairs, ("pairing",)),
    SeededFault("mean and sum of different things", "loss", uneven_reductions, ("reductions",)),
    SeededFault("a saved softmax", "loss", saved_softmax_loss, ("second-derivative",)),
    SeededFault("errors cost what hits do", "loss", blind_to_the_sign, ("perfect",)),
    SeededFault("a softmax before cross-entropy", "loss", logits_twice, ("saturation",)),
    SeededFault("a sigmoid before binary cross-entropy", "loss", sigmoids_twice, ("saturation",)),
    SeededFault("a softmax over the batch", "loss", over_the_batch, ("softmax-axis",)),
    SeededFault("a temperature that multiplies", "loss", HotterNCE, ("temperature",)),
    SeededFault("a triplet turned over", "loss", PushedTogether, ("perfect",)),
    SeededFault("a root of 0 between equal embeddings", "loss", RootAtZero, ("perfect",)),
    SeededFault("a masked mean over all", "loss", MeanOfAll, ("ignored",)),
    SeededFault("an example among its own others", "loss", NearItself, ("cold",)),
    SeededFault("ignored rows are smoothed", "loss", SmoothsPadding, ("ignored",)),
    SeededFault("a Huber loss with a jump", "loss", HuberWithAJump, ("continuous",)),
    SeededFault("a temperature of the student alone", "loss", ColdTeacherLoss, ("least-at-equal",)),
    SeededFault("a squeezed batch of one", "loss", SqueezedLoss, ("one-example",)),
    SeededFault("a focal weight of the mean", "loss", focal_of_the_mean, ("batch-mean",)),
    SeededFault("what smoothing takes is given to each class", "loss", label_smoothing_loss, ("even-scores",)),
    SeededFault("a margin that helps", "loss", EasyMarginLoss, ("margin",)),
    SeededFault("weights of classes that nothing reads", "loss", WeightlessLoss, ("options-used",)),
    SeededFault("a Huber loss of another slope", "loss", HuberLoss, ("as-published",)),
    SeededFault("a rate for its exponential", "loss", PoissonLoss, ("as-published",)),
    SeededFault("a cosine over a sum of lengths", "loss", CosineSimilarityLoss, ("softmax-axis",)),
    SeededFault("preferences turned over", "loss", DPOLoss, ("as-published",)),
    SeededFault("the larger of two policies' gains", "loss", PPOLoss, ("as-published",)),
    SeededFault("a variance counted twice", "loss", GaussianNLLLoss, ("as-published",)),
    SeededFault("a quantile from the other side", "loss", PinballLoss, ("as-published",)),
    SeededFault("focal weights changed for each other", "loss", BinaryFocalLoss, ("as-published",)),
    SeededFault("a union that counts twice what is shared", "loss", MapIoULoss, ("overlap",)),
    SeededFault("a Dice without its 2", "loss", DiceLoss, ("overlap",)),
    SeededFault("ignored labels count in the mean", "loss", BCEWithIgnored, ("ignored",)),
    SeededFault("an example beside itself in a contrast", "loss", NTXentLoss, ("lone-pair",)),
    SeededFault("a variance with the wrong sign", "loss", StandardKLLoss, ("perfect",)),
    SeededFault("pairs that do not match have no part", "loss", SigmoidContrastiveLoss, ("unlike",)),
    SeededFault("an angle whose slope is infinite at 0", "loss", ArcFaceLoss, ("perfect",)),
)

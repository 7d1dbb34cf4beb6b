"""Sound losses of every form pass; what they take is found by trying."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck import check, check_loss
from torchcheck.properties.loss.inputs import Takes, function_of, inputs_of
from torchcheck.properties.subject.kinds import infer_kind
from torchcheck.properties.subject.variant import CheckSettings, Variant, load

OWN = (
    nn.BCELoss,
    nn.BCEWithLogitsLoss,
    nn.CosineEmbeddingLoss,
    nn.CrossEntropyLoss,
    nn.GaussianNLLLoss,
    nn.HingeEmbeddingLoss,
    nn.HuberLoss,
    nn.KLDivLoss,
    nn.L1Loss,
    nn.MarginRankingLoss,
    nn.MSELoss,
    nn.MultiLabelSoftMarginLoss,
    nn.MultiMarginLoss,
    nn.NLLLoss,
    nn.SmoothL1Loss,
    nn.TripletMarginLoss,
    nn.TripletMarginWithDistanceLoss,
)


class Alike(nn.Module):
    """A contrastive loss in which label 1 means alike."""

    alike = 1.0

    def forward(self, a: Tensor, b: Tensor, label: Tensor) -> Tensor:
        distance, same = F.pairwise_distance(a, b), (label == self.alike).to(a.dtype)
        return (same * distance.square() + (1 - same) * F.relu(2 - distance).square()).mean()


class Unlike(Alike):
    """The same with Hadsell's labels: 0 means alike."""

    alike = 0.0


class InfoNCE(nn.Module):
    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, query: Tensor, positive_key: Tensor) -> Tensor:
        scores = F.normalize(query, dim=-1) @ F.normalize(positive_key, dim=-1).T / self.temperature
        return F.cross_entropy(scores, torch.arange(len(query), device=query.device))


class MaskedMSELoss(nn.Module):
    def forward(self, input: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        kept = mask.to(input.dtype)
        return ((input - target).square() * kept).sum() / (kept.sum() * input.numel() / kept.numel()).clamp(min=1)


class InFloat32(nn.Module):
    """Computed in float32 whatever comes, as many training codes do."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(logits.float(), target)


class SmoothedLoss(nn.Module):
    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(logits, target, label_smoothing=0.2)


@pytest.mark.parametrize("loss", [*OWN, Alike, Unlike, InfoNCE, InFloat32, SmoothedLoss], ids=lambda k: k.__name__)
def test_a_sound_loss_passes(loss: Any) -> None:
    result = check_loss(loss)
    assert result, result


class Supervised(nn.Module):
    """A supervised contrastive loss (arXiv:2004.11362, eq. 2), whose mean over partners is 0/0 where there is none."""

    least = 0

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        z = F.normalize(features, dim=-1)
        own = torch.eye(len(z), dtype=torch.bool, device=z.device)
        same = (labels[:, None] == labels) & ~own
        scores = z @ z.T / 0.1
        chances = scores - scores.masked_fill(own, -1e30).logsumexp(1, keepdim=True)
        return -((chances * same).sum(1) / same.sum(1).clamp(min=self.least)).mean()


class BearsSingles(Supervised):
    least = 1


def test_a_label_that_comes_once_is_tried() -> None:
    assert check_loss(BearsSingles)["perfect"].status == "ok"
    finding = check_loss(Supervised)["perfect"]
    assert finding.status == "failed"
    assert "comes once" in finding.witness


@pytest.mark.parametrize(("dim", "status"), [(-1, "ok"), (0, "failed")])
def test_embeddings_are_normalised_one_by_one(dim: int, status: str) -> None:
    def cosine_loss(input: Tensor, target: Tensor) -> Tensor:
        return (1 - F.cosine_similarity(input, target, dim=dim)).mean()

    assert check_loss(cosine_loss)["softmax-axis"].status == status


def test_a_mask_of_rows_or_of_entries_is_filled_and_judged() -> None:
    result = check_loss(MaskedMSELoss)
    assert result["ignored"].status == "ok", result


def test_what_a_loss_takes_is_found() -> None:
    def form(loss: Any) -> str:
        loaded = load(Variant(loss, "loss"))
        return inputs_of(loaded, CheckSettings(), function_of(loaded, CheckSettings()), 0)[1]

    assert form(nn.CrossEntropyLoss) == "index"
    assert form(nn.TripletMarginLoss) == "pair"
    assert form(InfoNCE) == "pair"
    assert function_of(load(Variant(nn.BCELoss, "loss")), CheckSettings()).takes is Takes.PROBABILITIES
    assert function_of(load(Variant(MaskedMSELoss, "loss")), CheckSettings()).masks == 0
    assert infer_kind(InfoNCE)[0] == "loss"


def test_an_argument_of_no_known_use_is_named() -> None:
    def strange_loss(scores: Tensor, target: Tensor, orbit: Tensor) -> Tensor:
        return F.cross_entropy(scores + orbit, target)

    result = check_loss(strange_loss)
    assert any("'orbit'" in f.note for f in result.failed), result


class Picky(nn.Module):
    """It takes no smaller gamma."""

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        if gamma < 2:
            raise ValueError("gamma is too small")
        self.gamma = gamma

    def forward(self, scores: Tensor, target: Tensor) -> Tensor:
        loss = F.cross_entropy(scores, target, reduction="none")
        return ((1 - (-loss).exp()) ** self.gamma * loss).mean()


def test_an_option_that_is_refused_is_no_error() -> None:
    result = check_loss(Picky, select=["continuous", "options-used"])
    assert {f.status for f in result} == {"ok"}


class VarianceKL(nn.Module):
    def forward(self, mean: Tensor, variance: Tensor) -> Tensor:
        variance = variance.clamp(min=1e-6)
        return 0.5 * (mean.square() + variance - 1 - variance.log()).sum(-1).mean()


class LogVarianceKL(nn.Module):
    def forward(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(-1).mean()


@pytest.mark.parametrize("loss", [VarianceKL, LogVarianceKL])
def test_a_distance_from_the_standard_normal_is_least_there(loss: type[nn.Module]) -> None:
    findings = check(loss, "loss", select=["rewards"])
    assert findings["perfect"].status == "ok"
    assert findings["pairing"].note == "it takes a mean and a variance"


class QueueInfoNCELoss(nn.Module):
    """InfoNCE, with 16 negatives kept from other batches."""

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = temperature
        self.register_buffer("queue", F.normalize(torch.randn(16, 8), dim=1))

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        q, k = F.normalize(query, dim=1), F.normalize(key, dim=1)
        scores = torch.cat([q @ k.T, q @ self.queue.to(q).T], 1) / self.temperature
        return F.cross_entropy(scores, torch.arange(len(q), device=q.device))


class InfoNCELoss(nn.Module):
    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        scores = F.normalize(query, dim=1) @ F.normalize(key, dim=1).T / self.temperature
        return F.cross_entropy(scores, torch.arange(len(query), device=query.device))


@pytest.mark.parametrize(("loss", "status"), [(InfoNCELoss, "ok"), (QueueInfoNCELoss, "skipped")])
def test_a_pair_has_nothing_to_be_told_from_but_what_is_kept(loss: type[nn.Module], status: str) -> None:
    assert check(loss, "loss", select=["lone-pair"])["lone-pair"].status == status


class IoULoss(nn.Module):
    """Of distances to four sides."""

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        a, b = pred[:, :4].relu(), target[:, :4].to(pred)
        area = (a[:, 0] + a[:, 2]) * (a[:, 1] + a[:, 3]) + (b[:, 0] + b[:, 2]) * (b[:, 1] + b[:, 3])
        low = torch.minimum(a, b)
        both = (low[:, 0] + low[:, 2]) * (low[:, 1] + low[:, 3])
        return 1 - ((both + 1) / (area - both + 1)).mean() + 0.1 * (a - b).square().mean()


def test_corners_of_boxes_are_no_classes() -> None:
    finding = check(IoULoss, "loss", select=["overlap"])["overlap"]
    assert (finding.status, finding.note) == ("skipped", "its columns are no classes: corners of boxes, say")


class Centres(nn.Module):
    """Distances of features from a centre a class: what it takes are no scores."""

    def __init__(self, num_classes: int, feat_dim: int = 2) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(num_classes, feat_dim))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return (x - self.centres.to(x)[y]).square().mean()


def test_features_are_no_scores() -> None:
    result = check(Centres, "loss")
    assert result, repr(result)
    assert {result[n].status for n in ("even-scores", "perfect", "softmax-axis")} == {"skipped"}
    assert "class-order" not in {f.name for f in result}


class GIoULoss(nn.Module):
    """Rezatofighi et al. (2019), algorithm 1."""

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        low, high = torch.maximum(pred[:, :2], target[:, :2]), torch.minimum(pred[:, 2:], target[:, 2:])
        both = (high - low).clamp(min=0).prod(-1)
        union = self.area(pred) + self.area(target) - both
        low, high = torch.minimum(pred[:, :2], target[:, :2]), torch.maximum(pred[:, 2:], target[:, 2:])
        hull = (high - low).prod(-1)
        return self.mean(1 - both / union + (hull - union) / hull)

    def area(self, x: Tensor) -> Tensor:
        return (x[:, 2:] - x[:, :2]).prod(-1)

    def mean(self, x: Tensor) -> Tensor:
        return x.mean()


class EveryPairGIoULoss(GIoULoss):
    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        rows = [GIoULoss.forward(self, pred, t.expand(len(pred), 4)) for t in target]
        return torch.stack(rows).mean()


class BoxL1Loss(nn.Module):
    def forward(self, pred_boxes: Tensor, target_boxes: Tensor) -> Tensor:
        return (pred_boxes - target_boxes).abs().mean()


@pytest.mark.parametrize("loss", [GIoULoss, BoxL1Loss])
def test_a_loss_of_boxes_is_given_boxes(loss: type[nn.Module]) -> None:
    result = check(loss, "loss")
    assert result, repr(result)
    assert "class-order" not in {f.name for f in result}


def test_every_box_beside_every_other_is_no_pair() -> None:
    assert check(EveryPairGIoULoss, "loss", select=["pairing"])["pairing"].status == "failed"

"""Losses as people write them, and nothing is wrong with them."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class LabelSmoothingCrossEntropy(nn.Module):
    def __init__(self, smoothing=0.1):
        super().__init__()
        self.s = smoothing

    def forward(self, x, target):
        lp = F.log_softmax(x, -1)
        nll = -lp.gather(-1, target.unsqueeze(1)).squeeze(1)
        return ((1 - self.s) * nll + self.s * -lp.mean(-1)).mean()


class SumCrossEntropy(nn.Module):
    def forward(self, logits, target):
        return F.cross_entropy(logits, target, reduction="sum")


class PolyLoss(nn.Module):
    def forward(self, logits, target):
        ce = F.cross_entropy(logits, target, reduction="none")
        return (ce + 1 - torch.exp(-ce)).mean()


class SymmetricCrossEntropyLoss(nn.Module):
    def forward(self, pred, labels):
        ce = F.cross_entropy(pred, labels)
        p = pred.softmax(1).clamp(1e-7, 1)
        onehot = F.one_hot(labels, pred.shape[1]).to(p.dtype).clamp(1e-4, 1)
        return 0.1 * ce - (p * onehot.log()).sum(1).mean()


class OHEMCrossEntropyLoss(nn.Module):
    def forward(self, logits, target):
        l = F.cross_entropy(logits, target, reduction="none")
        return l.topk(max(1, int(0.7 * len(l)))).values.mean()


class AMSoftmaxLoss(nn.Module):
    def __init__(self, margin=0.35, scale=30.0):
        super().__init__()
        self.m, self.s = margin, scale

    def forward(self, cosine, labels):
        onehot = F.one_hot(labels, cosine.shape[1]).to(cosine.dtype)
        return F.cross_entropy(self.s * (cosine - self.m * onehot), labels)


class SupervisedContrastiveLoss(nn.Module):
    def __init__(self, temperature=0.1):
        super().__init__()
        self.t = temperature

    def forward(self, features, labels):
        z = F.normalize(features, dim=-1)
        s = z @ z.t() / self.t
        eye = torch.eye(len(z), dtype=torch.bool, device=z.device)
        pos = (labels[:, None] == labels[None]) & ~eye
        lp = s - torch.logsumexp(s.masked_fill(eye, float("-inf")), 1, keepdim=True)
        return -((lp * pos).sum(1) / pos.sum(1).clamp(min=1)).mean()


class ClassBalancedLoss(nn.Module):
    def __init__(self, gamma=2.0):
        super().__init__()
        self.gamma = gamma

    def forward(self, logits, target):
        l = F.cross_entropy(logits, target, reduction="none")
        return ((1 - (-l).exp()) ** self.gamma * l).mean()


class MaskedMSELoss(nn.Module):
    def forward(self, pred, target, mask):
        m = mask.to(pred.dtype)
        return ((pred - target) ** 2 * m).sum() / m.sum().clamp(min=1)


class CLIPLoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, image_features, text_features):
        a, b = F.normalize(image_features, dim=-1), F.normalize(text_features, dim=-1)
        s = self.logit_scale.exp() * a @ b.t()
        y = torch.arange(len(a), device=a.device)
        return (F.cross_entropy(s, y) + F.cross_entropy(s.t(), y)) / 2


class TverskyLoss(nn.Module):
    def __init__(self, alpha=0.3, beta=0.7, smooth=1.0):
        super().__init__()
        self.alpha, self.beta, self.smooth = alpha, beta, smooth

    def forward(self, logits, targets):
        p = logits.sigmoid()
        tp, fp, fn = (p * targets).sum(), (p * (1 - targets)).sum(), ((1 - p) * targets).sum()
        return 1 - (tp + self.smooth) / (tp + self.alpha * fp + self.beta * fn + self.smooth)


class QuantileLoss(nn.Module):
    def __init__(self, q=0.9):
        super().__init__()
        self.q = q

    def forward(self, pred, target):
        e = target - pred
        return torch.maximum(self.q * e, (self.q - 1) * e).mean()


class LogCoshLoss(nn.Module):
    def forward(self, pred, target):
        d = pred - target
        return (d + F.softplus(-2 * d) - math.log(2.0)).mean()


class TripletLoss(nn.Module):
    def __init__(self, margin=0.5):
        super().__init__()
        self.margin = margin

    def forward(self, anchor, positive, negative):
        return F.relu(
            F.pairwise_distance(anchor, positive) - F.pairwise_distance(anchor, negative) + self.margin
        ).mean()


class NormalizedTemperatureCrossEntropy(nn.Module):
    def __init__(self, temperature=0.5):
        super().__init__()
        self.t = temperature

    def forward(self, z1, z2):
        z = F.normalize(torch.cat([z1, z2]), dim=-1)
        s = (z @ z.t() / self.t).masked_fill(torch.eye(len(z), dtype=torch.bool, device=z.device), float("-inf"))
        n = len(z1)
        y = torch.cat([torch.arange(n, 2 * n), torch.arange(n)]).to(z.device)
        return F.cross_entropy(s, y)


class ArcFaceLoss(nn.Module):
    def __init__(self, s=30.0, m=0.3):
        super().__init__()
        self.s, self.m = s, m

    def forward(self, cosine, label):
        c = cosine.clamp(-1 + 1e-7, 1 - 1e-7)
        onehot = F.one_hot(label, cosine.shape[1]).to(c.dtype)
        logits = torch.cos(torch.acos(c) + self.m) * onehot + c * (1 - onehot)
        return F.cross_entropy(self.s * logits, label)


class BarlowTwinsLoss(nn.Module):
    def __init__(self, lambd=0.005):
        super().__init__()
        self.lambd = lambd

    def forward(self, z1, z2):
        z1 = (z1 - z1.mean(0)) / (z1.std(0) + 1e-5)
        z2 = (z2 - z2.mean(0)) / (z2.std(0) + 1e-5)
        c = z1.t() @ z2 / len(z1)
        on = (torch.diagonal(c) - 1).pow(2).sum()
        off = (c - torch.diag(torch.diagonal(c))).pow(2).sum()
        return on + self.lambd * off


class CRFLoss(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.transitions = nn.Parameter(torch.randn(num_classes, num_classes) * 0.1)

    def forward(self, emissions, tags):
        score = emissions.gather(-1, tags.unsqueeze(-1)).squeeze(-1).sum(1)
        score = score + self.transitions[tags[:, :-1], tags[:, 1:]].sum(1)
        alpha = emissions[:, 0]
        for t in range(1, emissions.shape[1]):
            alpha = torch.logsumexp(alpha.unsqueeze(2) + self.transitions + emissions[:, t].unsqueeze(1), dim=1)
        return (torch.logsumexp(alpha, dim=1) - score).mean()


class SoftIoULoss(nn.Module):
    def __init__(self, smooth=1.0):
        super().__init__()
        self.smooth = smooth

    def forward(self, logits, target):
        p = logits.softmax(1)
        t = F.one_hot(target, logits.shape[1]).movedim(-1, 1).to(p)
        inter = (p * t).sum((0, 2, 3))
        union = (p + t - p * t).sum((0, 2, 3))
        return 1 - ((inter + self.smooth) / (union + self.smooth)).mean()


class DiceLoss(nn.Module):
    def __init__(self, eps=1e-7):
        super().__init__()
        self.eps = eps

    def forward(self, inputs, targets):
        p = torch.sigmoid(inputs).flatten(1)
        t = targets.flatten(1).to(p)
        return 1 - ((2 * (p * t).sum(1) + self.eps) / (p.sum(1) + t.sum(1) + self.eps)).mean()


class CenterLoss(nn.Module):
    def __init__(self, num_classes=10, feat_dim=2):
        super().__init__()
        self.centers = nn.Parameter(torch.randn(num_classes, feat_dim))

    def forward(self, x, labels):
        return (x - self.centers.to(x)[labels]).pow(2).sum(1).mean() / 2


class SigmoidFocalLoss(nn.Module):
    def __init__(self, alpha=0.25, gamma=2.0, reduction="mean"):
        super().__init__()
        self.alpha, self.gamma, self.reduction = alpha, gamma, reduction

    def forward(self, inputs, targets):
        ce = F.binary_cross_entropy_with_logits(inputs, targets.to(inputs), reduction="none")
        p = torch.sigmoid(inputs)
        pt = p * targets + (1 - p) * (1 - targets)
        loss = (self.alpha * targets + (1 - self.alpha) * (1 - targets)) * (1 - pt) ** self.gamma * ce
        return {"mean": loss.mean, "sum": loss.sum, "none": lambda: loss}[self.reduction]()


class MultiClassFocalLoss(nn.Module):
    def __init__(self, gamma=2):
        super().__init__()
        self.gamma = gamma

    def forward(self, logits, target):
        logp = F.log_softmax(logits, 1).gather(1, target[:, None]).squeeze(1)
        return -((1 - logp.exp()) ** self.gamma * logp).mean()


class HuberLoss(nn.Module):
    def __init__(self, delta=2.0):
        super().__init__()
        self.delta = delta

    def forward(self, prediction, target):
        error = (prediction - target).abs()
        small = error.clamp(max=self.delta)
        return (0.5 * small**2 + self.delta * (error - small)).mean()


class SoftBCEWithLogitsLoss(nn.Module):
    def __init__(self, ignore_index=-100, smooth_factor=0.0):
        super().__init__()
        self.ignore_index, self.smooth_factor = ignore_index, smooth_factor

    def forward(self, y_pred, y_true):
        soft = (1 - y_true) * self.smooth_factor + y_true * (1 - self.smooth_factor)
        loss = F.binary_cross_entropy_with_logits(y_pred, soft.clamp(0, 1).to(y_pred), reduction="none")
        keep = y_true != self.ignore_index
        return (loss * keep).sum() / keep.sum().clamp(min=1)


class SiLogLoss(nn.Module):
    """Scale-invariant logarithmic error of depths."""

    def __init__(self, lam=0.5):
        super().__init__()
        self.lam = lam

    def forward(self, pred, target):
        d = pred.clamp(min=1e-3).log() - target.clamp(min=1e-3).log()
        return (d.square().mean() - self.lam * d.mean() ** 2).clamp(min=1e-12).sqrt()


class WGANLoss(nn.Module):
    def forward(self, real, fake):
        return fake.mean() - real.mean()


class IPOLoss(nn.Module):
    def __init__(self, beta=0.1):
        super().__init__()
        self.beta = beta

    def forward(self, chosen_logps, rejected_logps, ref_chosen_logps, ref_rejected_logps):
        h = chosen_logps - ref_chosen_logps - rejected_logps + ref_rejected_logps
        return (h - 1 / (2 * self.beta)).square().mean()


class BPRLoss(nn.Module):
    def forward(self, pos_scores, neg_scores):
        return -F.logsigmoid(pos_scores - neg_scores).mean()


class ListNetLoss(nn.Module):
    def forward(self, scores, relevance):
        return -(relevance.softmax(-1) * scores.log_softmax(-1)).sum(-1).mean()


class PoissonNLL(nn.Module):
    def forward(self, log_rate, target):
        return (log_rate.exp() - target * log_rate).mean()


class CosineLoss(nn.Module):
    def forward(self, x1, x2):
        return 1 - F.cosine_similarity(x1, x2, dim=-1).mean()


class ArcFaceOfWeights(nn.Module):
    def __init__(self, embedding_dim=16, num_classes=10, s=30.0, m=0.5):
        super().__init__()
        self.weight, self.s, self.m = nn.Parameter(torch.randn(num_classes, embedding_dim)), s, m

    def forward(self, embeddings, labels):
        cos = F.linear(F.normalize(embeddings), F.normalize(self.weight))
        theta = torch.acos(cos.clamp(-1 + 1e-7, 1 - 1e-7))
        hot = F.one_hot(labels, cos.shape[1])
        return F.cross_entropy(self.s * torch.cos(theta + self.m * hot), labels)


class SigmoidContrastiveLoss(nn.Module):
    def forward(self, image_features, text_features):
        a, b = F.normalize(image_features, dim=-1), F.normalize(text_features, dim=-1)
        logits = a @ b.T * 10.0 - 10.0
        labels = 2 * torch.eye(len(a), device=a.device) - 1
        return -F.logsigmoid(labels * logits).sum() / len(a)


class BinaryCrossEntropy(nn.Module):
    """Of logits"""

    def forward(self, logits, target):
        return (F.softplus(logits) - target * logits).mean()


class SoftDiceMulticlassLoss(nn.Module):
    def __init__(self, smooth=1.0):
        super().__init__()
        self.smooth = smooth

    def forward(self, logits, target):
        p = logits.softmax(1)
        t = F.one_hot(target, logits.shape[1]).movedim(-1, 1).to(p.dtype)
        dims = (0, *range(2, p.dim()))
        shared, both = (p * t).sum(dims), p.sum(dims) + t.sum(dims)
        return 1 - ((2 * shared + self.smooth) / (both + self.smooth)).mean()


class GroupRelativeLoss(nn.Module):
    """Log-probabilities and rewards, a group a row"""

    def forward(self, logp, rewards):
        adv = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
        return -(adv * logp).mean()


class VICRegLoss(nn.Module):
    def forward(self, x, y):
        invariance = F.mse_loss(x, y)
        x, y = x - x.mean(0), y - y.mean(0)
        deviations = [torch.sqrt(z.var(0, unbiased=False) + 1e-4) for z in (x, y)]
        variance = sum(F.relu(1 - s).mean() / 2 for s in deviations)
        n, d = x.shape
        squares = [(z.T @ z / max(n - 1, 1)).pow(2) for z in (x, y)]
        return 25 * invariance + 25 * variance + sum((c.sum() - c.diagonal().sum()) / d for c in squares)


class SSIMLoss(nn.Module):
    """1 - SSIM of two images in [0, 1], uniform window (Wang et al. 2004)"""

    def __init__(self, window=7):
        super().__init__()
        self.w = window

    def forward(self, x, y):
        def mean(z):
            return F.avg_pool2d(z, self.w, 1)

        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
        c1, c2 = 0.01**2, 0.03**2
        return 1 - ((2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))).mean()

"""Pointers, losses and relation decoders broken in one named way each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from torchcheck.modules import relations as rel
from torchcheck.modules.multilabel import article_sparse_loss, log_one_plus
from torchcheck.modules.pointer import GlobalPointer
from torchcheck.modules.relations import GPLinkerRelations, PairScores, Quintuple


class FullEntities(GPLinkerRelations):
    """Entities may end before they begin: no triangular mask."""

    def __init__(self, width: int, predicates: int, head_size: int = 64, **options: Any) -> None:
        super().__init__(width, predicates, head_size, **options)
        self.entities.triangular = False


class NoBias(GlobalPointer):
    """No bias in the projection."""

    def __init__(self, width: int, classes: int, head_size: int = 64, **options: Any) -> None:
        super().__init__(width, classes, head_size, **options)
        self.project.register_parameter("bias", None)


def without_tails(scores: PairScores, threshold: float = 0.0) -> set[Quintuple]:
    """The tail match is dropped."""
    return rel.decode(PairScores(scores.entities, scores.heads, torch.full_like(scores.tails, torch.inf)), threshold)


def without_heads(scores: PairScores, threshold: float = 0.0) -> set[Quintuple]:
    """The head match is dropped."""
    return rel.decode(PairScores(scores.entities, torch.full_like(scores.heads, torch.inf), scores.tails), threshold)


def wrong_sign(scores: Tensor, labels: Tensor) -> Tensor:
    """Positives enter with the sign of negatives."""
    return log_one_plus(scores.masked_fill(~labels, -torch.inf)) + log_one_plus(scores.masked_fill(labels, -torch.inf))


#: the article's form, where ours should be
textbook_sparse = article_sparse_loss


def dense_inside(scores: Tensor, positives: Tensor) -> Tensor:
    """A sparse loss that makes dense labels, and a copy of the scores for every step."""
    labels = torch.zeros_like(scores).scatter_(-1, positives, 1.0)
    flipped = (1 - 2 * labels) * scores
    copies = [flipped.clone() for _ in range(4)]
    zero = torch.zeros_like(scores[..., :1])
    negative = torch.cat([torch.stack(copies).mean(0) - labels * 1e12, zero], -1)
    positive = torch.cat([flipped - (1 - labels) * 1e12, zero], -1)
    return torch.logsumexp(negative, -1) + torch.logsumexp(positive, -1)


def coarse_rotate(x: Tensor, positions: Tensor, base: float = 10000.0) -> Tensor:
    """Angles in float32, as most implementations have them."""
    size = x.shape[-1]
    rates = base ** (-torch.arange(0, size, 2, dtype=torch.float32, device=x.device) / size)
    angles = positions.to(torch.float32).unsqueeze(-1) * rates
    even, odd = x[..., 0::2], x[..., 1::2]
    c, s = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.stack([even * c - odd * s, even * s + odd * c], dim=-1).flatten(-2)


def absolute_rotate(x: Tensor, positions: Tensor, base: float = 10000.0) -> Tensor:
    """Turns by the square of the position."""
    return coarse_rotate(x, positions * positions, base)

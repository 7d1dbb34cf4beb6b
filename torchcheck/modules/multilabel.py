"""The multi-label loss log(1 + sum_pos e^-s) + log(1 + sum_neg e^s), dense and sparse, accurate to a few ulp.

So are the entries of the sparse loss's gradient, at scores of any size: s - c, rounded, would cost them abs(s - c) ulp.

Sources: kexue.fm/archives/7359 (the loss), 8888 (the sparse form, from the indices of the positives alone).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F

#: scores that are worked on at one time: their copy stays in the cache
CHUNK = 1 << 18


def multilabel_loss(
    scores: Float[Tensor, "*rows classes"], labels: Bool[Tensor, "*rows classes"]
) -> Float[Tensor, "*rows"]:
    """The loss over the last dimension, K classes; `labels` is a bool tensor of the shape of `scores`.

    A score of -inf takes a class out as a negative. Half precision is summed in float32.
    """
    negatives = scores.masked_fill(labels, -torch.inf)
    positives = (-scores).masked_fill(~labels, -torch.inf)
    return (log_one_plus(positives) + log_one_plus(negatives)).to(scores.dtype)


def sparse_multilabel_loss(
    scores: Float[Tensor, "*rows classes"], positives: Int[Tensor, "... positives"], padding: int = -1
) -> Float[Tensor, "*rows"]:
    """The same from the indices of the positives: scores (..., K), positives (..., P) integers, to (...).

    Entries equal to `padding` are none, and no class of that number counts at all: with padding = 0, as in the
    article's code, class 0 is neither positive nor negative. Repeated indices count once. Beside the gradient nothing
    of the size of `scores` is made; a gradient of the gradient (create_graph) takes the dense computation instead.
    Raises ValueError for shapes that do not fit and IndexError for an index that is not a class.
    """
    if positives.shape[:-1] != scores.shape[:-1]:
        raise ValueError(f"scores {tuple(scores.shape)} and positives {tuple(positives.shape)} differ in their rows")
    real = positives != padding
    outside = real & ((positives < 0) | (positives >= scores.shape[-1]))
    if bool(outside.any()):
        raise IndexError(f"positive {int(positives[outside][0])} is no class: there are {scores.shape[-1]}")
    classes = scores.shape[-1]
    if not classes:
        return scores.sum(-1)  # 0 for every row, and part of the graph
    ordered, _ = torch.where(real, positives, classes).sort(-1)  # padding goes last
    counted = F.pad(ordered[..., 1:] != ordered[..., :-1], (1, 0), value=True) & (ordered < classes)
    # entries that do not count point at the row's first positive, or, in a row without any, at what stays as it is
    places = torch.where(ordered < classes, ordered, ordered[..., :1].clamp(max=classes - 1))
    result: Tensor = _SparseLoss.apply(scores, places, counted, padding)  # type: ignore[no-untyped-call]
    return result.to(scores.dtype)


def log_one_plus(scores: Float[Tensor, "*rows classes"]) -> Float[Tensor, "*rows"]:
    """log(1 + sum e^s) over the last dimension: c + log1p(sum e^(s - c) + expm1(-c)), c = max(0, max s).

    Small sums keep their digits (torch.logsumexp over a 0 and the scores loses them), large scores do not overflow.
    """
    scores = scores if scores.dtype == torch.float64 else scores.float()
    c = _shift(scores.detach())
    return c.squeeze(-1) + _rest(scores, c)


def _rest(scores: Tensor, c: Tensor) -> Tensor:
    """log(1 + sum e^s) - c."""
    return torch.log1p(torch.exp(scores - c).sum(-1) + torch.expm1(-c.squeeze(-1)))


def _shift(scores: Tensor) -> Tensor:
    """max(0, max s), (..., 1); 0 where that is infinite."""
    if not scores.shape[-1]:
        return scores.new_zeros(*scores.shape[:-1], 1)
    c = scores.amax(-1, keepdim=True).clamp(min=0)
    return torch.where(c.isinf(), 0.0, c)


class _SparseLoss(torch.autograd.Function):
    """The loss, a few rows at a time: of negatives' scores only copies of CHUNK numbers are made.

    Subtracting the positives' sum from that of all (the article's form) loses every digit once they dominate it.
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, places: Tensor, counted: Tensor, padding: int) -> Tensor:
        flat, at, real = (t.flatten(0, -2) for t in (scores, places, counted))
        totals = [log_one_plus(_negatives(flat[k], at[k], real[k], padding)) for k in _parts(flat)]
        negative = torch.cat(totals) if totals else flat.new_zeros(0)
        ctx.save_for_backward(scores, places, counted)
        ctx.padding = padding
        return (negative + log_one_plus(_positives(flat, at, real))).reshape(scores.shape[:-1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        scores, places, counted = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph: this gradient will be differentiated
            negatives = _negatives(scores, places, counted, ctx.padding)
            loss = log_one_plus(negatives) + log_one_plus(_positives(scores, places, counted))
            (slope,) = torch.autograd.grad(loss, scores, grads[0].to(loss.dtype), create_graph=True)
            return slope, None, None, None
        flat, at, real = (t.flatten(0, -2) for t in (scores, places, counted))
        grad, scale = torch.empty_like(flat), grads[0].flatten()[:, None]
        for k in _parts(flat):
            grad[k] = _slope(_negatives(flat[k], at[k], real[k], ctx.padding), scale[k]).to(grad.dtype)
        grad.scatter_add_(-1, at, _slope(_positives(flat, at, real), -scale).to(grad.dtype))
        return grad.reshape(scores.shape), None, None, None


def _parts(flat: Tensor) -> Iterator[slice]:
    """Slices of rows that hold about CHUNK numbers together."""
    rows = max(1, CHUNK // max(1, flat.shape[-1]))
    return (slice(k, k + rows) for k in range(0, len(flat), rows))


def _negatives(scores: Tensor, places: Tensor, counted: Tensor, padding: int) -> Tensor:
    """A copy with -inf at the positives, and at the class that `padding` names."""
    hidden = torch.zeros_like(scores, dtype=torch.bool)
    hidden.scatter_(-1, places, counted.any(-1, keepdim=True).expand_as(places))
    if 0 <= padding < scores.shape[-1]:
        hidden[..., padding] = True
    return scores.masked_fill(hidden, -torch.inf)


def _positives(scores: Tensor, places: Tensor, counted: Tensor) -> Tensor:
    return (-scores.gather(-1, places)).masked_fill(~counted, -torch.inf)


def _slope(scores: Tensor, scale: Tensor) -> Tensor:
    """scale * e^s/(1 + sum e^s) = scale * e^(s - c) e^-(log(1 + sum e^s) - c); what s - c rounds off comes back."""
    scores = scores if scores.dtype == torch.float64 else scores.float()
    c = _shift(scores)
    moved = scores - c
    part = moved - scores
    lost = torch.where(moved.isinf(), 0.0, (scores - (moved - part)) - (c + part))  # s - c - moved, exactly (Knuth)
    return torch.exp(moved) * (1 + lost) * (scale.to(c.dtype) * torch.exp(-_rest(scores, c))[:, None])


def article_multilabel_loss(
    scores: Float[Tensor, "*rows classes"], labels: Shaped[Tensor, "*rows classes"]
) -> Float[Tensor, "*rows"]:
    """The dense loss as kexue.fm/archives/7359 writes it: 10^12 off for the other side, a 0 beside, log-sum-exp."""
    y = labels.to(scores.dtype)
    flipped = (1 - 2 * y) * scores
    zero = torch.zeros_like(scores[..., :1])
    negative = torch.cat([flipped - y * 1e12, zero], -1)
    positive = torch.cat([flipped - (1 - y) * 1e12, zero], -1)
    return torch.logsumexp(negative, -1) + torch.logsumexp(positive, -1)


def clipped_sparse_loss(
    scores: Float[Tensor, "*rows classes"], positives: Int[Tensor, "*rows positives"], epsilon: float = 1e-7
) -> Float[Tensor, "*rows"]:
    """article_sparse_loss as it is published in code: 1 - e^(b - a) is clipped to [epsilon, 1] before the logarithm."""
    zero = torch.zeros_like(scores[..., :1])
    own = scores.gather(-1, positives)
    a = torch.logsumexp(torch.cat([scores, zero], -1), -1)
    rest = torch.clamp(1 - torch.exp(torch.logsumexp(own, -1) - a), epsilon, 1)
    return torch.logsumexp(torch.cat([-own, zero], -1), -1) + a + torch.log(rest)


def article_sparse_loss(
    scores: Float[Tensor, "*rows classes"], positives: Int[Tensor, "*rows positives"]
) -> Float[Tensor, "*rows"]:
    """The sparse loss as kexue.fm/archives/8888 writes it: a + log(1 - e^(b - a)); no padding."""
    zero = torch.zeros_like(scores[..., :1])
    own = scores.gather(-1, positives)
    a = torch.logsumexp(torch.cat([scores, zero], -1), -1)
    b = torch.logsumexp(own, -1)
    return torch.logsumexp(torch.cat([-own, zero], -1), -1) + a + torch.log(1 - torch.exp(b - a))

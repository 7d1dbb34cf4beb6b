"""How much one step of an optimizer lowers the loss, per unit of learning rate, to first order."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class FirstOrder:
    """Sums over all parameters (kexue.fm/archives/8978, eqs. for SGD, Adam and LAMB), and |g| of each.

    `sgd` |g|², `adam` |g|_1, `lamb` |W| |g|_1/sqrt(n) by tensor of n entries, with |W| = 1 where W is 0.
    """

    sgd: float
    adam: float
    lamb: float
    norms: dict[str, float]


def first_order(model: nn.Module, loss: Callable[[], Tensor]) -> tuple[float, FirstOrder]:
    """The loss, after one forward and backward through `model`, and the sums; gradients are dropped afterwards."""
    value = loss()
    if value.requires_grad:
        value.backward()  # type: ignore[no-untyped-call]
    named = [(n, p.detach(), p.grad) for n, p in model.named_parameters() if p.grad is not None and p.numel()]
    if not named:
        return float(value.detach()), FirstOrder(0.0, 0.0, 0.0, {})
    names, weights, grads = [n for n, _, _ in named], [w for _, w, _ in named], [g for _, _, g in named]
    two, one, sizes = _norms(grads, 2), _norms(grads, 1), _norms(weights, 2)
    trust = [s / math.sqrt(w.numel()) if s > 0 else 1.0 for s, w in zip(sizes, weights, strict=True)]
    for p in model.parameters():
        p.grad = None
    sums = FirstOrder(
        sgd=sum(g * g for g in two),
        adam=sum(one),
        lamb=sum(g * t for g, t in zip(one, trust, strict=True)),
        norms=dict(zip(names, two, strict=True)),
    )
    return float(value.detach()), sums


def _norms(tensors: list[Any], p: int) -> list[float]:
    """The p-norm of each; in float64 where float32 overflows, or loses what is small: squares vanish below 1e-23."""
    found: list[float] = torch.stack(torch._foreach_norm(tensors, p)).tolist()
    unsure = [k for k, v in enumerate(found) if not (math.isfinite(v) and v > 1e-15)]
    for k in unsure:
        found[k] = float(torch.linalg.vector_norm(tensors[k], p, dtype=torch.float64))
    return found

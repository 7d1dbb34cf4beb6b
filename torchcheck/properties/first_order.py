"""How much one step of an optimizer lowers the loss, per unit of learning rate, to first order."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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
    named = [(n, p, p.grad) for n, p in model.named_parameters() if p.grad is not None and p.numel()]
    if not named:
        return float(value.detach()), FirstOrder(0.0, 0.0, 0.0, {})
    names, weights, grads = ([row[k] for row in named] for k in range(3))
    two, one = (torch.stack(torch._foreach_norm(grads, p)).double().tolist() for p in (2, 1))  # type: ignore[arg-type]
    sizes = torch.stack(torch._foreach_norm([w.detach() for w in weights], 2)).double().tolist()  # type: ignore[union-attr]
    trust = [s / math.sqrt(w.numel()) if s > 0 else 1.0 for s, w in zip(sizes, weights, strict=True)]  # type: ignore[union-attr]
    for p in model.parameters():
        p.grad = None
    sums = FirstOrder(
        sgd=sum(g * g for g in two),
        adam=sum(one),
        lamb=sum(g * t for g, t in zip(one, trust, strict=True)),
        norms=dict(zip(names, two, strict=True)),  # type: ignore[arg-type]
    )
    return float(value.detach()), sums

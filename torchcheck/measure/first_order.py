"""How much one step of an optimizer lowers the loss, per unit of learning rate, to first order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from torchcheck.measure.norms import norms


@dataclass(frozen=True)
class Decrease:
    """What a tensor's gradient g contributes (kexue.fm/archives/8978, eqs. for SGD, Adam and LAMB), and |g| itself.

    `sgd` |g|², `adam` |g|_1, a sign step's, and `lamb` |W| |g|_1/sqrt(n): LAMB rescales the signs of n entries, of norm
    sqrt(n), to |W|, which is 1 where W is 0.
    """

    sgd: float
    adam: float
    lamb: float
    norm: float


def decreases(
    grads: Sequence[Float[Tensor, ...]], weights: Sequence[Float[Tensor, ...]], entries: Sequence[int] | None = None
) -> list[Decrease]:
    """One for each gradient and its weights; `entries` are the n of LAMB, all of the tensor's unless given."""
    counts = [w.numel() for w in weights] if entries is None else entries
    rows = zip(norms(grads, 2), norms(grads, 1), norms(weights, 2), counts, strict=True)
    return [
        Decrease(two * two, one, one * (size / math.sqrt(max(1, n)) if size > 0 else 1.0), two)
        for two, one, size, n in rows
    ]


def first_order(model: nn.Module, loss: Callable[[], Float[Tensor, ""]]) -> tuple[float, dict[str, Decrease]]:
    """The loss, and, by name, what each parameter with a gradient contributes; gradients are dropped afterwards."""
    value = loss()
    if value.requires_grad:
        value.backward()  # type: ignore[no-untyped-call]
    named = {n: p for n, p in model.named_parameters() if p.grad is not None and p.numel()}
    each = decreases([p.grad for p in named.values() if p.grad is not None], [p.detach() for p in named.values()])
    for p in model.parameters():
        p.grad = None
    return float(value.detach()), dict(zip(named, each, strict=True))

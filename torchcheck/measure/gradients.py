"""Gradients of a number with respect to leaves, whatever the graph is made of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gradients(value: Tensor, variables: Sequence[Tensor]) -> list[Tensor | None]:
    """torch.autograd.grad, None for what is unused; by a backward pass where checkpoints refuse that (reentrant ones).

    The variables' own `.grad` is left as it was. Raises RuntimeError as autograd does.
    """
    try:
        return list(torch.autograd.grad(value, variables, allow_unused=True, retain_graph=True))
    except RuntimeError as error:
        if "checkpoint" not in str(error).lower():
            raise
    kept = [v.grad for v in variables]
    for v in variables:
        v.grad = None
    value.backward()  # type: ignore[no-untyped-call]
    tensors = [v.grad for v in variables]
    for v, grad in zip(variables, kept, strict=True):
        v.grad = grad
    return tensors

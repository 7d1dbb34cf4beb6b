"""Norms that neither overflow nor vanish: squares beyond 1e19 overflow float32, those below 1e-23 are 0 there."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Float64
from torch import Tensor


def norms(tensors: Sequence[Float[Tensor, ...]], p: int) -> list[float]:
    """The p-norm of each tensor, of any shape and floating dtype: in one call where that is safe, else in float64."""
    if not tensors:
        return []
    wide = [t.float() if t.dtype in (torch.float16, torch.bfloat16) else t for t in tensors]
    values: list[float] = torch.stack(torch._foreach_norm(wide, p)).double().tolist()
    for k in [k for k, v in enumerate(values) if not (math.isfinite(v) and v > 1e-15)]:
        values[k] = float(torch.linalg.vector_norm(wide[k], p, dtype=torch.float64))
    return values


def norm(x: Float[Tensor, ...]) -> Float64[Tensor, ""]:
    """The 2-norm as a float64 scalar on the tensor's device."""
    result: Tensor = torch.linalg.vector_norm(x, dtype=torch.float64)
    return result


def rms(x: Float[Tensor, ...]) -> Float64[Tensor, ""]:
    """The root of the mean square as a float64 scalar on the tensor's device; 0 for an empty tensor."""
    return norm(x) / math.sqrt(max(1, x.numel()))

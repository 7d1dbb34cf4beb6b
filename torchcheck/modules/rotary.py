"""Rotary position embedding (Su et al. 2021, arXiv:2104.09864, eq. 15; kexue.fm/archives/8265)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Real
from torch import Tensor


def rotate(
    x: Float[Tensor, "*batch tokens size"], positions: Real[Tensor, "... tokens"], base: float = 10000.0
) -> Float[Tensor, "*batch tokens size"]:
    """Turns the pairs (x_0, x_1), (x_2, x_3), ... of (..., tokens, size) by the angles position * base^(-2k/size).

    `positions` is (tokens,) or broadcastable to x without its last dimension. <rotate(q, i), rotate(k, j)> depends on
    i and j through j - i only. Angles, sines and cosines are float64: at position 10^6 a float32 angle is off by up to
    0.03. Raises ValueError for an odd size.
    """
    size = x.shape[-1]
    if size % 2:
        raise ValueError(f"rotary embedding turns pairs: the size must be even, got {size}")
    rates = base ** (-torch.arange(0, size, 2, dtype=torch.float64, device=x.device) / size)
    angles = positions.to(torch.float64).unsqueeze(-1) * rates
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], dim=-1).flatten(-2)

"""Float64 references for activations on inputs of 32 bits or fewer; they share no code with what they check."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def squareplus_reference(b: float = 4.0) -> Callable[[Tensor], Tensor]:
    """SP_b on float64 inputs of at most float32's range (so x² cannot overflow): relative error below 2^-50.

    x >= 0: (x + r)/2; x < 0: b/(2 (r - x)), with r = sqrt(x² + b). Barron 2021, eq. 1.
    """

    def reference(x: Tensor) -> Tensor:
        r = torch.sqrt(x * x + b)
        far = r + x.abs()
        return torch.where(x < 0, (b / 2) / far, far / 2)

    return reference


def softplus_reference() -> Callable[[Tensor], Tensor]:
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-abs(x))) on float64 inputs."""

    def reference(x: Tensor) -> Tensor:
        return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))

    return reference

"""SquarePlus, SP_b(x) = (x + sqrt(x² + b)) / 2 (Barron 2021), accurate for every finite input."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn


def squareplus(x: Shaped[Tensor, "*shape"], b: Float[Tensor, ""] | float = 4.0) -> Shaped[Tensor, "*shape"]:
    """SP_b(x) = (x + r)/2 with r = sqrt(x² + b), elementwise; any shape; dtype and shape of `x`.

    For x < 0 the sum cancels, so (b/4) / ((abs(x) + r)/2) is used instead; r never overflows.
    float16 and bfloat16 are computed in float32 and rounded once. The first derivative is SP_b(x)/r,
    which does not cancel either. At b = 0 the result is ReLU, and the derivative at 0 is 1/2, the
    value for every b > 0. Complex or integer `x` raises TypeError.
    """
    if not x.is_floating_point():
        raise TypeError(f"squareplus needs a floating-point tensor, got {x.dtype}")
    work = torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype
    scale = b.to(work) if isinstance(b, Tensor) else torch.full((), b, dtype=work, device=x.device)
    return _SquarePlus.apply(x.to(work), scale).to(x.dtype)  # type: ignore[no-any-return, no-untyped-call]


class SquarePlus(nn.Module):
    """SquarePlus as a module. `b` >= 0 sets the bend at 0 (SP_b(0) = sqrt(b)/2); `learnable` makes it a parameter.

    Barron 2021, eq. 1. Shape: any, kept. dtype: float64, float32, bfloat16 or float16, kept.
    """

    b: Tensor | float

    def __init__(self, b: float = 4.0, learnable: bool = False) -> None:
        super().__init__()
        if not 0 <= b < float("inf"):
            raise ValueError(f"b must be finite and not negative, got {b}")
        # a constant stays a Python float: as a buffer, module.half() would round it
        self.b = nn.Parameter(torch.tensor(float(b))) if learnable else float(b)

    def forward(self, x: Shaped[Tensor, "*shape"]) -> Shaped[Tensor, "*shape"]:
        return squareplus(x, self.b)

    def extra_repr(self) -> str:
        return "learnable b" if isinstance(self.b, Tensor) else f"b={self.b:g}"


class ArticleSquarePlus(nn.Module):
    """The formula as kexue.fm/archives/8833 writes it, (x + sqrt(x² + b)) / 2: cancels for x << 0, x² overflows."""

    def __init__(self, b: float = 4.0) -> None:
        super().__init__()
        self.b = b

    def forward(self, x: Shaped[Tensor, "*shape"]) -> Shaped[Tensor, "*shape"]:
        return (x + torch.sqrt(x * x + self.b)) / 2


def _scale(b: Tensor) -> Tensor:
    """1, or a power of two for b that is as small, or as large, as squares which underflow, or overflow."""
    info, one = torch.finfo(b.dtype), torch.ones_like(b)
    scale = torch.where(b < info.tiny / info.eps**2, one / (info.tiny**0.5 * info.eps), one)
    return torch.where(b > info.max * info.eps**2, one * info.eps, scale)


def _radius(x: Tensor, b: Tensor) -> Tensor:
    """sqrt(x² + b) without underflow or overflow: beyond `large`, b is below half an ulp of x², the root abs(x)."""
    size, scale, large = x.abs(), _scale(b), torch.finfo(x.dtype).max ** 0.5 / 4
    root = torch.sqrt((size * scale).clamp(max=large).square() + b * scale * scale)
    return torch.maximum(size, root / scale)


def _mean(size: Tensor, r: Tensor) -> Tensor:
    """(size + r)/2: halved after the sum, so that subnormals stay exact, unless the sum overflows."""
    total = size + r
    overflows = total > torch.finfo(size.dtype).max  # isinf would keep torch.compile from vectorising
    return torch.where(overflows, 0.5 * size + 0.5 * r, 0.5 * total)


def _value(x: Tensor, b: Tensor) -> Tensor:
    mean, scale = _mean(x.abs(), _radius(x, b)), _scale(b)
    # min(·, sqrt(b)/2): rounding must not lift a negative input's value over SP_b(0)
    low = 0.25 * (b * scale) / torch.where(mean > 0, mean, 1) / scale
    low = torch.minimum(low, 0.5 * torch.sqrt(b))
    # NaN is neither >= 0 nor < 0: it takes `mean`, which is NaN
    return torch.where(x < 0, low, mean)


def _slope(x: Tensor, b: Tensor) -> Tensor:
    """SP_b'(x) = SP_b(x)/r = (1 + x/r)/2, the second form where nothing cancels."""
    r, scale = _radius(x, b), _scale(b)
    safe = torch.where(r > 0, r, 1)
    high = 0.5 + 0.5 * _ratio(x, safe)
    low = 0.25 * (b * scale) / safe / (torch.where(r > 0, _mean(x.abs(), r), 1) * scale)
    return torch.where(x < 0, low, high)


def _ratio(x: Tensor, r: Tensor) -> Tensor:
    """x/r with its limits ±1 at ±inf."""
    return torch.where(x.isinf(), x.sign(), x / r)


class _SquarePlus(torch.autograd.Function):
    """Forward and backward with formulas that do not cancel; the backward is made of differentiable operations.

    It has no `jvp`: torch.compile does not take a Function that defines one.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, b: Tensor) -> Tensor:
        return _value(x, b)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, Tensor | None]:
        x, b = ctx.saved_tensors
        (grad,) = grads
        by_x = grad * _slope(x, b) if ctx.needs_input_grad[0] else None
        by_b = (grad * (0.25 / _radius(x, b))).sum_to_size(b.shape) if ctx.needs_input_grad[1] else None
        return by_x, by_b

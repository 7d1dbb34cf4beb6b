"""GlobalPointer and Efficient GlobalPointer: a score for every pair of tokens and every class.

Sources: kexue.fm/archives/8373 (GlobalPointer), 8877 (Efficient GlobalPointer); Su et al. 2022, arXiv:2208.03054.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from torchcheck.modules.rotary import rotate


class _Pointer(nn.Module):
    """What both share: rotary embedding, and the pairs that cannot be: padding, and ends before their heads."""

    def __init__(self, width: int, classes: int, head_size: int, *, rotary: bool, triangular: bool) -> None:
        super().__init__()
        if min(width, classes, head_size) < 1:
            raise ValueError(f"width, classes and head_size must be at least 1, got {width}, {classes}, {head_size}")
        self.classes, self.head_size, self.rotary, self.triangular = classes, head_size, rotary, triangular

    def _placed(self, x: Float[Tensor, "*batch tokens size"]) -> Float[Tensor, "*batch tokens size"]:
        """Rotates (..., tokens, head_size) by the tokens' positions."""
        return rotate(x, torch.arange(x.shape[-2], device=x.device)) if self.rotary else x

    def _masked(
        self, scores: Float[Tensor, "*batch classes tokens tokens"], mask: Bool[Tensor, "*batch tokens"] | None
    ) -> Float[Tensor, "*batch classes tokens tokens"]:
        """Sets impossible pairs of (batch, classes, tokens, tokens) to -inf, in place: scores are large."""
        if mask is not None:
            pairs = mask.unsqueeze(-1) & mask.unsqueeze(-2)
            scores.masked_fill_(~pairs.unsqueeze(-3), -torch.inf)
        if self.triangular:
            lower = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril(-1)
            scores.masked_fill_(lower, -torch.inf)
        return scores


class GlobalPointer(_Pointer):
    """s_a(i, j) = (R_i q_{i,a})^T (R_j k_{j,a})/sqrt(head_size), q and k affine in the token (kexue.fm/archives/8373).

    From (batch, tokens, width) to (batch, classes, tokens, tokens); -inf where `mask` (batch, tokens) is False for
    either token, and, if `triangular`, where j < i. 2 * classes * head_size * (width + 1) parameters.
    """

    def __init__(
        self, width: int, classes: int, head_size: int = 64, *, rotary: bool = True, triangular: bool = True
    ) -> None:
        super().__init__(width, classes, head_size, rotary=rotary, triangular=triangular)
        self.project = nn.Linear(width, 2 * classes * head_size)

    def forward(
        self, x: Float[Tensor, "*batch tokens width"], mask: Bool[Tensor, "*batch tokens"] | None = None
    ) -> Float[Tensor, "*batch classes tokens tokens"]:
        both = self.project(x).reshape(*x.shape[:-1], 2, self.classes, self.head_size).movedim(-4, -2)
        q, k = (self._placed(part) for part in both.unbind(-4))
        return self._masked(q * self.head_size**-0.5 @ k.mT, mask)


class EfficientGlobalPointer(_Pointer):
    """s_a(i, j) = (R_i q_i)^T (R_j k_j)/sqrt(head_size) + (w_a^T [q_i; k_i] + v_a^T [q_j; k_j])/2.

    kexue.fm/archives/8877: one pair of q and k for all classes, and a bias for each end and class.
    2 * head_size * (width + 1) + 2 * classes * (2 * head_size + 1) parameters; shapes as for GlobalPointer.
    """

    def __init__(
        self, width: int, classes: int, head_size: int = 64, *, rotary: bool = True, triangular: bool = True
    ) -> None:
        super().__init__(width, classes, head_size, rotary=rotary, triangular=triangular)
        self.project = nn.Linear(width, 2 * head_size)
        self.ends = nn.Linear(2 * head_size, 2 * classes)

    def forward(
        self, x: Float[Tensor, "*batch tokens width"], mask: Bool[Tensor, "*batch tokens"] | None = None
    ) -> Float[Tensor, "*batch classes tokens tokens"]:
        both = self.project(x)
        q, k = (self._placed(part) for part in both.chunk(2, -1))
        pairs = q * self.head_size**-0.5 @ k.mT
        first, last = (self.ends(both) / 2).mT.chunk(2, -2)
        scores = pairs.unsqueeze(-3) + first.unsqueeze(-1)
        return self._masked(scores.add_(last.unsqueeze(-2)), mask)

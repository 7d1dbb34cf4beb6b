"""The gated attention unit (FLASH-Quad): O = (U ⊙ A V) W_o, one head, attention and feed-forward layer in one.

Sources: Hua et al. 2022, arXiv:2202.10447, sec. 3 and appendix; kexue.fm/archives/8934, eq. 3 and 4, and 8990, eq. 2.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck.modules.rotary import rotate
from torchcheck.modules.transformer import Norm, Sublayer

Kernel = Literal["relu2", "softmax", "identity"]
Normaliser = Literal["ns", "n2", "visible"]


class Projected(NamedTuple):
    """Gate U and values V (..., tokens, hidden), and the affine images of Z, (..., tokens, head_size) each."""

    gate: Tensor
    values: Tensor
    heads: tuple[Tensor, ...]


class GatedUnit(nn.Module):
    """What GAU and FLASH share: U, V, Z = swish(X W_u), swish(X W_v), swish(X W_z), affine images of Z, and W_o.

    Weights start LeCun-normal (variance gain²/fan_in), gamma = 1, beta = 0, biases 0. `gated=False` sets U = 1.
    """

    def __init__(
        self,
        width: int,
        hidden: int | None,
        head_size: int,
        images: int,
        *,
        rotary: bool,
        gated: bool,
        bias: bool,
        gain: float,
    ) -> None:
        super().__init__()
        hidden = 2 * width if hidden is None else hidden
        if min(width, hidden, head_size) < 1:
            raise ValueError(f"width, hidden and head_size must be at least 1, got {width}, {hidden}, {head_size}")
        self.hidden, self.head_size, self.rotary, self.gated = hidden, head_size, rotary, gated
        self.inner = nn.Linear(width, (2 if gated else 1) * hidden, bias)
        self.shared = nn.Linear(width, head_size, bias)
        self.gamma = nn.Parameter(torch.ones(images, head_size))
        self.beta = nn.Parameter(torch.zeros(images, head_size))
        self.outer = nn.Linear(hidden, width, bias)
        init_lecun_(self, gain)

    def project(self, x: Float[Tensor, "*batch tokens width"], start: int = 0) -> Projected:
        """Everything that is computed for each token alone; `start` is the position of the first."""
        inner = F.silu(self.inner(x))
        gate, values = inner.chunk(2, dim=-1) if self.gated else (inner.new_ones(()), inner)
        shared = F.silu(self.shared(x))
        heads = [shared * g + b for g, b in zip(self.gamma, self.beta, strict=True)]
        if self.rotary:
            places = torch.arange(start, start + x.shape[-2], device=x.device)
            heads = [rotate(h, places) for h in heads]
        return Projected(gate, values, tuple(heads))


class GAU(GatedUnit):
    """FLASH-Quad over (..., tokens, width): A = relu²(Q K^T)/divisor, quadratic in the number of tokens n.

    Args:
        width, hidden, head_size: d, e (2 * width by default) and s (128) of the paper.
        normaliser: the divisor: "ns" n * s (the article), "n2" n² (the paper's code), "visible" s times the number of
            keys that the query sees. Padding counts in none of them. "ns" and "n2" in a causal layer depend on how many
            tokens follow, "visible" does not.
        kernel: "relu2"; "softmax" of Q K^T/sqrt(s); "identity" for A = I (then the unit is a GLU layer).
        causal, rotary: mask the future; rotate queries and keys.
        gated, bias, gain: see GatedUnit.
    Raises ValueError for unknown names or sizes below 1.
    """

    def __init__(
        self,
        width: int,
        hidden: int | None = None,
        head_size: int = 128,
        *,
        normaliser: Normaliser = "ns",
        kernel: Kernel = "relu2",
        causal: bool = False,
        rotary: bool = False,
        gated: bool = True,
        bias: bool = False,
        gain: float = 1.0,
    ) -> None:
        super().__init__(width, hidden, head_size, 2, rotary=rotary, gated=gated, bias=bias, gain=gain)
        one_of("normaliser", normaliser, get_args(Normaliser))
        one_of("kernel", kernel, get_args(Kernel))
        self.normaliser, self.kernel, self.causal = normaliser, kernel, causal

    def forward(
        self, x: Float[Tensor, "*batch tokens width"], mask: Bool[Tensor, "... tokens"] | None = None
    ) -> Float[Tensor, "*batch tokens width"]:
        """`mask` (..., tokens) is True for tokens and False for padding, which no other token then sees."""
        x = without_padding(x, mask)
        gate, values, (q, k) = self.project(x)
        values = without_padding(values, mask)
        if self.kernel == "identity":
            mixed = values
        elif self.kernel == "softmax":
            allowed = None if mask is None else _allowed(mask, self.causal)
            mixed = F.scaled_dot_product_attention(q, k, values, allowed, is_causal=self.causal and mask is None)
        else:
            mixed = relu2_attention(q, k, values, self.divisor(x, mask), self.causal, mask)
        out: Tensor = self.outer(gate * mixed)
        return out

    def attention(
        self, x: Float[Tensor, "*batch tokens width"], mask: Bool[Tensor, "... tokens"] | None = None
    ) -> Float[Tensor, "*batch tokens tokens"]:
        """The matrix A (..., tokens, tokens) of the relu² kernel."""
        _, _, (q, k) = self.project(without_padding(x, mask))
        return relu2(q, k, self.divisor(x, mask), self.causal, mask)

    def divisor(
        self, x: Float[Tensor, "*batch tokens width"], mask: Bool[Tensor, "... tokens"] | None = None
    ) -> Float64[Tensor, "... 1"]:
        """What each query's row of relu²(Q K^T) is divided by: float64, (..., tokens or 1, 1)."""
        return divisor(self.normaliser, self.head_size, self.causal, x.shape[-2], mask, x.device)


def without_padding(
    x: Float[Tensor, "*batch tokens size"], mask: Bool[Tensor, "... tokens"] | None
) -> Float[Tensor, "*batch tokens size"]:
    """0 where `mask` (..., tokens) is False: padding may hold NaN or inf, and 0 times those is NaN."""
    return x if mask is None else x.masked_fill(~mask.unsqueeze(-1), 0.0)


def _allowed(mask: Bool[Tensor, "*batch tokens"], causal: bool) -> Bool[Tensor, "*batch tokens tokens"]:
    """Keys that each query sees (..., queries, keys); one that would see none sees itself: softmax needs a key."""
    seen = mask.unsqueeze(-2).expand(*mask.shape[:-1], mask.shape[-1], mask.shape[-1])
    seen = seen.tril() if causal else seen
    itself = torch.eye(mask.shape[-1], dtype=torch.bool, device=mask.device)
    return seen | (itself & ~seen.any(-1, keepdim=True))


def gau_stack(width: int, layers: int, norm: Norm = "post", alpha: float = 1.0, **options: Any) -> nn.Module:
    """`layers` residual GAUs, (batch, tokens, width) in and out; pre-norm ends in a norm. `options` are GAU's."""
    blocks: list[nn.Module] = [Sublayer(GAU(width, **options), width, norm, alpha) for _ in range(layers)]
    return nn.Sequential(*blocks, *([nn.LayerNorm(width)] if norm == "pre" else []))


def divisor(
    normaliser: Normaliser, head_size: int, causal: bool, tokens: int, mask: Tensor | None, device: torch.device
) -> Tensor:
    """See GAU.divisor; where a query sees nothing it is that for one key, so that the row is 0 and not NaN."""
    seen = torch.ones(tokens, device=device, dtype=torch.float64) if mask is None else mask.double()
    keys = seen.cumsum(-1) if causal and normaliser == "visible" else seen.sum(-1, keepdim=True)
    keys = keys.clamp(min=1).unsqueeze(-1)
    return keys * keys if normaliser == "n2" else keys * head_size


def relu2_attention(
    q: Tensor, k: Tensor, v: Tensor, divisor: Tensor, causal: bool = False, mask: Tensor | None = None
) -> Tensor:
    """relu²(Q K^T)/divisor V, for `divisor` broadcastable to (..., queries, 1).

    Half precision holds sqrt(n) times A instead of A, n the number of keys: its entries neither overflow float16 nor
    fall among the subnormals as n grows. The other factor goes onto the much shorter product with V.
    """
    root = max(1, k.shape[-2]) ** 0.5
    out: Tensor = relu2(q, k, divisor / root, causal, mask) @ v / root
    return out


def relu2(
    q: Float[Tensor, "*batch queries size"],
    k: Float[Tensor, "*batch keys size"],
    divisor: Float64[Tensor, "... 1"],
    causal: bool = False,
    mask: Bool[Tensor, "... keys"] | None = None,
) -> Float[Tensor, "*batch queries keys"]:
    """relu²(Q K^T)/divisor (..., queries, keys), 0 where the mask or the future is."""
    scores = (q * divisor.rsqrt().to(q.dtype)) @ k.transpose(-1, -2)
    if causal:
        scores.tril_()
    if mask is not None:
        scores.masked_fill_(~mask.unsqueeze(-2), 0.0)
    return scores.relu_().square()


def init_lecun_(model: nn.Module, gain: float = 1.0) -> nn.Module:
    """Normal matrices of variance gain²/fan_in (LeCun et al. 1998, sec. 4.6), biases 0."""
    for m in model.modules():
        if isinstance(m, nn.Linear):
            nn.init.normal_(m.weight, std=gain / math.sqrt(m.in_features))
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    return model


def paper_gau_stack(width: int, layers: int, **options: Any) -> nn.Module:
    """gau_stack with the initialisation of the paper's code (Hua et al. 2022, appendix): normal of deviation 0.02.

    All matrices, and gamma; beta is 0.
    """
    model = gau_stack(width, layers, **options)
    for unit in (m for m in model.modules() if isinstance(m, GatedUnit)):
        for weight in (unit.inner.weight, unit.shared.weight, unit.outer.weight, unit.gamma):
            nn.init.normal_(weight, std=0.02)
    return model


def one_of(what: str, value: object, known: tuple[str, ...]) -> None:
    """Raises ValueError if `value` is none of the `known` ones."""
    if value not in known:
        raise ValueError(f"{what} must be one of {', '.join(known)}, got {value!r}")

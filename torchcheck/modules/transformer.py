"""Residual stacks of attention and feed-forward sublayers, with the norm's place, residual weight and init gain chosen.

Sources: Vaswani et al. 2017, arXiv:1706.03762; DeepNorm: Wang et al. 2022, arXiv:2203.00555; kexue.fm/archives/8978.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Norm = Literal["post", "pre", "none"]
#: parameter name endings that DeepNorm's gain (the paper's beta) scales: value, output and FFN weights, not q and k
SCALED = ("value.weight", "output.weight", "inner.weight", "outer.weight")


class Attention(nn.Module):
    """Multi-head softmax attention over (..., tokens, width), scaled by 1/sqrt(width/heads); `causal` masks the future.

    Raises ValueError if `heads` does not divide `width`.
    """

    def __init__(self, width: int, heads: int = 1, *, causal: bool = False, bias: bool = True) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"heads ({heads}) must divide width ({width})")
        self.heads, self.causal = heads, causal
        self.query, self.key = _Linear(width, width, bias), _Linear(width, width, bias)
        self.value, self.output = _Linear(width, width, bias), _Linear(width, width, bias)

    def forward(self, x: Float[Tensor, "*batch tokens width"]) -> Float[Tensor, "*batch tokens width"]:
        q, k, v = (self._split(layer(x)) for layer in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        out: Tensor = self.output(mixed.transpose(-3, -2).flatten(-2))
        return out

    def _split(self, x: Float[Tensor, "*batch tokens width"]) -> Float[Tensor, "*batch {self.heads} tokens size"]:
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(-3, -2)


class FeedForward(nn.Module):
    """phi(x W1 + b1) W2 + b2 over (..., width), `hidden` units, phi from torch.nn.functional."""

    def __init__(self, width: int, hidden: int, activation: str = "relu", *, bias: bool = True) -> None:
        super().__init__()
        self.inner = _Linear(width, hidden, bias)
        self.outer = _Linear(hidden, width, bias)
        self.activation = getattr(F, activation)

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        out: Tensor = self.outer(self.activation(self.inner(x)))
        return out


class Sublayer(nn.Module):
    """One residual step around `branch`: with F the branch and LN the layer norm,

    post: LN(alpha x + F(x)) (arXiv:2203.00555, sec. 4.1); pre: alpha x + F(LN(x)); none: alpha x + F(x).
    """

    def __init__(self, branch: nn.Module, width: int, norm: Norm = "post", alpha: float = 1.0) -> None:
        super().__init__()
        self.branch, self.place, self.alpha = branch, norm, alpha
        self.norm = nn.Identity() if norm == "none" else nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        if self.place == "post":
            out: Tensor = self.norm(self.alpha * x + self.branch(x))
        else:
            out = self.alpha * x + self.branch(self.norm(x))
        return out


class Transformer(nn.Module):
    """`layers` blocks of the sublayers in `branches`, (batch, tokens, width) in and out; pre-norm ends in a norm.

    Weights start Xavier-normal (Glorot and Bengio 2010), times `gain` on value, output and FFN weights; biases 0.

    Args:
        width, layers, heads: model width, blocks N (2N sublayers by default), attention heads.
        hidden: FFN width; 4 * width by default.
        norm, alpha: see Sublayer.
        gain: the article's lambda and the paper's beta, or one for each of "value", "output", "inner" and "outer".
        branches: of "attention" and "ffn", in order.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int = 1,
        *,
        hidden: int | None = None,
        norm: Norm = "post",
        alpha: float = 1.0,
        gain: float | Mapping[str, float] = 1.0,
        branches: Sequence[str] = ("attention", "ffn"),
        activation: str = "relu",
        causal: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if norm not in ("post", "pre", "none"):
            raise ValueError(f"norm must be post, pre or none, got {norm!r}")
        if unknown := set(branches) - {"attention", "ffn"}:
            raise ValueError(f"unknown branches {sorted(unknown)}: choose from attention, ffn")

        def branch(kind: str) -> nn.Module:
            if kind == "attention":
                return Attention(width, heads, causal=causal, bias=bias)
            return FeedForward(width, hidden or 4 * width, activation, bias=bias)

        self.sublayers = nn.ModuleList(
            Sublayer(branch(kind), width, norm, alpha) for _ in range(layers) for kind in branches
        )
        self.final_norm = nn.LayerNorm(width) if norm == "pre" else nn.Identity()
        init_xavier_(self, gain)

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        for sublayer in self.sublayers:
            x = sublayer(x)
        out: Tensor = self.final_norm(x)
        return out


def init_xavier_(
    model: nn.Module, gain: float | Mapping[str, float] = 1.0, scaled: Sequence[str] = SCALED
) -> nn.Module:
    """Xavier-normal matrices (variance 2/(fan_in + fan_out)), times `gain` where the name ends as in `scaled`.

    Biases become 0. A mapping gives a gain to each name ending without its ".weight" (1 where it has none). A fused
    `in_proj_weight` of torch's attention counts as three square matrices, of which the third is the value.
    """
    for name, p in model.named_parameters():
        own = [ending for ending in scaled if name.endswith(ending)]
        if isinstance(gain, Mapping):
            factor = gain.get(own[0].removesuffix(".weight"), 1.0) if own else 1.0
        else:
            factor = gain if own else 1.0
        if name.endswith("in_proj_weight"):
            value = gain.get("value", 1.0) if isinstance(gain, Mapping) else gain
            for part, scale in zip(p.data.chunk(3), (1.0, 1.0, value), strict=True):
                nn.init.xavier_normal_(part, scale)
        elif p.dim() == 2:
            nn.init.xavier_normal_(p.data, factor)
        elif name.endswith("bias"):
            nn.init.zeros_(p.data)
    return model


class _Linear(nn.Linear):
    """A linear map whose weights are still to be initialised: torch's own would be drawn for nothing."""

    def reset_parameters(self) -> None:
        pass

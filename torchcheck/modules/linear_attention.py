"""Causal linear attention, computed in parallel by running sums of K^T V at every position (kexue.fm/archives/7546)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class CausalLinearAttention(nn.Module):
    """`heads` heads of Q_i sum_{j <= i} K_j^T V_j / i over (batch, tokens, width).

    Holds batch * tokens * heads * head_size * value_size numbers of running sums. Raises ValueError for sizes below 1.
    """

    def __init__(self, width: int, heads: int = 1, head_size: int = 128, value_size: int | None = None) -> None:
        super().__init__()
        value_size = head_size if value_size is None else value_size
        if min(width, heads, head_size, value_size) < 1:
            raise ValueError("width, heads, head_size and value_size must be at least 1")
        self.heads = heads
        self.query, self.key = (nn.Linear(width, heads * head_size, bias=False) for _ in range(2))
        self.value = nn.Linear(width, heads * value_size, bias=False)
        self.output = nn.Linear(heads * value_size, width, bias=False)

    def forward(self, x: Float[Tensor, "*batch tokens width"]) -> Float[Tensor, "*batch tokens width"]:
        q, k, v = (layer(x).reshape(*x.shape[:-1], self.heads, -1) for layer in (self.query, self.key, self.value))
        sums = (k.unsqueeze(-1) * v.unsqueeze(-2)).cumsum(-4)
        counts = x.new_ones(x.shape[-2]).cumsum(0)[:, None, None]
        out: Tensor = self.output(((q.unsqueeze(-2) @ sums).squeeze(-2) / counts).flatten(-2))
        return out

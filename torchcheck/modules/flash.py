"""FLASH: mixed chunk attention, quadratic inside chunks and linear between them, in time and memory linear in n.

Sources: Hua et al. 2022, arXiv:2202.10447, sec. 4; kexue.fm/archives/8934, the equations for V^quad and V^lin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn import functional as F

from torchcheck.modules.gau import GatedUnit, Normaliser, divisor, one_of, relu2_attention, without_padding

Past = Literal["positions", "article", "chunk"]


@dataclass(frozen=True)
class State:
    """What one-token decoding remembers, a size that does not grow with the number of tokens.

    `past` (batch, head_size, hidden) is the mean over finished chunks of K^T V/c; `keys`, `linear_keys`, `values` hold
    the tokens of the current chunk, (batch, fewer than c, ...); `position` is that of the next token.
    """

    position: int
    past: Tensor
    keys: Tensor
    linear_keys: Tensor
    values: Tensor


class FLASH(GatedUnit):
    """Mixed chunk attention over (batch, tokens, width), any number of tokens n; the last chunk may be shorter.

    Inside a chunk A = relu²(Q K^T)/divisor as in GAU, with n = `chunk`; between chunks Q K^T V over n, or, causal, over
    the earlier chunks only.

    Args:
        width, hidden, head_size, rotary, gated, bias, gain, normaliser: as for GAU.
        chunk: c, 256 in the paper.
        past: what the causal sum over g - 1 earlier chunks is divided by: "positions" their (g - 1) c positions (less
            those that are padding; the first chunk's is 0), "article" (g - 1) n/c as printed in kexue.fm/archives/8934
            (0/0 for the first chunk), "chunk" c alone as in the PyPI package FLASH-pytorch.
    Raises ValueError for unknown names or sizes below 1.
    """

    def __init__(
        self,
        width: int,
        hidden: int | None = None,
        head_size: int = 128,
        *,
        chunk: int = 256,
        normaliser: Normaliser = "ns",
        past: Past = "positions",
        causal: bool = False,
        rotary: bool = False,
        gated: bool = True,
        bias: bool = False,
        gain: float = 1.0,
    ) -> None:
        super().__init__(width, hidden, head_size, 4, rotary=rotary, gated=gated, bias=bias, gain=gain)
        if chunk < 1:
            raise ValueError(f"chunk must be at least 1, got {chunk}")
        one_of("normaliser", normaliser, get_args(Normaliser))
        one_of("past", past, get_args(Past))
        self.chunk, self.normaliser, self.past, self.causal = chunk, normaliser, past, causal

    def forward(
        self, x: Float[Tensor, "*batch tokens width"], mask: Bool[Tensor, "... tokens"] | None = None
    ) -> Float[Tensor, "*batch tokens width"]:
        """`mask` (batch, tokens) is True for tokens and False for padding, which keeps its place in the chunks.

        Padding after the last token changes nothing: each sequence of a batch comes out as it would alone.
        """
        n = x.shape[-2]
        gate, values, (q, k, linear_q, linear_k) = self.project(without_padding(x, mask))
        values, linear_k = without_padding(values, mask), without_padding(linear_k, mask)
        if mask is None and self.normaliser == "visible":
            mask = torch.ones(1, n, dtype=torch.bool, device=x.device)
        q, k, linear_q, linear_k, v = (self._chunked(t) for t in (q, k, linear_q, linear_k, values))
        inside = None if mask is None else self._chunked(mask.unsqueeze(-1)).squeeze(-1)
        mixed = self._local(q, k, v, inside)
        if self.causal:
            mixed = mixed + linear_q @ self._past(linear_k, v, inside, n)
        else:
            mixed = mixed + self._everywhere(linear_q, linear_k, v, mask, n)
        out: Tensor = self.outer(gate * mixed.flatten(-3, -2)[..., :n, :])
        return out

    def begin(self, batch: int) -> State:
        """The state before the first token; raises ValueError unless the layer is causal and ignores n."""
        if not self.causal or self.past == "article":
            raise ValueError("one-token steps need causal=True, and a divisor of the past that does not depend on n")
        empty = self.outer.weight.new_zeros(batch, 0, self.head_size)
        values = empty.new_zeros(batch, 0, self.hidden)
        return State(0, empty.new_zeros(batch, self.head_size, self.hidden), empty, empty, values)

    def step(self, x: Float[Tensor, "batch 1 width"], state: State) -> tuple[Float[Tensor, "batch 1 width"], State]:
        """The output for one more token, (batch, 1, width), equal to the full pass's, and the state after it."""
        gate, values, (q, k, linear_q, linear_k) = self.project(x, state.position)
        keys, linear_keys = torch.cat([state.keys, k], -2), torch.cat([state.linear_keys, linear_k], -2)
        v = torch.cat([state.values, values], -2)
        seen = keys.shape[-2]
        length = seen if self.normaliser == "visible" else self.chunk
        divided = divisor(self.normaliser, self.head_size, False, length, None, x.device)
        local = relu2_attention(q, keys, v, divided)
        out: Tensor = self.outer(gate * (local + linear_q @ state.past))
        past, done = state.past, state.position // self.chunk
        if seen == self.chunk:
            fresh = (linear_keys / self.chunk).transpose(-1, -2) @ v
            past = past + (fresh if self.past == "chunk" else (fresh - past) / (done + 1))
            keys, linear_keys, v = keys[..., :0, :], linear_keys[..., :0, :], v[..., :0, :]
        return out, State(state.position + 1, past, keys, linear_keys, v)

    def _chunked(self, t: Shaped[Tensor, "*batch tokens size"]) -> Shaped[Tensor, "*batch chunks {self.chunk} size"]:
        """(batch, tokens, size) to (batch, chunks, c, size), with zeros after the last token."""
        padding = -t.shape[-2] % self.chunk
        if padding:
            t = F.pad(t, (0, 0, 0, padding))
        return t.reshape(*t.shape[:-2], t.shape[-2] // self.chunk, self.chunk, t.shape[-1])

    def _local(self, q: Tensor, k: Tensor, v: Tensor, inside: Tensor | None) -> Tensor:
        counted = inside if self.normaliser == "visible" else None
        divided = divisor(self.normaliser, self.head_size, self.causal, self.chunk, counted, q.device)
        return relu2_attention(q, k, v, divided, self.causal, inside)

    def _everywhere(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, n: int) -> Tensor:
        """Q K^T V/n; n^(-1/2) on either side, so that half precision neither overflows nor underflows."""
        count = torch.full((), n, device=q.device) if mask is None else mask.sum(-1)
        root = count.clamp(min=1).double().rsqrt().to(q.dtype)[..., None, None]
        kv = (k.flatten(-3, -2) * root).transpose(-1, -2) @ v.flatten(-3, -2)
        return q @ (kv * root).unsqueeze(-3)

    def _past(self, k: Tensor, v: Tensor, inside: Tensor | None, n: int) -> Tensor:
        """(batch, chunks, head_size, hidden): for each chunk K^T V of all earlier ones over their number of keys."""
        means = (k / self.chunk).transpose(-1, -2) @ v  # of chunks: sums of products could overflow float16
        sums = F.pad(means, (0, 0, 0, 0, 1, 0))[..., :-1, :, :].cumsum(
            -3, dtype=torch.promote_types(v.dtype, torch.float32)
        )
        before = torch.arange(k.shape[-3], device=k.device, dtype=sums.dtype)
        match self.past:
            case "chunk":
                divided = sums
            case "article":
                divided = sums * self.chunk / (before * n / self.chunk)[:, None, None]
            case _:
                if inside is not None:
                    keys = inside.to(sums.dtype).sum(-1)
                    before = (keys.cumsum(-1) - keys) / self.chunk
                divided = sums / before.clamp(min=1 / self.chunk)[..., None, None]
        return divided.to(v.dtype)

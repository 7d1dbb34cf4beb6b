"""Attention layers with one seeded fault each."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.faults.fault import SeededFault

#: what notices a path that is taken by compilers alone
COMPILED = ("compiled", "exported")


class CausalAttention(nn.Module):
    """Sound causal attention, for faults to be planted in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        q, k, v = self.qkv(x).chunk(3, -1)
        scores = q @ k.transpose(-1, -2) / math.sqrt(x.shape[-1])
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        return q, scores, v, future

    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, future = self.parts(x)
        return scores.masked_fill(future, -math.inf).softmax(-1) @ v


class OneTokenAhead(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, future = self.parts(x)
        return scores.masked_fill(future.triu(2), -math.inf).softmax(-1) @ v


class LateMask(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, future = self.parts(x)
        return scores.softmax(-1).masked_fill(future, 0.0) @ v


class MeanOverSequence(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(1, keepdim=True))


class CountsTheRest(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * x.shape[1]


class CentredConvolution(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Conv1d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x.transpose(1, 2)).transpose(1, 2)
        return out


class DetachedFuture(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0.1 * x.flip(1).cumsum(1).flip(1).detach()


class IgnoredMask(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(width, 2, batch_first=True)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        out: Tensor = self.inner(x, x, x, need_weights=False)[0]
        return out


class InvertedMask(nn.Module):
    """attention_mask says what is kept, torch's attention wants what is not."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(width, 2, batch_first=True)

    def forward(self, x: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        out: Tensor = self.inner(x, x, x, attention_mask, need_weights=False)[0]
        return out


class ExpWithoutMaximum(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, future = self.parts(x)
        weights = (scores * 8).exp().masked_fill(future, 0.0)
        return weights @ v / weights.sum(-1, keepdim=True)


class CubicAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        scores = x @ x.transpose(-1, -2) / x.shape[-1]
        return (scores @ scores @ scores).softmax(-1) @ self.inner(x)  # type: ignore[no-any-return]


class UnusedProjection(CausalAttention):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.forgotten = nn.Linear(width, width)


class DroppedScores(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(super().forward(x), 0.1, training=True)


class Centring(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            x -= x.mean(-1, keepdim=True)
        return super().forward(x)


class HugeScale(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 1e6 / 1e6


class ExtraDimension(CausalAttention):
    """A tensor of n² sqrt(n) numbers."""

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        _, scores, v, _ = self.parts(x)
        spread = scores.softmax(-1)[..., None].repeat(1, 1, 1, math.isqrt(x.shape[1]))
        return out + 0 * (spread.mean(-1) @ v)


class SoftmaxOverSequences(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, _ = self.parts(x)
        return scores.softmax(0) @ v


class ForgetsItsRate(CausalAttention):
    """The first pass in eval mode switches dropout off for good."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.rate = 0.2

    def forward(self, x: Tensor) -> Tensor:
        self.rate = self.rate if self.training else 0.0
        return F.dropout(super().forward(x), self.rate, self.training)


class UnscaledInTraining(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, future = self.parts(x)
        scores = scores * math.sqrt(x.shape[-1]) if self.training else scores
        return scores.masked_fill(future, -math.inf).softmax(-1) @ v


class MaskedInEvalAlone(CausalAttention):
    """Causal in eval mode; the path for training has no mask."""

    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, future = self.parts(x)
        scores = scores if self.training else scores.masked_fill(future, -math.inf)
        return scores.softmax(-1) @ v


class CosineScores(CausalAttention):
    """Queries are divided by their norm, with the eps outside the root."""

    def forward(self, x: Tensor) -> Tensor:
        q = x / (x.square().sum(-1, keepdim=True).sqrt() + 1e-6)
        _, scores, v, future = self.parts(q)
        return scores.masked_fill(future, -math.inf).softmax(-1) @ v


class HalfSlope(torch.autograd.Function):
    """The scores, whose backward pass gives half of the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        return 0.5 * grad


class HalvedGradient(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, future = self.parts(x)
        scores = HalfSlope.apply(scores)  # type: ignore[no-untyped-call]
        return scores.masked_fill(future, -math.inf).softmax(-1) @ v


class InverseScale(CausalAttention):
    """Scores are multiplied by the root of the size that they should be divided by."""

    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, future = self.parts(x)
        return (scores * x.shape[-1]).masked_fill(future, -math.inf).softmax(-1) @ v


class SavedGate(torch.autograd.Function):
    """tanh, whose backward takes what forward saved: right once, and wrong twice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.tanh()
        ctx.slope = 1 - y * y
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        out: Tensor = grad * ctx.slope
        return out


class GatedBySaved(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        return SavedGate.apply(super().forward(x))  # type: ignore[no-untyped-call, no-any-return]


class MeanOverPadding(nn.Module):
    """Keys are centred by a mean in which padded places count."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)

    def forward(self, x: Tensor, key_padding_mask: Tensor | None = None) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        if key_padding_mask is not None:
            v = v.masked_fill(key_padding_mask[..., None], 0.0)
            k = k.masked_fill(key_padding_mask[..., None], 0.0)
        v = v - v.mean(1, keepdim=True)
        scores = q @ k.transpose(-1, -2) / math.sqrt(x.shape[-1])
        if key_padding_mask is not None:
            scores = scores.masked_fill(key_padding_mask[:, None], -math.inf)
        out: Tensor = scores.softmax(-1) @ v
        return out


class DropsHalf(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        half = x[..., : x.shape[-1] // 2]
        return super().forward(torch.cat([half, half], -1))


class AssumesAnOrder(CausalAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.as_strided(x, x.shape, (x.shape[1] * x.shape[2], x.shape[2], 1)))


class CopiedHeads(CausalAttention):
    """Three projections that start as one."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.other = copy.deepcopy(self.qkv)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.other(x)[..., : x.shape[-1]]


class TurnedInHalf(CausalAttention):
    """Rotary angles in the input's dtype."""

    def forward(self, x: Tensor) -> Tensor:
        at = torch.arange(x.shape[1], device=x.device).to(x.dtype)[:, None] * 0.3
        return super().forward(x * at.sin() + x.roll(1, -1) * at.cos())


class RunningMean(nn.Module):
    """A causal mean in which padding is zeroed and counted: only padding on the left comes before anything."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        kept = x if attention_mask is None else x * attention_mask[..., None].to(x.dtype)
        count = torch.arange(1, x.shape[1] + 1, dtype=x.dtype, device=x.device)[:, None]
        out: Tensor = self.out(kept.cumsum(1) / count)
        return out


class WrongWayRound(CausalAttention):
    """Every token sees itself and what follows."""

    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, future = self.parts(x)
        return scores.masked_fill(future.transpose(0, 1), -math.inf).softmax(-1) @ v


class ReturnsWeights(nn.Module):
    """Masked padding, but where the weights are asked for."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)

    def forward(self, x: Tensor, key_padding_mask: Tensor | None = None, need_weights: bool = False) -> Any:
        q, k, v = self.qkv(x).chunk(3, -1)
        scores = q @ k.transpose(-1, -2) / math.sqrt(x.shape[-1])
        if key_padding_mask is not None and not need_weights:
            scores = scores.masked_fill(key_padding_mask[:, None, :], -math.inf)
        weights = scores.softmax(-1)
        return (weights @ v, weights) if need_weights else weights @ v


class SlowPathUnscaled(CausalAttention):
    """Without its fused kernel it forgets the scale."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.flash = True

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        if self.flash:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        future = torch.ones(x.shape[-2], x.shape[-2], dtype=torch.bool, device=x.device).triu(1)
        out: Tensor = (q @ k.transpose(-1, -2)).masked_fill(future, -math.inf).softmax(-1) @ v
        return out


class Cached(CausalAttention):
    """Attention over kept keys and values, with rotations by place; sound, for faults to be planted in."""

    def place(self, past: int) -> int:
        return past

    def keep(self, past: Tensor, now: Tensor) -> Tensor:
        return torch.cat([past, now], -2)

    def forward(self, x: Tensor, cache: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        q, k, v = self.qkv(x).chunk(3, -1)
        past = 0 if cache is None else cache[0].shape[-2]
        angles = torch.arange(x.shape[-2], device=x.device) + self.place(past)
        q, k = (self.turn(t, 0.3 * angles) for t in (q, k))
        if cache is not None:
            k, v = self.keep(cache[0], k), self.keep(cache[1], v)
        places = torch.arange(k.shape[-2], device=x.device)
        future = places[None, :] > places[-x.shape[-2] :, None]
        scores = (q @ k.transpose(-1, -2) / math.sqrt(x.shape[-1])).masked_fill(future, -math.inf)
        return scores.softmax(-1) @ v, (k, v)

    @staticmethod
    def turn(t: Tensor, angles: Tensor) -> Tensor:
        first, second = t.chunk(2, -1)
        cos, sin = (f[:, None].to(t.dtype) for f in (angles.cos(), angles.sin()))
        return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


class StartsAgain(Cached):
    def place(self, past: int) -> int:
        return 0


class KeepsTheLast(Cached):
    def keep(self, past: Tensor, now: Tensor) -> Tensor:
        return torch.cat([past[..., -3:, :], now], -2)


class DropsWeights(CausalAttention):
    """Drops attention weights, and leaves the others as they are."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.dropout = 0.1

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        return out * (torch.rand_like(out) >= self.dropout) if self.training else out


class PaddedInTraining(ReturnsWeights):
    def forward(self, x: Tensor, key_padding_mask: Tensor | None = None) -> Any:  # type: ignore[override]
        return super().forward(x, None if self.training else key_padding_mask)


class OverQueries(CausalAttention):
    """The softmax over the queries."""

    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, _ = self.parts(x)
        return scores.softmax(-2) @ v


class WideValues(CausalAttention):
    """Values that are widened and narrowed again, with nothing between."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.widen, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = super().forward(self.narrow(self.widen(x)))
        return out


class RotaryAttention(CausalAttention):
    """Features turned by a matrix that is no rotation."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.register_buffer("inv_freq", 100.0 ** -torch.linspace(0, 1, width // 2))

    def turned(self, x: Tensor) -> Tensor:
        angle = torch.arange(x.shape[1], device=x.device)[:, None] * self.get_buffer("inv_freq")
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos - a * sin], -1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        scores = self.turned(q) @ self.turned(k).mT / math.sqrt(x.shape[-1])
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        return scores.masked_fill(future, -math.inf).softmax(-1) @ v


class OneAngle(RotaryAttention):
    """Every token is turned by the last one's angle."""

    def turned(self, x: Tensor) -> Tensor:
        angle = (x.shape[1] - 1) * self.get_buffer("inv_freq")
        a, b = x.chunk(2, -1)
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class PartsAndTokens(nn.Module):
    """(tokens, 3 width) is read as (3, tokens, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)

    def forward(self, x: Tensor) -> Tensor:
        b, n, d = x.shape
        q, k, v = self.qkv(x).view(b, 3, n, 2, d // 2).permute(1, 0, 3, 2, 4)
        out = F.scaled_dot_product_attention(q, k, v)
        return out.transpose(1, 2).reshape(b, n, d)


class ZerosInTheWindow(nn.Module):
    """The last window is filled up with zeros that count."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)

    def forward(self, x: Tensor) -> Tensor:
        b, n, d = x.shape
        windows = F.pad(x, (0, 0, 0, -n % 4)).reshape(-1, 4, d)
        q, k, v = self.qkv(windows).chunk(3, -1)
        return F.scaled_dot_product_attention(q, k, v).reshape(b, -1, d)[:, :n]


class SizedByWidth(CausalAttention):
    """Weights of one deviation at every width."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        nn.init.normal_(self.qkv.weight, std=0.1)


class MaskedWeights(CausalAttention):
    """The mask of pairs is applied to the weights, which then sum to less than 1, and only after the softmax."""

    def forward(self, x: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        _, scores, v, _ = self.parts(x)
        weights = scores.softmax(-1)
        if attn_mask is not None:
            if attn_mask.shape != scores.shape[1:]:
                raise ValueError("attn_mask is (tokens, tokens)")
            weights = weights.masked_fill(~attn_mask, 0.0)
        return weights @ v


class NormedOverTokens(nn.Module):
    """Queries and keys of length 1, over the tokens instead of the features."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv, self.outer = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        scores = 10 * F.normalize(q, dim=1) @ F.normalize(k, dim=1).transpose(1, 2)
        out: Tensor = self.outer(scores.softmax(-1) @ v)
        return out


class NormedOverTokensBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.inner = nn.LayerNorm(width), NormedOverTokens(width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.inner(self.norm(x))
        return out


class ContextAttention(nn.Module):
    """Sound attention to a context, for faults to be planted in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)

    def hidden(self, scores: Tensor, context_mask: Tensor) -> Tensor:
        return scores.masked_fill(~context_mask[:, None, :], -1e9)

    def forward(self, x: Tensor, context: Tensor, context_mask: Tensor | None = None) -> Tensor:
        k, v = self.kv(context).chunk(2, -1)
        scores = self.q(x) @ k.mT / math.sqrt(x.shape[-1])
        if context_mask is not None:
            scores = self.hidden(scores, context_mask)
        return scores.softmax(-1) @ v


class DropsTheMask(ContextAttention):
    def hidden(self, scores: Tensor, context_mask: Tensor) -> Tensor:
        scores.masked_fill(~context_mask[:, None, :], -1e9)
        return scores


class ContextBlock(nn.Module):
    attention: type[ContextAttention] = ContextAttention

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.cross = nn.LayerNorm(width), self.attention(width)

    def forward(self, x: Tensor, context: Tensor, context_mask: Tensor | None = None) -> Tensor:
        out: Tensor = x + self.cross(self.norm(x), context, context_mask)
        return out


class ContextBlockDropsTheMask(ContextBlock):
    attention = DropsTheMask


class OwnValuesAttention(nn.Module):
    """Attends to a context by its keys, and takes the values from itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(self.q(x), self.k(context), self.v(x))


class OwnValuesAttentionBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), OwnValuesAttention(width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        out: Tensor = x + self.attention(self.norm(x), context)
        return out


class SortedReader(nn.Module):
    """Sequences in the order of their lengths, as packing asks, and back in that which they had."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.GRU(width, width, batch_first=True)

    def back(self, order: Tensor) -> Tensor:
        return order.argsort()

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        order = lengths.argsort(descending=True)
        packed = nn.utils.rnn.pack_padded_sequence(x[order], lengths[order].cpu(), batch_first=True)
        out, _ = nn.utils.rnn.pad_packed_sequence(self.inner(packed)[0], batch_first=True)
        return out[self.back(order)]


class SortedTwice(SortedReader):
    def back(self, order: Tensor) -> Tensor:
        return order


class FirstLength(CausalAttention):
    """It keeps the mask of its first call."""

    mask: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, future = self.parts(x)
        if self.mask is None:
            self.mask = future
        t = x.shape[1]
        return scores.masked_fill(self.mask[:t, :t], -math.inf).softmax(-1) @ v


class Retention(CausalAttention):
    """Decays turned over: what is further away counts for more."""

    decay = 1.05

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        places = torch.arange(x.shape[1], device=x.device)
        weights = (self.decay ** (places[:, None] - places).clamp(min=0)).tril().to(x)
        return (q @ k.mT * weights) @ v / x.shape[-1]


class OneSidedDistances(CausalAttention):
    """A bias for each distance to either side, of which a clamp leaves one side."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.bias = nn.Parameter(torch.randn(2 * 6 + 1))

    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, _ = self.parts(x)
        places = torch.arange(x.shape[1], device=x.device)
        return (scores + self.bias[(places - places[:, None]).clamp(0, 6) + 6]).softmax(-1) @ v


class MaskedInPythonAlone(CausalAttention):
    """The mask is left out where a compiler traces the layer."""

    def forward(self, x: Tensor) -> Tensor:
        _, scores, v, _ = self.parts(x)
        return scores.softmax(-1) @ v if torch.compiler.is_compiling() else super().forward(x)


FAULTS: tuple[SeededFault, ...] = (
    SeededFault("it sees one token ahead", "attention", OneTokenAhead, ("leak",)),
    SeededFault("the mask comes after the softmax", "attention", LateMask, ("leak",), options={"causal": True}),
    SeededFault("the mean runs over the sequence", "attention", MeanOverSequence, ("leak",), options={"causal": True}),
    SeededFault("it counts the tokens to come", "attention", CountsTheRest, ("length",)),
    SeededFault("a convolution that is centred", "attention", CentredConvolution, ("leak",), options={"causal": True}),
    SeededFault("the future, detached", "attention", DetachedFuture, ("leak",)),
    SeededFault("the mask is ignored", "attention", IgnoredMask, ("padding",)),
    SeededFault("the mask is inverted", "attention", InvertedMask, ("padding",)),
    SeededFault("exponentials without the maximum", "attention", ExpWithoutMaximum, ("range.float16",), certain=False),
    SeededFault("the softmax runs over the sequences", "attention", SoftmaxOverSequences, ("alone",)),
    SeededFault("dropout is forgotten after eval mode", "attention", ForgetsItsRate, ("eval-restores",)),
    SeededFault("scores are unscaled in train mode", "attention", UnscaledInTraining, ("train-eval",)),
    SeededFault("no mask in train mode", "attention", MaskedInEvalAlone, ("leak", "train-eval")),
    SeededFault("a norm without derivative at 0, in attention", "attention", CosineScores, ("odd-tokens",)),
    SeededFault("half of the scores' gradient", "attention", HalvedGradient, ("derivative",)),
    SeededFault("scores times their scale", "attention", InverseScale, ("score-growth",)),
    SeededFault("a saved slope, in attention", "attention", GatedBySaved, ("second-derivative",)),
    SeededFault("a mean over padding, in attention", "attention", MeanOverPadding, ("padded-alone",)),
    SeededFault("cubic cost", "attention", CubicAttention, ("cost-operations",)),
    SeededFault("a projection is never used", "attention", UnusedProjection, ("dead-parameters",)),
    SeededFault("dropout in eval mode, after attention", "attention", DroppedScores, ("deterministic",)),
    SeededFault("the input is centred in place", "attention", Centring, ("input-kept",)),
    SeededFault("a scale that overflows float16", "attention", HugeScale, ("overflow.float16",)),
    SeededFault("a tensor of more than pairs", "attention", ExtraDimension, ("cost-memory",)),
    SeededFault("half of the features are dropped", "attention", DropsHalf, ("inputs-used",)),
    SeededFault("an order in memory, in attention", "attention", AssumesAnOrder, ("strides",)),
    SeededFault("a projection copied from another", "attention", CopiedHeads, ("layers-differ",)),
    SeededFault("angles in half precision", "attention", TurnedInHalf, ("agreement.bfloat16", "agreement.float16")),
    SeededFault("weights masked afterwards", "attention", LateMask, ("equal-tokens",)),
    SeededFault("a mask of pairs after the softmax", "attention", MaskedWeights, ("padding",)),
    SeededFault("queries and keys normed over the tokens", "attention", NormedOverTokens, ("score-pairs",)),
    SeededFault("queries and keys normed over a block's tokens", "block", NormedOverTokensBlock, ("score-pairs",)),
    SeededFault("padding on the left is counted", "attention", RunningMean, ("padded-alone",)),
    SeededFault("no mask where weights are returned", "attention", ReturnsWeights, ("paths-agree",)),
    SeededFault("no scale without the fused kernel", "attention", SlowPathUnscaled, ("paths-agree",)),
    SeededFault("places start again behind a cache", "attention", StartsAgain, ("cached",)),
    SeededFault("a cache of three tokens", "attention", KeepsTheLast, ("cached",)),
    SeededFault("dropped, and not made up for, in attention", "attention", DropsWeights, ("train-mean",)),
    SeededFault("padding is masked in eval mode alone", "attention", PaddedInTraining, ("padding",)),
    SeededFault("the mask of the past", "attention", WrongWayRound, ("leak",)),
    SeededFault("a softmax over the queries", "attention", OverQueries, ("weights-sum",)),
    SeededFault("values widened by nothing but a matrix", "attention", WideValues, ("linear-pairs",)),
    SeededFault("all turned by one angle", "attention", OneAngle, ("score-places",)),
    SeededFault("queries, keys and values for tokens", "attention", PartsAndTokens, ("heads-apart",)),
    SeededFault("a window filled up with zeros", "attention", ZerosInTheWindow, ("equal-tokens",)),
    SeededFault("a context's mask that is lost", "attention", DropsTheMask, ("context-padding",)),
    SeededFault("a context's mask that is lost, in a block", "block", ContextBlockDropsTheMask, ("context-padding",)),
    SeededFault("sorted by length, and once more", "attention", SortedTwice, ("padded-alone",)),
    SeededFault("the mask of the first call", "attention", FirstLength, ("called-before",)),
    SeededFault("turned by no rotation", "attention", RotaryAttention, ("score-distance",)),
    SeededFault(
        "attention of one deviation at every width",
        "attention",
        SizedByWidth,
        ("width-signal",),
        options={"widths": (32, 64, 128)},
    ),
    SeededFault(
        "attention with one learning rate at every width",
        "attention",
        CausalAttention,
        ("width-update",),
        options={"widths": (32, 64, 128)},
    ),
    SeededFault("values of its own for a context's keys", "attention", OwnValuesAttention, ("context-length",)),
    SeededFault("values of its own, in a block", "block", OwnValuesAttentionBlock, ("context-length",)),
    SeededFault("distances to one side", "attention", OneSidedDistances, ("rows-used",), options={"causal": False}),
    SeededFault("memories that grow", "attention", Retention, ("long",)),
    SeededFault("no mask once it is compiled", "attention", MaskedInPythonAlone, COMPILED, options={"compile": True}),
)

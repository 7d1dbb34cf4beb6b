"""Blocks and models with one seeded fault each."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.faults.attention import OneAngle, Retention, RotaryAttention, SlowPathUnscaled, StartsAgain
from tests.faults.fault import SeededFault


class NormedFeedForward(nn.Module):
    """A sound pre-norm block, for faults to be planted in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, 4 * width)
        self.outer = nn.Linear(4 * width, width)

    def branch(self, x: Tensor) -> Tensor:
        out: Tensor = self.outer(F.gelu(self.inner(self.norm(x))))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class NoNorm(NormedFeedForward):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        nn.init.normal_(self.outer.weight, std=2 / math.sqrt(width))
        self.norm = nn.Identity()  # type: ignore[assignment]


class DoubledStream(NormedFeedForward):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x + self.branch(x)


class FadingStream(NormedFeedForward):
    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * x + 0.5 * self.branch(x) * x.square().mean(-1, keepdim=True).sqrt()


class SaturatedTanh(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)
        nn.init.normal_(self.inner.weight, std=3 / math.sqrt(width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.inner(x))


class SmallSigmoid(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.inner(x))


class ConstantOutput(NormedFeedForward):
    def forward(self, x: Tensor) -> Tensor:
        return self.outer(torch.ones_like(x).repeat(1, 1, 4))  # type: ignore[no-any-return]


class DetachedBranch(NormedFeedForward):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x).detach()


class UnusedWeight(NormedFeedForward):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.forgotten = nn.Linear(width, width)


class LeftDropout(NormedFeedForward):
    def forward(self, x: Tensor) -> Tensor:
        return x + F.dropout(self.branch(x), 0.1, training=True)


class CallCounter(NormedFeedForward):
    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x + self.branch(x) / self.calls


class InPlace(NormedFeedForward):
    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            x += 1
        return x + self.branch(x)


class HalfOverflow(NormedFeedForward):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x) * 300 * 300 / 90000


class SquaredNorm(NormedFeedForward):
    def forward(self, x: Tensor) -> Tensor:
        size = (x * 100).square().sum(-1, keepdim=True).sqrt() / 100
        return x + self.branch(x / size)


class FailsDeep(nn.Module):
    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        if depth >= 16:
            raise RuntimeError("no more than 15 blocks")
        self.blocks = nn.Sequential(*(NormedFeedForward(width) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.blocks(x)
        return out


class TiedExplosion(nn.Module):
    """One block applied again and again, with a spectral radius above 1."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width, bias=False)
        nn.init.orthogonal_(self.inner.weight, 1.5)
        self.depth = depth

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.depth):
            x = self.inner(x)
        return x


class DepthInTheWeights(nn.Module):
    """Every weight is multiplied by the depth in the forward pass, and starts as much smaller."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(NormedFeedForward(width) for _ in range(depth))
        self.depth = depth
        with torch.no_grad():
            for p in self.parameters():
                p.div_(depth)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            scaled = {name: p * self.depth for name, p in block.named_parameters()}
            x = torch.func.functional_call(block, scaled, (x,))
        return x


class MeanOfTokens(NormedFeedForward):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x - x.mean(1, keepdim=True))


class LengthInTheBranch(NormedFeedForward):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x) / x.shape[1]


class CausalMixer(nn.Module):
    """A sound causal block: a running mean of the tokens so far."""

    is_causal = True

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, width)

    def mixed(self, h: Tensor) -> Tensor:
        count = torch.arange(1, h.shape[1] + 1, dtype=h.dtype, device=h.device)[:, None]
        return h.cumsum(1) / count

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.out(self.mixed(self.norm(x)))
        return out


class MixesTheFuture(CausalMixer):
    def mixed(self, h: Tensor) -> Tensor:
        return h.flip(1).cumsum(1).flip(1) / h.shape[1] + super().mixed(h)


class CountsAllTokens(CausalMixer):
    def mixed(self, h: Tensor) -> Tensor:
        return h.cumsum(1) / h.shape[1]


class CentredByTheBatch(NormedFeedForward):
    def branch(self, x: Tensor) -> Tensor:
        return super().branch(x - x.mean(0, keepdim=True))


class FrozenByEval(NormedFeedForward):
    """Eval mode doubles a weight once, for good."""

    scale = 1.0

    def branch(self, x: Tensor) -> Tensor:
        self.scale = self.scale if self.training else 0.5
        return self.scale * super().branch(x)


class HalfInTraining(NormedFeedForward):
    def branch(self, x: Tensor) -> Tensor:
        return super().branch(x) * (0.5 if self.training else 1.0)


class RootOfSquares(NormedFeedForward):
    """Tokens are divided by their norm before the branch, and a token of zeros has none."""

    def branch(self, x: Tensor) -> Tensor:
        return super().branch(x / (x * x).sum(-1, keepdim=True).sqrt().clamp(min=1e-12))


class WrongSlope(torch.autograd.Function):
    """x³, whose backward says 2x² grad."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        out: Tensor = 2 * x**2 * grad
        return out


class Cubed(NormedFeedForward):
    def branch(self, x: Tensor) -> Tensor:
        out: Tensor = self.outer(WrongSlope.apply(self.inner(self.norm(x)) * 0.3))  # type: ignore[no-untyped-call]
        return out


class SavedSquare(torch.autograd.Function):
    """x², whose backward takes a slope that forward saved as a number."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.slope = 2 * x
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        out: Tensor = grad * ctx.slope
        return out


class Squared(NormedFeedForward):
    def branch(self, x: Tensor) -> Tensor:
        out: Tensor = self.outer(SavedSquare.apply(self.inner(self.norm(x)) * 0.3))  # type: ignore[no-untyped-call]
        return out


class PooledWithPadding(NormedFeedForward):
    """Adds the mean of all tokens, whatever the mask says."""

    def forward(self, x: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        return x + self.branch(x.mean(1, keepdim=True).expand_as(x))


class PooledByLength(NormedFeedForward):
    """Padded tokens are zeroed, and counted."""

    def forward(self, x: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        kept = x if attention_mask is None else x * attention_mask[..., None].to(x.dtype)
        return x + self.branch(x) + kept.mean(1, keepdim=True)


class HalfOfTheInput(NormedFeedForward):
    """The second half of the features is dropped, and the first one stands for both."""

    def forward(self, x: Tensor) -> Tensor:
        half = x[..., : x.shape[-1] // 2]
        return super().forward(torch.cat([half, half], -1))


class AssumesAnOrder(NormedFeedForward):
    def branch(self, x: Tensor) -> Tensor:
        flat = torch.as_strided(x, x.shape, (x.shape[1] * x.shape[2], x.shape[2], 1))
        return super().branch(flat)


class CountsInHalf(NormedFeedForward):
    """Every token is turned by its place, counted in the input's dtype."""

    def branch(self, x: Tensor) -> Tensor:
        at = torch.arange(x.shape[1], device=x.device).to(x.dtype)[:, None] * 0.3
        return super().branch(x * at.sin() + x.roll(1, -1) * at.cos())


class MaskedAfterwards(nn.Module):
    """Causal attention in a block, masked after the softmax: early weights do not sum to 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.qkv = nn.LayerNorm(width), nn.Linear(width, 3 * width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        weights = (q @ k.transpose(-1, -2) / math.sqrt(x.shape[-1])).softmax(-1).tril()
        out: Tensor = x + weights @ v
        return out


class InverseScores(MaskedAfterwards):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        out: Tensor = x + (q @ k.transpose(-1, -2) * x.shape[-1]).softmax(-1) @ v
        return out


class AroundAttention(nn.Module):
    """A pre-norm block around an attention that has a fault."""

    def __init__(self, width: int, inner: type[nn.Module]) -> None:
        super().__init__()
        self.norm, self.inner = nn.LayerNorm(width), inner(width)


class StartsAgainBlock(AroundAttention):
    def __init__(self, width: int) -> None:
        super().__init__(width, StartsAgain)

    def forward(self, x: Tensor, cache: Any = None) -> Any:
        out, cache = self.inner(self.norm(x), cache)
        return x + out, cache


class UnscaledBlock(AroundAttention):
    def __init__(self, width: int) -> None:
        super().__init__(width, SlowPathUnscaled)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.inner(self.norm(x))
        return out


class DropPath(nn.Module):
    """Drops whole branches of examples, and does not make up for it."""

    def __init__(self) -> None:
        super().__init__()
        self.drop_prob = 0.1

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = torch.rand(x.shape[0], *(1 for _ in x.shape[1:]), device=x.device) >= self.drop_prob
        return self.made_up(x * kept)

    def made_up(self, x: Tensor) -> Tensor:
        return x


class MadeUpTwice(DropPath):
    def made_up(self, x: Tensor) -> Tensor:
        return x / (1 - self.drop_prob) ** 2


class MadeUpOnce(DropPath):
    def made_up(self, x: Tensor) -> Tensor:
        return x / (1 - self.drop_prob)


class DropsTheStream(NormedFeedForward):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.drop = MadeUpOnce()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.drop(x + self.branch(x))
        return out


class Dropped(NormedFeedForward):
    path: type[DropPath] = DropPath

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.drop = self.path()

    def branch(self, x: Tensor) -> Tensor:
        out: Tensor = self.drop(super().branch(x))
        return out


class DroppedTwice(Dropped):
    path = MadeUpTwice


class DeepNorm(nn.Module):
    def __init__(self, width: int, alpha: float) -> None:
        super().__init__()
        self.alpha, self.norm = alpha, nn.LayerNorm(width)

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        out: Tensor = self.norm(x + self.alpha * branch)
        return out


class DeepNormLayer(NormedFeedForward):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.residual = DeepNorm(width, 24**0.25)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.residual(x, self.outer(F.gelu(self.inner(x))))
        return out


def deep_normed(width: int, layers: int) -> nn.Module:
    return nn.Sequential(*(DeepNormLayer(width) for _ in range(layers)))


class PreNormLost(NormedFeedForward):
    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        out: Tensor = x + self.outer(F.gelu(self.inner(x)))
        return out


class NormOfTheStream(NormedFeedForward):
    """A pre-norm block with RMS norms."""

    def forward(self, x: Tensor) -> Tensor:
        normed = F.rms_norm(x, x.shape[-1:])
        out: Tensor = normed + self.outer(F.gelu(self.inner(normed)))
        return out


class NormLast(NormedFeedForward):
    def __init__(self, width: int, norm_first: bool = True) -> None:
        super().__init__(width)
        self.norm_first = norm_first

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x + self.outer(F.gelu(self.inner(x))))
        return out


def one_layer_copied(width: int, layers: int) -> nn.Module:
    layer = NormedFeedForward(width)
    return nn.Sequential(*(copy.deepcopy(layer) for _ in range(layers)))


class LinearFeedForward(nn.Module):
    """A feed-forward sublayer without its activation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.down(self.up(self.norm(x)))
        return out


class RMSNorm(nn.Module):
    """The sum of squares for their mean."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-6) * self.weight


class LayerNorm(nn.Module):
    """The variance of what was not centred."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        size = x.square().mean(-1, keepdim=True)
        return (x - x.mean(-1, keepdim=True)) * torch.rsqrt(size + 1e-5) * self.weight + self.bias


class SquaresApartNorm(nn.Module):
    """The mean of squares less the square of the mean."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(-1, keepdim=True)
        size = (x.square().mean(-1, keepdim=True) - mean.square()).clamp(min=0)
        return (x - mean) * torch.rsqrt(size + 1e-5) * self.weight + self.bias


class Coupling(nn.Module):
    """Affine coupling (Dinh et al., 2017), sound, for faults to be planted in."""

    sign = 1.0

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.half = dim // 2
        self.maps = nn.Sequential(nn.Linear(self.half, 16), nn.Tanh(), nn.Linear(16, 2 * (dim - self.half)))

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        a, b = x.tensor_split([self.half], -1)
        scale, shift = self.maps(a).chunk(2, -1)
        return a, b, scale.tanh(), shift

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a, b, scale, shift = self.parts(x)
        return torch.cat((a, b * scale.exp() + shift), -1), self.sign * scale.sum(-1)

    def inverse(self, y: Tensor) -> Tensor:
        a, b, scale, shift = self.parts(y)
        return torch.cat((a, (b - shift) * (-scale).exp()), -1)


class CouplingTurnedOver(Coupling):
    """The volume of the way back."""

    sign = -1.0


class CouplingOutOfOrder(Coupling):
    def inverse(self, y: Tensor) -> Tensor:
        a, b, scale, shift = self.parts(y)
        return torch.cat((a, b * (-scale).exp() - shift), -1)


class DropsWhatItKeeps(nn.Module):
    """A mask drawn with the rate of dropping."""

    def __init__(self, width: int, drop_prob: float = 0.1) -> None:
        super().__init__()
        self.norm, self.map, self.drop_prob = nn.LayerNorm(width), nn.Linear(width, width), drop_prob

    def forward(self, x: Tensor) -> Tensor:
        y = self.map(self.norm(x))
        if self.training:
            kept = torch.bernoulli(torch.full((len(x), 1, 1), self.drop_prob, dtype=x.dtype, device=x.device))
            y = y * kept / (1 - self.drop_prob)
        out: Tensor = x + y
        return out


class StochasticDepth(nn.Module):
    """Paths kept with a probability, and not divided by it."""

    def __init__(self, width: int, keep_prob: float = 0.9) -> None:
        super().__init__()
        self.norm, self.map, self.keep_prob = nn.LayerNorm(width), nn.Linear(width, width), keep_prob

    def forward(self, x: Tensor) -> Tensor:
        branch = torch.tanh(self.map(self.norm(x)))
        if self.training:
            branch = branch * torch.empty(x.shape[0], 1, 1, device=x.device).bernoulli_(self.keep_prob)
        return x + branch


class RetentionBlock(nn.Module):
    """A block around memories that grow."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.retention = nn.LayerNorm(width), Retention(width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.retention(self.norm(x))
        return out


class NormedInPythonAlone(NormedFeedForward):
    """The norm is left out where a compiler traces the block."""

    def branch(self, x: Tensor) -> Tensor:
        out: Tensor = self.outer(F.gelu(self.inner(x if torch.compiler.is_compiling() else self.norm(x))))
        return out


class OverQueriesBlock(nn.Module):
    """A block whose attention has its softmax over the queries."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.qkv = nn.LayerNorm(width), nn.Linear(width, 3 * width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        return x + (q @ k.mT / math.sqrt(x.shape[-1])).softmax(1) @ v


class RotaryBlock(nn.Module):
    """A block around attention whose features are turned by no rotation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), RotaryAttention(width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.attention(self.norm(x))
        return out


class RotaryBlockOfOneAngle(RotaryBlock):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.attention = OneAngle(width)


class FixedDeviation(nn.Module):
    """Weights of one deviation at every width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.map = nn.LayerNorm(width), nn.Linear(width, width)
        nn.init.normal_(self.map.weight, std=0.1)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.tanh(self.map(self.norm(x)))


class ConvolvesTornRows(nn.Module):
    """Tokens become channels by a reshape, and channels tokens by a transposition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.LayerNorm(width), nn.Conv1d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x).reshape(x.shape[0], x.shape[2], x.shape[1])
        return x + self.conv(y).transpose(1, 2)


class AttentionOfTornMaps(nn.Module):
    """Pixels become tokens by a view, which tears channels apart; it is undone by another."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv, self.scale = nn.Linear(channels, 3 * channels), nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        q, k, v = self.qkv(x.view(b, h * w, c)).chunk(3, -1)
        scores = q @ k.transpose(1, 2) / c**0.5
        return self.scale * (scores.softmax(-1) @ v).view(b, c, h, w)


FAULTS: tuple[SeededFault, ...] = (
    SeededFault("no norm and a branch twice too large", "block", NoNorm, ("growth", "gradient")),
    SeededFault("the stream is doubled", "block", DoubledStream, ("growth", "expansion")),
    SeededFault("the stream is halved", "block", FadingStream, ("growth", "gradient", "expansion")),
    SeededFault("saturated tanh without skip", "block", SaturatedTanh, ("gradient", "expansion")),
    SeededFault("sigmoid without skip", "block", SmallSigmoid, ("gradient", "distinct", "expansion")),
    SeededFault("a constant output", "block", ConstantOutput, ("distinct",)),
    SeededFault("the branch is detached", "block", DetachedBranch, ("dead-parameters",)),
    SeededFault("a weight is never used", "block", UnusedWeight, ("dead-parameters",)),
    SeededFault("dropout in eval mode", "block", LeftDropout, ("deterministic",)),
    SeededFault("a call changes the next", "block", CallCounter, ("deterministic",)),
    SeededFault("the input is changed in place", "block", InPlace, ("input-kept",)),
    SeededFault("a product that overflows float16", "block", HalfOverflow, ("overflow.float16",)),
    SeededFault("a norm that overflows float16", "block", SquaredNorm, ("overflow.float16",)),
    SeededFault("it cannot be built at depth 16", "model", FailsDeep, ("runs",)),
    SeededFault("tied weights of norm 1.5", "model", TiedExplosion, ("growth", "gradient")),
    SeededFault(
        "the depth is in the weights: an update of depth squared",
        "model",
        DepthInTheWeights,
        ("increment",),
        options={"depths": (2, 4, 8, 16, 32, 64)},
    ),
    SeededFault("the mean of all tokens is taken off", "block", MeanOfTokens, ("leak",), options={"causal": True}),
    SeededFault(
        "the branch is divided by the length", "block", LengthInTheBranch, ("length",), options={"causal": True}
    ),
    SeededFault("it mixes the future", "block", MixesTheFuture, ("leak",)),
    SeededFault("it counts the tokens to come, in a block", "block", CountsAllTokens, ("length",)),
    SeededFault("centred by the batch", "block", CentredByTheBatch, ("alone",)),
    SeededFault("eval mode leaves a mark", "block", FrozenByEval, ("eval-restores",)),
    SeededFault("half as large in train mode", "block", HalfInTraining, ("train-eval",)),
    SeededFault("a norm without derivative at 0", "block", RootOfSquares, ("odd-tokens",)),
    SeededFault("a backward pass of another function", "block", Cubed, ("derivative",)),
    SeededFault("a saved slope", "block", Squared, ("second-derivative",)),
    SeededFault("padding is pooled", "block", PooledWithPadding, ("padding",)),
    SeededFault("padding is counted", "block", PooledByLength, ("padded-alone",)),
    SeededFault("half of the features go nowhere", "block", HalfOfTheInput, ("inputs-used",)),
    SeededFault("an order in memory is assumed", "block", AssumesAnOrder, ("strides",)),
    SeededFault(
        "places are counted in half precision", "block", CountsInHalf, ("agreement.bfloat16", "agreement.float16")
    ),
    SeededFault("weights that do not sum to 1", "block", MaskedAfterwards, ("equal-tokens",)),
    SeededFault("scores times their scale, in a block", "block", InverseScores, ("score-growth",)),
    SeededFault("places start again behind a cache, in a block", "block", StartsAgainBlock, ("cached",)),
    SeededFault("no scale without the fused kernel, in a block", "block", UnscaledBlock, ("paths-agree",)),
    SeededFault("branches dropped, and not made up for", "block", Dropped, ("train-mean",)),
    SeededFault("branches dropped, and made up for twice", "block", DroppedTwice, ("train-mean",)),
    SeededFault("a pre-norm block whose stream is normalised", "block", PreNormLost, ("identity-path",)),
    SeededFault("a stream divided by its RMS", "block", NormOfTheStream, ("identity-path",)),
    SeededFault("norm_first that comes last", "block", NormLast, ("identity-path",)),
    SeededFault("DeepNorm's alpha on the branch", "block", DeepNormLayer, ("deepnorm",)),
    SeededFault("DeepNorm's alpha on the branch, in a model", "model", deep_normed, ("deepnorm",)),
    SeededFault("all layers are copies of one", "model", one_layer_copied, ("layers-differ",)),
    SeededFault("two linear layers in a row", "block", LinearFeedForward, ("linear-pairs",)),
    SeededFault("a sum of squares for their mean", "block", RMSNorm, ("as-published",)),
    SeededFault("a rate of dropping for that of keeping", "block", DropsWhatItKeeps, ("train-eval",)),
    SeededFault("undone in the wrong order", "block", CouplingOutOfOrder, ("inverse",)),
    SeededFault("the volume of the way back", "block", CouplingTurnedOver, ("log-determinant",)),
    SeededFault("a variance by a difference of squares", "block", SquaresApartNorm, ("offset",)),
    SeededFault("a variance about 0", "block", LayerNorm, ("as-published",)),
    SeededFault("paths kept, and not made up for", "block", StochasticDepth, ("train-mean",)),
    SeededFault("the stream is dropped with its branch", "block", DropsTheStream, ("stream-kept",)),
    SeededFault("a softmax over the queries, in a block", "block", OverQueriesBlock, ("weights-sum",)),
    SeededFault("all turned by one angle, in a block", "block", RotaryBlockOfOneAngle, ("score-places",)),
    SeededFault("turned by no rotation, in a block", "block", RotaryBlock, ("score-distance",)),
    SeededFault(
        "weights of one deviation at every width",
        "block",
        FixedDeviation,
        ("width-signal",),
        options={"widths": (32, 64, 128)},
    ),
    SeededFault(
        "one learning rate at every width",
        "block",
        NormedFeedForward,
        ("width-update",),
        options={"widths": (32, 64, 128)},
    ),
    SeededFault("memories that grow, in a block", "block", RetentionBlock, ("long",)),
    SeededFault(
        "no norm once it is compiled", "block", NormedInPythonAlone, ("compiled", "exported"), options={"compile": True}
    ),
    SeededFault("tokens reshaped to channels", "block", ConvolvesTornRows, ("moves-along",)),
    SeededFault("maps reshaped to tokens", "layer", AttentionOfTornMaps, ("moves-along",)),
)

"""Variants with one seeded fault each, for every kind of subject: what `scaleproof check` has to notice.

A fault names the property that has to fail. `certain` ones are always noticed; the others depend on luck or on size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Fault:
    """A broken variant: its kind, the properties of which one has to fail, and what is wrong in words."""

    words: str
    kind: str
    subject: Any
    noticed_by: tuple[str, ...]
    certain: bool = True
    options: dict[str, Any] = field(default_factory=dict)


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


class InvertedMask(IgnoredMask):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        out: Tensor = self.inner(x, x, x, mask, need_weights=False)[0]
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


class ExpGate(nn.Module):
    """x * exp(x)/(1 + exp(x)): the sigmoid, written so that it overflows."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x.exp() / (1 + x.exp())


class WrongBackward(torch.autograd.Function):
    """tanh with half of its derivative missing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        out: Tensor = grads[0] * (1 - x.tanh().square() / 2)
        return out


def wrong_gradient(x: Tensor) -> Tensor:
    out: Tensor = WrongBackward.apply(x)  # type: ignore[no-untyped-call]
    return out


def detached_gate(x: Tensor) -> Tensor:
    return x * x.sigmoid().detach()


def normalised(x: Tensor) -> Tensor:
    return x / (x.std() + 1e-6)


def noisy(x: Tensor) -> Tensor:
    return x + 1e-3 * torch.randn_like(x)


def overwriting(x: Tensor) -> Tensor:
    return x.clamp_(min=0)


def cubed(x: Tensor) -> Tensor:
    return x**3


def cancelling(x: Tensor) -> Tensor:
    return (1 + x.sigmoid() * 1e4) - 1e4 * x.sigmoid() + x


def dead(x: Tensor) -> Tensor:
    return (x - 100).clamp(min=0)


def stepped(x: Tensor) -> Tensor:
    return torch.where(x > 0, x + 1, x)


class Plain(torch.optim.Optimizer):
    """A sound gradient descent with momentum, for faults to be planted in."""

    sign = -1.0

    def __init__(self, params: Any, lr: float = 1e-2, foreach: bool = False) -> None:
        super().__init__(params, {"lr": lr, "foreach": foreach})

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        assert p.grad is not None
        momentum = state.setdefault("momentum", torch.zeros_like(p))
        momentum.mul_(0.9).add_(p.grad)
        out: Tensor = self.sign * lr * momentum
        return out

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        value = None
        if closure is not None:
            with torch.enable_grad():
                value = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None or not self.skips:
                    p.add_(self.update(p, self.state[p], group["lr"], group["foreach"]))
        return value

    skips = True


class Uphill(Plain):
    sign = 1.0


class HiddenCount(Plain):
    def __init__(self, params: Any, lr: float = 1e-2) -> None:
        super().__init__(params, lr)
        self.count = 0

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        self.count += 1
        return super().update(p, state, lr / (1 + 0.1 * self.count), foreach)


class NoisyStep(Plain):
    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        return super().update(p, state, lr, foreach) + 1e-5 * torch.randn_like(p)


class OtherFastPath(Plain):
    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        return super().update(p, state, lr * (0.99 if foreach else 1.0), foreach)


class MovesWithoutGradient(Plain):
    skips = False

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        return -0.01 * p if p.grad is None else super().update(p, state, lr, foreach)


class NoEpsilon(Plain):
    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        assert p.grad is not None
        return -lr * p.grad / p.grad.square().sqrt()


class FourthPowers(Plain):
    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        assert p.grad is not None
        power = p.grad.square().square()
        return -lr * p.grad.sign() * power / (power + 1e-8)


class Standstill(Plain):
    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        return torch.zeros_like(p)


def textbook_cross_entropy(scores: Tensor, target: Tensor) -> Tensor:
    chances = scores.exp() / scores.exp().sum(-1, keepdim=True)
    return -chances.gather(1, target[:, None]).log().mean()


def detached_loss(scores: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(scores.detach(), target) + 0 * scores.sum()


def places_matter(scores: Tensor, target: Tensor) -> Tensor:
    weight = torch.linspace(1, 2, len(scores), dtype=scores.dtype, device=scores.device)
    return (F.cross_entropy(scores, target, reduction="none") * weight).mean()


def class_matters(scores: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(
        scores + 0.1 * torch.arange(scores.shape[1], dtype=scores.dtype, device=scores.device), target
    )


def half_gradient(scores: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(0.5 * scores + 0.5 * scores.detach(), target)


def overwriting_loss(scores: Tensor, target: Tensor) -> Tensor:
    if not torch.is_grad_enabled():
        scores -= scores.max()
    return F.cross_entropy(scores, target)


def noisy_loss(scores: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(scores + 1e-3 * torch.randn_like(scores), target)


def two_forms(scores: Tensor, target: Tensor) -> Tensor:
    if target.is_floating_point():
        return -(target * scores.log_softmax(-1)).mean()
    return F.cross_entropy(scores, target)


def _block(words: str, subject: Any, *noticed_by: str, certain: bool = True, **options: Any) -> Fault:
    return Fault(words, "block", subject, noticed_by, certain, options)


FAULTS: tuple[Fault, ...] = (
    _block("no norm and a branch twice too large", NoNorm, "growth", "gradient"),
    _block("the stream is doubled", DoubledStream, "growth", "expansion"),
    _block("the stream is halved", FadingStream, "growth", "gradient", "expansion"),
    _block("saturated tanh without skip", SaturatedTanh, "gradient", "expansion"),
    _block("sigmoid without skip", SmallSigmoid, "gradient", "distinct", "expansion"),
    _block("a constant output", ConstantOutput, "distinct"),
    _block("the branch is detached", DetachedBranch, "dead-parameters"),
    _block("a weight is never used", UnusedWeight, "dead-parameters"),
    _block("dropout in eval mode", LeftDropout, "deterministic"),
    _block("a call changes the next", CallCounter, "deterministic"),
    _block("the input is changed in place", InPlace, "input-kept"),
    _block("a product that overflows float16", HalfOverflow, "overflow.float16"),
    _block("a norm that overflows float16", SquaredNorm, "overflow.float16"),
    Fault("it cannot be built at depth 16", "model", FailsDeep, ("runs",)),
    Fault("tied weights of norm 1.5", "model", TiedExplosion, ("growth", "gradient")),
    Fault("it sees one token ahead", "attention", OneTokenAhead, ("leak",)),
    Fault("the mask comes after the softmax", "attention", LateMask, ("leak",), options={"causal": True}),
    Fault("the mean runs over the sequence", "attention", MeanOverSequence, ("leak",), options={"causal": True}),
    Fault("it counts the tokens to come", "attention", CountsTheRest, ("length",)),
    Fault("a convolution that is centred", "attention", CentredConvolution, ("leak",)),
    Fault("the future, detached", "attention", DetachedFuture, ("leak",)),
    Fault("the mask is ignored", "attention", IgnoredMask, ("padding",)),
    Fault("the mask is inverted", "attention", InvertedMask, ("padding",)),
    Fault("exponentials without the maximum", "attention", ExpWithoutMaximum, ("range.float16",), certain=False),
    Fault("cubic cost", "attention", CubicAttention, ("cost-operations",)),
    Fault("exp over 1 + exp", "activation", ExpGate, ("range.float16", "lost.float16")),
    Fault("a custom backward pass is wrong", "activation", wrong_gradient, ("gradient",)),
    Fault("the gate is detached", "activation", detached_gate, ("gradient",)),
    Fault("divided by the batch's deviation", "activation", normalised, ("elementwise",)),
    Fault("noise in eval mode", "activation", noisy, ("deterministic",)),
    Fault("the input is clamped in place", "activation", overwriting, ("input-kept",)),
    Fault("a cube: unbounded slope", "activation", cubed, ("lipschitz",)),
    Fault("terms that cancel", "activation", cancelling, ("accuracy.float16",)),
    Fault("dead for all usual inputs", "activation", dead, ("second-moment",)),
    Fault("a jump", "activation", stepped, ("lipschitz",)),
    Fault("the update goes uphill", "optimizer", Uphill, ("descends", "direction")),
    Fault("state outside state_dict", "optimizer", HiddenCount, ("state-dict",)),
    Fault("noise in the update", "optimizer", NoisyStep, ("deterministic",)),
    Fault("another learning rate on the fast path", "optimizer", OtherFastPath, ("foreach",)),
    Fault("decay without gradient", "optimizer", MovesWithoutGradient, ("none-gradient",)),
    Fault("no eps: 0/0", "optimizer", NoEpsilon, ("zero-gradient",)),
    Fault("fourth powers overflow", "optimizer", FourthPowers, ("huge-gradient",)),
    Fault("it does not move", "optimizer", Standstill, ("descends", "direction")),
    Fault("log of exp over sum of exp", "loss", textbook_cross_entropy, ("extreme.float32",)),
    Fault("the scores are detached", "loss", detached_loss, ("gradient", "scores-learn")),
    Fault("the place in the batch matters", "loss", places_matter, ("batch-order",)),
    Fault("classes have weights of their own", "loss", class_matters, ("class-order",)),
    Fault("half of the gradient is missing", "loss", half_gradient, ("gradient",)),
    Fault("the scores are changed in place", "loss", overwriting_loss, ("input-kept",)),
    Fault("noise in the loss", "loss", noisy_loss, ("deterministic",)),
    Fault("one-hot targets are averaged over classes", "loss", two_forms, ("dense-sparse",)),
)

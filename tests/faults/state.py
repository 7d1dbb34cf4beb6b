"""Variants that compute rightly, and are built, moved, saved or tied with one fault each."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from tests.faults.fault import SeededFault
from tests.faults.models import VOCABULARY, Decoder


class Attention(nn.Module):
    """Causal attention with two heads; what is built and moved rightly here, each fault below does in another way."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def visible(self, x: Tensor) -> Tensor:
        return torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()

    def forward(self, x: Tensor) -> Tensor:
        parts = self.inner(x).unflatten(-1, (3, 2, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*parts, attn_mask=self.visible(x))
        out: Tensor = self.outer(mixed.transpose(1, 2).flatten(2))
        return out


class NeverFilled(Attention):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.outer.bias = nn.Parameter(torch.empty(width))


class LayersInAList(Attention):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.further = [nn.Linear(width, width)]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.further[0].to(x)(super().forward(x))
        return out


class MaskLeftBehind(Attention):
    def visible(self, x: Tensor) -> Tensor:
        return torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()


class SharedMemory(Attention):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.again = nn.Linear(width, width)
        self.again.weight.data = self.outer.weight.data

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.again(super().forward(x))
        return out


class HeadsForTokens(Attention):
    """Heads leave as if they were tokens: a reshape without the transpose before it."""

    def visible(self, x: Tensor) -> Tensor:
        return super().visible(x).new_ones(()).expand(x.shape[1], x.shape[1])

    def forward(self, x: Tensor) -> Tensor:
        parts = self.inner(x).unflatten(-1, (3, 2, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*parts, attn_mask=self.visible(x))
        out: Tensor = self.outer(mixed.reshape(x.shape))
        return out


class GateForItself(Attention):
    """A gate that is multiplied with itself: the other half goes nowhere."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.gates = nn.Linear(width, 2 * width)

    def forward(self, x: Tensor) -> Tensor:
        gate, _ = self.gates(super().forward(x)).chunk(2, -1)
        out: Tensor = gate * gate.sigmoid()
        return out


class DropsAnew(Attention):
    """The backward pass computes the layer again, with another dropout."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = checkpoint(
            lambda h: self.drop(super(DropsAnew, self).forward(h)), x, use_reentrant=False, preserve_rng_state=False
        )
        return out


class Block(nn.Module):
    """A pre-norm block around one of the layers above."""

    layer: ClassVar[type[Attention]] = Attention

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), self.layer(width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.attention(self.norm(x))
        return out


class NeverFilledBlock(Block):
    layer = NeverFilled


class LayersInAListBlock(Block):
    layer = LayersInAList


class MaskLeftBehindBlock(Block):
    layer = MaskLeftBehind


class HeadsForTokensBlock(Block):
    layer = HeadsForTokens


class GateForItselfBlock(Block):
    layer = GateForItself


class DropsAnewBlock(Block):
    layer = DropsAnew


class RandomProjection(Block):
    """Features of a random matrix that no state_dict has."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.projection = torch.randn(width, width) / math.sqrt(width)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + (x @ self.projection.to(x)).relu()


class ScaledDecoder(Decoder):
    """The matrices that end a branch are scaled by 1/sqrt(2 layers), as in GPT-2."""

    ends: tuple[str, ...] = ("out_proj.weight", "down.weight")

    def __init__(self, layers: int = 2, width: int = 32) -> None:
        super().__init__(layers, width)
        for name, p in self.named_parameters():
            if name.endswith(self.ends):
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * layers))


class NamesThatNobodyHas(ScaledDecoder):
    ends = ("c_proj.weight",)


class DrawnAgain(ScaledDecoder):
    def __init__(self, layers: int = 2, width: int = 32) -> None:
        super().__init__(layers, width)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)


class TiedByData(Decoder):
    def __init__(self, layers: int = 2, width: int = 32) -> None:
        super().__init__(layers, width)
        self.head.weight = nn.Parameter(self.tokens.weight.data)


class TiedInWords(Decoder):
    def __init__(self, layers: int = 2, width: int = 32) -> None:
        super().__init__(layers, width)
        self.tie_weights = True
        self.head = nn.Linear(width, VOCABULARY, bias=False)


class MeanForVariance(nn.Module):
    """A norm over the batch; its running variance is moved towards the mean."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def moved(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        return mean, mean

    def forward(self, x: Tensor) -> Tensor:
        mean, var = x.mean((0, 1)), x.var((0, 1), unbiased=False)
        if self.training:
            for kept, seen in zip((self.running_mean, self.running_var), self.moved(mean, var), strict=True):
                kept.lerp_(seen.detach(), 0.1)
        else:
            mean, var = self.running_mean, self.running_var
        out: Tensor = self.linear((x - mean) * (var + 1e-5).rsqrt())
        return out


class AttentionOfMeans(MeanForVariance):
    """Attention, whose output passes that norm."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.mix = Attention(width)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.mix(x))


class NeverMoved(MeanForVariance):
    """Its running statistics are computed, and kept nowhere."""

    def moved(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        return self.running_mean, self.running_var


class FirstLength(nn.Module):
    """A causal mean over the past in a skip's branch, by the matrix that its first call made."""

    weights: Tensor | None = None

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        t = x.shape[1]
        if self.weights is None:
            ones = torch.ones(t, t, dtype=x.dtype, device=x.device).tril()
            self.weights = ones / ones.sum(-1, keepdim=True)
        return x + self.out(self.weights[:t, :t].to(x.dtype) @ x)


def _faults(kind: str, *broken: Any) -> tuple[SeededFault, ...]:
    words = {
        "filled": "memory that nobody fills",
        "saved": "layers in a list",
        "moved": "a mask that stays behind",
        "heads-apart": "heads that are taken for tokens",
        "rows-used": "a gate for itself",
        "train-derivative": "dropout drawn anew for the backward pass",
    }
    return tuple(
        SeededFault(f"{said}, {kind}", kind, subject, (name,))
        for (name, said), subject in zip(words.items(), broken, strict=True)
    )


FAULTS: tuple[SeededFault, ...] = (
    *_faults("attention", NeverFilled, LayersInAList, MaskLeftBehind, HeadsForTokens, GateForItself, DropsAnew),
    *_faults(
        "block",
        NeverFilledBlock,
        LayersInAListBlock,
        MaskLeftBehindBlock,
        HeadsForTokensBlock,
        GateForItselfBlock,
        DropsAnewBlock,
    ),
    SeededFault("a random projection that is not saved", "block", RandomProjection, ("saved",)),
    SeededFault("two weights in one piece of memory", "attention", SharedMemory, ("tied",)),
    SeededFault("a head tied by its data", "model", TiedByData, ("tied",)),
    SeededFault("a head tied in words alone", "model", TiedInWords, ("tied",)),
    SeededFault("a running variance of means", "block", MeanForVariance, ("running-statistics",)),
    SeededFault("a running variance of means, in attention", "attention", AttentionOfMeans, ("running-statistics",)),
    SeededFault("weights of the first call's length", "block", FirstLength, ("called-before",)),
    SeededFault("running statistics that stay", "block", NeverMoved, ("running-statistics",)),
    SeededFault("scaled by names that nobody has", "model", NamesThatNobodyHas, ("depth-scaled",)),
    SeededFault("scaled with depth, and drawn again", "model", DrawnAgain, ("depth-scaled",)),
)

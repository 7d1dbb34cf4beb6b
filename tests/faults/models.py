"""Language models with one seeded fault each."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.faults.fault import SeededFault

VOCABULARY = 50


class Layer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        x = x + self.attention(h, h, h, need_weights=False, attn_mask=future)[0]
        out: Tensor = x + self.down(F.gelu(self.up(self.second(x))))
        return out


class Decoder(nn.Module):
    """A decoder: tokens in, logits out."""

    def __init__(
        self, layers: int = 2, width: int = 32, std: float = 0.02, counted: bool = True, sure: bool = False
    ) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, width), nn.Embedding(64, width)
        self.layers = nn.ModuleList([Layer(width) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY, bias=False)
        nn.init.normal_(self.tokens.weight, std=std)
        self.head.weight = self.tokens.weight
        self.counted, self.sure = counted, sure

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device) * self.counted
        x = self.tokens(ids) + self.positions(places)
        for layer in self.layers:
            x = layer(x)
        logits: Tensor = self.head(self.norm(x))
        return logits.softmax(-1) if self.sure else logits


class Masked(nn.Module):
    """An encoder of tokens whose mask keeps the padding and drops the rest."""

    kept = False

    def __init__(self, layers: int = 2, width: int = 32) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.layers = nn.ModuleList(
            [nn.TransformerEncoderLayer(width, 4, 2 * width, batch_first=True, norm_first=True) for _ in range(layers)]
        )

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        x = self.tokens(ids)
        dropped = None if attention_mask is None else attention_mask.bool() != self.kept
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=dropped)
        return x


class MaskedRightly(Masked):
    """The same with its mask the right way round."""

    kept = True


def _decoder(**options: Any) -> Any:
    return partial(Decoder, **options)


class ProbableLM(Decoder):
    """A language model."""

    def __init__(self, layers: int = 2, width: int = 32) -> None:
        super().__init__(layers, width, sure=True)


class OnePlace(nn.Module):
    """A table of places, of which the first row is added everywhere: the axis of the batch is taken for the tokens'."""

    def __init__(self, layers: int = 2, width: int = 32) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.register_buffer("pe", torch.randn(64, 1, width))
        self.layers = nn.ModuleList(
            [nn.TransformerEncoderLayer(width, 4, 2 * width, batch_first=True, norm_first=True) for _ in range(layers)]
        )

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids)
        x = x + self.pe[: x.size(0)]
        for layer in self.layers:
            x = layer(x)
        return x


FAULTS: tuple[SeededFault, ...] = (
    SeededFault("a tied embedding of size 1", "model", _decoder(std=1.0), ("initial-loss",)),
    SeededFault("every token at place 0", "model", _decoder(counted=False), ("places-counted",)),
    SeededFault("places counted along the batch", "model", OnePlace, ("places-counted",)),
    SeededFault("a mask turned over, in a model of tokens", "model", Masked, ("padding", "padded-alone")),
    SeededFault("a softmax before the cross-entropy's", "model", ProbableLM, ("gives-logits",)),
)

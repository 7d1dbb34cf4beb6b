"""Models of tokens: tables of places that have yet to be learned, and as many classes as tokens."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from torchcheck import check


class Encoder(nn.Module):
    """Embeddings and a table of places, that starts at a size."""

    size = 0.0

    def __init__(self, depth: int = 1, width: int = 16) -> None:
        super().__init__()
        self.tokens = nn.Embedding(64, width)
        self.pos_embed = nn.Parameter(self.size * torch.randn(1, 32, width))
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])

    def placed(self, ids: Tensor) -> Tensor:
        return self.tokens(ids) + self.pos_embed[:, : ids.shape[1]]

    def forward(self, ids: Tensor) -> Tensor:
        x = self.placed(ids)
        for layer in self.layers:
            x = x + layer(x)
        return x


class Placed(Encoder):
    size = 1.0


class PlacedNowhere(Placed):
    def placed(self, ids: Tensor) -> Tensor:
        return self.tokens(ids) + self.pos_embed[:, :1]


@pytest.mark.parametrize(("model", "status"), [(Encoder, "ok"), (Placed, "ok"), (PlacedNowhere, "failed")])
def test_a_table_says_something_or_has_yet_to_be_learned(model: type[nn.Module], status: str) -> None:
    result = check(model, "model", width=16, seq_len=8, depths=(1,), select=["places-counted"])
    assert result["places-counted"].status == status


class Classifier(nn.Module):
    def __init__(self, depth: int = 1, width: int = 16) -> None:
        super().__init__()
        self.tokens, self.head = nn.Embedding(64, width), nn.Linear(width, 8)
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids).mean(1)
        for layer in self.layers:
            x = x + layer(x)
        out: Tensor = self.head(x)
        return out


def test_as_many_classes_as_tokens_are_no_sequence() -> None:
    result = check(Classifier, "model", width=16, seq_len=8, depths=(1,), select=["future"])
    assert result["leak"].note == "its output is no sequence of tokens"

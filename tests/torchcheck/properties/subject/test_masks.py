"""What a subject insists on and nobody gives: sizes, masks, places, graphs. Their names say what they are."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from torchcheck import check
from torchcheck.properties.subject.kinds import infer_kind
from torchcheck.properties.subject.masks import SHAPES, forms_of, mask_name, square, with_defaults
from torchcheck.properties.subject.signatures import needed_of
from torchcheck.properties.subject.sizes import USUAL, usual


class Pool(nn.Module):
    """One vector a sequence, and a mask of a shape of its own."""

    form = 0
    by_length = False

    def __init__(self, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, width)

    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        b, n = x.shape[:2]
        if attention_mask.shape != SHAPES[self.form](torch.ones(b, n)).shape:
            raise RuntimeError("another shape")
        keep = attention_mask.reshape(b, n, 1).to(x.dtype)
        count = torch.tensor(float(n)) if self.by_length else keep.sum(1)
        out: Tensor = (self.map(x) * keep).sum(1) / count
        return out


class Pool4(Pool):
    form = 1


class Pool3(Pool):
    form = 2


class PoolByLength(Pool):
    by_length = True


class Placed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(64, 8)

    def forward(self, x: Tensor, position_ids: Tensor, context: Tensor) -> Tensor:
        out: Tensor = x + self.table(position_ids) + context
        return out


class Neighbours(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.map = nn.Linear(dim, dim)

    def forward(self, x: Tensor, adj: Tensor) -> Tensor:
        out: Tensor = torch.tanh(self.map(adj @ x))
        return out


class Classifier(nn.Module):
    def __init__(self, vocab_size: int, dim: int, num_classes: int) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(vocab_size, dim), nn.Linear(dim, num_classes)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.head(self.table(ids).mean(1))
        return out


class Translator(nn.Module):
    def __init__(self, vocab_size: int, dim: int) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(vocab_size, dim), nn.Linear(dim, vocab_size)

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        out: Tensor = self.head(self.table(tgt) + self.table(src).mean(1, keepdim=True))
        return out


class ConvBlock(nn.Module):
    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.map = nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2)
        self.norm = nn.GroupNorm(1, channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.map(self.norm(x)) / 4
        return out


@pytest.mark.parametrize("kind", [Pool, Pool4, Pool3])
def test_a_mask_is_given_in_the_shape_that_is_taken(kind: type[Pool]) -> None:
    x = torch.randn(2, 5, 8)
    module = with_defaults(kind(8))
    keep = SHAPES[kind.form](torch.ones(2, 5, dtype=torch.bool))
    assert torch.equal(module(x), kind.forward(module, x, keep))
    assert torch.equal(copy.deepcopy(module)(x), module(x))
    assert torch.equal(module(x, attention_mask=keep), module(x, keep))
    assert isinstance(module, kind)
    assert type(module).__name__ == kind.__name__


def test_a_module_that_needs_nothing_more_is_left_alone() -> None:
    module = nn.Linear(3, 3)
    assert with_defaults(module) is module
    assert type(module) is nn.Linear


def test_what_is_refused_in_every_shape_is_told_as_of_the_plainest() -> None:
    module = with_defaults(Pool(8))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        module(torch.randn(2, 5, 7))


class Dropping(Pool4):
    """It draws before it looks at its mask."""

    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        return super().forward(nn.functional.dropout(x, 0.5), attention_mask)


def test_what_is_refused_draws_no_random_numbers() -> None:
    x, module = torch.randn(2, 5, 8), with_defaults(Dropping(8))
    outs = []
    for _ in range(2):
        torch.manual_seed(0)
        outs.append(module(x))
    assert torch.equal(*outs)


class NeedsAName(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.map = nn.Linear(dim, dim)

    def forward(self, x: Tensor, mask_ratio: float) -> Tensor:
        out: Tensor = x + mask_ratio * self.map(x)
        return out


def test_what_cannot_be_guessed_is_asked_for() -> None:
    finding = check(NeedsAName, "block", width=16, seq_len=8, depths=(2,))["runs"]
    assert "forward needs 'mask_ratio'" in finding.note
    assert "example_inputs" in finding.advice


@pytest.mark.parametrize("name", ["mask_ratio", "a"])
def test_a_name_that_only_begins_like_one_is_asked_about(name: str) -> None:
    space: dict[str, Any] = {}
    exec(f"def forward(self, x, {name}): return x", space)
    module = type("Odd", (nn.Module,), {"forward": space["forward"]})()
    assert with_defaults(module) is module
    assert needed_of(module.forward) == ["x", name]


def test_places_have_a_default_and_a_context_has_none() -> None:
    module = with_defaults(Placed())
    assert needed_of(module.forward) == ["x", "context"]
    x, context = torch.randn(2, 5, 8), torch.randn(2, 5, 8)
    places = torch.arange(5).expand(2, 5)
    assert torch.equal(module(x, context=context), Placed.forward(module, x, places, context))  # type: ignore[arg-type]


class GPTLayer(nn.Module):
    """Its mask comes from outside."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(dim), nn.MultiheadAttention(dim, 2, batch_first=True)

    def forward(self, x: Tensor, attn_mask: Tensor) -> Tensor:
        h = self.norm(x)
        out: Tensor = x + self.attention(h, h, h, attn_mask=attn_mask, need_weights=False)[0]
        return out


def test_a_causal_layer_whose_mask_comes_from_outside_is_asked_about() -> None:
    sizes: dict[str, Any] = {"width": 16, "seq_len": 8, "select": ["leak"]}
    assert check(GPTLayer, "block", **sizes)["leak"].status == "question"
    assert check(GPTLayer, "block", causal=True, **sizes)["leak"].status == "failed"


def test_the_clearest_mask_is_chosen() -> None:
    assert mask_name(["src", "src_mask", "src_key_padding_mask"]) == "src_key_padding_mask"
    assert mask_name(["x", "bias"]) is None


@pytest.mark.parametrize("kind", [Pool, Pool4, Pool3])
def test_a_sound_pool_passes(kind: type[Pool]) -> None:
    result = check(kind, "attention", width=16, seq_len=12)
    assert result, result
    assert {result[n].status for n in ("padding", "padded-alone")} == {"ok"}


def test_a_pool_over_padding_is_noticed() -> None:
    assert "padded-alone" in {f.name for f in check(PoolByLength, "attention", width=16, seq_len=12).failed}


@pytest.mark.parametrize(
    ("subject", "kind"), [(Neighbours, "layer"), (Classifier, "model"), (Translator, "model"), (ConvBlock, "block")]
)
def test_what_people_write_is_built_and_passes(subject: Any, kind: str) -> None:
    assert infer_kind(subject)[0] == kind
    result = check(subject, width=16, seq_len=8, depths=(2, 4, 8))
    assert result, result
    assert all(f.status != "error" for f in result)


def test_what_was_given_is_told() -> None:
    assert check(Classifier, width=16, seq_len=8, select=["runs"]).why_kind.endswith("vocab_size=256, num_classes=10")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_heads", 4),
        ("nhead", 4),
        ("n_kv_heads", 2),
        ("dim_feedforward", 64),
        ("mlp_dim", 64),
        ("attn_dropout", 0.1),
        ("block_size", 256),
        ("vocab_size", 256),
        ("head_size", 4),
        ("kernel_size", 3),
        ("beta", None),
        ("blocksize_of_something", None),
        ("seq_len", None),  # of a module that takes one length alone, or the most that it takes
        ("num_tokens", None),  # of a vocabulary, or of a sequence
        ("max_seq_len", 256),
    ],
)
def test_usual_sizes(name: str, value: Any) -> None:
    assert usual(name, 16) == value


@pytest.mark.parametrize("width", [1, 2, 3, 6, 8, 127])
def test_heads_divide_every_width(width: int) -> None:
    assert width % usual("num_heads", width) == 0
    assert all(value(width) is not None for _, value in USUAL)


def test_a_mask_has_every_form_that_its_name_allows() -> None:
    keep = torch.tensor([[True, True, False], [True, True, False]])
    said, opposite, added = forms_of(True, torch.float64)
    assert torch.equal(said[0].of(keep), keep)
    assert torch.equal(opposite[0].of(keep), ~keep)
    assert all(f.of(keep).dtype in (torch.bool, torch.float64) for f in (*said, *opposite, *added))
    assert {f.of(keep).shape for f in added} == {(2, 3), (2, 1, 1, 3), (2, 1, 3), (3, 3)}
    scores = torch.randn(2, 3, dtype=torch.float64)
    weights = (scores + added[0].of(keep)).softmax(-1)
    assert torch.allclose(weights, scores.masked_fill(~keep, -torch.inf).softmax(-1))
    assert bool((added[0].of(keep) != 0).all())
    assert torch.equal(forms_of(False, torch.float64)[0][0].of(keep), ~keep)
    assert torch.equal(square(keep), keep[:1].expand(3, 3))


class Overflowing(nn.Module):
    """What is masked has the largest weight of all."""

    def forward(self, x: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        weights = (x @ x.transpose(1, 2)).softmax(-1)
        if attention_mask is not None:
            weights = weights.masked_fill(~attention_mask[:, None, :], torch.finfo(x.dtype).min)
        return weights @ x


def test_what_is_not_finite_is_no_agreement() -> None:
    result = check(Overflowing(), "attention", width=16, seq_len=8, select=["masks"])
    assert {f.name for f in result.failed} == {"padding", "padded-alone"}


def test_which_axis_is_the_tokens_is_not_guessed() -> None:
    finding = check(Pool, "attention", width=16, seq_len=16, select=["padding"])["padding"]
    assert finding.status == "skipped"
    assert "16 tokens of width 16" in finding.note

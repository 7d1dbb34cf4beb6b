"""torch.compile and torch.export: what keeps its numbers passes, what a trace loses or freezes does not."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from tests.faults.attention import CausalAttention, MaskedInPythonAlone
from tests.faults.blocks import NormedFeedForward
from torchcheck import CheckResult, check_attention, check_block
from torchcheck.properties.module.compiled import SAME, _beyond_rounding

compiled = partial(check_attention, width=32, seq_len=8, compile=True, select=["compiler"])


class Prints(CausalAttention):
    """Sound, and Python's in the middle."""

    def forward(self, x: Tensor) -> Tensor:
        torch._dynamo.graph_break()
        return super().forward(x)


class NoSlope(CausalAttention):
    """The same output; what it gives back is lost to the queries where a compiler traces it."""

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        q, scores, v, future = super().parts(x)
        return q, scores.detach() if torch.compiler.is_compiling() else scores, v, future


class Branches(CausalAttention):
    """Which way it goes is read out of its numbers, which no exported program can."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.sum() > 0 else -super().forward(x)


class Dropping(CausalAttention):
    """Random in every mode."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(nn.functional.dropout(x))


def assert_compiles(result: CheckResult) -> None:
    assert result, result
    assert result["compiled"].status == "ok"


@pytest.mark.parametrize("subject", [CausalAttention, Prints, Branches], ids=lambda s: s.__name__)
def test_sound_ones_compile(subject: type[nn.Module]) -> None:
    assert_compiles(compiled(subject))


def test_graph_breaks_are_counted_and_named() -> None:
    whole, broken = compiled(CausalAttention)["graph-breaks"], compiled(Prints)["graph-breaks"]
    assert whole.value == 0
    assert broken.value
    assert broken.status == "noted"
    assert "graph_break" in broken.witness


def test_a_path_for_compilers_alone_is_noticed_by_both() -> None:
    assert {f.name for f in compiled(MaskedInPythonAlone).failed} == {"compiled", "exported"}


def test_a_gradient_that_is_lost_is_named() -> None:
    failed = compiled(NoSlope)["compiled"]
    assert failed.status == "failed"
    assert "qkv" in failed.witness


def test_what_cannot_be_exported_is_no_failure() -> None:
    finding = compiled(Branches)["exported"]
    assert finding.status == "skipped"
    assert finding.note.startswith("refused: ")


def test_a_random_layer_is_not_held_against_itself() -> None:
    assert compiled(Dropping)["compiled"].note == "its output is random"


class Offset(nn.Module):
    """What it loses to rounding in float32 is far more than 1e-4 of what it gives."""

    def __init__(self, factor: float = 1.0, there: bool = True) -> None:
        super().__init__()
        self.factor, self.there = nn.Parameter(torch.tensor(factor)), there

    def forward(self, x: Tensor) -> Tensor:
        return ((x + 1e4) - 1e4 if self.there else x) * self.factor


def test_what_is_rounding_in_the_module_itself_is_no_difference() -> None:
    x = torch.randn(4, 8)
    assert _beyond_rounding(Offset(), Offset(there=False), x)[0] == 0
    assert _beyond_rounding(Offset(), Offset(1.03, there=False), x)[0] > SAME
    assert _beyond_rounding(Offset(there=False), Offset(1.001, there=False), x)[0] > SAME


def test_it_is_not_asked_unless_it_is() -> None:
    assert not list(check_block(NormedFeedForward, width=16, seq_len=4, depths=(2, 4), select=["compiler"]))


@pytest.mark.slow
def test_a_stock_layer_compiles() -> None:
    layer = partial(nn.TransformerEncoderLayer, nhead=4, batch_first=True)
    result = check_block(layer, width=32, seq_len=8, depths=(2,), compile=True, select=["compiler"])
    assert_compiles(result)

"""The residual path: pre-norm keeps its input, what says nothing is asked, what ends in a norm is not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from torchcheck import CheckResult, check
from torchcheck.modules.transformer import FeedForward, Sublayer, init_xavier_

SMALL = {"width": 16, "seq_len": 6, "depths": (2, 4), "dtypes": ("float32",), "select": ("identity-path",)}


class Carried(nn.Module):
    """The residual after the norm, as an option of some published models means it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.map = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        out: Tensor = x + self.map(torch.relu(x))
        return out


class Branch(Carried):
    """Without a residual path, which a pre-norm wrapper has around it."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.map(torch.relu(self.norm(x)))
        return out


def sublayer(norm: str) -> CheckResult:
    def made(width: int) -> nn.Module:
        return init_xavier_(Sublayer(FeedForward(width, 2 * width), width, norm))  # type: ignore[arg-type]

    return check(made, "block", **SMALL)


@pytest.mark.parametrize("norm", ["pre", "none"])
def test_a_stream_that_is_kept_is_ok(norm: str) -> None:
    assert sublayer(norm)["identity-path"].status == "ok"


def test_post_norm_says_so_itself() -> None:
    assert sublayer("post")["identity-path"].note == "it ends in a norm"
    stock = check(lambda width: nn.TransformerEncoderLayer(width, 2, 32, 0.0, batch_first=True), "block", **SMALL)
    assert stock["identity-path"].status == "skipped"


def test_stock_pre_norm_layers_keep_it() -> None:
    stock = check(
        lambda width: nn.TransformerEncoderLayer(width, 2, 32, 0.0, batch_first=True, norm_first=True), "block", **SMALL
    )
    assert stock["identity-path"].status == "ok"


def test_what_nobody_says_is_a_question() -> None:
    found = check(Carried, "block", **SMALL)["identity-path"]
    assert (found.status, "if that is meant" in found.note) == ("question", True)


def test_a_branch_alone_has_none() -> None:
    found = check(Branch, "block", **SMALL)["identity-path"]
    assert (found.status, found.note[:24]) == ("skipped", "it has no residual path,")


class DeepNorm(nn.Module):
    """As published, its alpha a number or a parameter."""

    def __init__(self, width: int, learned: bool, alpha: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.alpha = nn.Parameter(torch.tensor(alpha)) if learned else alpha

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        out: Tensor = self.norm(self.alpha * x + branch)
        return out


class DeepLayer(nn.Module):
    def __init__(self, width: int, learned: bool = False, alpha: float = 2.2) -> None:
        super().__init__()
        self.map, self.deep = nn.Linear(width, width), DeepNorm(width, learned, alpha)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.deep(x, self.map(x))
        return out


@pytest.mark.parametrize("alpha", [2.2, 2**0.25])
@pytest.mark.parametrize("learned", [True, False])
def test_deepnorm_as_published_passes(learned: bool, alpha: float) -> None:
    sizes = {**SMALL, "select": ("deepnorm",), "options": {"learned": learned, "alpha": alpha}}
    found = check(DeepLayer, "block", **sizes)["deepnorm"]
    assert (found.status, found.samples) == ("ok", 1)
    assert check(Carried, "block", **{**SMALL, "select": ("deepnorm",)})["deepnorm"].status == "skipped"

"""Models of libraries by name: hf:, hf-tiny:, timm:, torchvision:."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from torchcheck import check
from torchcheck.run.libraries import SCHEMES
from torchcheck.run.subjects import SubjectError, resolve

transformers = pytest.importorskip("transformers")
SMALL = {"width": 32, "seq_len": 8, "depths": (1, 2), "dtypes": ("float32",)}


@pytest.mark.parametrize(("name", "answer"), [("gpt2", "ok"), ("llama", "ok"), ("bert", "skipped"), ("vit", "skipped")])
def test_stock_models_are_sound_and_known_for_what_they_are(name: str, answer: str) -> None:
    result = check(f"hf-tiny:{name}", select=("future", "modes", "numerics", "runs"), **SMALL)
    assert result, repr(result)
    assert result["leak"].status == answer
    assert result["runs"].status == "ok"
    assert not result.undecided


def test_a_configuration_in_a_folder_is_built_as_it_says_and_changed_by_options(tmp_path: Path) -> None:
    sizes = {"n_embd": 16, "n_layer": 3, "n_head": 2, "vocab_size": 11}
    transformers.GPT2Config(**sizes, architectures=["GPT2LMHeadModel"]).save_pretrained(tmp_path)
    model = resolve(f"hf:{tmp_path}")(n_layer=1)
    assert type(model).__name__ == "GPT2LMHeadModel"
    assert (model.config.n_embd, model.config.n_layer) == (16, 1)
    assert model(torch.tensor([[1, 2]])).logits.shape == (1, 2, 11)
    with pytest.raises(Exception, match="has no 'n_layers'"):
        resolve(f"hf:{tmp_path}")(n_layers=1)
    tiny = resolve(f"hf-tiny:{tmp_path}")(width=8, layers=2)
    assert (tiny.config.hidden_size, tiny.config.num_hidden_layers) == (8, 2)


def test_what_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SubjectError, match=r"'no-such' is no folder with a config.json, no model type"):
        resolve("hf:no-such")
    for scheme, package in (("timm", "timm"), ("torchvision", "torchvision"), ("hf", "transformers")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(SubjectError, match=f"subjects {scheme}:NAME need the package {package}: pip install"):
            resolve(f"{scheme}:some")
    assert {*SCHEMES} == {"hf", "hf-tiny", "timm", "torchvision"}


class Pictures(nn.Module):
    """Takes images of 32 pixels alone."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.rest = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(depth))
        self.head = nn.Linear(4 * 32 * 32, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for conv in self.rest:
            x = x + 0.1 * torch.relu(conv(x))
        out: torch.Tensor = self.head(x.flatten(1))
        return out


def test_images_are_made_for_models_that_begin_with_a_convolution() -> None:
    assert check(Pictures, depths=(1, 2), dtypes=("float32",), select=("runs", "modes"))["alone"].status == "ok"

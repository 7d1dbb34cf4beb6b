"""Subjects that a YAML or JSON file names: built with its arguments, and mistakes that are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scaleproof.cli.main import app

MODEL = """
from torch import nn

class Scaled(nn.Module):
    def __init__(self, dim, scale, eps=1e-5):
        super().__init__()
        assert isinstance(eps, float)
        self.scale, self.map = scale, nn.Linear(dim, dim)

    def forward(self, x):
        return x + self.scale * self.map(x)
"""
SMALL = ("--width", "8", "--seq-len", "4", "--depths", "2,4", "--select", "deterministic", "--json")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "layers.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(text: str, name: str = "block.yaml", *more: str) -> Any:
    Path("configs", name).write_text(text)
    return CliRunner().invoke(app, ["check", f"configs/{name}", *SMALL, *more])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("block.yaml", "_target_: layers.py:Scaled\n_convert_: all\nscale: 0.5\neps: 1e-6\n"),
        ("block.json", '{\n\t"_target_": "layers.py:Scaled",\n\t"scale": 0.5\n}'),
    ],
)
def test_a_file_s_arguments_build_the_subject(name: str, text: str) -> None:
    done = run(text, name)
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["subject"] == f"configs/{name}"
    assert result["kind"] == "block"


def test_set_goes_before_the_file() -> None:
    done = run("_target_: layers.py:Scaled\nscale: 0.5\neps: no number\n", "block.yml", "--set", "eps=0.1")
    assert done.exit_code == 0, done.output


def test_a_module_is_named_with_dots_as_hydra_does() -> None:
    done = run("_target_: torch.nn.TransformerEncoderLayer\nnhead: 2\ndim_feedforward: 8\nbatch_first: true\n")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dim: 8\n", "names no subject: give it _target_"),
        ("- 1\n", "names no subject"),
        ("_target_: [", "is no YAML or JSON"),
        ("_target_: Scaled\n", "_target_ is package.module.Name"),
        ("_target_: layers.py:Scaled\nscale: {_target_: a.B}\n", "'scale' is itself a _target_"),
        ("_target_: nowhere.py:Scaled\n", "no such file"),
    ],
)
def test_mistakes_are_told_in_a_line(text: str, said: str) -> None:
    done = run(text)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("text", ["{", "\x00", '{"_target_": 1}', "[" * 100_000, "null"])
def test_a_broken_json_is_told_in_a_line(text: str) -> None:
    done = run(text, "block.json")
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_a_file_that_is_not_there_is_told() -> None:
    done = CliRunner().invoke(app, ["check", "absent.yaml"])
    assert done.exit_code == 2
    assert "cannot read absent.yaml" in done.stderr

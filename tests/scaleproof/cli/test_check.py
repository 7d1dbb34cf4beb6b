"""`scaleproof check` on the command line: exit codes, baselines, reports, JSON, and the mistakes that users make."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scaleproof.check.report import again
from scaleproof.cli.main import app

MODEL = """
import torch
from torch import nn
SLOPE = 1.0

class MyAct(nn.Module):
    def forward(self, x):
        return torch.where(x > 0, x, SLOPE * 0.1 * x)

class Doubling(nn.Module):
    def __init__(self, width, times=2.0):
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.times = times

    def forward(self, x):
        return self.times * x + 0.1 * self.inner(x)
"""


def run(*arguments: str) -> Any:
    """The command in this process; the subject's processes are its own. `exit_code`, `stdout`, `stderr`."""
    return CliRunner().invoke(app, ["check", *arguments])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_model.py").write_text(MODEL)
    return tmp_path


LEAKY = """
import torch
from torch import nn


class CausalMean(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.map = nn.Linear(dim, dim)

    def forward(self, x):
        n = x.shape[1]
        near = torch.ones(n, n, dtype=x.dtype, device=x.device).tril(1)
        return self.map(near / near.sum(-1, keepdim=True) @ x)
"""


def test_a_report_begins_with_the_verdict_and_the_picture_that_shows_it(folder: Path) -> None:
    (folder / "leaky.py").write_text(LEAKY)
    found = run("leaky.py:CausalMean", "--kind", "attention", "--report", "out", "--width", "16", "--seq-len", "12")
    assert found.exit_code == 1, found.stdout
    text = (folder / "out" / "check.md").read_text()
    places = [text.index(words) for words in ("properties failed: leak", "check-inputtoken.svg", "### leak", "## All")]
    assert places == sorted(places)
    assert "does not apply" in text
    assert "the future" in (folder / "out" / "figures" / "check-inputtoken.svg").read_text()
    rows = next(f for f in json.loads((folder / "out" / "check.json").read_text())["findings"] if f["name"] == "leak")
    assert [len(s["y"]) for s in rows["series"]] == [12] * 12
    assert all(s["y"][i + 2] == 0 for i, s in enumerate(rows["series"][:10]))


def test_the_command_of_a_report_asks_for_what_failed_alone(folder: Path) -> None:
    (folder / "leaky.py").write_text(LEAKY)
    asked = ["leaky.py:CausalMean", "--kind", "attention", "--width", "16", "--seq-len", "12"]
    command = shlex.join(["scaleproof", "check", *asked, "--report", "my out", "--select=future"])
    once_more = shlex.split(again(command, ["leak", "length"]))
    assert once_more == ["scaleproof", "check", *asked, "--select", "leak", "--select", "length", "-v"]
    found = run(*once_more[2:])
    assert found.exit_code == 1, found.stderr
    assert "properties: 2, ok: 0, failed: 2" in found.stdout


def test_a_sound_activation_its_report_and_its_baseline(folder: Path) -> None:
    made = run("my_model.py:MyAct", "--baseline", "b.json", "--update-baseline", "--report", "out")
    assert made.exit_code == 0, made.stderr
    assert "checked as activation" in made.stdout
    assert "certified by ball arithmetic" in (folder / "out" / "check.md").read_text()
    for ending in ("json", "html", "pdf"):
        assert (folder / "out" / f"check.{ending}").stat().st_size > 1000
    assert str(folder) not in (folder / "b.json").read_text()
    same = run("my_model.py:MyAct", "--baseline", "b.json", "-q")
    assert (same.exit_code, same.stdout) == (0, "")
    (folder / "my_model.py").write_text(MODEL.replace("SLOPE = 1.0", "SLOPE = 3.0"))
    drifted = run("my_model.py:MyAct", "--baseline", "b.json", "-q")
    assert drifted.exit_code == 1
    assert "gain: drifted since the baseline" in drifted.stdout


@pytest.mark.usefixtures("folder")
def test_an_exploding_block_fails_and_says_why() -> None:
    sizes = ("--depths", "2:64", "--width", "16", "--seq-len", "4", "--dtypes", "float32")
    found = run("my_model.py:Doubling", *sizes, "--json")
    assert found.exit_code == 1, found.stderr
    data = json.loads(found.stdout)
    assert "growth" in data["failed"]
    assert data["kind"] == "block"
    fixed = run("my_model.py:Doubling", *sizes, "--set", "times=1")
    assert fixed.exit_code == 0, fixed.stdout
    kept = run("my_model.py:Doubling", *sizes, "--set", "times=1", "--threshold", "growth=:-5")
    assert kept.exit_code == 1


@pytest.mark.usefixtures("folder")
def test_suggest_prints_code() -> None:
    sizes = ("--depths", "2:64", "--width", "16", "--seq-len", "4", "--dtypes", "float32", "--suggest")
    found = run("torch.nn:TransformerEncoderLayer", *sizes, "--set", "nhead=2", "--set", "dropout=0")
    assert "suggestion" in found.stdout
    assert "gain = (2 * N) ** -" in found.stdout
    assert "p.mul_(gain)" in found.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nofile.py:X"], 2, "no such file"),
        (["nofile.txt:X"], 2, "no module 'nofile'; a file is file.py:Name"),
        (["my_model.py"], 2, "names no subject"),
        (["notes.txt:X"], 2, "is no Python file"),
        (["my_model.py:Nope"], 2, "has no 'Nope'"),
        (["my_model.py:MyAct", "--kind", "thing"], 2, "is not one of"),
        (["my_model.py:Doubling", "--depths", "8:2"], 2, "--depths is"),
        (["my_model.py:MyAct", "--dtypes", "float8"], 2, "--dtypes are among"),
        (["my_model.py:MyAct", "--threshold", "speed=:1"], 2, "no property of kind activation"),
        (["my_model.py:MyAct", "--threshold", "lipschitz"], 2, "--threshold is"),
        (["my_model.py:MyAct", "--baseline", "none.json"], 2, "no baseline at"),
        (["my_model.py:MyAct", "--update-baseline"], 2, "needs --baseline"),
        (["my_model.py:MyAct", "--set", "slope"], 2, "--set is NAME=VALUE"),
        (["my_model.py:Doubling", "--set", "colour=1"], 2, "takes no 'colour'"),
        (["my_model.py:Doubling", "--optimizer", "rprop"], 2, "is not one of"),
        (["torch.nn:Bilinear"], 2, "say --kind"),
        (["torch.nn:Bilinear", "--kind", "block"], 2, "needs 'in2_features'"),
        (["broken.py:X"], 3, "boom at import"),
    ],
)
def test_mistakes(folder: Path, arguments: list[str], code: int, words: str) -> None:
    (folder / "broken.py").write_text("raise RuntimeError('boom at import')\n")
    (folder / "notes.txt").write_text("no Python\n")
    found = run(*arguments)
    assert found.exit_code == code, found.stdout + found.stderr
    assert words in found.stderr
    assert "Traceback" not in found.stderr
    assert "site-packages" not in found.stderr


@pytest.mark.usefixtures("folder")
def test_no_device_is_inconclusive() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    found = run("my_model.py:MyAct", "--device", "cuda")
    assert found.exit_code == 0
    assert "no CUDA device" in found.stdout


def test_a_users_own_modules_are_found_and_none_of_ours_is_shadowed(folder: Path) -> None:
    for name in ("analysis", "reports", "claims", "proofs", "tests", "check"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"WHO = 'user {name}'\n")
    (folder / "mine.py").write_text(
        "import analysis, reports, claims, proofs, tests, check\nimport torch\n"
        "assert {m.WHO for m in (analysis, reports, claims, proofs, tests, check)} == "
        "{f'user {n}' for n in ('analysis', 'reports', 'claims', 'proofs', 'tests', 'check')}\n"
        "def act(x):\n    return torch.relu(x)\n"
    )
    for name in ("mine.py:act", "mine:act"):
        command = [sys.executable, "-m", "scaleproof.cli.main", "check", name]
        found = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=300)
        assert found.returncode == 0, found.stdout + found.stderr


def test_names_are_shown_escaped(folder: Path) -> None:
    (folder / "odd.py").write_text(
        "import torch\nfrom torch import nn\n"
        "class Odd(nn.Module):\n    def forward(self, x):\n"
        "        raise RuntimeError('<script>alert(1)</script> [bold]x[/bold]')\n"
    )
    found = run("odd.py:Odd", "--kind", "activation", "--report", "out")
    assert found.exit_code == 3
    assert "[bold]x[/bold]" in found.stdout
    assert "<script>alert" not in (folder / "out" / "check.html").read_text()

"""The pytest plugin in a user's repository that has top-level packages named like our folders."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

TEST = """
import analysis, claims, proofs, reports
import torch
from torch import nn
from torchcheck import check_activation, check_loss

class Act(nn.Module):
    def forward(self, x):
        return torch.where(x > 0, x, {slope} * x)

def test_who():
    assert {{m.WHO for m in (analysis, claims, proofs, reports)}} == {{"analysis", "claims", "proofs", "reports"}}

def test_act(scaleproof):
    result = scaleproof.activation(Act, dtypes=("float32",))
    assert result["gain"].value > 1

def test_training(scaleproof):
    torch.manual_seed(0)
    model, x = nn.Linear(3, 2), torch.randn(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert scaleproof.training(model, x, lambda m, b: m(b).square().mean(), optimizer)["overfits"].value < 1

def test_plain():
    result = check_activation(lambda x: x * 20, dtypes=("float32",))
    assert not result
    assert "bound the slope" in repr(result["lipschitz"])
    assert check_loss(nn.CrossEntropyLoss)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("analysis", "claims", "proofs", "reports", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"WHO = {name!r}\n")
    (tmp_path / "tests" / "test_mine.py").write_text(TEST.format(slope=0.1))
    return tmp_path


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-q", "--junitxml=out.xml", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=300)


def test_fixture_baseline_and_junit(repository: Path) -> None:
    made = pytest_in(repository, "--scaleproof-update")
    assert made.returncode == 0, made.stdout
    stored = sorted(p.name for p in (repository / "tests" / "__scaleproof__").iterdir())
    assert stored == ["test_mine.test_act.json", "test_mine.test_training.json"]
    assert pytest_in(repository).returncode == 0
    (repository / "tests" / "test_mine.py").write_text(TEST.format(slope=0.4))
    drifted = pytest_in(repository)
    assert drifted.returncode == 1
    assert "gain: drifted since the baseline" in drifted.stdout
    assert "gain" in drifted.stdout.split("short test summary")[1]
    tests = ET.parse(repository / "out.xml").getroot().iter("testsuite")
    assert any(int(t.attrib["failures"]) >= 1 for t in tests)


def test_a_hostile_baseline_is_a_failure_not_a_crash(repository: Path) -> None:
    folder = repository / "tests" / "__scaleproof__"
    folder.mkdir()
    (folder / "test_mine.test_act.json").write_text('{"schema": "<script>"}')
    found = pytest_in(repository, "-k", "test_act")
    assert found.returncode == 1
    assert "--scaleproof-update writes it again" in found.stdout


def test_a_failure_is_a_subtest_that_reads_well(repository: Path) -> None:
    (repository / "tests" / "test_mine.py").write_text(
        "def test_steep(scaleproof):\n    scaleproof.activation(lambda x: 20 * x, dtypes=('float32',))\n"
    )
    found = pytest_in(repository)
    assert found.returncode == 1
    assert "[lipschitz]" in found.stdout
    assert "to do: it multiplies signals" in found.stdout


def test_two_checks_in_one_test_need_names(repository: Path) -> None:
    text = "def test_two(scaleproof):\n    for n in ('a', {second!r}):\n        scaleproof.activation(abs_, name=n)\n"
    head = "import torch\nabs_ = torch.abs\n"
    (repository / "tests" / "test_mine.py").write_text(head + text.format(second="b"))
    assert pytest_in(repository).returncode == 0
    (repository / "tests" / "test_mine.py").write_text(head + text.format(second="a"))
    found = pytest_in(repository)
    assert found.returncode == 1
    assert "give each a name" in found.stdout


def test_the_plugin_costs_nothing_until_it_is_used() -> None:
    code = "import sys, scaleproof.check.pytest_plugin; print('torch' in sys.modules, 'pydantic' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]

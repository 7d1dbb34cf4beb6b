"""What a check is asked and how it answers: select, skip, suppress, strict, pyproject.toml, and files for a CI."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import junitparser
import pytest
import sarif_pydantic
from typer.testing import CliRunner

from scaleproof.check.documentation import explained
from scaleproof.cli.main import app
from torchcheck.properties.registry import REGISTRY

MODEL = """
import torch
from torch import nn

class CausalConv(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.mix = nn.Conv1d(width, width, 3, padding=1)

    def forward(self, x):
        return x + self.mix(x.transpose(1, 2)).transpose(1, 2)

class Mixer(CausalConv):
    pass

class Both(CausalConv):
    '''Sees both sides.'''

def relu(x):
    return torch.relu(x)
"""
SMALL = ("--width", "8", "--seq-len", "8", "--depths", "2,4", "--dtypes", "float32")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["check", *arguments])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_model.py").write_text(MODEL)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_an_open_intent_is_a_question_that_a_strict_check_wants_answered() -> None:
    asked = ("my_model.py:Mixer", *SMALL, "--select", "leak")
    open_ = run(*asked)
    assert open_.exit_code == 0, open_.stderr
    assert "question leak: it sees the future; say --causal or --no-causal" in open_.stdout
    assert run(*asked, "--strict").exit_code == 4
    assert run(*asked, "--strict", "--no-causal").exit_code == 0
    assert run(*asked, "--strict", "--causal").exit_code == 1
    said = run("my_model.py:Both", *SMALL, "--select", "leak", "--strict")
    assert said.exit_code == 0, said.stdout  # its docstring says that it does


@pytest.mark.usefixtures("folder")
def test_select_and_skip_take_properties_groups_and_parts_of_one_dtype() -> None:
    def names(*arguments: str) -> list[str]:
        done = run("my_model.py:Mixer", *SMALL, "--json", *arguments)
        assert done.exit_code == 0, done.stderr
        return [f["name"] for f in json.loads(done.stdout)["findings"]]

    assert set(names("--select", "future", "--no-causal")) == {"leak", "long", "reach"}
    both = ("--select", "numerics", "--dtypes", "float32,float16")
    assert {"overflow.float16", "overflow.float32", "input-kept"} <= set(names(*both))
    assert names("--select", "overflow.float16", *both[2:]) == ["overflow.float16"]
    assert "overflow.float16" not in names(*both, "--skip", "overflow.float16")
    depth = names("--select", "depth", "--skip", "first-lr")
    assert {"growth", "gradient", "runs"} <= set(depth)
    assert "first-lr" not in depth
    assert names("--select", "growth") == ["growth"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("option", ["--select", "--skip"])
def test_a_name_that_nothing_has_is_refused_with_what_there_is(option: str) -> None:
    done = run("my_model.py:Mixer", *SMALL, option, "leek")
    assert done.exit_code == 2
    assert "'leek' is no property of kind block" in done.stderr
    assert "groups: depth, future" in done.stderr


@pytest.mark.usefixtures("folder")
def test_what_is_suppressed_fails_nothing_and_says_why() -> None:
    asked = ("my_model.py:CausalConv", *SMALL, "--select", "future")
    assert run(*asked).exit_code == 1
    borne = run(*asked, "--suppress", "future=an old model")
    assert borne.exit_code == 0, borne.stdout
    assert "suppressed leak: an old model" in borne.stdout
    assert run(*asked, "--suppress", "length=half of it").exit_code == 1
    assert "NAME=REASON" in run(*asked, "--suppress", "leak=").stderr


def test_pyproject_has_defaults_for_all_subjects_and_for_some(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(
        """
        [tool.scaleproof]
        width = 8
        seq-len = 8
        depths = "2,4"
        dtypes = "float32"
        select = ["future", "relu-gap"]
        threshold = { growth = ":1" }
        [[tool.scaleproof.subject]]
        name = "my_model.py:Causal*"
        suppress = { leak = "known" }
        skip = ["length"]
        """
    )
    here = json.loads(run("my_model.py:CausalConv", "--json").stdout)
    assert here["settings"]["width"] == 8
    assert here["failed"] == []
    assert {f["name"]: f["suppressed"] for f in here["findings"]}["leak"] == "known"
    assert "length" not in {f["name"] for f in here["findings"]}
    over = json.loads(run("my_model.py:CausalConv", "--json", "--width", "4").stdout)
    assert over["settings"]["width"] == 4
    other = json.loads(run("my_model.py:relu", "--json").stdout)  # growth and leak are no properties of an activation
    assert [f["name"] for f in other["findings"]] == ["relu-gap"]
    assert "no property of kind activation" in run("my_model.py:relu", "--select", "future").stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.scaleproof]\nwdith = 3", "tool.scaleproof has no 'wdith'; 'width' is meant?"),
        ("[tool.scaleproof]\nwidth = 'wide'", "'--width'"),
        ("[tool.scaleproof\nwidth = 3", "cannot read pyproject.toml"),
        ("[[tool.scaleproof.subject]]\nwidth = 3", "needs a name"),
        ("[tool.scaleproof]\nskip = ['leek']", "'leek' is no property"),
        ("[tool.scaleproof]\nbaseline = 'b.json'", "has no 'baseline'"),
    ],
)
def test_mistakes_in_pyproject_are_named(folder: Path, text: str, message: str) -> None:
    (folder / "pyproject.toml").write_text(text)
    done = run("my_model.py:relu", "--dtypes", "float32")
    assert done.exit_code == 2
    assert message in done.stderr.replace("\n", " ")


def test_files_for_a_ci_say_what_failed_and_where(folder: Path) -> None:
    files = ("--junit", "o/j.xml", "--sarif", "o/s.sarif", "--reproduce", "o/again", "--github")
    done = run("my_model.py:CausalConv", *SMALL, "--select", "future", "--suppress", "length=known", *files)
    assert done.exit_code == 1, done.stderr
    (suite,) = junitparser.JUnitXml.fromfile("o/j.xml")
    cases = {case.name: case for case in suite}
    assert suite.failures == 1
    assert cases["leak"].is_failure
    assert cases["length"].is_skipped
    assert cases["reach"].is_passed
    (ran,) = sarif_pydantic.load("o/s.sarif").runs
    assert [(r.rule_id, r.level) for r in ran.results or ()] == [("leak", "error")]
    place = (ran.results or [])[0].locations[0].physical_location
    assert (place.artifact_location.uri, place.region.start_line) == ("my_model.py", 5)
    assert "::error file=my_model.py,line=5,title=my_model.py%3ACausalConv%3A leak::failed: no output" in done.stdout
    assert sorted(p.name for p in (folder / "o" / "again").iterdir()) == ["leak.py"]
    again = subprocess.run([sys.executable, "o/again/leak.py"], capture_output=True, text=True, check=False)
    assert again.returncode == 1, again.stderr
    assert again.stdout.startswith("leak: failed")
    (folder / "my_model.py").write_text(
        MODEL.replace("padding=1", "padding=0").replace("self.mix(x", "self.mix(nn.functional.pad(x, (0, 0, 2, 0))")
    )
    mended = subprocess.run([sys.executable, "o/again/leak.py"], capture_output=True, text=True, check=False)
    assert mended.returncode == 0, mended.stdout + mended.stderr


@pytest.mark.usefixtures("folder")
def test_a_regression_and_a_known_failure_are_told_apart() -> None:
    asked = ("my_model.py:CausalConv", *SMALL, "--select", "leak", "--baseline", "b.json")
    assert run(*asked, "--update-baseline").exit_code == 1
    known = run(*asked, "--github")
    assert known.exit_code == 0
    assert "::warning file=my_model.py" in known.stdout


def test_properties_are_listed_and_explained() -> None:
    listed = CliRunner().invoke(app, ["properties"]).stdout
    for kind in REGISTRY.values():
        for name, prop in kind.properties.items():
            assert name in listed
            assert prop.words in explained(name)
    assert "at most 0.0001" in CliRunner().invoke(app, ["properties", "leak"]).stdout
    wrong = CliRunner().invoke(app, ["properties", "leek"])
    assert (wrong.exit_code, "'leek'" in wrong.stderr) == (2, True)


def test_two_versions_are_held_against_each_other(folder: Path) -> None:
    (folder / "old.py").write_text(MODEL)
    (folder / "new.py").write_text(MODEL.replace("x + self.mix", "x - self.mix"))
    same = run("my_model.py:Mixer", *SMALL, "--against", "old.py:Mixer", "--no-causal")
    assert same.exit_code == 0, same.stderr
    assert "float32: the same, with the same weights" in same.stdout
    other = run("new.py:Mixer", *SMALL, "--against", "old.py:Mixer", "--json")
    assert json.loads(other.stdout)["partings"][0]["place"] == "layers.0"
    both = run("new.py:Mixer", "--against", "old.py:Mixer", "--baseline", "b.json")
    assert (both.exit_code, "give one of them" in both.stderr) == (2, True)
    assert "no such file: older.py" in run("new.py:Mixer", "--against", "older.py:Mixer").stderr

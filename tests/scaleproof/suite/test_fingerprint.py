"""A result depends on the code that it reaches, and on no other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scaleproof.claim import Settings
from scaleproof.suite.fingerprint import Code, hashed
from scaleproof.suite.registry import CLAIMS
from scaleproof.suite.runner import legs
from tests.conftest import ROOT
from torchcheck.data import Task

KEYS = """
import json
from scaleproof.claim import Settings
from scaleproof.suite.fingerprint import Code
from scaleproof.suite.registry import CLAIMS
from scaleproof.suite.runner import legs
code = Code()
print(json.dumps({c.id: [code.of_task(t) for leg in legs(c, Settings()) for t in leg] for c in CLAIMS}))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    for name in ("scaleproof", "torchcheck"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _keys(folder: Path) -> dict[str, list[str]]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", KEYS], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("file", "families"),
    [
        ("torchcheck/modules/squareplus.py", {"squareplus"}),
        ("torchcheck/probes/eg/optimizers.py", {"eg"}),
        ("torchcheck/faults/gau.py", {"gau"}),
        ("torchcheck/data.py", {c.family for c in CLAIMS}),
        ("scaleproof/theory/gau.py", set()),
        ("torchcheck/properties/loss/loss.py", set()),
    ],
)
def test_a_changed_module_measures_again_only_what_reaches_it(copy: Path, file: str, families: set[str]) -> None:
    before = _keys(copy)
    path = copy / file
    text = path.read_text()
    try:
        path.write_text(text + "\n# changed\n")
        after = _keys(copy)
    finally:
        path.write_text(text)
    changed = {c.split(".")[0] for c in before if before[c] != after[c]}
    assert changed == families
    if file.startswith("torchcheck/faults"):
        (fault,) = [(b, a) for c, b in before.items() for a in [after[c]] if c == "gau.identity"]
        assert fault[0] != fault[1]
        assert fault[0][0] == fault[1][0], "the sound module's tasks stay"


def test_a_task_reaches_its_probe_its_subject_and_what_they_import() -> None:
    claim = next(c for c in CLAIMS if c.id == "squareplus.gap")
    code = Code()
    task = claim.plan(Settings(), claim.subject)[0]
    reached = code.reached([code.module_of(task.probe), code.module_of("torchcheck.modules:SquarePlus")])
    assert {"torchcheck.modules.squareplus", "torchcheck.data", "torch"} <= reached
    assert "torchcheck.modules.gau" not in reached
    assert not {m for m in reached if m.startswith("scaleproof")}


def test_names_in_texts_are_reached() -> None:
    """A probe that names its reference module in a text depends on it."""
    code = Code()
    assert "torchcheck.modules.gau" in code.reached([code.module_of("torchcheck.modules:GAU")])
    one = Task("torchcheck.probes.eg.optimizers:closed_form", {"a": ["torchcheck.modules:SquarePlus"]})
    other = Task("torchcheck.probes.eg.optimizers:closed_form", {"a": ["torchcheck.modules:GAU"]})
    assert code.of_task(one) != code.of_task(other)


def test_every_task_has_its_code() -> None:
    """No module that a plan names is unknown to the graph."""
    code = Code()
    for claim in CLAIMS:
        for leg in legs(claim, Settings()):
            for task in leg:
                assert code._is_ours(code.module_of(task.probe)), task.probe


def test_hashes_tell_parts_apart() -> None:
    assert hashed("a", "b") != hashed("ab")
    assert hashed("a", 1) == hashed("a", 1)

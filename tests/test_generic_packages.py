"""A user's repository may have packages of its own named like our folders: they stay theirs, and ours work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

NAMES = ("analysis", "proofs", "reports", "claims", "tests", "data", "suite", "theory", "cli", "check", "measure")
CODE = """
import importlib
for name in {names}:
    assert importlib.import_module(name).MINE == name
import torchcheck, scaleproof.suite.registry, scaleproof.reporting.render
from torchcheck import check_activation
import data, analysis
assert data.MINE == "data" and analysis.MINE == "analysis"
assert check_activation(analysis.act, dtypes=("float32",))
"""


def test_a_repository_with_generic_packages_is_unharmed(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"MINE = {name!r}\n")
    (tmp_path / "analysis/__init__.py").write_text("MINE = 'analysis'\ndef act(x):\n    return x.relu()\n")
    (tmp_path / "tests/test_mine.py").write_text(
        "import analysis, data\nfrom torchcheck import check_activation\n\n\n"
        "def test_mine(scaleproof):\n    scaleproof.activation(analysis.act, dtypes=('float32',))\n"
        "    assert data.MINE == 'data'\n"
    )
    code = [sys.executable, "-c", CODE.format(names=NAMES)]
    suite = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "tests"]
    command = [sys.executable, "-m", "scaleproof", "check", "analysis:act", "--dtypes", "float32"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))}
    for call in (code, suite, command):
        run = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
        assert run.returncode == 0, run.stdout + run.stderr

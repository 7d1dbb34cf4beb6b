"""The table of faults is applied to a copy of the code; every one is noticed, or listed with the reason.

`make mutations` runs all of them; the slow tests a sample, spread over the table.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutations.table import SURVIVORS, Mutation, mutations

ROOT = Path(__file__).parents[2]
ALL = list(mutations())
#: every so manieth of the table is run by the slow tests
SAMPLE = 36
#: seconds; what takes longer than a check ever does has been noticed
LIMIT = 250

#: runs claims in a process of its own; exit 1 at the first that is not as recorded
RUN = """
import sys
from scaleproof.suite import runner
from scaleproof.claim import Settings
from scaleproof.suite.registry import CLAIMS
from scaleproof.suite.conclude import conclude
from torchcheck.run.execute import run_task

for claim in CLAIMS:
    if claim.id in sys.argv[1:]:
        legs = [[m for t in leg for m in run_task(t)] for leg in runner.legs(claim, Settings())]
        result = conclude(claim, Settings(), *legs).result
        if result.verdict != result.recorded or not result.expected:
            print(claim.id, result.verdict, result.message)
            sys.exit(1)
"""


def noticed(mutation: Mutation, folder: Path) -> str:
    """What noticed the mutation, in a copy of the repository; "" if nothing did."""
    for name in ("scaleproof", "torchcheck", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    file = folder / mutation.file
    file.write_text(file.read_text(encoding="utf-8").replace(mutation.old, mutation.new), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    claims = [c for c in mutation.checks if not c.endswith(".py")]
    files = [c for c in mutation.checks if c.endswith(".py")]
    commands = [[sys.executable, "-c", RUN, *claims]] if claims else []
    commands += [[sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:randomly", "-n", "0", file] for file in files]
    for command in commands:
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT
            )
        except subprocess.TimeoutExpired:
            return f"no end within {LIMIT} s"
        if done.returncode:
            return (done.stdout + done.stderr)[-400:] or "an error"
    return ""


def _checked(mutation: Mutation, folder: Path) -> None:
    found = noticed(mutation, folder)
    if mutation.id in SURVIVORS:
        assert not found, f"{mutation.id} is noticed now: take it off the list of survivors"
    else:
        assert found, f"{mutation.file}: {mutation.new!r} for {mutation.old!r} is noticed by none of {mutation.checks}"


def test_the_table_fits_the_code() -> None:
    assert len(ALL) >= 150
    assert len({m.id for m in ALL}) == len(ALL)
    assert set(SURVIVORS) <= {m.id for m in ALL}
    for m in ALL:
        text = (ROOT / m.file).read_text(encoding="utf-8")
        assert text.count(m.old) == 1, f"{m.file}: {m.old!r} stands {text.count(m.old)} times"
        assert m.new != m.old


@pytest.mark.slow
@pytest.mark.parametrize("mutation", ALL[::SAMPLE], ids=lambda m: m.id)
def test_a_sample_is_noticed(mutation: Mutation, tmp_path: Path) -> None:
    _checked(mutation, tmp_path)


@pytest.mark.mutations
@pytest.mark.parametrize("mutation", ALL, ids=lambda m: m.id)
def test_every_one_is_noticed(mutation: Mutation, tmp_path: Path) -> None:
    _checked(mutation, tmp_path)

"""What docs/check.md shows of the five variants is what the commands print: every line, but for measured digits."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
#: a command in a paragraph, and the block of output that follows it
SHOWN = re.compile(r"`scaleproof (check variants\.py:[^`]+)`[^`]*?\n```\n(.*?)```", re.DOTALL)
EXAMPLES = SHOWN.findall((DOCS / "check.md").read_text(encoding="utf-8"))


def without_digits(line: str) -> str:
    """A line whose measured numbers are all one: intervals, values and seconds differ from machine to machine."""
    return re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", "#", line.strip())


def assert_prints(shown: str, printed: str) -> None:
    """Every line shown was printed; one that ends in dots begins so."""
    lines = {without_digits(line) for line in printed.splitlines()}
    for line in map(without_digits, shown.splitlines()):
        start = line.removesuffix("...").strip()
        assert line in lines or (start != line and any(other.startswith(start) for other in lines)), (line, printed)


def test_all_variants_are_shown() -> None:
    variants = {command.split(":")[1].split()[0] for command, _ in EXAMPLES}
    assert variants == {"GatedFeedForward", "Unnormalised", "ConvAttention", "SumOfSquaresNorm"}
    assert len(EXAMPLES) == 6


@pytest.mark.slow
@pytest.mark.parametrize(("command", "shown"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_the_guide_shows_what_is_printed(command: str, shown: str, tmp_path: Path) -> None:
    shutil.copy(DOCS / "examples" / "variants.py", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "scaleproof", *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert_prints(shown, done.stdout)

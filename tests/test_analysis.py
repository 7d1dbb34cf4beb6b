"""The derivations under analysis/ run: every cell of every document, in order."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch

from scaleproof.suite.registry import CLAIMS

FOLDER = Path(__file__).parents[1] / "analysis"
CELL = re.compile(r"^```\{code-cell\} python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


#: half a minute (the theory of the unit's output): left to the site's build, which runs all cells as well
LONG = "gau"
PAGES = [
    pytest.param(p, id=p.stem, marks=[pytest.mark.slow, pytest.mark.long] if p.stem == LONG else [])
    for p in sorted(FOLDER.glob("*.md"))
]


@pytest.mark.parametrize("page", PAGES)
def test_every_cell_runs(page: Path) -> None:
    plt.switch_backend("agg")
    torch.set_num_threads(1)
    names: dict[str, object] = {}
    cells = CELL.findall(page.read_text(encoding="utf-8"))
    assert cells
    for number, code in enumerate(cells, 1):
        exec(compile(code, f"{page.name}, cell {number}", "exec"), names)
        plt.close("all")


def test_every_family_has_its_document() -> None:
    assert {page.stem for page in FOLDER.glob("*.md")} == {claim.family for claim in CLAIMS}

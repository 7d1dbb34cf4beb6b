"""The documentation's example of a claim runs: its verdict is the recorded one, and its fault is noticed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from scaleproof.claim import Settings
from scaleproof.suite import runner
from scaleproof.suite.environment import environment
from tests.conftest import about_run, here

PAGE = Path(__file__).parents[3] / "docs/adding-a-claim.md"


def test_the_example_is_a_claim(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    (result,) = runner.run([names["CLAIM"]], Settings(), tmp_path, here(), about_run(), environment()).results
    assert result.verdict == "confirmed"
    assert result.expected, result.message
    assert result.fault is not None
    assert result.fault.caught

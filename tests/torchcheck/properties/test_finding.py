"""How a result shows itself."""

from __future__ import annotations

from xml.etree import ElementTree

import torch

from torchcheck import check_activation
from torchcheck.properties.finding import CheckResult, Finding, Threshold


def _shown(result: CheckResult) -> tuple[list[list[str]], list[str]]:
    """The rows that a notebook shows, and the names of those that are folded away; not XML: ParseError."""
    page = ElementTree.fromstring(f"<div>{result._repr_html_()}</div>")
    rows = [["".join(cell.itertext()) for cell in row.findall("td")] for row in page.findall("./table/tbody/tr")]
    return rows, ["".join(row[0].itertext()) for row in page.findall("./details//tbody/tr")]


def test_a_notebook_shows_what_failed_or_is_open_or_borne_and_folds_the_rest() -> None:
    limit = Threshold(hi=1)
    findings = (
        Finding("sound", "ok", "", 0.0, threshold=limit),
        Finding("failed", "failed", "", 2.0, threshold=limit, witness="at <x> & y", advice="mend it"),
        Finding("open", "inconclusive", "", 1.0, threshold=limit),
        Finding("asked", "question", "", note="meant so?"),
        Finding("borne", "failed", "", 3.0, threshold=limit, suppressed="known"),
        Finding("noted", "noted", "", 4.0),
    )
    rows, folded = _shown(CheckResult("a<b", "block", "", findings))
    assert [row[0] for row in rows] == ["failed", "open", "asked", "borne"]
    assert rows[0][1:] == ["failed", "2, wanted at most 1", "at <x> & y", "mend it"]
    assert folded == ["sound", "noted"]


def test_the_result_of_a_check_shows_itself() -> None:
    rows, folded = _shown(check_activation(torch.tanh))
    assert not rows
    assert "elementwise" in folded
    rows, _ = _shown(check_activation(lambda x: x / x.abs().max()))
    assert rows[0][:2] == ["elementwise", "failed"]

"""How a result shows itself."""

from __future__ import annotations

from xml.etree import ElementTree

import torch

from torchcheck import check_activation


def test_a_notebook_shows_what_failed_and_folds_the_rest() -> None:
    sound = check_activation(torch.tanh)
    broken = check_activation(lambda x: x / x.abs().max())
    for result in (sound, broken):
        page = ElementTree.fromstring(f"<div>{result._repr_html_()}</div>")
        rows = [[cell.text or "" for cell in row.findall("td")] for row in page.findall("./table/tbody/tr")]
        assert {row[0] for row in rows} == {f.name for f in (*result.failed, *result.undecided)}
        assert len(page.findall("./details//tbody/tr")) == len(result.findings) - len(rows)
    assert "elementwise" in broken._repr_html_()

"""The first figure: every claim is there, under its family, with its verdict's sign; a surprise is framed."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.patches import Rectangle

from scaleproof.reporting.figures.overview import LOOKS, paint
from scaleproof.reporting.record import Record, Result

PUBLISHED = Path(__file__).parents[3] / "reports/published/record.json"


@pytest.fixture(scope="module")
def results() -> tuple[Result, ...]:
    return Record.model_validate_json(PUBLISHED.read_text()).results


def test_every_claim_has_its_square_and_its_sign(results: tuple[Result, ...]) -> None:
    canvas = plt.figure()
    assert paint(results, canvas)
    (axes,) = canvas.axes
    words = [t.get_text() for t in axes.texts]
    squares = [p for p in axes.patches if isinstance(p, Rectangle)]
    assert len(squares) == len(results)
    for r in results:
        assert r.id.split(".", 1)[1] in [w.replace("\n", "") for w in words]
    for sign in {LOOKS[r.verdict][1] for r in results}:
        assert words.count(sign) == sum(LOOKS[r.verdict][1] == sign for r in results)
    assert [w for w in words if w in {r.family for r in results}] == list(dict.fromkeys(r.family for r in results))
    assert f"✓ {sum(r.verdict == 'proved' for r in results)} proved" in words[-1]
    assert not any(p.get_linewidth() >= 2 and p.get_edgecolor()[3] for p in squares)
    plt.close(canvas)


def test_a_surprise_is_framed_and_one_claim_needs_no_figure(results: tuple[Result, ...]) -> None:
    odd = [results[0].model_copy(update={"expected": False, "verdict": "refuted"}), *results[1:3]]
    canvas = plt.figure()
    assert paint(odd, canvas)
    framed = [p for p in canvas.axes[0].patches if isinstance(p, Rectangle) and p.get_linewidth() == 2]
    assert len(framed) == 1
    plt.close(canvas)
    assert not paint(results[:1], plt.figure())
    plt.close("all")

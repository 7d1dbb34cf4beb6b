"""Figures are drawn once, and what comes from a store is a drawing or is drawn again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaleproof.reporting.figures.drawing import Gallery, Shelf, is_drawing

HOSTILE = (
    "<svg><script>alert(1)</script></svg>",
    "<svg onload='alert(1)'/>",
    "<svg><a xlink:href='https://example.org'/></svg>",
    '<svg><image href="http://example.org/x.png"/></svg>',
    "<svg><rect style='fill: url(http://example.org)'/></svg>",
    7,
)


def test_what_shows_the_same_is_drawn_once(tmp_path: Path) -> None:
    kept: dict[str, str] = {}
    painted: list[str] = []

    def paint(canvas: Any) -> bool:
        painted.append("once")
        canvas.subplots().plot([1, 2], [3, 4])
        return True

    gallery = Gallery(tmp_path, Shelf(kept.get, kept.__setitem__))
    for shows in ("a", "a", "b"):
        assert gallery.hang("figure", [shows], paint)
    assert len(painted) == len(kept) == 2
    assert (tmp_path / "figure.svg").read_text() in kept.values()
    assert all(map(is_drawing, kept.values()))


def test_what_lacks_its_data_is_no_figure_and_stays_so(tmp_path: Path) -> None:
    kept: dict[str, str] = {}
    gallery = Gallery(tmp_path, Shelf(kept.get, kept.__setitem__))
    assert not any(gallery.hang("none", ["x"], lambda _: False) for _ in range(2))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("svg", HOSTILE)
def test_more_than_lines_and_letters_is_no_drawing(svg: object) -> None:
    assert not is_drawing(svg)


def test_published_figures_are_drawings() -> None:
    figures = [*(Path(__file__).parents[3] / "reports/published/figures").glob("*.svg")]
    assert figures
    assert all(is_drawing(f.read_text(encoding="utf-8")) for f in figures)

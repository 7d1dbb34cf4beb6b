"""Draws every figure that a record has the data for, as SVG that prints well and needs no colour."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scaleproof.reports.record import Curve, MeasurementRow, Record, Result, write_atomically

#: Okabe and Ito's palette, told apart by the colour-blind; line styles differ as well
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))

STYLE = {
    "figure.figsize": (7.2, 3.4),
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "svg.hashsalt": "scaleproof",
}


@dataclass(frozen=True)
class Figure:
    """A figure in figures/<name>.svg."""

    name: str
    caption: str


@dataclass(frozen=True)
class Drawing:
    """How to draw one figure of one claim; `paint` returns False if the result lacks the data."""

    claim: str
    name: str
    caption: str
    paint: Callable[[Any, Result], bool]


def draw(record: Record, folder: Path) -> dict[str, list[Figure]]:
    """Writes the figures into `folder`; returns those of each claim, by its id."""
    from scaleproof.reports.figures import catalogue

    results = {r.id: r for r in record.results}
    found: dict[str, list[Figure]] = {}
    for drawing in catalogue.DRAWINGS:
        result = results.get(drawing.claim)
        if result is not None and write_figure(folder / f"{drawing.name}.svg", partial(_painted, drawing, result)):
            found.setdefault(drawing.claim, []).append(Figure(drawing.name, drawing.caption))
    return found


def write_figure(path: Path, paint: Callable[[Any], bool]) -> bool:
    """Lets `paint` draw on a canvas and writes it as SVG, unless it answers False; returns its answer."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        canvas = plt.figure()
        try:
            painted = paint(canvas)
            if painted:
                text = io.StringIO()
                canvas.savefig(text, format="svg", metadata={"Date": None})
                write_atomically(path, text.getvalue())
        finally:
            plt.close(canvas)
    return painted


def _painted(drawing: Drawing, result: Result, canvas: Any) -> bool:
    return drawing.paint(canvas, result)


def curves(result: Result, name: str) -> list[tuple[MeasurementRow, Curve]]:
    """The curves whose name begins with `name`, each with the measurement that carries it."""
    return [(m, s) for m in result.measurements for s in m.series if s.name.startswith(name)]

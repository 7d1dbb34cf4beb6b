"""What all figures share: SVG that prints well and needs no colour."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaleproof.reporting.record import Curve, MeasurementRow, Result, write_atomically

#: Okabe and Ito's palette, told apart by the colour-blind; line styles differ as well
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))

#: what makes an SVG more than a drawing; matplotlib writes none of it
ACTIVE = re.compile(
    r"<\s*(script|foreignObject|iframe|animate|set|style[^>]*>[^<]*@import)\b|\son\w+\s*=|javascript:|<!ENTITY"
    r"|href\s*=\s*[\"'](?!#|data:image/png)|url\(\s*[\"']?(?!#)",
    re.IGNORECASE,
)

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


@dataclass(frozen=True)
class Shelf:
    """Figures of earlier runs: `find` one by what it shows, None where it is not there, and `keep` one."""

    find: Callable[[str], str | None] = lambda _: None
    keep: Callable[[str, str], None] = lambda *_: None


@dataclass(frozen=True)
class Gallery:
    """The folder of a report's figures. What is on the `shelf` is not drawn again."""

    folder: Path
    shelf: Shelf = field(default_factory=Shelf)

    def hang(
        self, name: str, shows: Iterable[object], paint: Callable[[Any], bool], style: Mapping[str, Any] | None = None
    ) -> bool:
        """Writes name.svg, as `paint` draws it on a canvas, unless that answers False; returns its answer.

        `shows` is all that it is drawn of; `style` what it has of its own, in matplotlib's names.
        """
        key = hashlib.sha256("\n".join([name, *map(str, shows)]).encode()).hexdigest()
        svg = self.shelf.find(key)
        if svg is None:
            svg = drawn(paint, style)
            self.shelf.keep(key, svg)
        if svg:
            write_atomically(self.folder / f"{name}.svg", svg)
        return bool(svg)


def is_drawing(svg: object) -> bool:
    """Whether a figure from elsewhere is nothing but lines and letters: no script, and nothing from other places."""
    return isinstance(svg, str) and ACTIVE.search(svg) is None


def drawn(paint: Callable[[Any], bool], style: Mapping[str, Any] | None = None) -> str:
    """What `paint` draws on a canvas, as SVG; empty where it answers False."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    with plt.rc_context({**STYLE, **(style or {})}):
        canvas = plt.figure()
        try:
            if not paint(canvas):
                return ""
            text = io.StringIO()
            canvas.savefig(text, format="svg", metadata={"Date": None})
            return _shortened(text.getvalue())
        finally:
            plt.close(canvas)


def _shortened(svg: str) -> str:
    """Coordinates of paths to a hundredth of a point: a third of the text."""
    return re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), svg)


def curves(result: Result, *kinds: str) -> list[tuple[MeasurementRow, Curve]]:
    """The curves of these kinds, each with the measurement that carries it."""
    return [(m, s) for m in result.measurements for s in m.series if s.kind in kinds]


def lines(axes: Any, result: Result, *kinds: str) -> bool:
    """Every curve of these kinds: points where it was measured, lines else."""
    chosen = curves(result, *kinds)
    for k, (_, curve) in enumerate(chosen):
        is_measured = curve.kind.startswith("measured")
        look = {"marker": "os^"[k % 3], "linestyle": "none"} if is_measured else {"linestyle": STYLES[k]}
        axes.plot(curve.x, curve.y, color=COLOURS[k], label=curve.name, markersize=4, **look)
        axes.set(xlabel=curve.x_label, ylabel=curve.y_label)
    return bool(chosen)

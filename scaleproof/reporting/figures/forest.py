"""A claim's predictions and measurements as intervals: the predicted band, and what was measured, row by row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from scaleproof.reporting.figures.drawing import Figure, Gallery
from scaleproof.reporting.record import MeasurementRow, PredictionRow, Result
from torchcheck.data import shown, within

#: rows of one figure, inches a row, and how far a point may lie outside its band before it is drawn at the edge
MOST, HEIGHT, EDGE = 16, 0.135, 3.0
#: letters stay letters, a tenth of their outlines
TEXT = {"svg.fonttype": "none", "font.family": "sans-serif"}
CAPTION = "Predicted (grey) and measured."


@dataclass(frozen=True)
class Line:
    """One measurement against its prediction; `lo`, `value` and `hi` are in units of the band, which is [-1, 1]."""

    label: str
    words: str
    lo: float
    value: float
    hi: float
    left: bool
    right: bool
    inside: bool


def draw(result: Result, gallery: Gallery) -> list[Figure]:
    """Writes a claim's rows into as many figures as they need; none for fewer than two rows."""
    rows = list(lines(result))
    if len(rows) < 2:
        return []
    figures = []
    for number, first in enumerate(range(0, len(rows), MOST)):
        name = f"forest-{result.id.replace('.', '-')}" + (f"-{number + 1}" if number else "")
        some = rows[first : first + MOST]
        if gallery.hang(name, some, partial(_paint, some), TEXT):
            figures.append(Figure(name, CAPTION))
    return figures


def lines(result: Result) -> Iterator[Line]:
    """Every judged measurement that has a prediction and a value."""
    for p in result.predictions:
        for m in result.judged:
            if m.name == p.name and m.value is not None:
                yield _line(p, m)


def _line(p: PredictionRow, m: MeasurementRow) -> Line:
    value = float(m.value or 0.0)
    lo, hi = (value if v is None else float(v) for v in (m.lo, m.hi))
    band = (float(p.lo) - p.tolerance, float(p.hi) + p.tolerance)
    where = f"{m.dtype}, {m.subject}"
    words = f"{shown(value, lo, hi, m.unit)}; predicted {_band(p)}"
    a, b, c = (_place(v, band) for v in (lo, value, hi))
    inside = within(lo, hi, band) == "inside"
    return Line(f"{p.name}  {where}", words, a, b, c, math.isfinite(band[0]), math.isfinite(band[1]), inside)


def _place(value: float, band: tuple[float, float]) -> float:
    """Where a value lies, -1 and 1 being the ends of the band; of a bound, in units of its own size."""
    lo, hi = band
    if math.isnan(value):
        return EDGE
    if math.isfinite(lo) and math.isfinite(hi):
        half = (hi - lo) / 2
        place = (value - (lo + hi) / 2) / half if half else math.copysign(math.inf, value - lo) if value != lo else 0.0
    elif math.isfinite(lo):
        place = -1 + (value - lo) / (abs(lo) or 1.0)
    else:
        place = 1 - (hi - value) / (abs(hi) or 1.0)
    return max(-EDGE, min(EDGE, place))


def _band(p: PredictionRow) -> str:
    lo, hi = float(p.lo), float(p.hi)
    if math.isinf(hi):
        return f"at least {lo:.6g}"
    if math.isinf(lo):
        return f"at most {hi:.6g}"
    text = f"{lo:.6g}" if f"{lo:.6g}" == f"{hi:.6g}" else f"{lo:.5g} to {hi:.5g}"
    return f"{text} ± {p.tolerance:.2g}" if p.tolerance else text


def _paint(rows: Sequence[Line], canvas: Any) -> bool:
    canvas.set_layout_engine("none")
    height = HEIGHT * len(rows) + 0.1
    canvas.set_size_inches(6.3, height)
    axes = canvas.add_axes((0.35, 0.05 / height, 0.16, 1 - 0.1 / height))
    axes.set(xlim=(-EDGE - 0.1, EDGE + 0.1), ylim=(len(rows) - 0.5, -0.5), xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
    for k, row in enumerate(rows):
        left, right = (-1 if row.left else -EDGE), (1 if row.right else EDGE)
        axes.fill_betweenx([k - 0.38, k + 0.38], left, right, color="#dddddd", linewidth=0)
        colour = "#0072b2" if row.inside else "#d55e00"
        axes.plot([row.lo, row.hi], [k, k], color=colour, linewidth=1)
        axes.plot([row.value], [k], marker="o" if row.inside else "X", markersize=3, color=colour)
        axes.text(-EDGE - 0.2, k, _cut(row.label, 42), ha="right", va="center", fontsize=6)
        axes.text(EDGE + 0.2, k, _cut(row.words, 66), ha="left", va="center", fontsize=6)
    return True


def _cut(text: str, length: int) -> str:
    text = text.replace("$", r"\$")
    return text if len(text) <= length else text[: length - 1] + "…"

"""Draws every figure that a record has the data for; which claims have figures, one file a family."""

from __future__ import annotations

from functools import partial
from typing import Any

from scaleproof.reporting.figures import deepnet, eg, events, flash, gau, gplinker, overview, residual, squareplus
from scaleproof.reporting.figures.drawing import Drawing, Figure, Gallery
from scaleproof.reporting.record import Record, Result

DRAWINGS: tuple[Drawing, ...] = (
    *squareplus.DRAWINGS,
    *eg.DRAWINGS,
    *residual.DRAWINGS,
    *deepnet.DRAWINGS,
    *flash.DRAWINGS,
    *gau.DRAWINGS,
    *gplinker.DRAWINGS,
    *events.DRAWINGS,
)


#: the figure of all verdicts
OVERVIEW = "verdicts"


def draw(record: Record, gallery: Gallery) -> dict[str, list[Figure]]:
    """Writes the figures; returns those of each claim, by its id, and that of all under OVERVIEW."""
    results = {r.id: r for r in record.results}
    by_name: dict[str, list[Figure]] = {}
    verdicts = [(r.id, r.verdict, r.expected) for r in record.results]
    if gallery.hang(OVERVIEW, verdicts, partial(overview.paint, record.results)):
        by_name[OVERVIEW] = [Figure(OVERVIEW, overview.CAPTION)]
    for drawing in DRAWINGS:
        result = results.get(drawing.claim)
        if result is None:
            continue
        shows = result.model_dump_json(exclude={"seconds", "stored"})
        if gallery.hang(drawing.name, [shows], partial(_painted, drawing, result)):
            by_name.setdefault(drawing.claim, []).append(Figure(drawing.name, drawing.caption))
    return by_name


def _painted(drawing: Drawing, result: Result, canvas: Any) -> bool:
    return drawing.paint(canvas, result)

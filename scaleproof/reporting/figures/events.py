"""Figures of the events claims."""

from __future__ import annotations

import math
from typing import Any

from scaleproof.reporting.figures.drawing import COLOURS, STYLES, Drawing, curves
from scaleproof.reporting.record import Result


def _graph(canvas: Any, result: Result) -> bool:
    chosen = curves(result, "event")
    if not chosen:
        return False
    events = chosen[0][0].series  # other subjects have the same ones
    canvas.set_size_inches(4.6, 3.2)
    axes = canvas.subplots()
    nodes = sorted({int(v) for c in events for v in (*c.x, *c.y)})
    turn = 2 * math.pi / len(nodes)
    at = {n: (math.sin(k * turn), math.cos(k * turn)) for k, n in enumerate(nodes)}
    for k, curve in enumerate(events):
        for number, (a, b) in enumerate(zip(curve.x, curve.y, strict=True)):
            (x1, y1), (x2, y2) = at[int(a)], at[int(b)]
            label = curve.name if not number else None
            axes.plot((x1, x2), (y1, y2), color=COLOURS[k], linestyle=STYLES[k], linewidth=2.5, label=label)
    for n, (x, y) in at.items():
        axes.annotate(f"r{n}", (x, y), ha="center", va="center", bbox={"boxstyle": "circle", "fc": "white"})
    axes.set(xlim=(-1.4, 2.6), ylim=(-1.1, 1.4), aspect="equal")
    axes.axis("off")
    axes.legend(fontsize=8, loc="center right")
    return True


def _cost(canvas: Any, result: Result) -> bool:
    if not curves(result, "count"):
        return False
    for axes, kind in zip(canvas.subplots(1, 2), ("count", "seconds"), strict=True):
        for k, (_, curve) in enumerate(curves(result, kind)):
            axes.plot(
                curve.x, curve.y, marker="o", color=COLOURS[k], linestyle=STYLES[k], label=curve.name, markersize=3
            )
        axes.set(yscale="log", xlabel="nodes", ylabel=kind)
        axes.legend(fontsize=7)
    return True


DRAWINGS: tuple[Drawing, ...] = (
    Drawing(
        "events.complete",
        "events-counterexample",
        "The smallest events, none inside another, that do not come back: their links close a triangle, one clique.",
        _graph,
    ),
    Drawing(
        "events.fast",
        "events-cost",
        "The article's search and networkx's, groups of two (cocktail party graphs) and of three (Moon-Moser graphs).",
        _cost,
    ),
)

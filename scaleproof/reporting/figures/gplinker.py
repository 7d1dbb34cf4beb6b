"""Figures of the gplinker claims."""

from __future__ import annotations

import math
from typing import Any

from scaleproof.reporting.figures.drawing import COLOURS, STYLES, Drawing, curves
from scaleproof.reporting.record import Result


def _loss(canvas: Any, result: Result) -> bool:
    chosen = [c for _, c in curves(result, "ours", "textbook") if max(c.y, default=0.0) > 1e-12]
    if not chosen:
        return False
    axes = canvas.subplots()
    for k, curve in enumerate(chosen):
        points = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if 0 < y < math.inf]
        broken = [x for x, y in zip(curve.x, curve.y, strict=True) if y == math.inf]
        style = STYLES[0] if curve.kind == "ours" else STYLES[1]
        axes.plot(*zip(*points, strict=True), color=COLOURS[k], linestyle=style, label=curve.name)
        if broken:
            axes.plot(max(broken), 3.0, "x", color=COLOURS[k], markersize=7, markeredgewidth=2)
    axes.set(xscale="log", yscale="log", xlabel="1 - share of the positives", ylabel="relative error of the loss")
    axes.invert_xaxis()
    axes.legend(fontsize=7, ncols=2)
    return True


DRAWINGS: tuple[Drawing, ...] = (
    Drawing(
        "gplinker.sparse-loss",
        "gplinker-loss-error",
        "Relative error of the loss against the positives' share of the sum. Crosses: from here on infinite or NaN.",
        _loss,
    ),
)

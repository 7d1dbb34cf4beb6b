"""Figures of the eg claims."""

from __future__ import annotations

from typing import Any

from scaleproof.reporting.figures.drawing import COLOURS, STYLES, Drawing, curves
from scaleproof.reporting.record import Result


def _decay(canvas: Any, result: Result) -> bool:
    chosen = curves(result, "decay")
    if not chosen:
        return False
    axes = canvas.subplots()
    for k, (measured, curve) in enumerate(chosen):
        end = f"0 at step {measured.value:.0f}" if measured.value is not None and measured.value > 0 else "never 0"
        axes.plot(curve.x, curve.y, color=COLOURS[k], linestyle=STYLES[k], label=f"{curve.name}: {end}")
        if measured.value is not None and measured.value > 0:
            axes.plot(curve.x[-1], curve.y[-1], "x", color=COLOURS[k], markersize=7, markeredgewidth=2)
    axes.axhline(2.0**-126, color="#555555", linewidth=0.8, linestyle=":")
    axes.annotate("smallest normal float32", (1, 2.0**-126), (0, 3), textcoords="offset points", fontsize=8)
    axes.axhline(2.0**-149, color="#555555", linewidth=0.8, linestyle="--")
    axes.annotate("smallest subnormal", (1, 2.0**-149), (0, 3), textcoords="offset points", fontsize=8)
    axes.set(xscale="log", yscale="log", xlabel="step", ylabel="theta")
    axes.legend(fontsize=8)
    return True


DRAWINGS = (
    Drawing(
        "eg.non-negative",
        "eg-decay",
        "EG in float32 from theta = 1 under a constant eta g = u. Crosses: the last positive value before 0. "
        "With u < log 2 = 0.693 the coordinate sticks above 0 for ever.",
        _decay,
    ),
)

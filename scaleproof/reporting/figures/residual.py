"""Figures of the residual claims."""

from __future__ import annotations

import math
from typing import Any

from scaleproof.reporting.figures.drawing import COLOURS, Drawing
from scaleproof.reporting.record import Result


def _expansion(canvas: Any, result: Result) -> bool:
    """(1 + 1/sqrt(N))^N, (1 + 1/N)^N and what was measured, as factors of the norm."""
    points: dict[str, list[tuple[int, float, float, float]]] = {}
    for m in result.measurements:
        if m.at.get("quantity") == "log-backward" and m.value is not None and m.lo is not None and m.hi is not None:
            row = (int(m.at["N"]), math.exp(m.value), math.exp(m.lo), math.exp(m.hi))
            points.setdefault(str(m.at["branch"]), []).append(row)
    if not points:
        return False
    axes = canvas.subplots()
    depths = [2**k for k in range(11)]
    axes.plot(depths, [(1 + n**-0.5) ** n for n in depths], color=COLOURS[0], label="(1 + ε)^N")
    axes.plot(
        depths, [(1 + 1 / n) ** (n / 2) for n in depths], color=COLOURS[1], linestyle="--", label="(1 + ε²)^(N/2)"
    )
    axes.axhline(math.exp(-0.5), color="#555555", linestyle=":", linewidth=1, label="typical, N → ∞: exp(−1/2)")
    for k, (branch, rows) in enumerate(sorted(points.items())):
        xs, ys, lows, highs = zip(*sorted(rows), strict=True)
        name = "width 1, all f' = 1" if branch == "coherent" else "width 1, random f' (geometric mean)"
        axes.plot(xs, ys, "os"[k], color=COLOURS[2 + k], label=f"{name}, measured")
        axes.vlines(xs, lows, highs, color=COLOURS[2 + k])
    axes.set(xscale="log", yscale="log", xlabel="N, with ε = 1/√N", ylabel="expansion of a cotangent", ylim=(0.3, 1e9))
    axes.legend(fontsize=8, loc="upper left")
    return True


DRAWINGS: tuple[Drawing, ...] = (
    Drawing(
        "residual.one-dim",
        "residual-expansion",
        "What N layers with ε = 1/√N do to a cotangent: the worst case, the random case, and both measured at width 1.",
        _expansion,
    ),
)

"""Figures of the flash claims."""

from __future__ import annotations

from typing import Any

from scaleproof.reporting.figures.drawing import COLOURS, STYLES, Drawing, curves, lines
from scaleproof.reporting.record import Result


def _row_sums(canvas: Any, result: Result) -> bool:
    axes = canvas.subplots()
    drawn = lines(axes, result, "measured", "theory")
    if drawn:
        axes.set(xscale="log", yscale="log")
        axes.legend(fontsize=8)
    return drawn


def _cost(canvas: Any, result: Result) -> bool:
    pairs = canvas.subplots(1, 2)
    drawn = False
    for axes, kind in zip(pairs, ("time", "memory"), strict=True):
        for k, (_, curve) in enumerate(curves(result, kind)):
            ys = curve.y if kind == "time" else [y / 2**20 for y in curve.y]
            axes.plot(curve.x, ys, marker="o", color=COLOURS[k], linestyle=STYLES[k], label=curve.name, markersize=3)
            drawn = True
        axes.set_xscale("log", base=2)
        axes.set(yscale="log", xlabel="tokens")
    pairs[0].set(ylabel="seconds, forward and backward")
    pairs[1].set(ylabel="MiB at the peak")
    pairs[0].legend(fontsize=7)
    return drawn


def _dependence(canvas: Any, result: Result) -> bool:
    chosen = [c for kind in ("dependence", "size") for _, c in curves(result, kind)]
    if not chosen:
        return False
    from matplotlib.colors import LogNorm

    canvas.set_size_inches(4.6, 3.8)
    axes = canvas.subplots()
    at, size = chosen
    shown = axes.scatter(at.x, at.y, c=size.y, s=9, marker="s", cmap="viridis_r", norm=LogNorm(), rasterized=False)
    canvas.colorbar(shown, ax=axes, label="size of dy_i/dx_j")
    axes.set(xlabel=at.x_label, ylabel=at.y_label, aspect="equal")
    axes.invert_yaxis()
    axes.grid(visible=False)
    return True


DRAWINGS: tuple[Drawing, ...] = (
    Drawing(
        "flash.normaliser",
        "flash-row-sums",
        "Mean row sum of A at initialisation over the number of tokens.",
        _row_sums,
    ),
    Drawing(
        "flash.no-leak",
        "flash-dependence",
        "Which input positions the outputs of a causal FLASH layer depend on, n = 45, c = 8. White is exactly 0.",
        _dependence,
    ),
    Drawing("flash.linear-cost", "flash-cost", "Wall time and peak memory of forward and backward over n.", _cost),
)

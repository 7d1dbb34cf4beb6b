"""Figures of the flash and gau claims."""

from __future__ import annotations

from typing import Any

from scaleproof.reports.figures.draw import COLOURS, STYLES, Drawing, curves
from scaleproof.reports.record import Result


def _lines(axes: Any, result: Result, names: dict[str, str]) -> bool:
    """Every named curve: points where it was measured, lines where it is theory."""
    drawn = False
    for k, (name, marker) in enumerate(names.items()):
        for _, curve in curves(result, name):
            axes.plot(
                curve.x, curve.y, marker=marker or None, color=COLOURS[k], label=curve.name, markersize=4,
                linestyle="none" if marker else STYLES[k],
            )  # fmt: skip
            axes.set(xlabel=curve.x_label, ylabel=curve.y_label)
            drawn = True
    return drawn


def _output_over_n(canvas: Any, result: Result) -> bool:
    axes = canvas.subplots()
    drawn = _lines(axes, result, {"measured": "o", "ours": "", "source": "", "the diagonal": ""})
    if drawn:
        axes.set(xscale="log", yscale="log")
        axes.legend(fontsize=8)
    return drawn


def _output_over_gain(canvas: Any, result: Result) -> bool:
    found = {c.name: c for _, c in curves(result, "")}
    if "our exponent" not in found:
        return False
    pair = canvas.subplots(1, 2)
    for axes, names in zip(
        pair, (("measured", "ours", "source: lambda^7"), ("measured exponent", "our exponent")), strict=True
    ):
        for k, c in enumerate(found[name] for name in names):
            style = "none" if k == 0 else STYLES[k]
            marker = "o" if k == 0 else None
            axes.plot(c.x, c.y, color=COLOURS[k], linestyle=style, marker=marker, label=c.name, markersize=4)
            axes.set(xscale="log", xlabel=c.x_label, ylabel=c.y_label)
        axes.legend(fontsize=8)
    pair[0].set_yscale("log")
    pair[1].axhline(7, color="#555555", linewidth=0.8, linestyle=":")
    return True


def _row_sums(canvas: Any, result: Result) -> bool:
    axes = canvas.subplots()
    names = {
        "measured, divisor ns": "o",
        "theory, divisor ns": "",
        "measured, divisor n2": "s",
        "theory, divisor n2": "",
    }
    drawn = _lines(axes, result, names)
    if drawn:
        axes.set(xscale="log", yscale="log")
        axes.legend(fontsize=8)
    return drawn


def _entries(canvas: Any, result: Result) -> bool:
    found = curves(result, "histogram")
    if not found:
        return False
    axes = canvas.subplots()
    for k, (_, curve) in enumerate(found):
        axes.plot(curve.x, curve.y, color=COLOURS[k], linestyle=STYLES[k], label=curve.name.removeprefix("histogram: "))
        axes.fill_between(curve.x, curve.y, color=COLOURS[k], alpha=0.15)
        axes.set(xlabel=curve.x_label, ylabel=curve.y_label)
    axes.set(xscale="log", xlim=(1e-6, 10))
    axes.axvline(1 / 69.4, color="#555555", linewidth=0.8, linestyle=":")
    axes.annotate("1/69", (1 / 69.4, 0), (3, 20), textcoords="offset points", fontsize=8)
    axes.legend(fontsize=8)
    return True


def _cost(canvas: Any, result: Result) -> bool:
    pairs = canvas.subplots(1, 2)
    drawn = False
    for axes, kind in zip(pairs, ("time: ", "memory: "), strict=True):
        for k, (_, curve) in enumerate(curves(result, kind)):
            ys = curve.y if kind == "time: " else [y / 2**20 for y in curve.y]
            label = curve.name.removeprefix(kind)
            axes.plot(curve.x, ys, marker="o", color=COLOURS[k], linestyle=STYLES[k], label=label, markersize=3)
            drawn = True
        axes.set_xscale("log", base=2)
        axes.set(yscale="log", xlabel="tokens")
    pairs[0].set(ylabel="seconds, forward and backward")
    pairs[1].set(ylabel="MiB at the peak")
    pairs[0].legend(fontsize=7)
    return drawn


def _dependence(canvas: Any, result: Result) -> bool:
    points = {c.name: c for _, c in curves(result, "")}
    if "dependence" not in points:
        return False
    from matplotlib.colors import LogNorm

    canvas.set_size_inches(4.6, 3.8)
    axes = canvas.subplots()
    at, size = points["dependence"], points["size"]
    shown = axes.scatter(at.x, at.y, c=size.y, s=9, marker="s", cmap="viridis_r", norm=LogNorm(), rasterized=False)
    canvas.colorbar(shown, ax=axes, label="size of dy_i/dx_j")
    axes.set(xlabel=at.x_label, ylabel=at.y_label, aspect="equal")
    axes.invert_yaxis()
    axes.grid(visible=False)
    return True


def _training(canvas: Any, result: Result) -> bool:
    found = [(m, c) for m, c in curves(result, "") if c.y_label == "loss"]
    if not found:
        return False
    axes = canvas.subplots()
    for k, (measured, curve) in enumerate(found):
        smooth = [
            sum(curve.y[max(0, i - 4) : i + 1]) / len(curve.y[max(0, i - 4) : i + 1]) for i in range(len(curve.y))
        ]
        kind, layers = measured.name.split(".layers=")
        name = f"{layers} GAUs" if kind == "gau" else f"{layers} Transformer blocks"
        axes.plot(curve.x, smooth, color=COLOURS[k], linestyle=STYLES[k], label=name)
    axes.set(xlabel="step", ylabel="loss (mean of 5 steps)")
    axes.legend(fontsize=8)
    return True


DRAWINGS = (
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
    Drawing(
        "gau.attention-entries",
        "gau-entries",
        "Entries of A at initialisation over the mean diagonal one; the dotted line is the article's ratio.",
        _entries,
    ),
    Drawing(
        "gau.output-scale",
        "gau-output-tokens",
        "RMS of a GAU's output at initialisation over n, s = 128, d = 256: measured, the article's law, and ours.",
        _output_over_n,
    ),
    Drawing(
        "gau.lambda-seven",
        "gau-output-gain",
        "RMS of the output over the init gain, and its local exponent, at the article's sizes.",
        _output_over_gain,
    ),
    Drawing("gau.identity", "gau-training", "A character model from the first step without warmup, Adam.", _training),
)

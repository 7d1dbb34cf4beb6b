"""Figures of the gau claims."""

from __future__ import annotations

from typing import Any

from scaleproof.reporting.figures.drawing import COLOURS, STYLES, Drawing, curves, lines
from scaleproof.reporting.record import Result


def _output_over_n(canvas: Any, result: Result) -> bool:
    axes = canvas.subplots()
    drawn = lines(axes, result, "measured", "theory", "source", "part")
    if drawn:
        axes.set(xscale="log", yscale="log")
        axes.legend(fontsize=8)
    return drawn


def _output_over_gain(canvas: Any, result: Result) -> bool:
    if not curves(result, "exponent"):
        return False
    pair = canvas.subplots(1, 2)
    for axes, kinds in zip(pair, (("measured", "theory", "source"), ("measured exponent", "exponent")), strict=True):
        lines(axes, result, *kinds)
        axes.set_xscale("log")
        axes.legend(fontsize=8)
    pair[0].set_yscale("log")
    pair[1].axhline(7, color="#555555", linewidth=0.8, linestyle=":")
    return True


def _entries(canvas: Any, result: Result) -> bool:
    chosen = curves(result, "histogram")
    if not chosen:
        return False
    axes = canvas.subplots()
    for k, (_, curve) in enumerate(chosen):
        axes.plot(curve.x, curve.y, color=COLOURS[k], linestyle=STYLES[k], label=curve.name)
        axes.fill_between(curve.x, curve.y, color=COLOURS[k], alpha=0.15)
        axes.set(xlabel=curve.x_label, ylabel=curve.y_label)
    axes.set(xscale="log", xlim=(1e-6, 10))
    axes.axvline(1 / 69.4, color="#555555", linewidth=0.8, linestyle=":")
    axes.annotate("1/69", (1 / 69.4, 0), (3, 20), textcoords="offset points", fontsize=8)
    axes.legend(fontsize=8)
    return True


def _training(canvas: Any, result: Result) -> bool:
    chosen = curves(result, "loss")
    if not chosen:
        return False
    axes = canvas.subplots()
    for k, (measured, curve) in enumerate(chosen):
        smooth = [
            sum(curve.y[max(0, i - 4) : i + 1]) / len(curve.y[max(0, i - 4) : i + 1]) for i in range(len(curve.y))
        ]
        name = f"{measured.at['layers']} {'GAUs' if measured.at['block'] == 'gau' else 'Transformer blocks'}"
        axes.plot(curve.x, smooth, color=COLOURS[k], linestyle=STYLES[k], label=name)
    axes.set(xlabel="step", ylabel="loss (mean of 5 steps)")
    axes.legend(fontsize=8)
    return True


DRAWINGS: tuple[Drawing, ...] = (
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

"""Figures of the deepnet claims: growth with depth, ladders of rates, profiles, training."""

from __future__ import annotations

from functools import partial
from typing import Any

from scaleproof.reporting.figures.drawing import COLOURS, STYLES, Drawing, curves
from scaleproof.reporting.record import Curve, Result


def _growth(canvas: Any, result: Result, quantity: str = "decrease") -> bool:
    """Every measured curve of a quantity over N, with its range over seeds; theory's of the same name as lines."""
    measured = [(m, s) for m, s in curves(result, "measured") if m.at.get("quantity") == quantity]
    if not measured:
        return False
    theory = {s.name: s for m, s in curves(result, "theory") if m.at.get("quantity") == quantity}
    axes = canvas.subplots()
    for k, (m, curve) in enumerate(measured):
        colour = COLOURS[k % len(COLOURS)]
        ends = {s.kind: s for s in m.series}
        axes.plot(curve.x, curve.y, "osD^vP*"[k % 7], color=colour, markersize=5, label=curve.name)
        axes.vlines(curve.x, ends["lowest"].y, ends["highest"].y, color=colour, linewidth=1.2)
        line = theory.get(curve.name)
        if line:
            axes.plot(line.x, line.y, color=colour, linestyle="-", linewidth=1, label=f"{curve.name}, theory")
        else:
            axes.plot(curve.x, curve.y, color=colour, linestyle=":", linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlabel="N (blocks of two sublayers)", ylabel=f"{quantity} per learning rate")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return True


def _ladder(canvas: Any, result: Result) -> bool:
    chosen = curves(result, "first order")
    if not chosen:
        return False
    axes = canvas.subplots()
    for k, (_, curve) in enumerate(chosen):
        look: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)], "linestyle": STYLES[k % len(STYLES)]}
        axes.plot(curve.x, curve.y, marker="o", markersize=4, label=curve.name, **look)
    axes.axhline(1, color="#555555", linewidth=0.8)
    axes.set(xscale="log", xlabel="learning rate", ylabel="true change over first order")
    axes.legend(fontsize=8)
    return True


def _training(canvas: Any, result: Result) -> bool:
    runs = [(m, s) for m, s in curves(result, "loss") if m.role == "run"]
    if not runs:
        return False
    axes = canvas.subplots()
    kinds: list[str] = []  # runs of one kind differ in their seeds
    for m, curve in runs:
        kind = f"{'DeepNorm' if m.at['scaling'] == 'deepnorm' else 'Post-LN'}, rate {m.at['rate']:g}"
        label = "" if kind in kinds else kind
        kinds += [kind] if label else []
        k = kinds.index(kind)
        look: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)], "linestyle": STYLES[k % len(STYLES)]}
        axes.plot(curve.x, _smoothed(curve), label=label or None, **look)
    axes.set(xlabel="step", ylabel="loss, nats a character (mean of 10 steps)")
    axes.legend(fontsize=8)
    return True


def _smoothed(curve: Curve) -> list[float]:
    return [sum(curve.y[max(0, i - 9) : i + 1]) / len(curve.y[max(0, i - 9) : i + 1]) for i in range(len(curve.y))]


def _profile(canvas: Any, result: Result) -> bool:
    chosen = [(m, s) for m, s in curves(result, "measured", "theory") if s.x_label == "block"]
    if not chosen:
        return False
    axes = canvas.subplots()
    for k, (_, curve) in enumerate(chosen):
        look = {"linestyle": "-"} if curve.kind == "theory" else {"linestyle": "none", "marker": "."}
        colour = COLOURS[(k // 2) % len(COLOURS)]
        axes.plot(curve.x, curve.y, color=colour, markersize=4, label=curve.name, **look)
    axes.set(yscale="log", xlabel="block", ylabel="gradient norm of a matrix")
    axes.legend(fontsize=8, ncols=2)
    return True


GROWTH = "Points: geometric means over initialisations, bars their range; lines: mean-field theory from N = 1 to 1000."


DRAWINGS: tuple[Drawing, ...] = (
    Drawing(
        "deepnet.first-order", "deepnet-ladder", "True change of the loss over its first-order prediction.", _ladder
    ),
    Drawing("deepnet.explosion", "deepnet-explosion", f"Standard Post-LN: linear growth. {GROWTH}", _growth),
    Drawing("deepnet.sgd", "deepnet-sgd", f"SGD's scaling: matrices, and all parameters. {GROWTH}", _growth),
    Drawing("deepnet.adam", "deepnet-adam", f"Adam's scaling: matrices, and all parameters. {GROWTH}", _growth),
    Drawing("deepnet.lamb", "deepnet-lamb", f"LAMB's scaling: matrices, and all parameters. {GROWTH}", _growth),
    Drawing(
        "deepnet.alternatives",
        "deepnet-scalings",
        f"Squared gradient norm of all matrices; slow is (√(2N), 1), none is (1, 1). {GROWTH}",
        _growth,
    ),
    Drawing(
        "deepnet.alternatives",
        "deepnet-alternatives",
        "An SGD step over the weights, for an FFN matrix, per unit of learning rate.",
        partial(_growth, quantity="relative step"),
    ),
    Drawing("deepnet.pre-norm", "deepnet-pre-norm", f"Pre-norm: a logarithm, not an explosion. {GROWTH}", _growth),
    Drawing(
        "deepnet.identity",
        "deepnet-profile",
        "Gradient norm of each matrix along the deepest stack measured: points measured, lines theory.",
        _profile,
    ),
    Drawing("deepnet.thousand", "deepnet-training", "Loss from the first step, without warmup.", _training),
)

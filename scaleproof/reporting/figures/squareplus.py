"""Figures of the squareplus claims."""

from __future__ import annotations

import math
from typing import Any

from scaleproof.reporting.figures.drawing import COLOURS, STYLES, Drawing, curves
from scaleproof.reporting.record import MeasurementRow, Result


def _minimax(canvas: Any, result: Result) -> bool:
    shapes = curves(result, "value")
    errors = curves(result, "error at b*")
    if not shapes or not errors:
        return False
    left, right = canvas.subplots(1, 2)
    for k, (_, curve) in enumerate(shapes):
        left.plot(curve.x, curve.y, color=COLOURS[k], linestyle=STYLES[k], label=curve.name)
    left.set(xlabel="x", title="as torch computes them")
    left.legend()
    right.plot(errors[0][1].x, errors[0][1].y, color=COLOURS[0])
    bound = next((p for p in result.predictions if p.name == "supremum at b*"), None)
    if bound:
        level = float(bound.hi)
        for y in (-level, level):
            right.axhline(y, color=COLOURS[1], linestyle="--", linewidth=1)
        right.annotate(f"proved bound ±{level:.9f}", (0, level), (0, 4), textcoords="offset points", fontsize=8)
    right.set(xlabel="x", title="SquarePlus − softplus at b*")
    right.margins(y=0.15)
    return True


def _ulps(canvas: Any, result: Result) -> bool:
    chosen = curves(result, "ulp")
    if not chosen:
        return False
    dtypes = list(dict.fromkeys(m.dtype for m, _ in chosen))
    canvas.set_size_inches(7.2, 2.2 * len(dtypes))
    top = 1e9
    panels = canvas.subplots(len(dtypes), 1, squeeze=False)[:, 0]
    for axes, dtype in zip(panels, dtypes, strict=True):
        subjects = [(m.subject, s) for m, s in chosen if m.dtype == dtype]
        for k, (subject, curve) in enumerate(subjects):
            heights = [min(max(y, 1e-3), top) if math.isfinite(y) else top for y in curve.y]
            axes.plot(curve.x, heights, color=COLOURS[k], linestyle=STYLES[k], linewidth=1.1, label=subject)
        axes.axhline(0.5, color="#555555", linewidth=0.8, linestyle=":")
        axes.set_xscale("symlog", linthresh=1e-6)
        axes.set_yscale("log")
        axes.set(title=dtype, ylabel="worst ulp error", ylim=(3e-2, 3e9))
        axes.tick_params(axis="x", labelsize=7)
        axes.xaxis.set_major_locator(_sparse_ticks(axes))
    panels[0].legend(loc="upper center", fontsize=8)
    panels[-1].set_xlabel(f"x (each point is a binade; {top:.0e} stands for anything above, infinity too)")
    return True


def _sparse_ticks(axes: Any) -> Any:
    from matplotlib.ticker import FixedLocator

    low, high = axes.get_xlim()
    ends = max(abs(low), abs(high))
    step = 10 if ends > 1e9 else 2
    powers = range(-6 + step, int(math.log10(ends)) + 1, step)
    return FixedLocator([s * 10.0**p for p in powers for s in (-1, 1)] + [0.0])


def _speed(canvas: Any, result: Result) -> bool:
    rows = [m for m in result.measurements if m.unit == "times faster" and m.value is not None]
    if not rows:
        return False
    subjects = list(dict.fromkeys(m.subject for m in rows))
    axes = canvas.subplots()
    groups = list(dict.fromkeys(_setting(m) for m in rows))
    width = 0.8 / len(subjects)
    for k, subject in enumerate(subjects):
        mine = {_setting(m): m for m in rows if m.subject == subject}
        at = [i for i, g in enumerate(groups) if g in mine]
        values = [float(mine[groups[i]].value or 0) for i in at]
        errors = [
            [v - float(mine[groups[i]].lo or 0) for i, v in zip(at, values, strict=True)],
            [float(mine[groups[i]].hi or 0) - v for i, v in zip(at, values, strict=True)],
        ]
        places = [i + (k - (len(subjects) - 1) / 2) * width for i in at]
        hatch = ("", "///", "...", "xxx")[k % 4]
        axes.bar(
            places,
            values,
            width,
            yerr=errors,
            color=COLOURS[k],
            hatch=hatch,
            edgecolor="white",
            error_kw={"linewidth": 0.8},
            label=subject,
        )
    axes.axhline(1, color="black", linewidth=1)
    axes.axhline(3, color="#555555", linewidth=1, linestyle="--")
    axes.annotate("several times (3)", (-0.5, 3), (0, 3), textcoords="offset points", fontsize=8)
    axes.set_yscale("log")
    axes.set_yticks([0.1, 0.3, 1, 3, 10], ["0.1", "0.3", "1", "3", "10"])
    ticks = [f"{mode}\n2^{math.log2(n):g}\n{threads} thread{'s' * (threads > 1)}" for mode, n, threads in groups]
    axes.set_xticks(range(len(groups)), ticks, fontsize=7)
    axes.set_ylabel("times faster than softplus")
    axes.legend(fontsize=8, ncols=2, loc="upper left", bbox_to_anchor=(0, 1.2))
    return True


def _setting(m: MeasurementRow) -> tuple[str, int, int]:
    """Mode, elements and threads."""
    return str(m.at["mode"]), int(m.at["elements"]), int(m.at["threads"])


def _gap(canvas: Any, result: Result) -> bool:
    chosen = curves(result, "gap")
    if not chosen:
        return False
    axes = canvas.subplots()
    for k, (m, curve) in enumerate(chosen):
        axes.plot(curve.x, curve.y, color=COLOURS[k], linestyle=STYLES[k], label=f"{curve.name}, measured")
        b = float(m.at["b"])
        axes.plot(curve.x, [b / (4 * x) for x in curve.x], color="#555555", linewidth=0.8, linestyle=":")
        axes.axhline(math.sqrt(b) / 2, color=COLOURS[k], linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlabel="−x", ylabel="SquarePlus(x) − ReLU(x)")
    axes.set_ylim(top=30)
    axes.legend()
    return True


DRAWINGS = (
    Drawing(
        "squareplus.gap",
        "squareplus-gap",
        "The gap to ReLU for x < 0 (lines), the bound sqrt(b)/2 (horizontal) and the law b/(4|x|) (dotted).",
        _gap,
    ),
    Drawing(
        "squareplus.minimax",
        "squareplus-minimax",
        "SquarePlus at the minimax bend b*, softplus and ReLU, and the error with its proved bound.",
        _minimax,
    ),
    Drawing(
        "squareplus.speed",
        "squareplus-speed",
        "Speed against softplus: medians of interleaved repetitions, with intervals.",
        _speed,
    ),
    Drawing(
        "squareplus.floats",
        "squareplus-ulps",
        "Worst ulp error in each binade: the module and the formula as the article writes it. Dotted: half an ulp.",
        _ulps,
    ),
)

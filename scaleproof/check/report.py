"""The report of one check: check.json, and Markdown, HTML and PDF made from the same result."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from scaleproof.check.baseline import PropertyChange
from scaleproof.reporting.figures.drawing import COLOURS, STYLES, Figure, Gallery
from scaleproof.reporting.record import Environment, write_atomically
from scaleproof.reporting.render import document, page, template
from torchcheck.data import Series, as_words
from torchcheck.properties.finding import CheckResult, Finding, base

#: statuses in the order of the report's table; what was skipped has a table of its own
ORDER = ("error", "failed", "question", "inconclusive", "ok", "noted")


def write(
    result: CheckResult, changes: Sequence[PropertyChange], environment: Environment, command: str, folder: Path
) -> list[Path]:
    """Writes check.json, check.md, check.html, check.pdf and figures/; raises OSError, or RenderError for the PDF."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = _figures(result.findings, folder / "figures")
    pressing = {f.name for f in result.findings if not f}
    text = template("check.md.j2").render(
        result=result,
        changes=[d for d in changes if d.change != "same"],
        first=[figure for figure, names in figures if names & pressing],
        others=[figure for figure, names in figures if not names & pressing],
        answered=sorted((f for f in result if f.status in ORDER), key=lambda f: ORDER.index(f.status)),
        skipped=[f for f in result if f.status not in ORDER],
        environment=environment,
        regressions=sum(d.is_regression for d in changes),
        command=command,
        again=again(command, sorted({base(name) for name in pressing})),
        when=f"{datetime.now(UTC):%Y-%m-%d}",
    )
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    write_atomically(folder / "check.json", to_json(result, changes))
    write_atomically(folder / "check.md", text)
    write_atomically(folder / "check.html", page(text, folder))
    document(text, folder, folder / "check.pdf")
    return [folder / f"check.{ending}" for ending in ("json", "md", "html", "pdf")]


def again(command: str, names: Sequence[str]) -> str:
    """The command with its options, but for these properties alone, in words, and without a report."""
    words = shlex.split(re.sub(r" --(report|select)[ =]('[^']*'|\S+)", "", command))
    return shlex.join([*words, *(word for name in names for word in ("--select", name)), "-v"])


def to_json(result: CheckResult, changes: Sequence[PropertyChange]) -> str:
    """The whole result as JSON; infinities and NaN are strings."""
    data = {**result.to_json(), "changes": [vars(d) for d in changes], "failed": [f.name for f in result.failed]}
    return json.dumps(as_words(data), indent=1, sort_keys=True, allow_nan=False) + "\n"


def _figures(findings: Sequence[Finding], folder: Path) -> list[tuple[Figure, set[str]]]:
    """A figure for every axis along which something was measured, and the names of the findings that it shows."""
    gallery, by_axis = Gallery(folder), dict[str, list[tuple[str, Series]]]()
    for name, one in ((f.name, s) for f in findings for s in f.series if len(s.x) > 1):
        by_axis.setdefault(one.x_label, []).append((name, one))
    figures = []
    for axis, shown in by_axis.items():
        curves = [s for _, s in shown]
        name = f"check-{re.sub(r'[^a-z]', '', axis.lower()) or 'curve'}"
        rows = curves[0].kind == "row"
        if gallery.hang(name, curves, partial(_matrix if rows else _paint, curves=curves), WIDE):
            words = ", ".join(dict.fromkeys(s.name for s in curves))
            caption = "How much each output depends on each input" if rows else f"{words} against {axis}"
            figures.append((Figure(name, f"{caption}, as measured."), {n for n, _ in shown}))
    return figures


#: several stand on one page
WIDE = {"figure.figsize": (7.2, 2.7)}


def _paint(canvas: Any, curves: Sequence[Series]) -> bool:
    axes = canvas.subplots()
    positive = all(x > 0 for s in curves for x in s.x) and all(y > 0 for s in curves for y in s.y)
    for k, s in enumerate(curves):
        scale = s.y[0] if positive and len(curves) > 1 else 1.0
        values = [y / scale for y in s.y]
        marker = "o" if len(s.x) < 40 else ""
        axes.plot(s.x, values, marker=marker, color=COLOURS[k % 7], linestyle=STYLES[k % 6], markersize=3, label=s.name)
    label = "relative to the first" if positive and len(curves) > 1 else curves[0].y_label
    axes.set(xlabel=curves[0].x_label, ylabel=label)
    if positive:
        axes.set(xscale="log", yscale="log")
        if len(curves[0].x) < FEW:
            axes.set_xticks(curves[0].x, [f"{x:g}" for x in curves[0].x], minor=False)
            axes.minorticks_off()
    elif max(abs(x) for s in curves for x in s.x) > FAR:
        axes.set_xscale("symlog", linthresh=NEAR)
        axes.set_xlim(-FAR, FAR)
    axes.legend()
    return True


#: fewer points than this have a tick each
FEW = 12
#: where inputs go beyond FAR the axis ends there, and is logarithmic outside NEAR
FAR, NEAR = 1e4, 1e-2


def _matrix(canvas: Any, curves: Sequence[Series]) -> bool:
    """Outputs by inputs, in powers of ten; above the line is what comes later."""
    from matplotlib.colors import LogNorm

    axes = canvas.subplots()
    size = len(curves[0].x)
    rows = [[max(y, FAINT) for y in s.y] for s in curves]
    image = axes.imshow(rows, norm=LogNorm(FAINT, 1.0), cmap="cividis", aspect="equal", origin="upper")
    axes.plot([-0.5, size - 0.5], [-0.5, len(rows) - 0.5], color="white", linewidth=1)
    axes.grid(visible=False)
    axes.set(xlabel=curves[0].x_label, ylabel=curves[0].y_label)
    axes.text(size * 0.97 - 1, 0.5, "the future", color="white", ha="right", va="top")
    canvas.colorbar(image, ax=axes, label="of the largest", extend="min")
    return True


#: dependence that counts as none in a picture
FAINT = 1e-6

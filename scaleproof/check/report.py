"""The report of one check: check.json, and Markdown, HTML and PDF made from the same result."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from scaleproof.check.baseline import PropertyChange
from scaleproof.reporting.figures.drawing import COLOURS, STYLES, Figure, write_figure
from scaleproof.reporting.record import Environment, write_atomically
from scaleproof.reporting.render import document, page, template
from torchcheck.data import Series, as_words
from torchcheck.properties.finding import CheckResult


def write(
    result: CheckResult, changes: Sequence[PropertyChange], environment: Environment, command: str, folder: Path
) -> list[Path]:
    """Writes check.json, check.md, check.html, check.pdf and figures/; raises OSError, or RenderError for the PDF."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = _figures(result, folder / "figures")
    text = template("check.md.j2").render(
        result=result,
        changes=[d for d in changes if d.change != "same"],
        figures=figures,
        environment=environment,
        regressions=sum(d.is_regression for d in changes),
        command=command,
        when=f"{datetime.now(UTC):%Y-%m-%d}",
    )
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    write_atomically(folder / "check.json", to_json(result, changes))
    write_atomically(folder / "check.md", text)
    write_atomically(folder / "check.html", page(text, folder))
    document(text, folder, folder / "check.pdf")
    return [folder / f"check.{ending}" for ending in ("json", "md", "html", "pdf")]


def to_json(result: CheckResult, changes: Sequence[PropertyChange]) -> str:
    """The whole result as JSON; infinities and NaN are strings."""
    data = {**result.to_json(), "changes": [vars(d) for d in changes], "failed": [f.name for f in result.failed]}
    return json.dumps(as_words(data), indent=1, sort_keys=True, allow_nan=False) + "\n"


def _figures(result: CheckResult, folder: Path) -> list[Figure]:
    figures = []
    series = [s for f in result for s in f.series if len(s.x) > 1]
    by_axis: dict[str, list[Series]] = {}
    for one in series:
        by_axis.setdefault(one.x_label, []).append(one)
    for axis, curves in by_axis.items():
        name = f"check-{re.sub(r'[^a-z]', '', axis.lower()) or 'curve'}"
        if write_figure(folder / f"{name}.svg", partial(_paint, curves=curves)):
            words = ", ".join(dict.fromkeys(s.name for s in curves))
            figures.append(Figure(name, f"{words} against {axis}, as measured."))
    return figures


def _paint(canvas: Any, curves: Sequence[Series]) -> bool:
    axes = canvas.subplots()
    positive = all(x > 0 for s in curves for x in s.x) and all(y > 0 for s in curves for y in s.y)
    for k, s in enumerate(curves):
        scale = s.y[0] if positive and len(curves) > 1 else 1.0
        values = [y / scale for y in s.y]
        axes.plot(s.x, values, marker="o", color=COLOURS[k % 7], linestyle=STYLES[k % 6], markersize=3, label=s.name)
    label = curves[0].y_label if len(curves) == 1 else "relative to the first"
    axes.set(xlabel=curves[0].x_label, ylabel=label)
    if positive:
        axes.set(xscale="log", yscale="log")
    axes.legend()
    return True

"""The published record: a verdict that holds at its seed by luck is found here, without running another."""

from __future__ import annotations

import math
import re
from pathlib import Path

from scipy import stats

from scaleproof.reporting.record import MeasurementRow, PredictionRow, Record

PUBLISHED = Path(__file__).parents[3] / "reports/published/record.json"
#: standard errors that a true prediction keeps between an interval and the edge: 3.5 fail at one seed in two thousand
ROOM = 3.5


def room(p: PredictionRow, m: MeasurementRow) -> float:
    """How many standard errors a sampled interval around the predicted number may move before it stands open."""
    half = (m.hi - m.lo) / 2
    if p.lo != p.hi or m.level is None or half == 0:
        return math.inf
    tail = (1 - m.level) / 2
    error = half / float(stats.t.isf(tail, m.samples - 1))
    return (p.tolerance - half) / error


def test_predictions_that_stand_would_stand_at_other_seeds() -> None:
    record = Record.model_validate_json(PUBLISHED.read_text())
    narrow = []
    for result in record.results:
        standing = {c.key: c.standing for c in result.clauses}
        for p in result.predictions:
            if standing[p.clause] != "inside":
                continue
            same = [m for m in result.judged if m.name == p.name and m.value is not None]
            narrow += [(result.id, p.name, round(room(p, m), 2)) for m in same if room(p, m) < ROOM]
    assert narrow == []


def test_the_markdown_is_one_that_a_forge_shows() -> None:
    report = PUBLISHED.with_name("report.md")
    text = report.read_text(encoding="utf-8")
    assert len(text.encode()) <= 120_000
    figures = set(re.findall(r"\]\((figures/[^)]+)\)", text))
    assert figures == {f"figures/{path.name}" for path in (report.parent / "figures").iterdir()}

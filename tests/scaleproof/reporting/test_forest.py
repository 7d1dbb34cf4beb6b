"""The interval plots: every judged row is there, on its place in the band, and what is outside is seen to be."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from scaleproof.reporting.figures.drawing import Gallery
from scaleproof.reporting.figures.forest import EDGE, MOST, draw, lines
from scaleproof.reporting.record import MeasurementRow, PredictionRow, Record, Result

PUBLISHED = Path(__file__).parents[3] / "reports/published/record.json"


@pytest.fixture(scope="module")
def results() -> tuple[Result, ...]:
    return Record.model_validate_json(PUBLISHED.read_text()).results


def one(results: tuple[Result, ...], p: tuple[float, float, float], value: float, half: float = 0.0) -> Result:
    """A claim with one prediction (lo, hi, tolerance) and one measurement."""
    row, measured = results[0].predictions[0], results[0].judged[0]
    prediction = PredictionRow.model_validate({**dict(row), "lo": str(p[0]), "hi": str(p[1]), "tolerance": p[2]})
    changed = {"name": row.name, "value": value, "lo": value - half, "hi": value + half}
    measurement = MeasurementRow.model_validate({**dict(measured), **changed})
    return results[0].model_copy(update={"predictions": (prediction,), "measurements": (measurement,)})


@pytest.mark.parametrize(
    ("band", "value", "half", "place", "inside"),
    [
        ((1.0, 1.0, 0.1), 1.05, 0.02, 0.5, True),
        ((1.0, 1.0, 0.1), 1.15, 0.0, 1.5, False),
        ((1.0, 1.0, 0.1), 1.09, 0.02, 0.9, False),
        ((0.0, 2.0, 0.0), 2.0, 0.0, 1.0, True),
        ((3.0, 3.0, 0.0), 3.0, 0.0, 0.0, True),
        ((3.0, 3.0, 0.0), 4.0, 0.0, EDGE, False),
        ((2.0, math.inf, 0.0), 3.0, 0.0, -0.5, True),
        ((2.0, math.inf, 0.0), 1.0, 0.0, -1.5, False),
        ((-math.inf, 0.5, 0.0), 0.25, 0.0, 0.5, True),
    ],
)
def test_places_in_the_band(
    results: tuple[Result, ...], band: tuple[float, float, float], value: float, half: float, place: float, inside: bool
) -> None:
    (line,) = lines(one(results, band, value, half))
    assert line.value == pytest.approx(place)
    assert line.inside is inside


def test_every_judged_row_is_drawn_and_standing_clauses_are_inside(results: tuple[Result, ...], tmp_path: Path) -> None:
    for r in results:
        names = {p.name for p in r.predictions}
        rows = list(lines(r))
        wanted = sum(m.value is not None for p in r.predictions for m in r.judged if m.name == p.name)
        assert len(rows) == wanted
        holds = {c.key for c in r.clauses if c.standing == "inside"}
        if all(p.clause in holds for p in r.predictions):
            assert all(row.inside for row in rows), r.id
        assert names or not rows
    longest = max(results, key=lambda r: len(list(lines(r))))
    figures = draw(longest, Gallery(tmp_path))
    assert len(figures) == math.ceil(len(list(lines(longest))) / MOST)
    assert all((tmp_path / f"{f.name}.svg").stat().st_size > 1000 for f in figures)

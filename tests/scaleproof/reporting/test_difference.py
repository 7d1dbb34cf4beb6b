"""What changed between two records: nothing between a run and itself, and every kind of change by name."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scaleproof.reporting.difference import Difference, compare, to_json, write
from scaleproof.reporting.record import Record, read

PUBLISHED = Path(__file__).parents[3] / "reports" / "published" / "record.json"


def with_first(record: Record, **changed: Any) -> Record:
    first, *rest = record.results
    return record.model_copy(update={"results": (first.model_copy(update=changed), *rest)})


def with_measured(record: Record, **changed: Any) -> Record:
    first, *rest = record.results[0].measurements
    return with_first(record, measurements=(first.model_copy(update=changed), *rest))


def assert_only(one: Record, other: Record, **expected: object) -> Difference:
    """The two differ in one thing, with these fields."""
    (only,) = compare(one, other).differences
    assert {n: getattr(only, n) for n in expected} == expected
    return only


def test_a_run_is_no_other_than_itself(record: Record) -> None:
    """The published one has several runs under one name, which a pairing by name alone mixes up."""
    for one in (record, read(PUBLISHED)):
        made = compare(one, one)
        assert not made.differences
        assert not made.settings
        assert made.compared == sum(len(r.measurements) for r in one.results)
        assert made.only_before == made.only_after == 0


def test_verdicts_come_first_and_claims_that_are_missing_are_told(record: Record) -> None:
    first, *rest = record.results
    worse = first.model_copy(update={"verdict": "refuted", "message": "m"})
    made = compare(record, record.model_copy(update={"results": (worse, *rest[1:])}))
    assert [(d.what, d.claim) for d in made.differences] == [("verdict", first.id), ("claim", rest[0].id)]
    assert [d.claim for d in made.verdicts] == [first.id]


def test_a_clause_and_a_fault_that_change_are_told(record: Record) -> None:
    clause, *clauses = record.results[0].clauses
    other = "open" if clause.standing == "inside" else "inside"
    changed = with_first(record, clauses=(clause.model_copy(update={"standing": other}), *clauses))
    assert_only(record, changed, what="clause", name=clause.key, before=clause.standing, after=other)
    fault = record.results[0].fault
    assert fault is not None
    missed = with_first(record, fault=fault.model_copy(update={"caught": not fault.caught}))
    assert_only(record, missed, what="fault")


@pytest.mark.parametrize(
    ("before", "after", "noise"),
    [
        ({"value": 1.0, "lo": 0.9, "hi": 1.1}, {"value": 1.4, "lo": 1.3, "hi": 1.5}, 2.0),
        ({"value": 1.0, "lo": 0.0, "hi": 1.1}, {"value": 1.4, "lo": 1.3, "hi": 5.0}, 2.0),
        ({"value": 2.0, "lo": 2.0, "hi": 2.0}, {"value": 3.0, "lo": 3.0, "hi": 3.0}, math.inf),
        ({"value": 0.0, "lo": 0.0, "hi": 0.0}, {"value": 1.0, "lo": 1.0, "hi": 1.0}, math.inf),
        ({"value": -1.0, "lo": -1.0, "hi": -1.0}, {"value": math.inf, "lo": math.inf, "hi": math.inf}, math.inf),
    ],
)
def test_measurements_differ_beyond_their_intervals(
    record: Record, before: Mapping[str, float], after: Mapping[str, float], noise: float
) -> None:
    only = assert_only(with_measured(record, **before), with_measured(record, **after), what="measurement")
    assert only.noise == pytest.approx(noise)
    assert only.change is not None
    assert only.change > 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"value": 1.0, "lo": 0.9, "hi": 1.1}, {"value": 1.15, "lo": 1.05, "hi": 1.2}),
        ({"value": 1.0, "lo": 1.0, "hi": 1.0}, {"value": 1.0 + 1e-13, "lo": 1.0 + 1e-13, "hi": 1.0 + 1e-13}),
        ({"value": math.nan, "lo": math.nan, "hi": math.nan}, {"value": math.nan, "lo": math.nan, "hi": math.nan}),
        ({"value": math.inf, "lo": math.inf, "hi": math.inf}, {"value": math.inf, "lo": math.inf, "hi": math.inf}),
        ({"value": None, "lo": None, "hi": None, "note": "a"}, {"value": None, "lo": None, "hi": None, "note": "b"}),
    ],
)
def test_noise_is_no_difference(record: Record, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    assert not compare(with_measured(record, **before), with_measured(record, **after)).differences


@pytest.mark.parametrize("after", [None, math.nan])
def test_what_was_measured_and_is_no_more_is_told(record: Record, after: float | None) -> None:
    assert_only(record, with_measured(record, value=after, lo=after, hi=after, note="gone"), what="measurement")


def test_one_of_several_of_a_name_is_told_and_one_more_is_counted(record: Record) -> None:
    first, *rest = record.results[0].measurements
    twice = with_first(record, measurements=(first, first, *rest))
    moved = first.model_copy(update={"value": 9e9, "lo": 9e9, "hi": 9e9})
    assert_only(twice, with_first(record, measurements=(first, moved, *rest)), what="measurement")
    made = compare(record, twice)
    assert not made.differences
    assert (made.only_before, made.only_after) == (0, 1)


def test_another_torch_is_told(record: Record) -> None:
    other = record.environment.model_copy(update={"torch": "9.9", "packages": {"numpy": "0.1"}})
    made = compare(record, record.model_copy(update={"environment": other}))
    assert ("torch", record.environment.torch, "9.9") in made.settings
    assert ("numpy", record.environment.packages["numpy"], "0.1") in made.settings


def test_a_report_shows_all_of_it(record: Record, tmp_path: Path) -> None:
    moved = with_measured(record, value=9e9, lo=9e9, hi=9e9)
    other = moved.model_copy(update={"environment": record.environment.model_copy(update={"cpu": "a | b <i>"})})
    made = compare(record, other)
    written = write(made, record, other, tmp_path / "new")
    assert [p.name for p in written] == ["difference.json", "difference.md", "difference.html", "difference.pdf"]
    text = written[1].read_text(encoding="utf-8")
    assert "No verdict changed" in text
    assert "9e+09" in text
    assert r"a \| b \<i\>" in text
    assert "<i>" not in written[2].read_text(encoding="utf-8").split("<body", 1)[1]
    assert written[3].read_bytes().startswith(b"%PDF")
    assert json.loads(to_json(made))["differences"][0]["noise"] == "inf"

"""Baselines: they come back as written, show drifts beyond the intervals, and a hostile file is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleproof.check import baseline
from scaleproof.check.baseline import BaselineError, compare, from_result, read, write
from torchcheck.data import Measurement
from torchcheck.properties.finding import CheckResult, Finding, Property, Threshold, base, judge
from torchcheck.properties.registry import REGISTRY

PROPERTIES = {name: prop for kind in REGISTRY.values() for name, prop in kind.properties.items()}
MACHINE = {"torch": "2.13.0", "python": "3.11.7", "cuda": "none", "scaleproof": "0.1.0"}


def result(*findings: Finding, kind: str = "block", **settings: Any) -> CheckResult:
    return CheckResult("m.py:B", kind, "as asked", findings, {"width": 8, "depths": (2, 4), **settings}, 1.0, "2.13.0")


def finding(
    name: str, value: float | None, lo: float | None = None, hi: float | None = None, status: Any = "ok"
) -> Finding:
    ends = (value if lo is None else lo, value if hi is None else hi)
    prop = PROPERTIES[base(name)]
    return Finding(name, status, "words", value, *ends, better=prop.better, compared=prop.compared)


def change(name: str, before: Finding, after: Finding) -> str:
    (found,) = compare(from_result(result(before), MACHINE), result(after))
    assert found.name == name
    return found.change


def test_round_trip(tmp_path: Path) -> None:
    stored = from_result(result(finding("growth", 0.5, 0.4, 0.6), finding("increment", math.inf)), MACHINE)
    path = tmp_path / "deep" / "b.json"
    write(stored, path)
    assert read(path) == stored
    assert list(json.loads(path.read_text())["properties"]) == ["growth", "increment"]
    write(stored, path.with_name("c.json"))
    assert path.read_bytes() == path.with_name("c.json").read_bytes()


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        ("growth", (0.5, 0.4, 0.6), (0.55, 0.45, 0.65), "same"),
        ("growth", (0.5, 0.4, 0.6), (0.9, 0.8, 1.0), "worse"),
        ("growth", (0.5, 0.4, 0.6), (0.1, 0.0, 0.2), "better"),
        ("growth", (-0.2, -0.3, -0.1), (-0.9, -1.0, -0.8), "worse"),
        ("increment", (1.0, 0.9, 1.1), (0.2, 0.1, 0.3), "better"),
        ("increment", (0.0, -0.1, 0.1), (-1.0, -1.1, -0.9), "worse"),
        ("lipschitz", (1.1, 1.1, 1.1), (1.2, 1.2, 1.2), "worse"),
        ("lipschitz", (1.1, 1.1, 1.1), (1.1001, 1.1001, 1.1001), "same"),
        ("lipschitz", (1.1, 1.1, 1.1), (math.inf, math.inf, math.inf), "worse"),
        ("range.float16", (65000.0, 65000.0, 65000.0), (2000.0, 2000.0, 2100.0), "worse"),
        ("gain", (1.5, 1.5, 1.5), (1.6, 1.6, 1.6), "drifted"),
        ("monotone", (0.0, 0.0, 0.0), (-0.1, -0.1, -0.1), "worse"),
        ("accuracy.float16", (0.6, 0.6, 0.6), (0.7, 0.7, 0.7), "same"),
        ("accuracy.float16", (0.6, 0.6, 0.6), (6.0, 6.0, 6.0), "worse"),
        ("step-cost", (1.0, 1.0, 1.0), (9.0, 9.0, 9.0), "shown"),
    ],
)
def test_changes(name: str, before: tuple[float, ...], after: tuple[float, ...], expected: str) -> None:
    if name == "step-cost":  # timings are not stored
        assert from_result(result(finding(name, *before)), MACHINE).properties == {}
        return
    assert change(name, finding(name, *before), finding(name, *after)) == expected


def test_a_property_that_is_gone() -> None:
    assert change("leak", finding("leak", 0.0), finding("leak", 0.5, status="failed")) == "gone"
    (lost,) = compare(from_result(result(finding("leak", 0.0)), MACHINE), result())
    assert lost.change == "gone"
    assert lost.is_regression


@pytest.mark.parametrize("status", ["noted", "skipped", "inconclusive"])
def test_what_fails_now_and_did_not_is_a_regression(status: str) -> None:
    value = None if status == "skipped" else 1.0
    assert change("growth", finding("growth", value, status=status), finding("growth", 1.0, status="failed")) == "worse"


def test_a_causal_layer_that_is_causal_no_longer() -> None:
    assert change("leak", finding("leak", 0.0), finding("leak", None, status="skipped")) == "drifted"


def test_a_property_that_is_skipped_is_not_gone() -> None:
    assert compare(from_result(result(finding("leak", 0.0)), MACHINE), result(skip=("leak",))) == []


def test_better_and_new() -> None:
    assert change("leak", finding("leak", 0.5, status="failed"), finding("leak", 0.0)) == "better"
    (new,) = compare(from_result(result(), MACHINE), result(finding("leak", 0.0)))
    assert (new.change, new.is_regression) == ("new", False)


def test_other_kinds_and_sizes_are_refused() -> None:
    stored = from_result(result(finding("growth", 0.5)), MACHINE)
    with pytest.raises(BaselineError, match="kind"):
        compare(stored, result(finding("growth", 0.5), kind="model"))
    with pytest.raises(BaselineError, match="width"):
        compare(stored, result(finding("growth", 0.5), width=16))


@given(st.floats(-1e6, 1e6), st.floats(0, 1e3))
def test_a_result_is_never_a_regression_of_itself(value: float, half: float) -> None:
    one = result(finding("growth", value, value - half, value + half), finding("gain", abs(value) + 1))
    assert not any(d.is_regression for d in compare(from_result(one, MACHINE), one))


HOSTILE = {
    "no json": "{",
    "a list": "[]",
    "wrong types": '{"schema": "scaleproof/baseline/1", "subject": 3}',
    "deep": "[" * 100_000 + "]" * 100_000,
    "NaN": '{"schema": "scaleproof/baseline/1", "subject": "x", "kind": "block", "environment": {}, "settings": {}, '
    '"properties": {"growth": {"status": "ok", "value": NaN}}}',
    "path tricks": '{"schema": "scaleproof/baseline/1", "subject": "x", "kind": "block", "environment": {}, '
    '"settings": {}, "properties": {"../../etc/passwd": {"status": "ok"}}}',
    "html": '{"schema": "scaleproof/baseline/1", "subject": "x", "kind": "block", "environment": {}, "settings": {}, '
    '"properties": {"<script>": {"status": "ok"}}}',
    "unknown field": '{"schema": "scaleproof/baseline/1", "subject": "x", "kind": "block", "environment": {}, '
    '"settings": {}, "properties": {}, "__reduce__": "os.system"}',
    "no text": b"\xff\xfe\x00",
    "other schema": '{"schema": "scaleproof/record/1"}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(name: str, tmp_path: Path) -> None:
    path, content = tmp_path / "b.json", HOSTILE[name]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BaselineError, match=r"b\.json"):
        read(path)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(b" " * (baseline.MAX_BYTES + 1))
    with pytest.raises(BaselineError, match="larger"):
        read(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="No such file"):
        read(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("threshold", "lo", "hi", "status"),
    [
        (Threshold(hi=1.0), 0.5, 0.9, "ok"),
        (Threshold(hi=1.0), 0.9, 1.1, "inconclusive"),
        (Threshold(hi=1.0), 1.1, 1.2, "failed"),
        (Threshold(lo=1.0), -math.inf, math.inf, "inconclusive"),
        (Threshold(0, 0), -0.0, 0.0, "ok"),
        (Threshold(hi=1.0), math.nan, math.nan, "failed"),
        (Threshold(hi=1.0), math.inf, math.inf, "failed"),
    ],
)
def test_thresholds(threshold: Threshold, lo: float, hi: float, status: str) -> None:
    assert threshold.judge(lo, hi) == status
    prop = Property("words", threshold, better="none")
    assert judge(prop, Measurement("x", (lo + hi) / 2 if not math.isinf(lo) else lo, lo, hi)).status == status


def test_a_result_reads_well() -> None:
    bad = replace(finding("leak", 0.5, status="failed"), advice="mask the scores", witness="output 3")
    one = result(finding("growth", 0.1), bad)
    assert not one
    assert "mask the scores" in repr(one)
    assert "output 3" in repr(one)
    assert one["growth"]
    with pytest.raises(KeyError, match="there are: growth, leak"):
        one["speed"]

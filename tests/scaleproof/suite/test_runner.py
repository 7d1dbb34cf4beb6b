"""The runner: one failing claim does not stop the others, and nothing done is done twice."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pytest

from scaleproof.claim import Claim, Settings
from scaleproof.reporting.record import Record, read
from scaleproof.suite import runner
from scaleproof.suite.environment import environment
from scaleproof.suite.registry import CLAIMS
from tests.conftest import about_run
from torchcheck.data import Task
from torchcheck.run.execute import Here, process_pool

QUICK = ["eg.derivation", "eg.hypergradient"]


def _claim(claim: str) -> Claim:
    return next(c for c in CLAIMS if c.id == claim)


def _run(claims: list[Claim], folder: Path, **options: Any) -> Record:
    settings = options.pop("settings", Settings())
    executor = options.pop("executor", Here())
    return runner.run(claims, settings, folder, executor, about_run(), environment(), **options)


def test_a_failing_claim_is_an_error_and_the_others_go_on(tmp_path: Path) -> None:
    def broken(_settings: Settings, _target: str) -> list[Task]:
        return [
            Task(
                "torchcheck.probes.squareplus.pointwise:derivatives",
                {"subject": {"target": "no.such:thing"}, "points": []},
            )
        ]

    claims = [dataclasses.replace(_claim(QUICK[0]), plan=broken), _claim(QUICK[1])]
    record = _run(claims, tmp_path)
    first, second = record.results
    assert first.verdict == "error"
    assert "no.such" in first.message
    assert not first.expected
    assert second.verdict == "proved"
    assert read(tmp_path) == record


def test_a_fault_that_is_not_noticed_is_a_surprise(tmp_path: Path) -> None:
    claim = _claim("eg.derivation")
    blind = dataclasses.replace(claim, fault=dataclasses.replace(claim.fault, target=claim.subject))
    (result,) = _run([blind], tmp_path).results
    assert result.verdict == "proved"
    assert result.fault is not None
    assert not result.fault.caught
    assert not result.expected


def test_an_interrupted_run_keeps_what_was_done_and_goes_on(tmp_path: Path) -> None:
    claims = [_claim(c) for c in QUICK]
    calls: list[str] = []

    class Stop(Here):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            calls.append(args[0].probe)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return super().submit(fn, *args, **kwargs)

    with pytest.raises(KeyboardInterrupt):
        _run(claims, tmp_path, executor=Stop())
    half = read(tmp_path)
    assert [r.id for r in half.results] == QUICK[:1]
    assert not half.run.finished
    whole = _run(claims, tmp_path, earlier=half, executor=Stop())
    assert whole.run.finished
    assert [r.verdict for r in whole.results] == ["proved", "proved"]
    assert whole.results[0] == half.results[0]
    assert len(calls) == 5, "the finished claim's tasks ran again"


def test_stored_tasks_are_not_measured_again(tmp_path: Path) -> None:
    _run([_claim(QUICK[0])], tmp_path)

    class Never(Here):
        def submit(self, *_args: Any, **_kwargs: Any) -> Any:  # type: ignore[override]
            raise AssertionError("measured again")

    assert _run([_claim(QUICK[0])], tmp_path, executor=Never()).results[0].verdict == "proved"
    stored = next((tmp_path / "tasks").iterdir())
    stored.write_text("{ broken")
    assert _run([_claim(QUICK[0])], tmp_path).results[0].verdict == "proved"


def test_what_was_measured_before_a_failure_or_an_interruption_is_kept(tmp_path: Path) -> None:
    good = list(_claim("eg.closed-form").plan(Settings(), _claim("eg.closed-form").subject))[:2]
    bad = Task(
        "torchcheck.probes.squareplus.pointwise:derivatives", {"subject": {"target": "no.such:thing"}, "points": []}
    )
    claim = dataclasses.replace(_claim("eg.closed-form"), plan=lambda _s, _t: [good[0], bad, good[1]])
    assert _run([claim], tmp_path / "failed").results[0].verdict == "error"
    assert {f.stem for f in (tmp_path / "failed" / "tasks").iterdir()} == {t.key for t in good}

    class Stop(Here):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            if args[0] == good[1]:
                raise KeyboardInterrupt
            return super().submit(fn, *args, **kwargs)

    with pytest.raises(KeyboardInterrupt):
        _run([claim], tmp_path / "stopped", executor=Stop())
    assert {f.stem for f in (tmp_path / "stopped" / "tasks").iterdir()} == {good[0].key}


def test_a_missing_gpu_is_inconclusive_and_no_surprise(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    record = _run([_claim("eg.derivation"), _claim("squareplus.floats")], tmp_path, settings=Settings(device="cuda"))
    for result in record.results:
        assert (result.verdict, result.message, result.expected) == ("inconclusive", "no CUDA device", True)


def test_restricting_dtypes_is_inconclusive_where_it_matters(tmp_path: Path) -> None:
    chosen = [_claim("squareplus.floats"), _claim("eg.hypergradient")]
    floats, hyper = _run(chosen, tmp_path, settings=Settings(dtypes=("float64",))).results
    assert (floats.verdict, floats.expected) == ("inconclusive", True)
    assert "--dtype" in floats.message
    assert hyper.verdict == "proved"


@pytest.mark.slow
def test_processes_give_the_same_numbers(tmp_path: Path) -> None:
    claims = [_claim("eg.closed-form"), _claim("squareplus.gap")]
    here = _run(claims, tmp_path / "here")
    with process_pool(2) as pool:
        there = _run(claims, tmp_path / "there", executor=pool)
    for a, b in zip(here.results, there.results, strict=True):
        assert a.verdict == b.verdict
        assert [(m.name, m.value, m.lo, m.hi) for m in a.measurements] == [
            (m.name, m.value, m.lo, m.hi) for m in b.measurements
        ]


@pytest.mark.slow
def test_every_float32_input_in_chunks() -> None:
    """A few of the full profile's chunks, the ends and the middle: what `--profile full` does with all of them."""
    claim = _claim("squareplus.floats")
    tasks = [t for t in claim.plan(Settings(profile="full"), claim.subject) if "start" in t.params]
    assert len(tasks) == 64
    edges = sorted((t.params["start"], t.params["stop"]) for t in tasks)
    assert edges[0][0] == -0x7F800000
    assert edges[-1][1] == 0x7F800000
    assert all(a[1] == b[0] for a, b in itertools.pairwise(edges))
    from torchcheck.run.execute import run_task

    start, stop = edges[31]
    short = Task(tasks[0].probe, {**tasks[0].params, "start": stop - 2**18, "stop": stop})
    found = {m.name: m for m in run_task(short)}
    assert found["order.decreasing"].value == found["relu.below"].value == 0
    assert found["ulp.worst"].value <= 4  # type: ignore[operator]
    assert start < stop

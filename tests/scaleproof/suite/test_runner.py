"""The runner: one failing claim does not stop the others, and nothing done is done twice."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from scaleproof.claim import Claim, Settings, Verdict
from scaleproof.executors.processes import processes
from scaleproof.reporting.record import Record, read
from scaleproof.suite import runner
from scaleproof.suite.environment import environment
from scaleproof.suite.registry import CLAIMS
from scaleproof.suite.runner import Means
from scaleproof.suite.store import Kept, Store
from tests.conftest import about_run
from torchcheck.data import Task
from torchcheck.run.execute import Here, Lost, run_task

QUICK = ["eg.derivation", "eg.hypergradient"]


def _claim(claim: str) -> Claim:
    return next(c for c in CLAIMS if c.id == claim)


def _run(claims: list[Claim], folder: Path, **options: Any) -> Record:
    settings = options.pop("settings", Settings())
    executor = options.pop("executor", Here())
    means = Means(executor, executor, Store(options.pop("store", Path(":memory:"))), **options.pop("means", {}))
    return runner.run(claims, settings, folder, means, about_run(), environment(), **options)


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


def _tasks(calls: list[tuple[Any, ...]]) -> list[str]:
    return [call[0].probe for call in calls if isinstance(call[0], Task)]


class Watched(Here):
    """Notes every call, and is interrupted at the one that `stop` says."""

    def __init__(self, stop: Callable[[tuple[Any, ...]], bool] = lambda _: False) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.stop = stop

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        if self.stop(args):
            raise KeyboardInterrupt
        self.calls.append(args)
        return super().submit(fn, *args, **kwargs)


def test_an_interrupted_run_keeps_what_was_done_and_goes_on(tmp_path: Path) -> None:
    claims = [_claim(c) for c in QUICK]
    store = tmp_path / "store.sqlite"
    first = Watched()
    stopped = Watched(lambda _: len(stopped.calls) == 3)
    with pytest.raises(KeyboardInterrupt):
        _run(claims, tmp_path, executor=stopped, store=store)
    half = read(tmp_path)
    assert not half.run.finished
    whole = _run(claims, tmp_path, earlier=half, executor=first, store=store)
    assert whole.run.finished
    assert [r.verdict for r in whole.results] == ["proved", "proved"]
    assert not set(map(str, stopped.calls)) & set(map(str, first.calls)), "something was done twice"
    assert half.results == whole.results[: len(half.results)]


def test_what_the_store_knows_is_not_measured_again(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    once = _run([_claim(QUICK[0])], tmp_path / "once", store=store)
    again = Watched()
    (result,) = _run([_claim(QUICK[0])], tmp_path / "again", executor=again, store=store).results
    assert again.calls == []
    assert sum(row.tasks for row in result.stored) == 2
    assert result.model_copy(update={"stored": ()}) == once.results[0]
    afresh = Watched()
    _run([_claim(QUICK[0])], tmp_path / "afresh", executor=afresh, store=store, means={"fresh": True})
    assert len(_tasks(afresh.calls)) == 2


def test_a_worker_needs_torchcheck_alone(tmp_path: Path) -> None:
    """What is sent with a task is torchcheck's: a cluster's workers have no scaleproof."""
    sent: list[str] = []

    class Noting(Here):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            sent.extend([fn.__module__] if isinstance(args[0], Task) else [])
            return super().submit(fn, *args, **kwargs)

    _run([_claim(QUICK[0])], tmp_path, executor=Noting())
    assert set(sent) == {"torchcheck.run.execute"}


def test_what_could_not_be_measured_is_not_kept(tmp_path: Path) -> None:
    if environment().cuda:
        pytest.skip("this machine has a CUDA device")
    store = tmp_path / "store.sqlite"
    for out in ("one", "two"):
        watched = Watched()
        _run([_claim(QUICK[0])], tmp_path / out, executor=watched, store=store, settings=Settings(device="cuda"))
        assert len(_tasks(watched.calls)) == 2, "it is looked for again"


def test_another_seed_or_claim_is_another_result(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    _run([_claim(QUICK[0])], tmp_path / "once", store=store)
    again = Watched()
    _run([_claim(QUICK[0])], tmp_path / "seed", executor=again, store=store, settings=Settings(seed=1))
    assert len(_tasks(again.calls)) == 2
    changed = Watched()
    other = dataclasses.replace(_claim(QUICK[0]), recorded=Verdict.REFUTED)
    (result,) = _run([other], tmp_path / "other", executor=changed, store=store).results
    assert len(changed.calls) == 1, "measured by the same tasks, and judged again"
    assert not result.expected


def test_timings_are_kept_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (task, *_) = _claim("eg.closed-form").plan(Settings(), _claim("eg.closed-form").subject)
    timed = dataclasses.replace(task, exclusive=True)
    claim = dataclasses.replace(_claim("eg.closed-form"), plan=lambda _s, _t: [timed])
    store = tmp_path / "store.sqlite"
    for later, kept in ((0.0, 0), (3600.0, 1), (90000.0, 0)):
        now = time.time() + later
        monkeypatch.setattr(time, "time", lambda now=now: now)
        (result,) = _run([claim], tmp_path / str(later), store=store).results
        assert sum(row.tasks for row in result.stored) == kept, later


def test_what_was_measured_before_a_failure_is_kept(tmp_path: Path) -> None:
    good = list(_claim("eg.closed-form").plan(Settings(), _claim("eg.closed-form").subject))[:2]
    bad = Task(
        "torchcheck.probes.squareplus.pointwise:derivatives", {"subject": {"target": "no.such:thing"}, "points": []}
    )
    claim = dataclasses.replace(_claim("eg.closed-form"), plan=lambda _s, _t: [good[0], bad, good[1]])
    store = tmp_path / "store.sqlite"
    assert _run([claim], tmp_path / "failed", store=store).results[0].verdict == "error"
    sound = dataclasses.replace(claim, plan=lambda _s, _t: good)
    again = Watched()
    _run([sound], tmp_path / "again", executor=again, store=store)
    assert _tasks(again.calls) == []


def test_a_lost_process_is_tried_once_more(tmp_path: Path) -> None:
    claim = _claim(QUICK[0])

    class Losing(Here):
        """Loses the first `times` calls."""

        def __init__(self, times: int) -> None:
            self.left = times

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            if self.left and isinstance(args[0], Task):
                self.left -= 1
                future: Future[Any] = Future()
                future.set_exception(Lost("crashed", "the process died: SIGKILL"))
                return future
            return super().submit(fn, *args, **kwargs)

    assert _run([claim], tmp_path / "once", executor=Losing(1)).results[0].verdict == "proved"
    lost, other = _run([claim, _claim(QUICK[1])], tmp_path / "thrice", executor=Losing(3)).results
    assert {lost.verdict, other.verdict} == {"error", "proved"}
    assert "SIGKILL" in lost.message + other.message


def test_results_from_elsewhere_are_taken_and_their_errors_told(tmp_path: Path) -> None:
    claim, other = _claim(QUICK[0]), _claim(QUICK[1])
    given = {
        t.key: Kept([m.to_json() for m in run_task(t)], 0.0, "elsewhere", 2.0)
        for leg in runner.legs(claim, Settings())
        for t in leg
    }
    errors = {other.plan(Settings(), other.subject)[0].key: "MemoryError: too large"}
    watched = Watched()
    first, second = _run([claim, other], tmp_path, executor=watched, means={"given": given, "errors": errors}).results
    assert first.verdict == "proved"
    assert [(row.machine, row.tasks) for row in first.stored] == [("elsewhere", 2)]
    assert second.verdict == "error"
    assert "too large" in second.message
    assert not {t.key for call in watched.calls for t in call if isinstance(t, Task)} & {*given}


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
    with processes(2) as pool:
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

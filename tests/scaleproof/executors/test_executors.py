"""Every executor gives the same answers, and loses nothing but the call whose process died, hung or took too much."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import psutil
import pytest

from scaleproof.executors.choose import UnknownExecutor, executors
from scaleproof.executors.cluster import ClusterError, cluster
from scaleproof.executors.processes import processes
from scaleproof.suite.schedule import Schedule
from tests.scaleproof.executors import calls
from torchcheck.run.execute import Here, Lost

GIB = 2**30


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with processes(2, 8.0, 4 * GIB) as found:
        yield found


def test_processes_answer(pool: Executor) -> None:
    assert [f.result() for f in [pool.submit(calls.square, k) for k in range(20)]] == [k * k for k in range(20)]
    assert pool.submit(calls.threads).result() == 1
    with pytest.raises(ValueError, match="no good"):
        pool.submit(calls.fail, "no good").result()


def test_a_process_that_dies_hangs_or_fills_the_memory_is_lost_alone(pool: Executor) -> None:
    good = [pool.submit(calls.square, k) for k in range(8)]
    killed, hung, large = pool.submit(calls.die), pool.submit(calls.sleep, 600), pool.submit(calls.fill, 64)
    for future, why in ((killed, "memory"), (hung, "timeout")):
        error = future.exception()
        assert isinstance(error, Lost)
        assert error.why == why
    assert isinstance(large.exception(), MemoryError)
    assert [f.result() for f in good] == [k * k for k in range(8)]
    assert pool.submit(calls.square, 9).result() == 81


def test_processes_are_gone_afterwards() -> None:
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    with pytest.raises(KeyboardInterrupt):
        _interrupted()
    left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before and "tracker" not in p.name()]
    assert [p for p in left if "resource_tracker" not in " ".join(p.cmdline())] == []


def _interrupted() -> None:
    with processes(2) as found:
        found.submit(calls.sleep, 600)
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["", "process", "dask:/host:1", "slurm://x", "dask://"])
def test_another_executor_is_refused(name: str) -> None:
    with pytest.raises(UnknownExecutor, match="serial, processes, dask or dask://HOST:PORT"), executors(name, 1):
        pass


def test_serial_is_here() -> None:
    with executors("serial", 4) as found:
        assert isinstance(found.tasks, Here)
        assert found.tasks.submit(calls.square, 3).result() == 9


def _gathered(executor: Executor, work: list[tuple[Any, ...]]) -> list[Any]:
    """What a schedule makes of calls, in their order: results, or errors."""
    schedule = Schedule()
    found: dict[int, Any] = {}

    def taken(number: int) -> Any:
        def done(future: Future[Any]) -> None:
            found[number] = future.exception() or future.result()

        return done

    for number, (function, *arguments) in enumerate(work):
        schedule.add(executor, 1.0, taken(number), function, *arguments)
    schedule.run()
    return [found[k] for k in range(len(work))]


def test_a_schedule_tries_what_was_lost_once_more(tmp_path: Path) -> None:
    with processes(2, 8.0) as pool:
        once, twice, good = _gathered(
            pool, [(calls.die_once, tmp_path / "a"), (calls.die,), *[(calls.square, k) for k in (3,)]]
        )
    assert once == "answered"
    assert isinstance(twice, Lost)
    assert good == 9


def test_the_longest_are_first() -> None:
    seen: list[int] = []
    schedule = Schedule()
    here = Here()
    for seconds in (1, 5, 3, 5, 2):
        schedule.add(here, seconds, lambda _: None, seen.append, seconds)
    schedule.run()
    assert seen == [5, 5, 3, 2, 1]


def test_what_is_done_may_add_more() -> None:
    schedule, here, seen = Schedule(), Here(), []

    def more(future: Future[Any]) -> None:
        seen.append(future.result())
        if future.result() < 10_000:
            schedule.add(here, 1.0, more, int, future.result() + 1)

    schedule.add(here, 1.0, more, int, 0)
    schedule.run()
    assert seen == list(range(10_001)), "and no recursion"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
class TestCluster:
    """A real cluster of three worker processes."""

    @pytest.fixture(scope="class")
    @staticmethod
    def found() -> Iterator[Executor]:
        with cluster(None, 3, 20.0, 2 * GIB) as executor:
            yield executor

    def test_it_answers(self, found: Executor) -> None:
        assert _gathered(found, [(calls.square, k) for k in range(50)]) == [k * k for k in range(50)]
        (error,) = _gathered(found, [(calls.fail, "no good")])
        assert isinstance(error, ValueError)

    def test_a_worker_that_is_killed_one_that_hangs_and_one_without_memory(
        self, found: Executor, tmp_path: Path
    ) -> None:
        work: list[tuple[Any, ...]] = [(calls.die_once, tmp_path / "killed"), (calls.hang_once, tmp_path / "hung")]
        work += [(calls.fill, 64.0), *((calls.square, k) for k in range(30))]
        killed, hung, large, *good = _gathered(found, work)
        assert killed == "answered"
        assert hung == "answered"
        assert isinstance(large, Lost | MemoryError)
        assert good == [k * k for k in range(30)]

    def test_a_task_for_a_gpu_waits_for_a_worker_that_offers_one(self, found: Any) -> None:
        assert found.workers == 3
        from torchcheck.data import Task

        future = found.submit(repr, Task("no.such:probe", {"device": "cuda"}))
        assert not future.done()
        future.cancel()


def test_no_scheduler_is_told() -> None:
    with pytest.raises(ClusterError, match=r"no Dask scheduler at 127.0.0.1:1"), cluster("127.0.0.1:1", 1):
        pass


def test_dask_is_loaded_only_where_it_is_asked_for() -> None:
    import subprocess

    code = "import sys, scaleproof.cli.verify, scaleproof.executors.choose; print('distributed' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

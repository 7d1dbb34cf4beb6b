"""Running one task here, and an executor that runs calls in the calling process."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any, Literal

import torch

from torchcheck.data import Evidence, Measurement, Task
from torchcheck.run.machine import cores, waited
from torchcheck.run.state import fresh_state
from torchcheck.run.subjects import DeviceError, resolve

#: the share of its time that an exclusive task may wait for its cores: between what the claims' timed tasks waited on a
#: quiet machine (0.00004 to 0.004) and beside two loops on two cores (0.17 to 0.51)
BUSY = 0.05


class Lost(Exception):
    """A call's process gave no answer: it took too long, ran out of memory, or died; `trace` says where."""

    def __init__(self, why: Literal["timeout", "memory", "crashed"], words: str, trace: str = "") -> None:
        super().__init__(words)
        self.why = why
        self.words = words
        self.trace = trace


def run_task(task: Task) -> list[Measurement]:
    """Runs the task's probe with fresh torch state (default dtype, TF32 off) and stamps the results.

    It computes on one thread, so that the numbers are the same wherever it runs; an exclusive one on all there are.
    Where the device asked for is missing, the answer is one empty measurement that says so. Wall times of an exclusive
    task that had to wait for its cores are no measurements, and say that instead.
    """
    start, before = time.perf_counter(), waited()
    try:
        with fresh_state():
            if not task.exclusive:
                torch.set_num_threads(1)
            measurements: list[Measurement] = resolve(task.probe)(**task.params)
    except DeviceError as error:
        device = str(task.params.get("device", "cpu"))
        measurements = [Measurement(name="", value=None, device=device, note=str(error))]
    seconds = time.perf_counter() - start
    share = ((waited() or 0.0) - (before or 0.0)) / seconds / cores()
    if task.exclusive and share > BUSY:
        note = f"other work kept the cores for {share:.0%} of the time: run it on a quiet machine"
        unknown: dict[str, Any] = {"value": None, "lo": None, "hi": None, "note": note}
        measurements = [replace(m, **unknown) if m.evidence is Evidence.TIMED else m for m in measurements]
    return [replace(m, seconds=m.seconds or seconds, torch=torch.__version__, params=task.params) for m in measurements]


def timed_task(task: Task) -> tuple[float, list[dict[str, Any]]]:
    """The seconds that a task took, and its measurements as JSON data: what travels, and what a store keeps."""
    start = time.perf_counter()
    measurements = [m.to_json() for m in run_task(task)]
    return time.perf_counter() - start, measurements


class Here(Executor):
    """An executor that runs each call at once, in this process: the default, and the one to debug with."""

    workers = 1

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def leave_with_parent() -> None:
    """Ends this process when its parent is gone: a killed parent cannot tell its workers."""
    import multiprocessing
    import os

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

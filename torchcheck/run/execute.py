"""Running one task here, and an executor that runs tasks in the calling process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from torchcheck.data import Measurement, Task
from torchcheck.run.machine import cores
from torchcheck.run.state import fresh_state
from torchcheck.run.subjects import DeviceError, resolve


def run_task(task: Task) -> list[Measurement]:
    """Runs the task's probe with fresh torch state (threads, default dtype, TF32 off) and stamps the results.

    Where the device asked for is missing, the answer is one empty measurement that says so.
    """
    start = time.perf_counter()
    try:
        with fresh_state():
            found: list[Measurement] = resolve(task.probe)(**task.params)
    except DeviceError as error:
        device = str(task.params.get("device", "cpu"))
        found = [Measurement(name="", value=None, device=device, note=str(error))]
    seconds = time.perf_counter() - start
    return [replace(m, seconds=m.seconds or seconds, torch=torch.__version__, params=task.params) for m in found]


class Here(Executor):
    """An executor that runs each call at once, in this process: the default, and the one to debug with."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def process_pool(workers: int) -> Iterator[Executor]:
    """An executor of that many processes, the machine's cores shared out among them.

    Whatever ends the block, the processes are gone after it; an error or an interruption stops those still at work.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    threads = max(1, cores() // workers)
    context = multiprocessing.get_context("spawn")  # a forked child may inherit torch's locked thread pool
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(threads,))
    try:
        yield pool
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)  # waits: the pool's thread, left to the interpreter's end, races with it


def _start_worker(threads: int) -> None:
    import signal
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=leave_with_parent, daemon=True).start()
    torch.set_num_threads(threads)


def leave_with_parent() -> None:
    """Ends this process when its parent is gone: a killed parent cannot tell its workers."""
    import multiprocessing
    import os

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

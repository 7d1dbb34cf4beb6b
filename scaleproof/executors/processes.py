"""Processes of this machine, each call limited in time and memory; one that is stopped or dies is replaced."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

import psutil
from pebble import ProcessExpired, ProcessPool

from torchcheck.run.execute import Lost, leave_with_parent


class Processes(Executor):
    """Runs each call in one of `workers` processes, at most `seconds` long (None: any time).

    `start(*arguments)` runs once in every new process. A call that crashes, or takes longer, raises Lost from its
    future.
    """

    def __init__(
        self, workers: int, seconds: float | None, context: Any, start: Callable[..., None], arguments: Sequence[Any]
    ) -> None:
        self.workers = workers
        self.seconds = seconds
        self._pool = ProcessPool(workers, 0, start, arguments, context)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        inner = self._pool.schedule(fn, args=args, kwargs=kwargs, timeout=self.seconds)
        outer: Future[Any] = _Outer(inner)
        inner.add_done_callback(lambda done: self._pass_on(done, outer))
        return outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 (Executor's)
        if cancel_futures:
            self._pool.stop()
        else:
            self._pool.close()
        self._pool.join()

    def trace_of(self, process: int) -> str:  # noqa: ARG002 (whoever keeps traces says where)
        """What is known of where a process crashed."""
        return ""

    def _pass_on(self, inner: Any, outer: Future[Any]) -> None:
        if outer.cancelled():
            return
        try:
            outer.set_result(inner.result())
        except FutureTimeout:
            outer.set_exception(Lost("timeout", f"no answer within {self.seconds:g} s: stopped"))
        except ProcessExpired as error:
            outer.set_exception(self._crash(error))
        except BaseException as error:
            outer.set_exception(error)

    def _crash(self, error: ProcessExpired) -> Lost:
        code = error.exitcode or 0
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        words = f"the process died: {name}"
        if code == -signal.SIGKILL:
            return Lost("memory", f"{words} (most likely out of memory)")
        return Lost("crashed", words, self.trace_of(error.pid))


class _Outer(Future[Any]):
    """A future whose cancellation reaches the process."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self._inner = inner

    def cancel(self) -> bool:
        super().cancel()
        return bool(self._inner.cancel())


@contextlib.contextmanager
def processes(workers: int, seconds: float | None = None, memory: int = 0) -> Iterator[Processes]:
    """That many processes, each within `memory` bytes (0: any); whatever ends the block, they are gone after it."""
    import multiprocessing

    before = os.environ.get("OPENBLAS_NUM_THREADS")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # the processes inherit it: the cores are shared out already
    context = multiprocessing.get_context("spawn")  # a forked child may inherit torch's locked thread pool
    executor = Processes(workers, seconds, context, _start, (memory,))
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)
        if before is None:
            del os.environ["OPENBLAS_NUM_THREADS"]
        else:
            os.environ["OPENBLAS_NUM_THREADS"] = before


def _start(memory: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=leave_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(1)
    limit_memory(memory)


def limit_memory(memory: int) -> None:
    """Address space beyond what is mapped now: an allocation past it raises, instead of killing the machine."""
    if sys.platform == "win32" or not memory:
        return
    import resource

    used = psutil.Process().memory_info().vms
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (used + memory, resource.getrlimit(resource.RLIMIT_AS)[1]))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

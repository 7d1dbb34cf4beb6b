"""The subject in processes of its own: whatever it does there, the check goes on.

An endless loop is stopped, a crash is told from a failure, memory is limited, what the subject prints is dropped.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any

import psutil
from pebble import ProcessExpired, ProcessPool

import torchcheck
from scaleproof.check.start import start_server
from torchcheck.properties.engine import StepLost
from torchcheck.properties.finding import Failure
from torchcheck.run.execute import leave_with_parent


class Isolated(Executor):
    """Runs each call in one of `workers` processes, at most `seconds` long and within `memory` bytes a process.

    A call that crashes, or takes longer, raises StepLost from its future; its process is replaced.
    """

    def __init__(self, workers: int, seconds: float, memory: int, threads: int, folders: tuple[str, ...] = ()) -> None:
        self.workers = workers
        self.seconds = seconds
        self._scratch = tempfile.TemporaryDirectory(prefix="scaleproof-")
        context = start_server()
        arguments = (memory, threads, folders, self._scratch.name)
        self._pool = ProcessPool(workers, 0, _start, arguments, context)

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
        self._scratch.cleanup()

    def _pass_on(self, inner: Any, outer: Future[Any]) -> None:
        if outer.cancelled():
            return
        try:
            outer.set_result(inner.result())
        except FutureTimeout:
            words = f"no answer within {self.seconds:g} s: stopped"
            outer.set_exception(StepLost(Failure("timeout", words)))
        except ProcessExpired as error:
            outer.set_exception(StepLost(self._crash(error)))
        except BaseException as error:
            outer.set_exception(error)

    def _crash(self, error: ProcessExpired) -> Failure:
        code = error.exitcode or 0
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        why = f"the process died: {name}"
        if code == -signal.SIGKILL:
            return Failure("memory", f"{why} (most likely out of memory)")
        trace = ""
        with contextlib.suppress(OSError):
            trace = _own_frames((Path(self._scratch.name) / f"{error.pid}.trace").read_text(errors="replace"))
        return Failure("crashed", why, trace)


def _own_frames(trace: str) -> str:
    """What faulthandler wrote of the thread that crashed: the fault, and the subject's own frames, innermost first."""
    head, _, current = trace.partition("Current thread")
    frames = [line for line in current.splitlines() if line.lstrip().startswith("File")]
    libraries = ("site-packages", sys.base_prefix, str(Path(torchcheck.__file__).parent))
    own = [line for line in frames if not any(place in line for place in libraries)]
    fault = next((line for line in head.splitlines() if line.startswith("Fatal")), "")
    return "\n".join([fault, *(own or frames[:1])]).strip()[:2000]


class _Outer(Future[Any]):
    """A future whose cancellation reaches the process."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self._inner = inner

    def cancel(self) -> bool:
        super().cancel()
        return bool(self._inner.cancel())


@contextlib.contextmanager
def isolated(
    workers: int, seconds: float, memory: int, threads: int, folders: tuple[str, ...] = ()
) -> Iterator[Isolated]:
    """An Isolated executor that leaves no process behind."""
    executor = Isolated(workers, seconds, memory, threads, folders)
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _start(memory: int, threads: int, folders: tuple[str, ...], scratch: str) -> None:
    """In the new process: quiet, limited, with the subject's folders on the path and a trace file for crashes."""
    import faulthandler
    import threading

    import scaleproof.check.server  # noqa: F401

    faulthandler.enable(open(Path(scratch) / f"{os.getpid()}.trace", "w"))  # noqa: SIM115
    place = next((k for k, folder in enumerate(sys.path) if "site-packages" in folder), len(sys.path))
    sys.path[place:place] = folders  # behind the standard library, before installed packages
    threading.Thread(target=leave_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(threads)
    _limit(memory)


def _limit(memory: int) -> None:
    """Address space beyond what is mapped now: an allocation past it raises, instead of killing the machine."""
    if sys.platform == "win32" or not memory:
        return
    import resource

    used = psutil.Process().memory_info().vms
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (used + memory, resource.getrlimit(resource.RLIMIT_AS)[1]))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

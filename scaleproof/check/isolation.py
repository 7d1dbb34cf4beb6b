"""The subject in processes of its own: whatever it does there, the check goes on.

An endless loop is stopped, a crash is told from a failure, memory is limited, what the subject prints is dropped.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import torchcheck
from scaleproof.check.start import start_server
from scaleproof.executors.processes import Processes, limit_memory
from torchcheck.run.execute import leave_with_parent


class Isolated(Processes):
    """Processes for a subject: quiet, with its folders on the path, and a trace of where they crash."""

    def __init__(self, workers: int, seconds: float, memory: int, threads: int, folders: tuple[str, ...] = ()) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="scaleproof-")
        super().__init__(workers, seconds, start_server(), _start, (memory, threads, folders, self._scratch.name))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait, cancel_futures=cancel_futures)
        self._scratch.cleanup()

    def trace_of(self, process: int) -> str:
        with contextlib.suppress(OSError):
            return _own_frames((Path(self._scratch.name) / f"{process}.trace").read_text(errors="replace"))
        return ""


def _own_frames(trace: str) -> str:
    """What faulthandler wrote of the thread that crashed: the fault, and the subject's own frames, innermost first."""
    head, _, current = trace.partition("Current thread")
    frames = [line for line in current.splitlines() if line.lstrip().startswith("File")]
    libraries = ("site-packages", sys.base_prefix, str(Path(torchcheck.__file__).parent))
    own = [line for line in frames if not any(place in line for place in libraries)]
    fault = next((line for line in head.splitlines() if line.startswith("Fatal")), "")
    return "\n".join([fault, *(own or frames[:1])]).strip()[:2000]


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

    import scaleproof.check.server  # noqa: F401

    faulthandler.enable(open(Path(scratch) / f"{os.getpid()}.trace", "w"))  # noqa: SIM115
    place = next((k for k, folder in enumerate(sys.path) if "site-packages" in folder), len(sys.path))
    sys.path[place:place] = folders  # behind the standard library, before installed packages
    threading.Thread(target=leave_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(threads)
    limit_memory(memory)

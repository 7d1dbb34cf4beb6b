"""A Dask cluster: its workers need torch, numpy, scipy, jaxtyping and this torchcheck, and one thread each."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from typing import Any

from torchcheck.data import Task
from torchcheck.run.execute import Lost
from torchcheck.run.version import Version, version

#: the resource that a worker offers for tasks on a GPU: `dask worker --resources "GPU=1"`
GPU = "GPU"


class ClusterError(Exception):
    """The cluster cannot be reached, or its workers will not do; the message says which and why."""


class Cluster(Executor):
    """Runs each call on a worker of the cluster, at most `seconds` long; a worker that hangs is started again.

    Tasks on a GPU go to workers that offer the resource. A worker that is lost raises Lost from the future.
    """

    def __init__(self, client: Any, seconds: float | None = None) -> None:
        self._client = client
        self.seconds = seconds
        self.workers = _checked_workers(client)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        on_gpu = any(isinstance(a, Task) and str(a.params.get("device", "cpu")).startswith("cuda") for a in args)
        wanted = {GPU: 1} if on_gpu else None
        inner = self._client.submit(fn, *args, **kwargs, pure=False, retries=0, resources=wanted)
        outer: Future[Any] = Future()
        timer = threading.Timer(self.seconds or 0, lambda: self._stop(inner, outer))
        timer.daemon = True
        inner.add_done_callback(lambda done: self._pass_on(done, outer, timer))
        if self.seconds:
            timer.start()
        return outer

    def _pass_on(self, inner: Any, outer: Future[Any], timer: threading.Timer) -> None:
        timer.cancel()
        if outer.done():
            return
        if inner.status == "finished":
            outer.set_result(inner.result())
        elif inner.status == "cancelled":
            outer.set_exception(Lost("crashed", "the task was cancelled, or the scheduler was lost"))
        else:
            outer.set_exception(_told(inner.exception()))

    def _stop(self, inner: Any, outer: Future[Any]) -> None:
        """A thread of another process cannot be stopped: its process is, and starts again."""
        where = [address for address, keys in self._client.processing().items() if inner.key in keys]
        if not outer.done():
            outer.set_exception(Lost("timeout", f"no answer within {self.seconds:g} s: stopped"))
        inner.cancel()
        with contextlib.suppress(Exception):
            self._client.restart_workers(where, timeout=30, raise_for_error=False)


def _told(error: BaseException) -> BaseException:
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        return Lost("crashed", f"its worker died, {error.allowed_failures + 1} times (out of memory, or killed)")
    return error


def _checked_workers(client: Any) -> int:
    """How many calls the cluster takes at once; raises ClusterError for workers of another version, by name."""
    try:
        seen: Mapping[str, Version | BaseException] = client.run(version, on_error="return")
    except Exception as error:
        raise ClusterError(f"the workers do not answer: {error}") from error
    if not seen:
        raise ClusterError("the cluster has no workers")
    own = version()
    for address, other in seen.items():
        if isinstance(other, BaseException):
            raise ClusterError(f"worker {address} cannot import torchcheck: {other}")
        if wrong := own.differences(other):
            raise ClusterError(f"worker {address} is of another version: {', '.join(wrong)}")
    return int(sum(client.nthreads().values()))


@contextlib.contextmanager
def cluster(address: str | None, workers: int, seconds: float | None = None, memory: int = 0) -> Iterator[Cluster]:
    """The cluster at `address` (HOST:PORT), or, without one, that many processes here; raises ClusterError."""
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise ClusterError("Dask is not installed: pip install 'scaleproof[dask]'") from error
    with contextlib.ExitStack() as stack:
        if address is None:
            limit = {"memory_limit": memory or "auto"}
            own = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, **limit)
            client = stack.enter_context(Client(stack.enter_context(own)))
        else:
            try:
                client = stack.enter_context(Client(f"tcp://{address}", timeout=10))
            except (OSError, ValueError) as error:
                raise ClusterError(f"no Dask scheduler at {address}: {error}") from error
        yield Cluster(client, seconds)

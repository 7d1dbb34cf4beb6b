"""The executors of a run, by the name that the command line gives them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import NamedTuple

from scaleproof.executors.processes import processes
from torchcheck.run.execute import Here


class Executors(NamedTuple):
    """Where tasks run (torchcheck is enough there), and where claims are proved and judged (always on this machine)."""

    tasks: Executor
    conclusions: Executor


class UnknownExecutor(ValueError):
    """The name is none of `serial`, `processes`, `dask` and `dask://HOST:PORT`."""


def address_of(name: str) -> str:
    """The address behind `dask://`, empty for the others; raises UnknownExecutor."""
    kind, _, address = name.partition("://")
    if name not in ("serial", "processes", "dask") and not (kind == "dask" and address):
        raise UnknownExecutor(f"'{name}' is no executor: serial, processes, dask or dask://HOST:PORT")
    return address


@contextlib.contextmanager
def executors(name: str, workers: int, seconds: float | None = None, memory: int = 0) -> Iterator[Executors]:
    """`workers` processes, each call at most `seconds` long and each process within `memory` bytes (0: any).

    Raises UnknownExecutor, and ClusterError where a cluster will not do.
    """
    address = address_of(name)
    if name == "serial":
        yield Executors(Here(), Here())
    elif name == "processes":
        with processes(workers, seconds, memory) as pool:
            yield Executors(pool, pool)
    else:
        from scaleproof.executors.cluster import cluster

        with cluster(address or None, workers, seconds, memory) as tasks, processes(workers) as conclusions:
            yield Executors(tasks, conclusions)

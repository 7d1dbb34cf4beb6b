"""One queue of calls for all that a run has to do: the longest first, never more in flight than workers can take.

A call whose process was lost (it died, hung, or ran out of memory) is tried once more, elsewhere.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from torchcheck.run.execute import Lost

#: how often a call is tried whose process was lost
TRIES = 2


@dataclass(order=True)
class Call:
    """A function with its arguments, the seconds it is expected to take, and who wants to know what came of it."""

    priority: float
    order: int
    function: Callable[..., Any] = field(compare=False)
    arguments: tuple[Any, ...] = field(compare=False)
    executor: Executor = field(compare=False)
    done: Callable[[Future[Any]], None] = field(compare=False)
    tries: int = field(default=0, compare=False)


class Schedule:
    """Calls in waiting and in flight; `done` may add further ones."""

    def __init__(self) -> None:
        self._waiting: dict[Executor, list[Call]] = {}
        self._flying: dict[Executor, int] = {}
        self._finished: SimpleQueue[tuple[Call, Future[Any]]] = SimpleQueue()
        self._order = itertools.count()

    def add(
        self,
        executor: Executor,
        seconds: float,
        done: Callable[[Future[Any]], None],
        function: Callable[..., Any],
        *arguments: Any,
    ) -> None:
        self._push(Call(-seconds, next(self._order), function, arguments, executor, done))

    def run(self) -> None:
        """Until nothing waits and nothing flies."""
        while True:
            for executor in self._waiting:
                self._fill(executor)
            if not any(self._flying.values()):
                return
            call, future = self._finished.get()
            self._flying[call.executor] -= 1
            call.tries += 1
            if call.tries < TRIES and isinstance(future.exception(), Lost | MemoryError):
                self._push(call)
            else:
                call.done(future)

    def _push(self, call: Call) -> None:
        heapq.heappush(self._waiting.setdefault(call.executor, []), call)

    def _fill(self, executor: Executor) -> None:
        """One call more than there are workers may wait at the executor, so that none idles while this thread works."""
        waiting = self._waiting[executor]
        room = 1 if (workers := getattr(executor, "workers", 1)) == 1 else workers + 1
        while waiting and self._flying.get(executor, 0) < room:
            call = heapq.heappop(waiting)
            self._flying[executor] = self._flying.get(executor, 0) + 1
            future = executor.submit(call.function, *call.arguments)
            future.add_done_callback(lambda f, call=call: self._finished.put((call, f)))  # type: ignore[misc]

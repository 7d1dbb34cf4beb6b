"""What this process may use of the machine."""

from __future__ import annotations

import os
from pathlib import Path


def cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def waited() -> float | None:
    """Seconds that the threads of this process were ready to run and had no core to run on, all of them together.

    None where the system does not say (it is Linux's schedstat).
    """
    try:
        threads = [*Path("/proc/self/task").iterdir()]
        return sum(int((t / "schedstat").read_text().split()[1]) for t in threads) / 1e9
    except (OSError, ValueError, IndexError):
        return None

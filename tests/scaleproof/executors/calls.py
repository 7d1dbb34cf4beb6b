"""What the tests of executors call: importable in any process."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def square(x: int) -> int:
    return x * x


def threads() -> int:
    import torch

    return torch.get_num_threads()


def fail(words: str) -> None:
    raise ValueError(words)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def die_once(mark: Path) -> str:
    """Dies the first time, and answers the second."""
    if not mark.exists():
        mark.write_text("")
        die()
    return "answered"


def hang_once(mark: Path) -> str:
    if not mark.exists():
        mark.write_text("")
        time.sleep(600)
    return "answered"


def fill(gib: float) -> int:
    """Takes that much memory, page by page."""
    return len(bytearray(int(gib * 2**30)))

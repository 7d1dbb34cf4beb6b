"""Starts the server that the subject's processes are forked from; without torch here, so that both load it at once."""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any


def start_server() -> Any:
    """The context for the subject's processes; calling it early lets the server load torch meanwhile.

    On Linux they are forked from a server that has loaded torch and run nothing yet; elsewhere each is a new process.
    """
    if not sys.platform.startswith("linux"):
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["scaleproof.check.server"])
    forkserver.ensure_running()
    return context

"""A worker for another process or machine: tasks as JSON lines on stdin, measurements as JSON lines on stdout.

    python -m torchcheck.run.worker < tasks.jsonl > measurements.jsonl

Each line in is {"probe": ..., "params": ...}; each line out is {"key": ..., "measurements": [...]} or
{"key": ..., "error": ...}. It needs torch, numpy, scipy and jaxtyping and nothing else.
"""

from __future__ import annotations

import json
import sys
from typing import TextIO

from torchcheck.data import Task
from torchcheck.run.execute import run_task


def serve(source: TextIO, sink: TextIO) -> int:
    """Runs every task of `source`; one that fails is reported in its own line and the rest goes on."""
    failures = 0
    for line in source:
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
            task = Task(raw["probe"], raw.get("params", {}))
        except (ValueError, KeyError, TypeError) as error:
            failures += 1
            print(json.dumps({"key": None, "error": f"not a task: {error}"}), file=sink, flush=True)
            continue
        answer: dict[str, object] = {"key": task.key}
        try:
            answer["measurements"] = [m.to_json() for m in run_task(task)]
        except Exception as error:
            failures += 1
            answer["error"] = f"{type(error).__name__}: {error}"
        print(json.dumps(answer, allow_nan=False), file=sink, flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(serve(sys.stdin, sys.stdout))

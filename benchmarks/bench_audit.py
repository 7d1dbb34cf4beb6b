"""Throughput of the ulp audit on float32, and what all 2^32 inputs take at that rate with one process a core."""

from __future__ import annotations

import time

import torch
from rich.console import Console
from rich.table import Table

from torchcheck.measure.ulp import audit
from torchcheck.run.machine import cores

COUNT = 1 << 23
MODULE = {"target": "torchcheck.modules:SquarePlus", "options": {"b": 4.0}}
REFERENCE = {"target": "torchcheck.measure.references:squareplus_reference", "options": {"b": 4.0}}


def main() -> None:
    torch.set_num_threads(1)
    available = cores()
    table = Table("inputs from", "ns an input, one thread", f"seconds for 2^32 on {available} cores")
    for start in (0, 1 << 29, 1 << 30, -(1 << 30)):
        begin = time.perf_counter()
        audit(MODULE, REFERENCE, "float32", start=start, stop=start + COUNT)
        each = (time.perf_counter() - begin) / COUNT
        table.add_row(f"ordinal {start}", f"{1e9 * each:.1f}", f"{each * 2**32 / available:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()

"""`scaleproof check` beside muP's coordinate check: the same stacks, depths, seeds and tokens, the same RMS of outputs.

    pip install --no-deps mup seaborn   # mup asks for torchvision, which it does not need
    python benchmarks/bench_check.py

muP trains each network for two steps, the fewest that show an update, and records the RMS of every module's output;
what comes out is a table for the eye. scaleproof measures the stream, the gradients and the first update, in processes
of its own, and gives a verdict. Both use all cores. "statistics": those alone, torch loaded on both sides (as muP's
function is timed); "command": all properties, from the shell, with the start of Python and of the processes.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from scaleproof.check.isolation import Isolated, isolated
from torchcheck import check
from torchcheck.properties.module.depth import BLOCK, SERVES
from torchcheck.run.machine import cores

DEPTHS = (2, 4, 8, 16, 32, 64, 128, 256)
WIDTH, TOKENS, BATCH, CLASSES, SEEDS, REPEATS = 128, 32, 2, 64, 2, 3


class Block(nn.TransformerEncoderLayer):
    """A post-norm block, as torch initialises it."""

    def __init__(self, width: int) -> None:
        super().__init__(width, 2, 4 * width, dropout=0.0, batch_first=True)


class PreBlock(nn.TransformerEncoderLayer):
    """A pre-norm block."""

    def __init__(self, width: int) -> None:
        super().__init__(width, 2, 4 * width, dropout=0.0, batch_first=True, norm_first=True)


class Network(nn.Module):
    """A stack of blocks and a head, for muP's cross-entropy."""

    def __init__(self, block: type[nn.Module], depth: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(block(WIDTH) for _ in range(depth)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.norm(self.blocks(x))).flatten(0, 1)
        return out


def mup_seconds(block: type[nn.Module]) -> float:
    from mup.coord_check import get_coord_data

    x, y = torch.randn(BATCH, TOKENS, WIDTH), torch.randint(CLASSES, (BATCH * TOKENS,))
    start = time.perf_counter()
    data = get_coord_data(
        {depth: partial(Network, block, depth) for depth in DEPTHS},
        [(x, y)],
        optimizer="adam",
        lr=1e-3,
        mup=False,
        nsteps=2,
        nseeds=SEEDS,
        cuda=False,
        output_fdict={"l2": "l2"},
        show_progress=False,
        filter_module_by_name=lambda name: not name.endswith("self_attn"),  # muP cannot record its None
    )
    assert len(data) > 0
    return time.perf_counter() - start


def check_seconds(block: type[nn.Module], executor: Isolated) -> float:
    others = [name for name in BLOCK.properties if name not in (*SERVES, "runs")]
    start = time.perf_counter()
    result = check(
        f"{Path(__file__)}:{block.__name__}",
        "block",
        executor=executor,
        skip=others,
        depths=DEPTHS,
        width=WIDTH,
        seq_len=TOKENS,
        batch=BATCH,
        seeds=SEEDS,
    )
    assert not result.broken
    return time.perf_counter() - start


def command_seconds(block: type[nn.Module]) -> tuple[float, str]:
    command = [
        sys.executable,
        "-m",
        "scaleproof.cli.main",
        "check",
        f"{Path(__file__)}:{block.__name__}",
        "--kind",
        "block",
        "--width",
        str(WIDTH),
        "--seq-len",
        str(TOKENS),
        "--batch",
        str(BATCH),
        "--seeds",
        str(SEEDS),
        "--depths",
        f"{DEPTHS[0]}:{DEPTHS[-1]}",
    ]
    start = time.perf_counter()
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return time.perf_counter() - start, f"exit {run.returncode}: {run.stdout.strip().splitlines()[-1]}"


def main() -> None:
    warnings.simplefilter("ignore")
    title = f"medians of {REPEATS}, seconds; depths {DEPTHS[0]} to {DEPTHS[-1]}, width {WIDTH}, {SEEDS} seeds"
    table = Table("blocks", "muP coord_check", "statistics", "ratio", "command", "its verdict", title=title)
    for block in (PreBlock, Block):
        with isolated(cores(), 60.0, 0, 1) as executor:
            check_seconds(block, executor)
            rows = [
                (mup_seconds(block), check_seconds(block, executor), command_seconds(block)) for _ in range(REPEATS)
            ]
        theirs, ours = (statistics.median(r[k] for r in rows) for k in (0, 1))
        whole = statistics.median(r[2][0] for r in rows)
        verdict = rows[-1][2][1]
        table.add_row(block.__name__, f"{theirs:.1f}", f"{ours:.1f}", f"{theirs / ours:.2f}", f"{whole:.1f}", verdict)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()

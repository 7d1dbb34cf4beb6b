"""What the depth probes cost: time and peak memory of a profile over the bare forward and backward that it rides on.

Width 256, 200 blocks, in a fresh process each, so that the peak is the run's own. The bare run keeps its gradients, as
training does.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from multiprocessing.queues import Queue

import torch
from rich.console import Console
from rich.table import Table

from torchcheck.measure.objectives import LinearLoss
from torchcheck.modules import scaled_transformer
from torchcheck.probes.deepnet.profiles import inputs, profile

WIDTH, LAYERS, REPEATS = 256, 200, 7


def _run(probed: bool, tokens: int, batch: int, answers: Queue[tuple[float, int]]) -> None:
    torch.manual_seed(0)
    model = scaled_transformer(WIDTH, LAYERS, "deepnorm", heads=4)
    x, loss = inputs(WIDTH, tokens, batch), LinearLoss((batch, tokens, WIDTH))
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        if probed:
            profile(model, lambda: loss(model(x)))
        else:
            model.zero_grad(set_to_none=True)
            loss(model(x)).backward()
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    answers.put((statistics.median(times[1:]), peak))


def main() -> None:
    context = multiprocessing.get_context("spawn")
    table = Table("batch x tokens", "bare s", "probed s", "time", "bare MiB", "probed MiB", "memory")
    for batch, tokens in ((4, 32), (8, 128)):
        rows = []
        for probed in (False, True):
            answers: Queue[tuple[float, int]] = context.Queue()
            process = context.Process(target=_run, args=(probed, tokens, batch, answers))
            process.start()
            rows.append(answers.get())
            process.join()
        (bare, low), (own, high) = rows
        table.add_row(
            f"{batch} x {tokens}",
            f"{bare:.2f}",
            f"{own:.2f}",
            f"{own / bare:.2f}",
            f"{low / 2**20:.0f}",
            f"{high / 2**20:.0f}",
            f"{high / low:.2f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()

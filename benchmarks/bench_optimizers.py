"""A step of our optimizers against torch.optim.Adam(foreach=True) on 10 million parameters, interleaved."""

from __future__ import annotations

import time
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from torchcheck.measure.intervals import median_interval
from torchcheck.modules import AmidFunnel, ExponentiatedGradient, HypergradientSGD

TENSORS, SIZE, REPEATS = 10, 1_000_000, 31


def main() -> None:
    makers: dict[str, Any] = {
        "Adam(foreach=True)": lambda p: torch.optim.Adam(p, foreach=True),
        "ExponentiatedGradient": ExponentiatedGradient,
        "HypergradientSGD": HypergradientSGD,
        "AmidFunnel": AmidFunnel,
    }
    for threads in sorted({1, torch.get_num_threads()}):
        torch.set_num_threads(threads)
        optimizers = {name: make(_parameters()) for name, make in makers.items()}
        times: dict[str, list[float]] = {name: [] for name in makers}
        for repeat in range(REPEATS + 2):
            for name, optimizer in optimizers.items():
                start = time.perf_counter()
                optimizer.step()
                if repeat >= 2:
                    times[name].append(time.perf_counter() - start)
        table = Table("optimizer", "median ms", "time over Adam's", title=f"{threads} thread(s)")
        adam = times["Adam(foreach=True)"]
        for name, own in times.items():
            ratio = median_interval([o / a for o, a in zip(own, adam, strict=True)], 1e-3)
            table.add_row(
                name, f"{1e3 * sorted(own)[REPEATS // 2]:.1f}", f"{ratio.value:.2f} [{ratio.lo:.2f}, {ratio.hi:.2f}]"
            )
        Console().print(table)


def _parameters() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    params = [torch.nn.Parameter(torch.rand(SIZE, generator=generator)) for _ in range(TENSORS)]
    for p in params:
        p.grad = torch.randn(SIZE, generator=generator) * 1e-3
    return params


if __name__ == "__main__":
    main()

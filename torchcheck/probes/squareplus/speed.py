"""How much faster one elementwise function is than another, eagerly and compiled, in interleaved repetitions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from torchcheck.data import Evidence, Measurement, Params
from torchcheck.measure.intervals import Interval, median_interval
from torchcheck.run.subjects import DTYPES, Subject, build, find_device

#: one timed repetition calls the function often enough to last about this long
REPETITION_SECONDS = 2e-4
#: repetitions are added until every interval is narrower than WIDTH times its ratio, or LOOKS are done
LOOKS, WIDTH = 3, 0.5


def speedups(
    subjects: Sequence[Params],
    baseline: Params,
    sizes: Mapping[str, int],
    mode: str = "eager",
    threads: int = 1,
    repeats: int = 41,
    alarm: float = 1e-8,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """The median over `repeats` or more of time(baseline)/time(subject), called in turn, for each size (elements).

    `sizes` maps a label to a number of elements; the measurement's name is `speedup.<mode>.<label>`.
    `mode` is `eager` or `compiled` (torch.compile with dynamic shapes, one compilation a function); where
    nothing can be compiled on this machine the measurements are empty and say why.
    """
    where = find_device(device)
    torch.set_num_threads(threads)
    generator = torch.Generator(device="cpu").manual_seed(seed)
    inputs = {k: torch.randn(n, generator=generator).to(where, DTYPES[dtype]) for k, n in sizes.items()}
    specs = [Subject.from_json(s) for s in [baseline, *subjects]]
    functions = [build(s) for s in specs]
    measured = partial(Measurement, device=device, dtype=dtype, unit="times faster")
    if mode == "compiled":
        torch.compiler.reset()  # no kernel of an earlier task, specialised to its sizes
        try:
            functions = [_compile(f, inputs) for f in functions]
        except Exception as error:  # torch.compile raises its own, varied errors for a missing compiler
            reason = f"torch.compile does not work here: {type(error).__name__}"
            return [
                measured(f"speedup.compiled.{k}", None, subject=s.label, note=reason) for s in specs[1:] for k in sizes
            ]
    measurements = []
    for label, x in inputs.items():
        for spec, ratio in zip(specs[1:], _ratios(functions, x, repeats, alarm), strict=True):
            measurements.append(
                measured(
                    f"speedup.{mode}.{label}",
                    ratio.value,
                    ratio.lo,
                    ratio.hi,
                    evidence=Evidence.TIMED,
                    level=1 - alarm,
                    samples=ratio.samples,
                    subject=spec.label,
                    note=f"against {specs[0].label}, {x.numel()} elements, {threads} thread(s)",
                    at={"mode": mode, "elements": x.numel(), "threads": threads},
                )
            )
    return measurements


def _ratios(
    functions: Sequence[Callable[[torch.Tensor], torch.Tensor]], x: torch.Tensor, repeats: int, alarm: float
) -> list[Interval]:
    """Medians of time(first)/time(other), with up to LOOKS * repeats repetitions until all are narrow enough."""
    rows: list[list[float]] = []
    for look in range(LOOKS):
        rows += _interleaved(functions, x, repeats)
        share = alarm * 6 / (math.pi * (look + 1)) ** 2
        ratios = [median_interval([row[0] / row[k] for row in rows], share) for k in range(1, len(functions))]
        if all(r.hi - r.lo <= WIDTH * r.value for r in ratios):
            break
    return ratios


def _compile(function: Any, inputs: Mapping[str, torch.Tensor]) -> Any:
    compiled: Any = torch.compile(function, dynamic=True)
    with torch.no_grad():
        for x in inputs.values():
            compiled(x)
    return compiled


def _interleaved(
    functions: Sequence[Callable[[torch.Tensor], torch.Tensor]], x: torch.Tensor, repeats: int
) -> list[list[float]]:
    # freeing a large block teaches glibc to keep memory: else page faults of fresh results drown the arithmetic
    torch.empty(31 * 2**20, dtype=torch.uint8)
    with torch.no_grad():
        calls = [max(1, round(REPETITION_SECONDS / _seconds(f, x, 1))) for f in functions]
        for f, n in zip(functions, calls, strict=True):
            _seconds(f, x, n)
        return [[_seconds(f, x, n) for f, n in zip(functions, calls, strict=True)] for _ in range(repeats)]


def _seconds(f: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, calls: int) -> float:
    if x.is_cuda:
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(calls):
        f(x)
    if x.is_cuda:
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / calls

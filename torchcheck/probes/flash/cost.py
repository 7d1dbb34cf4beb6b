"""What a sequence layer costs as its input grows: multiply-adds, peak memory, wall time, parameters, causal sums."""

from __future__ import annotations

import gc
import math
import statistics
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from typing_extensions import override

from torchcheck.data import Evidence, Measurement, Params, Series
from torchcheck.measure.operations import Watch, multiply_adds
from torchcheck.run.subjects import DTYPES, Subject, build, find_device


def parameters(subject: Params, matrices: bool = False, name: str = "parameters") -> list[Measurement]:
    """How many numbers the subject learns; `matrices` leaves out what has fewer than two dimensions of 2 or more."""
    spec = Subject.from_json(subject)
    shapes = [p.shape for p in build(spec).parameters()]
    count = sum(s.numel() for s in shapes if not matrices or sum(n > 1 for n in s) >= 2)
    return [Measurement(name, float(count), unit="numbers", evidence=Evidence.EXACT, subject=spec.label)]


def growth(
    subject: Params,
    width: int,
    sizes: Sequence[int],
    repeats: int = 5,
    backward: bool = True,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
    label: str = "",
) -> list[Measurement]:
    """Cost of `subject(width=..., **options)` on one sequence of each of `sizes` tokens, forward and backward.

    `multiply-adds.n=...` of all matrix products and `activations.n=...`, the numbers kept for the backward pass, are
    exact; `memory.n=...` the peak of allocated tensors above what was
    there before (bytes; on the CPU what operations return, without their own workspaces), `time.n=...` the median of
    `repeats`. `exponent.memory` is the local one between the two largest sizes (no noise), `exponent.time` that between
    the last and the last but two, of the fastest repetitions, which other work on the machine disturbs least.
    """
    where, kind = find_device(device), DTYPES[dtype]
    spec = Subject.from_json(subject)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(Subject(spec.target, {"width": width, **spec.options})).to(where, kind)
    common: dict[str, Any] = {"evidence": Evidence.EXACT, "subject": spec.label, "device": device, "dtype": dtype}
    measurements, times, peaks = [], [], []
    for n in sizes:
        x = torch.randn(1, n, width, generator=torch.Generator().manual_seed(seed)).to(where, kind)
        call = partial(_once, model, x, backward)
        call()
        peaks.append(float(peak_memory(call, where)))
        times.append(timed(call, repeats, where))
        measurements += [
            Measurement(f"multiply-adds.n={n}", float(multiply_adds(partial(model, x))), **common),
            Measurement(f"activations.n={n}", float(saved_numbers(model, x)), unit="numbers", **common),
            Measurement(f"memory.n={n}", peaks[-1], unit="bytes", **common),
            _time(f"time.n={n}", times[-1], common),
        ]
    measurements += _exponents(sizes, peaks, times, common)
    xs, medians = [float(n) for n in sizes], [statistics.median(t) for t in times]
    curves = (
        Series(label or spec.label, "tokens", "seconds", xs, medians, kind="time"),
        Series(label or spec.label, "tokens", "bytes", xs, peaks, kind="memory"),
    )
    return [*measurements, Measurement("cost", float(len(sizes)), samples=len(sizes), series=curves, **common)]


def _time(name: str, seconds: Sequence[float], common: Params) -> Measurement:
    fields: dict[str, Any] = {**common, "evidence": Evidence.TIMED, "samples": len(seconds)}
    note, ends = "the interval is the range", (min(seconds), max(seconds))
    return Measurement(name, statistics.median(seconds), *ends, unit="s", note=note, **fields)


def _exponents(
    sizes: Sequence[int], peaks: Sequence[float], times: Sequence[Sequence[float]], common: Params
) -> list[Measurement]:
    """The local exponents of memory and of wall time at the largest sizes, as far as there are enough of them."""
    if len(sizes) < 2:
        return []
    rise = math.log(peaks[-1] / peaks[-2]) / math.log(sizes[-1] / sizes[-2])
    note = f"n = {sizes[-2]} to {sizes[-1]}"
    measurements = [Measurement("exponent.memory", rise, samples=2, unit="exponent", note=note, **common)]
    if len(sizes) > 2:
        repeats = len(times[0])
        halves = [[min(t[k::2]) for t in times] for k in (0, 1)] if repeats > 1 else [[min(t) for t in times]] * 2
        rises = [math.log(t[-1] / t[-3]) / math.log(sizes[-1] / sizes[-3]) for t in halves]
        note = f"n = {sizes[-3]} to {sizes[-1]}, from the fastest of every other repetition, twice"
        fields: dict[str, Any] = {**common, "evidence": Evidence.TIMED, "samples": 2 * repeats, "note": note}
        ends = (min(rises), max(rises))
        measurements.append(Measurement("exponent.time", sum(rises) / 2, *ends, unit="exponent", **fields))
    return measurements


def _once(model: nn.Module, x: Tensor, backward: bool) -> None:
    if not backward:
        with torch.no_grad():
            model(x)
        return
    out = model(x)
    out.sum().backward()
    for p in model.parameters():
        p.grad = None


def peak_memory(call: Callable[[], Any], device: torch.device) -> int:
    """The most bytes that `call` had allocated at one time, beyond what was allocated before."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device) - before)
    with _Allocations() as seen:
        call()
    peak: int = seen.peak
    return peak


def saved_numbers(model: nn.Module, x: Tensor) -> int:
    """How many numbers the forward pass keeps for the backward one, besides parameters; shared storages count once."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def pack(t: Tensor) -> Tensor:
        storage = t.untyped_storage()
        if storage.data_ptr() not in own and t.numel() > 1:
            kept[storage.data_ptr()] = storage.nbytes() // t.element_size()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        out = model(x)  # alive until the count is done: no address may be used twice
    del out
    return sum(kept.values())


def timed(call: Callable[[], Any], repeats: int, device: torch.device) -> list[float]:
    """Wall seconds of each of `repeats` calls."""
    torch.empty(31 * 2**20, dtype=torch.uint8)  # freed at once, it teaches glibc to keep memory instead of fresh pages
    values = []
    for _ in range(repeats):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        start = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        values.append(time.perf_counter() - start)
    return values


def causal_sums(
    subject: Params, width: int, tokens: int, batch: int = 1, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """`sums`: how many numbers the running sums of a causal layer hold: the largest result of a cumulative sum."""
    where = find_device(device)
    spec = Subject.from_json(subject)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(Subject(spec.target, {"width": width, **spec.options})).to(where)
        x = torch.randn(batch, tokens, width).to(where)
    with torch.no_grad(), _largest("cumsum") as sizes:
        model(x)
    return [
        Measurement(
            "sums",
            float(max(sizes, default=0)),
            unit="numbers",
            evidence=Evidence.EXACT,
            subject=spec.label,
            device=device,
            dtype="float32",
        )
    ]


class _Allocations(Watch):
    """Counts the bytes of living tensors that operations made inside; what an operation frees itself is not seen."""

    def __init__(self) -> None:
        super().__init__()
        self.held = self.peak = 0
        self._living: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before = {id(t.untyped_storage()) for t in _tensors((args, kwargs))}
        out = func(*args, **(kwargs or {}))
        for t in _tensors(out):
            storage = t.untyped_storage()
            key = id(storage)
            if key not in self._living and key not in before:
                size = storage.nbytes()
                self.held += size
                self._living[key] = weakref.ref(storage, partial(self._freed, key, size))
        self.peak = max(self.peak, self.held)
        return out

    def _freed(self, key: int, size: int, _gone: Any) -> None:
        del self._living[key]
        self.held -= size


def _tensors(values: Any) -> list[Tensor]:
    return [t for t in tree_leaves(values) if isinstance(t, Tensor)]


@contextmanager
def _largest(operation: str) -> Iterator[list[int]]:
    sizes: list[int] = []

    class Sizes(Watch):
        @override
        def seen(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
            if operation in func.__name__:
                sizes.append(out.numel())

    with Sizes():
        yield sizes

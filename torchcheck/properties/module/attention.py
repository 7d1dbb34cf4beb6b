"""Attention and other sequence layers: leaks of the future, padding, order of tokens, cost in the sequence's length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement, Series
from torchcheck.measure.leak import worst
from torchcheck.measure.operations import multiply_adds
from torchcheck.probes.flash.cost import peak_memory, timed
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.module.every import EVERY
from torchcheck.properties.module.inverse import INVERSE
from torchcheck.properties.module.leak import ROUNDING, layer_of
from torchcheck.properties.module.numerics import refusal, watched
from torchcheck.properties.module.offset import OFFSETS
from torchcheck.properties.module.published import PUBLISHED_NORM
from torchcheck.properties.module.shifts import SHIFTS
from torchcheck.properties.plan import Description, Group, Kind, Step
from torchcheck.properties.subject.calling import size_of
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import DTYPES, find_device

#: sequence lengths at which the cost is taken
LENGTHS = (64, 128, 256, 512, 1024)
PROPERTIES: dict[str, Property] = {
    "equivariance": Property(
        "tokens in another order give the same outputs in that order (largest relative change)", better="none"
    ),
    "range": Property(
        "the largest input scale, a power of two, without NaN or infinity",
        Threshold(lo=4),
        "scale the queries before the product with the keys, and subtract the maximum before exponentials",
        better="more",
    ),
    "cost-operations": Property(
        "the exponent of the sequence's length in multiply-adds",
        Threshold(hi=2.1),
        "some product runs over more than pairs of tokens",
        better="less",
    ),
    "cost-memory": Property(
        "the exponent of the sequence's length in peak memory",
        Threshold(hi=2.1),
        "some tensor has more entries than pairs of tokens",
        better="less",
    ),
    "cost-time": Property("the exponent of the sequence's length in wall time", better="less", compared="shown"),
}


def steps(settings: CheckSettings, _description: Description) -> list[Step]:
    return [
        Step(order, ("equivariance",)),
        *(Step(range_of, (f"range.{d}",), {"dtype": d}) for d in settings.dtypes),
        Step(cost, ("cost-operations", "cost-memory", "cost-time")),
    ]


def order(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Tokens in a random order."""
    layer, dtype = layer_of(loaded, settings)
    generator = torch.Generator().manual_seed(settings.seed)
    x = torch.randn(1, settings.seq_len, settings.width, generator=generator).to(dtype).to(find_device(settings.device))
    places = torch.randperm(settings.seq_len, generator=generator).to(x.device)
    with torch.no_grad():
        whole = layer(x)
        if whole.shape[:2] != x.shape[:2]:
            return [Measurement("equivariance", None, note="its output is no sequence of tokens")]
        change = worst(layer(x[:, places]) - whole[:, places]) / size_of(whole)
    measured = partial(Measurement, device=settings.device, dtype=str(dtype).split(".")[1])
    return [measured("equivariance", 0.0 if change <= ROUNDING[dtype] else change)]


def range_of(loaded: Loaded, settings: CheckSettings, dtype: str) -> list[Measurement]:
    """Inputs of size 1, 2, 4, ... until a module's output is not finite."""
    kind, where = DTYPES[dtype], find_device(settings.device)
    layer, _ = layer_of(loaded, settings, torch.float32)
    generator = torch.Generator().manual_seed(settings.seed)
    x = torch.randn(1, settings.seq_len, settings.width, generator=generator).to(where)
    refused = refusal(layer, x, where, kind)
    stored = torch.float32 if refused else kind
    layer = layer.to(stored)
    reached, witness = 0.0, ""
    for power in range(12):
        with torch.no_grad(), torch.autocast(where.type, kind, enabled=bool(refused)), watched(layer) as seen:
            layer((x * 2.0**power).to(stored))
        bad = [name for name, ok, _ in seen["forward"] if not ok]
        if bad:
            witness = f"at scale {2**power}, first {bad[0]}"
            break
        reached = 2.0**power
    top = reached if not witness else 2 * reached
    return [
        Measurement(
            f"range.{dtype}",
            reached,
            reached,
            max(reached, top * 0.999),
            device=settings.device,
            dtype=dtype,
            witness=witness,
            note=f"under autocast, for it cannot be cast: {refused}" if refused else "",
        )
    ]


def cost(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Multiply-adds and peak memory (exact) and time (medians) of a forward pass; exponents of the last doubling."""
    layer, _ = layer_of(loaded, settings, torch.float32)
    where = find_device(settings.device)
    operations, memory, seconds = [], [], []
    refused = _refused(layer, settings, where)
    if refused:
        return [Measurement(n, None, note=refused) for n in ("cost-operations", "cost-memory", "cost-time")]
    for n in LENGTHS:
        x = torch.randn(1, n, settings.width, generator=torch.Generator().manual_seed(n)).to(where)
        run = partial(_run, layer, x)
        operations.append(multiply_adds(run))
        memory.append(peak_memory(run, where))
        run()
        seconds.append(timed(run, 5, where))
    measured = partial(Measurement, device=settings.device, dtype="float32", note=f"n = {LENGTHS[-2]} to {LENGTHS[-1]}")
    xs = [float(n) for n in LENGTHS]

    def rise(values: Sequence[float]) -> float:
        return math.log2(values[-1] / values[-2]) if min(values[-2:]) > 0 else math.nan

    measurements = [
        measured(name, rise(values), samples=2, series=(Series(name, "tokens", unit, xs, [float(v) for v in values]),))
        for name, unit, values in (("cost-operations", "multiply-adds", operations), ("cost-memory", "bytes", memory))
        if min(values[-2:]) > 0
    ]
    best = [min(s) for s in seconds]
    slopes = [math.log2(b / a) for a, b in zip(sorted(seconds[-2]), sorted(seconds[-1]), strict=True)]
    curve = Series("cost-time", "tokens", "seconds", xs, best)
    time = measured(
        "cost-time", rise(best), min([*slopes, rise(best)]), max([*slopes, rise(best)]), samples=10, series=(curve,)
    )
    return [*measurements, time]


def _refused(layer: nn.Module, settings: CheckSettings, where: torch.device) -> str:
    """Why it takes no sequence of the longest length; empty where it does."""
    try:
        _run(layer, torch.zeros(1, LENGTHS[-1], settings.width, device=where))
    except (RuntimeError, ValueError, IndexError, AssertionError) as error:
        said = str(error).splitlines()
        return f"it takes no {LENGTHS[-1]} tokens: {said[0][:60] if said else type(error).__name__}"
    return ""


def _run(layer: nn.Module, x: Tensor) -> None:
    with torch.no_grad():
        layer(x)


LAYER = Kind((*EVERY, PUBLISHED_NORM, OFFSETS, INVERSE, SHIFTS))
ATTENTION = Kind((Group("attention", PROPERTIES, steps, later=True), *EVERY))

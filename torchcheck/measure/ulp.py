"""The ulp audit of an elementwise activation: accuracy, order and finiteness over a floating-point format.

An ulp is the format's spacing at the exact value (the smallest subnormal's at and below the normal range).
Inputs are walked in the order of their values, by *ordinal*: 0, 1, 2, ... for +0 and the positive
numbers, -1, -2, ... for -0 and the negative ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from torchcheck.data import Evidence, Measurement, Params, Series
from torchcheck.run.subjects import Subject, build, find_device

#: inputs at a time: on the CPU what stays in cache, on an accelerator what keeps it busy (3 GB of temporaries)
BLOCK = 1 << 15
ACCELERATOR_BLOCK = 1 << 25
#: relative error of the float64 references, see torchcheck/measure/references.py
REFERENCE_ERROR = 2.0**-50


@dataclass(frozen=True)
class Format:
    """A binary floating-point format: `bits` in all, `mantissa` stored bits, smallest normal exponent `e_min`."""

    dtype: torch.dtype
    bits: int
    mantissa: int
    e_min: int

    @property
    def finite(self) -> int:
        """How many non-negative finite values there are; ordinals run over range(-finite, finite)."""
        top = {16: torch.int16, 32: torch.int32}[self.bits]
        return int(torch.tensor(torch.finfo(self.dtype).max, dtype=self.dtype).view(top)) + 1


FORMATS = {
    "float16": Format(torch.float16, 16, 10, -14),
    "bfloat16": Format(torch.bfloat16, 16, 7, -126),
    "float32": Format(torch.float32, 32, 23, -126),
}


def from_ordinals(ordinals: Int64[Tensor, "*shape"], fmt: Format) -> Float[Tensor, "*shape"]:
    """The values with these ordinals (int64, any shape) in the format."""
    sign = 1 << (fmt.bits - 1)
    patterns = torch.where(ordinals >= 0, ordinals, -1 - ordinals - sign)
    return patterns.to({16: torch.int16, 32: torch.int32}[fmt.bits]).view(fmt.dtype)


def audit(
    subject: Params,
    reference: Params,
    dtype: str,
    device: str = "cpu",
    start: int | None = None,
    stop: int | None = None,
    per_binade: int = 0,
    seed: int = 0,
    table: bool = False,
) -> list[Measurement]:
    """Audits the activation `subject` in `dtype` against `reference` (evaluated in float64).

    By default every finite input; `start`/`stop` restrict the ordinals; `per_binade` > 0 takes that many
    neighbouring inputs at a random place in every binade and the same number at its edges instead.
    `table` adds all outputs' bit patterns (16-bit formats). Returns, each with a witness:

    ulp.worst, ulp.mean            error in ulp of the exact value
    order.decreasing, order.flat   neighbouring inputs x < y with f(x) > f(y), with f(x) = f(y)
    relu.below, relu.equal         inputs with f(x) < max(x, 0), with f(x) = max(x, 0)
    finite.lost                    finite inputs with a NaN or infinite output where the exact value is finite
    zero.flushed                   outputs 0 where the exact value is at least the smallest subnormal
    """
    fmt = FORMATS[dtype]
    where = find_device(device)
    f = _on(build(Subject.from_json(subject)), where)
    exact = build(Subject.from_json(reference))
    lo = -fmt.finite if start is None else start
    hi = fmt.finite if stop is None else stop
    tally = _Tally()
    outputs = []
    with torch.no_grad():
        block = BLOCK if where.type == "cpu" else ACCELERATOR_BLOCK
        for first, last in ranges(fmt, lo, hi, per_binade, seed, block):
            y = _block(f, exact, fmt, first, last, where, tally)
            if table:
                outputs.append(y[1:].view(torch.int16).cpu().numpy())
    data = {"table": np.concatenate(outputs).tobytes().hex()} if table else {}
    label = Subject.from_json(subject).label
    is_whole = not per_binade and (lo, hi) == (-fmt.finite, fmt.finite)
    evidence = Evidence.EXHAUSTIVE if is_whole else Evidence.SAMPLED
    return tally.measurements(fmt, label, device, dtype, evidence, data)


def merge(parts: Sequence[Sequence[Measurement]], complete: int | None = None) -> list[Measurement]:
    """One audit out of audits of consecutive ordinal ranges; exhaustive if `complete` inputs are covered."""
    merged = []
    for same in zip(*parts, strict=True):
        samples = sum(m.samples for m in same)
        name = same[0].name
        values = np.array([m.value for m in same], dtype=float)
        if name == "ulp.mean":
            value = float(np.average(values, weights=[m.samples for m in same]))
        else:
            value = float(values.max() if name == "ulp.worst" else values.sum())
        worst = same[int(values.argmax())]
        slack = max(float(m.hi or 0) - v if np.isfinite(v) else 0.0 for m, v in zip(same, values, strict=True))
        series = _join([s for m in same for s in m.series])
        evidence = Evidence.EXHAUSTIVE if samples == complete else Evidence.SAMPLED
        seconds = sum(m.seconds for m in same)
        lo = value - slack if name == "ulp.mean" else value
        totals: dict[str, Any] = {"samples": samples, "series": series, "evidence": evidence, "seconds": seconds}
        merged.append(replace(worst, value=value, lo=lo, hi=value + slack, **totals))
    return merged


@dataclass
class _Tally:
    samples: int = 0
    total: float = 0.0
    finite: int = 0
    worst: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    witness: dict[str, str] = field(default_factory=dict)
    binades: dict[float, float] = field(default_factory=dict)

    def count(self, name: str, hits: Tensor, x: Tensor, y: Tensor) -> None:
        number = int(hits.sum())
        self.counts[name] = self.counts.get(name, 0) + number
        if number and name not in self.witness:
            at = int(hits.to(torch.uint8).argmax())
            self.witness[name] = f"x = {x[at].item()!r} gives {y[at].item()!r}"

    def measurements(
        self, fmt: Format, subject: str, device: str, dtype: str, evidence: Evidence, data: dict[str, str]
    ) -> list[Measurement]:
        slack = REFERENCE_ERROR * 2.0 ** (fmt.mantissa + 1)
        curve = Series("ulp error", "x", "worst ulp error in the binade", *_sorted_curve(self.binades), "ulp")
        measured = partial(
            Measurement, subject=subject, device=device, dtype=dtype, samples=self.samples, evidence=evidence
        )
        mean = self.total / max(self.finite, 1)
        measurements = [
            measured(
                "ulp.worst",
                self.worst,
                self.worst,
                self.worst + slack,
                unit="ulp",
                witness=self.witness.get("worst", ""),
                series=(curve,),
                data=data,
            ),
            measured("ulp.mean", mean, mean - slack, mean + slack, unit="ulp"),
        ]
        for name, number in self.counts.items():
            measurements.append(measured(name, float(number), unit="inputs", witness=self.witness.get(name, "")))
        return measurements


def _block(
    f: Callable[[Tensor], Tensor],
    exact: Callable[[Tensor], Tensor],
    fmt: Format,
    first: int,
    last: int,
    device: torch.device,
    tally: _Tally,
) -> Tensor:
    """Audits ordinals [first, last) and the step into the first of them; returns outputs from first - 1 on."""
    lead = max(first - 1, -fmt.finite)
    x = from_ordinals(torch.arange(lead, last, device=device), fmt)
    y = f(x)
    skip = first - lead
    order_x, order_y = x, y
    x, y = x[skip:], y[skip:]
    wide_x, wide_y = x.double(), y.double()
    ref = exact(wide_x)
    ulp = ulp_of(ref, fmt)
    error = (wide_y - ref).abs_().div_(ulp)
    # a result that overflows is right where the exact value rounds to infinity
    top = torch.finfo(fmt.dtype).max
    beyond = ref.abs() >= top * (1 + 2.0 ** (-fmt.mantissa - 2))
    finite = y.isfinite()
    lost = ~finite & ~beyond
    error = torch.where(finite, error, torch.where(lost, torch.inf, 0.0))
    tally.samples += last - first
    tally.finite += int(finite.sum())
    tally.total += float(torch.where(finite, error, 0.0).sum())
    relu = x.clamp(min=0)
    tally.count("relu.below", y < relu, x, y)
    tally.count("relu.equal", y == relu, x, y)
    tally.count("finite.lost", lost, x, y)
    smallest = 2.0 ** (fmt.e_min - fmt.mantissa)
    tally.count("zero.flushed", (y == 0) & (ref.abs() >= smallest), x, y)
    before, after = order_y[:-1], order_y[1:]
    moved = order_x[1:] > order_x[:-1]  # -0 and +0 are equal
    tally.count("order.decreasing", moved & (after < before), order_x[:-1], before)
    tally.count("order.flat", moved & (after == before), order_x[:-1], before)
    at = int(error.argmax())
    if float(error[at]) > tally.worst:
        tally.worst = float(error[at])
        tally.witness["worst"] = f"x = {x[at].item()!r} gives {y[at].item()!r}, exact {ref[at].item()!r}"
    _note_binades(error, first, last, fmt, tally)
    return order_y if skip else torch.cat([order_y[:1], order_y])


def _note_binades(error: Tensor, first: int, last: int, fmt: Format, tally: _Tally) -> None:
    """Keeps the worst error of each binade, at the value in the binade's middle."""
    edge = first
    while edge < last:
        low = (edge >> fmt.mantissa) << fmt.mantissa
        end = min(last, low + (1 << fmt.mantissa))
        middle = from_ordinals(torch.tensor([low + (1 << (fmt.mantissa - 1))]), fmt).double().item()
        worst = float(error[edge - first : end - first].max())
        tally.binades[middle] = max(tally.binades.get(middle, 0.0), worst)
        edge = end


def ulp_of(value: Float64[Tensor, "*shape"], fmt: Format) -> Float64[Tensor, "*shape"]:
    """The format's spacing at abs(value), from the exponent bits of the float64 value."""
    exponent = ((value.view(torch.int64) >> 52) & 0x7FF) - 1023
    spacing = exponent.clamp(min=fmt.e_min) - fmt.mantissa
    return ((spacing + 1023) << 52).view(torch.float64)


def ranges(fmt: Format, lo: int, hi: int, per_binade: int, seed: int, block: int) -> Iterator[tuple[int, int]]:
    """Ordinals [first, last) in blocks: all of [lo, hi), or `per_binade` at both edges and inside of every binade."""
    if not per_binade:
        for first in range(lo, hi, block):
            yield first, min(first + block, hi)
        return
    rng = np.random.default_rng(seed)
    size = 1 << fmt.mantissa
    for low in range((lo >> fmt.mantissa) << fmt.mantissa, hi, size):
        if size <= 3 * per_binade:
            yield max(low, lo), min(low + size, hi)
            continue
        middle = low + per_binade + int(rng.integers(size - 3 * per_binade + 1))
        for first in (low, middle, low + size - per_binade):
            if max(first, lo) < min(first + per_binade, hi):
                yield max(first, lo), min(first + per_binade, hi)


def _sorted_curve(points: Mapping[float, float]) -> tuple[list[float], list[float]]:
    xs = sorted(points)
    return xs, [points[x] for x in xs]


def _join(series: list[Series]) -> tuple[Series, ...]:
    if not series:
        return ()
    points = {x: y for s in series for x, y in zip(s.x, s.y, strict=True)}
    xs, ys = _sorted_curve(points)
    return (replace(series[0], x=xs, y=ys),)


def _on(f: Any, device: torch.device) -> Any:
    return f.to(device) if isinstance(f, torch.nn.Module) else f

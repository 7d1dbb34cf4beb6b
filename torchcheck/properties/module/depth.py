"""Blocks and models: do signals, gradients and the first update keep their size as depth grows?

One step measures one network: one seed, one depth. The exponents are fitted to all of them, and seeds are added until
every exponent is on one side of its threshold.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from torchcheck.data import Measurement, Series
from torchcheck.measure.chains import is_chain
from torchcheck.measure.first_order import Decrease, first_order
from torchcheck.measure.intervals import fit_exponent
from torchcheck.measure.norms import rms
from torchcheck.measure.roles import blocks_of, depth_of
from torchcheck.measure.streams import Stream, first_float, watched
from torchcheck.properties.finding import Property, Question, Raw, Threshold
from torchcheck.properties.module.depth_init import DEPTH_INIT
from torchcheck.properties.module.every import EVERY
from torchcheck.properties.module.first_rate import first_rate
from torchcheck.properties.module.inverse import INVERSE
from torchcheck.properties.module.model_output import OUTPUT
from torchcheck.properties.module.offset import OFFSETS
from torchcheck.properties.module.published import PUBLISHED_NORM
from torchcheck.properties.module.residual_path import DEEPNORM, IDENTITY
from torchcheck.properties.module.shifts import SHIFTS
from torchcheck.properties.plan import Description, Found, Group, Kind, Step, measurements
from torchcheck.properties.subject.calling import call, network, objective_of, tensor_of, to, with_gradients
from torchcheck.properties.subject.rescale import Scaling
from torchcheck.properties.subject.training_mode import calibrated
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import find_device

#: numbers of seeds at which the exponents are looked at; look k spends 6/(pi (k+1))² of the alarm
LOOKS = (4, 6, 8, 12, 16, 24, 32, 48, 64)
#: Exponents of depth beyond which a stack explodes (or vanishes). Every network whose blocks contribute alike has a
#: first update that grows like depth^1 (GPT-2, and all unscaled Post-LN stacks), and signals that add up grow like
#: depth^1 too: faster than that is a product that runs away, not a sum. The margins cover the noise between networks.
EXPLOSION, UPDATE_EXPLOSION = 1.25, 1.5
#: an update that grows more slowly than this needs no help from depth; half way from the root (Pre-LN) to the line
STABLE = 0.75
EXPONENTS = ("growth", "gradient", "increment")
#: a bend of the log-log curve below this (a tenth of the value) is no reason to call it no power law
MATERIAL = 0.1
#: where the exponent is that of the deeper half of the grid
DEEP_END = "deep end"
#: depths up to CHEAP cost little, and start with the first look's seeds, the others with two
CHEAP = 32
#: seeds of the depths beyond MODEST, which cost most and vary most, unless the law bends there
DEEP_SEEDS, MODEST = 4, 64
#: relative spread of tokens below which they have become one
COLLAPSED = 1e-3

PROPERTIES: dict[str, Property] = {
    "increment": Property(
        "the first update's effect on the loss grows no faster than the number of blocks, and does not vanish",
        Threshold(-UPDATE_EXPLOSION, UPDATE_EXPLOSION),
        "scale residuals and init with depth (--suggest finds alpha and gain), or warm up the learning rate",
        better="zero",
    ),
    "growth": Property(
        "the signal's RMS at the end over that at the start neither explodes nor vanishes with depth",
        Threshold(-EXPLOSION, EXPLOSION),
        "normalise the stream, or scale the branch by 1/sqrt(depth)",
        better="zero",
    ),
    "gradient": Property(
        "the gradient at the start over that at the end neither explodes nor vanishes with depth",
        Threshold(-EXPLOSION, EXPLOSION),
        "check the init gain and the residual path: the Jacobian of a block should have norm near 1",
        better="zero",
    ),
    "expansion": Property(
        "a block multiplies the gradient that passes it by about 1 (the deepest stack, mean over its blocks)",
        Threshold(0.8, 1.25),
        "check the init gain of the branch and of the skip connection",
        better="none",
        compared="factor",
    ),
    "distinct": Property(
        "different inputs and tokens give different outputs (smallest relative spread, depths up to 64)",
        Threshold(lo=COLLAPSED),
        "all tokens have become one (rank collapse), or the output is dead: look for a skip that is missing or too "
        "weak, and for dead activations",
        better="more",
        compared="factor",
    ),
    "branch": Property(
        "what a block adds, over what enters it (the last block of the deepest stack)", better="none", compared="factor"
    ),
    "runs": Property(
        "every size builds and runs forward and backward",
        Threshold(1, 1),
        "make it run at the depth named",
        better="more",
    ),
    "first-lr": Property(
        "the largest first learning rate that keeps half of the first-order decrease (a power of 2)",
        advice="warm up from below this rate",
        better="more",
    ),
}

SERVES = (*EXPONENTS, "expansion", "distinct", "branch")


@dataclass(frozen=True)
class Point(Raw):
    """One network: what is fitted over seeds and depths.

    `learning` parameters can be updated; `rms` of the stream at every block's input and at the end, `cotangent` |dL/dx|
    there; `branch` what the last block adds over what enters it (NaN where that cannot be told); `sgd`, `adam`, `lamb`
    the first-order decrease of the loss per unit of learning rate; `distinct` the smallest relative spread of outputs;
    `chain` says that nothing in a model of the smallest depth joins two values, as a skip connection would.
    """

    depth: int
    seed: int
    learning: int
    rms: tuple[float, ...]
    cotangent: tuple[float, ...]
    branch: float
    sgd: float
    adam: float
    lamb: float
    distinct: float
    chain: bool = False

    def value(self, name: str, optimizer: str) -> float:
        """The quantity behind an exponent."""
        if name == "increment":  # an infinite output has no gradient after its norm: that is no small update
            return float(getattr(self, optimizer)) if math.isfinite(self.rms[-1]) else math.inf
        ends = self.rms if name == "growth" else self.cotangent
        if len(ends) < 2:
            return math.nan
        start, end = (ends[0], ends[-1]) if name == "growth" else (ends[-1], ends[0])
        if math.isfinite(start) and math.isfinite(end):
            return end / start if start else math.inf
        return math.inf


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    """The whole grid of depths once, coarse to fine, of which the first network has to run."""
    depths = description.depths(settings)
    if not depths:
        return []
    coarse = list(depths[::2]) + list(depths[1::2])
    rounds = range(min(LOOKS[0], settings.seeds))
    grid = [_point(d, s) for s in rounds for d in (depths if s else coarse) if s < 2 or d <= CHEAP]
    middle = max(d for d in depths if d <= max(64, depths[0]))
    return [replace(grid[0], gate=True), *grid[1:], Step(first_rate, ("first-lr",), {"depth": middle})]


def more(settings: CheckSettings, results: Sequence[Found], properties: Mapping[str, Property]) -> list[Step]:
    """One more look: seeds for every depth that ran, until all exponents are decided or the seeds are used up."""
    points = _points(results)
    if not points:
        return []
    undecided = []
    for m in reduce(settings, results):
        threshold = properties[m.name].threshold if m.name in properties else None
        if m.name in EXPONENTS and threshold and m.value is not None and m.lo is not None and m.hi is not None:
            undecided += [m] if threshold.judge(m.lo, m.hi) == "inconclusive" else []
    done = 1 + max(p.seed for p in points)
    upcoming = min(next((look for look in LOOKS if look > done), done), settings.seeds)
    deep = any(m.at.get("law") == DEEP_END for m in undecided)
    if not undecided:
        return []
    have = Counter(p.depth for p in points)
    wanted = {d: upcoming if deep or d <= MODEST else min(upcoming, DEEP_SEEDS) for d in sorted(have)}
    return [_point(d, s) for s in range(upcoming) for d, n in wanted.items() if have[d] <= s < n]


def _point(depth: int, seed: int) -> Step:
    return Step(point, ("runs",), {"depth": depth, "seed": seed}, feeds=SERVES)


def point(
    loaded: Loaded, settings: CheckSettings, depth: int, seed: int, scaling: Scaling | None = None
) -> list[Point]:
    """One network, forward and backward; of the init as it is or after a `scaling`."""
    where, kind = find_device(settings.device), torch.float32
    model, inputs = network(loaded, settings, depth, seed, scaling)
    inputs = to(inputs, where, kind)
    model, inputs = calibrated(model.to(where, kind), inputs), with_gradients(inputs)
    seen: dict[str, Any] = {}
    objective = objective_of(loaded, seed)

    start = first_float(tree_leaves(inputs)) if loaded.kind == "model" and depth == settings.depths[0] else None

    def loss() -> Tensor:
        out = call(model, inputs)
        seen["chain"] = start is not None and is_chain(tensor_of(out), start)
        seen["output"] = tensor_of(out).detach()
        return objective(out)

    with watched(blocks_of(model, depth)) as stream:
        _, parts = first_order(model, loss)
    sizes, cotangent = _signals(stream, seen["output"], parts, inputs)
    rates = {n: scaling.rate(p, depth) if scaling else 1.0 for n, p in model.named_parameters() if n in parts}
    added = stream.branch[-1:]
    return [
        Point(
            depth,
            seed,
            learning=sum(p.requires_grad for p in model.parameters()),
            rms=sizes,
            cotangent=cotangent,
            branch=added[0] / sizes[-2] if added and sizes[-2] > 0 else math.nan,
            sgd=sum(rates[n] * d.sgd for n, d in parts.items()),
            adam=sum(rates[n] * d.adam for n, d in parts.items()),
            lamb=sum(rates[n] * d.lamb for n, d in parts.items()),
            distinct=_distinct(seen["output"]),
            chain=seen["chain"],
        )
    ]


def _signals(
    stream: Stream, output: Tensor, parts: Mapping[str, Decrease], inputs: Any
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """RMS and cotangents along the stream; of a network without blocks to listen to, from outside."""
    if len(stream.rms) > 1:
        return tuple(stream.rms), tuple(stream.cotangent)
    entered = first_float(tree_leaves(inputs))
    squares: dict[int, float] = {}
    for name, part in parts.items():
        squares[depth_of(name)] = squares.get(depth_of(name), 0.0) + part.sgd
    cotangent = tuple(math.sqrt(squares[k]) for k in sorted(squares) if k >= 0)
    return (1.0 if entered is None else float(rms(entered.detach())), float(rms(output))), cotangent


def _distinct(y: Tensor) -> float:
    """The smaller of the spreads over the batch and over the tokens, relative to the RMS; NaN stays NaN."""
    size = float(rms(y))
    if size == 0 or y.dim() == 0:
        return 0.0 if y.dim() else math.nan
    spreads = [
        float(rms(y - y.mean(dim, keepdim=True))) / size for dim in range(min(2, y.dim() - 1)) if y.shape[dim] > 1
    ]
    return min(spreads, default=1.0)


def _points(results: Sequence[Found]) -> list[Point]:
    return [p for p in results if isinstance(p, Point)]


def _deep(depths: Sequence[int]) -> list[int]:
    """The deeper half of the grid, on a logarithmic scale; at least three depths where there are that many."""
    middle = math.sqrt(depths[0] * depths[-1])
    deep = [d for d in depths if d >= middle]
    return deep if len(deep) >= 3 else list(depths[-3:])


def reduce(settings: CheckSettings, results: Sequence[Found]) -> list[Measurement]:
    """Exponents with intervals over all networks measured so far; everything else as it is."""
    points = _points(results)
    rest = measurements(results)
    if not points:
        return rest
    depths = sorted({p.depth for p in points})
    common: dict[str, Any] = {"device": settings.device, "dtype": "float32", "samples": len(points)}
    reduced = [_exponent(name, points, depths, settings, common) for name in EXPONENTS]
    last = [p for p in points if p.depth == depths[-1]]
    rates = [_root(p.value("gradient", settings.optimizer), depths[-1]) for p in last]
    expansion = replace(_spread("expansion", rates, common, f"depth {depths[-1]}"), series=_profile(last[0]))
    reduced.append(_of_a_product(expansion, depths[-1]))
    reduced.append(_distinctness(points, common))
    branches = [p.branch for p in last if not math.isnan(p.branch)]
    if branches:
        reduced.append(_spread("branch", branches, common, f"depth {depths[-1]}"))
    reduced.append(
        Measurement("runs", 1.0, **{**common, "samples": len(depths)}, note=f"depths {depths[0]} to {depths[-1]}")
    )
    chain = any(p.chain for p in points)
    return [*(_meant(m) if chain else m for m in reduced), *rest]


def _of_a_product(m: Measurement, depth: int) -> Measurement:
    """The mean expansion of a stack, unless that is so shallow that a sum, of depth^EXPLOSION at most, has it too."""
    threshold, bound = PROPERTIES["expansion"].threshold, depth ** (EXPLOSION / depth)
    assert threshold is not None
    assert m.lo is not None
    assert m.hi is not None
    if threshold.lo <= m.lo <= m.hi <= threshold.hi or not 1 / bound <= m.lo <= m.hi <= bound:
        return m
    note = f"{m.value:.3g} at depth {depth}, as a sum of branches has it too: deeper stacks tell"
    return replace(m, value=None, lo=None, hi=None, note=note)


def _meant(m: Measurement) -> Measurement:
    """The measurement of a plain chain of layers, which is not meant to be deep: what fades is a question."""
    threshold = PROPERTIES[m.name].threshold
    if threshold is None or m.lo is None or m.hi is None or not m.hi < threshold.lo:
        return m
    words = f"a plain chain of layers, without a skip connection, fades; if it stays shallow, --skip {m.name}"
    return Question.of(replace(m, note=f"{m.note}; {words}" if m.note else words))


def _exponent(
    name: str, points: Sequence[Point], depths: Sequence[int], settings: CheckSettings, common: Mapping[str, Any]
) -> Measurement:
    """The exponent over the whole grid where that is a power law within the noise, else over its deeper half."""
    pairs = sorted((p.depth, p.seed, p.value(name, settings.optimizer)) for p in points)
    unit = {"increment": f"exponent of depth, {settings.optimizer}"}.get(name, "exponent of depth")
    level = 1 - settings.alarm
    if name == "increment" and not any(p.learning for p in points):
        return Measurement(name, None, **common, note="no parameters")
    usable = [(d, math.log(v)) for d, _, v in pairs if math.isfinite(v) and v > 0]
    logs = {d: [v for e, v in usable if e == d] for d in sorted({d for d, _ in usable})}
    means = [math.exp(float(np.mean(v))) for v in logs.values()]
    curve = Series(name, "depth", name, [float(d) for d in logs], means)
    bad = next((d for d, _, v in pairs if not (math.isfinite(v) and v > 0)), None)
    if bad is not None:
        zero = all(v == 0 for d, _, v in pairs if d == bad)
        size, what = (-math.inf, "vanishes: exactly 0") if zero else (math.inf, "NaN or infinite")
        note = f"{what} at depth {bad}"
        return Measurement(name, size, unit=unit, level=level, **common, note=note, series=(curve,))
    deep = _deep(depths)
    if len(depths) < 3 or min(len(pairs), sum(len(logs[d]) for d in deep)) < 5 or max(map(len, logs.values())) < 2:
        rise = (np.mean(logs[depths[-1]]) - np.mean(logs[depths[0]])) / math.log(max(2, depths[-1] / depths[0]))
        few = "too few networks, or depths, for an interval"
        return Measurement(
            name, float(rise), -math.inf, math.inf, unit, level=level, **common, note=few, series=(curve,)
        )
    sigma = _noise(logs)
    looks = sum(1 for k in LOOKS if k <= max(map(len, logs.values())))
    alarm = settings.alarm * 6 / (math.pi * max(1, looks)) ** 2
    law = fit_exponent(*_columns(logs, sigma, depths), alarm=alarm, material=MATERIAL)
    if law.power_law:
        chosen, fit, words, kept = list(depths), law, "a power law", "power law"
    else:
        chosen, kept = deep, DEEP_END
        fit = fit_exponent(*_columns(logs, sigma, chosen), alarm=alarm)
        words = f"no power law: bends {'up' if law.curvature.value > 0 else 'down'}wards; the deep end"
    e = fit.exponent
    note = f"depths {chosen[0]} to {chosen[-1]}, {words}"
    if name == "increment" and e.lo > 0 and e.hi > STABLE:
        note += "; not stable with depth: --suggest, or warm up"
    at = {"law": kept}
    return Measurement(name, e.value, e.lo, e.hi, unit, level=level, series=(curve,), **common, note=note, at=at)


def _noise(logs: Mapping[int, Sequence[float]]) -> dict[int, float]:
    """Standard deviation of one network's logarithm at each depth: variance a + b * depth, fitted to all depths.

    Products of N random factors spread like sqrt(N/width) (analysis/deepnet.md), hence the form.
    """
    from scipy.optimize import nnls  # slow to load: half a second of every check

    known = [(d, float(np.var(v, ddof=1)), len(v) - 1) for d, v in logs.items() if len(v) > 1]
    weight = np.array([math.sqrt(n) / d for d, _, n in known])
    design = np.array([[1.0, d] for d, _, _ in known]) * weight[:, None]
    (a, b), _ = nnls(design, np.array([v for _, v, _ in known]) * weight)
    return {d: max(1e-6, math.sqrt(a + b * d)) for d in logs}


def _columns(
    logs: Mapping[int, Sequence[float]], sigma: Mapping[int, float], depths: Sequence[int]
) -> tuple[list[float], list[float], list[float]]:
    rows = [(float(d), math.exp(v), sigma[d]) for d in depths for v in logs[d]]
    x, y, s = (list(column) for column in zip(*rows, strict=True))
    return x, y, s


def _profile(p: Point) -> tuple[Series, ...]:
    """The gradient's size at every block of one network, over that at the end."""
    sizes = p.cotangent
    if len(sizes) < 3 or not all(math.isfinite(v) and v > 0 for v in sizes):
        return ()
    values = [v / sizes[-1] for v in sizes]
    places = [float(k + 1) for k in range(len(sizes))]
    name = f"gradient along depth {p.depth}"
    return (Series(name, "block", "gradient of the stream, over that at the end", places, values),)


def _root(ratio: float, depth: int) -> float:
    return float(ratio ** (1 / depth)) if ratio > 0 and math.isfinite(ratio) else ratio


def _spread(name: str, values: Sequence[float], common: Mapping[str, Any], note: str) -> Measurement:
    """The mean over seeds with their range: an estimate, without a level."""
    some = {**common, "samples": len(values)}
    return Measurement(name, float(np.mean(values)), min(values), max(values), note=f"{note}; range over seeds", **some)


def _distinctness(points: Sequence[Point], common: Mapping[str, Any]) -> Measurement:
    known = [p for p in points if not math.isnan(p.distinct)]
    if not known:
        return Measurement("distinct", math.nan, **common, note="NaN")
    modest = [p for p in known if p.depth <= max(MODEST, min(q.depth for q in known))]
    worst, deepest = (min(group, key=lambda p: p.distinct) for group in (modest, known))
    note = f"at depth {worst.depth}"
    if deepest.distinct < worst.distinct:
        note += f"; {deepest.distinct:.2g} at {deepest.depth}"
        collapsed = deepest.distinct < COLLAPSED and not any(p.chain for p in points)
        note += ", rank collapse, as in every Post-LN stack" if collapsed else ""
    return Measurement("distinct", worst.distinct, **common, note=note)


STACK = (Group("depth", PROPERTIES, steps, later=True), *EVERY)
BLOCK = Kind((*STACK, IDENTITY, DEEPNORM, PUBLISHED_NORM, OFFSETS, INVERSE, SHIFTS), more, reduce, SERVES)
MODEL = Kind((*STACK, DEEPNORM, OUTPUT, DEPTH_INIT), more, reduce, SERVES)

"""What the deepnet claims share: stacks over a grid of depths, gradients by role, exponents, theory beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaleproof.claim import Settings, Source
from scaleproof.claims.shared.tolerance import ALARM
from scaleproof.theory import deepnet as theory
from torchcheck.data import Evidence, Measurement, Role, Series, Task
from torchcheck.measure.intervals import Interval, normal_bounds, slope_bounds
from torchcheck.run.packages import has_transformers

SUBJECT = "torchcheck.modules:scaled_transformer"
FAULTS = "torchcheck.faults.deepnet:"
MATRICES = ("query", "key", "value", "output", "inner", "outer")
ALL = (*MATRICES, "norm", "bias")
#: an exponent is held against theory's on the same depths to this; the seeds leave an interval of 0.02 or less
EXPONENT = 0.04
#: the part of a gradient norm that theory, of leading order in 1/width, leaves out at width 64 (measured)
NEGLECTED = {"post": 0.01, "pre": 0.03}
#: standard deviation of log|gradient| over scaled networks of width 64, measured: up to this depth, and beyond
SCALED_SPREAD = {32: 0.03, 1000: 0.035}

Array = NDArray[np.float64]


def source(equation: str) -> Source:
    title = "What makes training a 1000-layer Transformer hard? (Su Jianlin 2022), after Wang et al. 2022 (DeepNet)"
    return Source(title, "https://kexue.fm/archives/8978", equation)


def depths(settings: Settings, target: str) -> list[tuple[list[int], int]]:
    """A geometric grid of block numbers N, as (depths, seeds); a fault shows on its first part."""
    if target != SUBJECT:
        return [([2, 8, 32], 16)]
    start: list[tuple[list[int], int]] = [([2, 8], 48), ([32], 32), ([256], 24)]
    return start if settings.profile == "quick" else [*start, ([1000], 16)]


def grid(
    settings: Settings,
    target: str,
    scaling: str,
    norm: str = "post",
    width: int = 64,
    at: Sequence[int] | None = None,
    seeds: int = 16,
    loss: str = "linear",
    tokens: int = 16,
) -> list[Task]:
    """Gradient and signal profiles of one scaling over depths (`at`, or the family's grid), several seeds."""
    options = {"scaling": scaling, "norm": norm, "heads": max(1, width // 64)}
    params = {
        "subject": {"target": target, "options": options},
        "width": width,
        "tokens": tokens,
        "batch": 4,
        "loss": loss,
        "device": settings.device,
        "seed": settings.seed,
    }
    parts = depths(settings, target) if at is None else [(list(at), seeds)]
    return [
        Task(
            "torchcheck.probes.deepnet.profiles:profiles",
            {**params, "depths": some, "seeds": count // 2, "first": first},
        )
        for some, count in parts
        for first in (0, count // 2)
    ]


#: the values of a quantity for every seed, one array a depth
Rows = list[Array]


@dataclass(frozen=True)
class Grid:
    """The profiles of one setting: per-seed sums at each depth, and the parts averaged over seeds."""

    setting: dict[str, Any]
    depths: list[int]
    sums: dict[str, dict[str, Rows]]
    layers: list[dict[str, Array]]
    signals: list[dict[str, Array]]
    like: Measurement

    def total(self, kind: str, roles: Sequence[str] = MATRICES) -> Rows:
        """Sum over roles of |g|² ("squares"), |g|_1 ("l1") or LAMB's decrease ("lamb"), for every depth and seed."""
        parts = [self.sums[kind][role] for role in roles if role in self.sums[kind]]
        return [np.sum(rows, axis=0) for rows in zip(*parts, strict=True)]

    def mean(self, name: str, samples: Array, log: bool = True, **more: Any) -> Measurement:
        """The geometric mean of samples (the mean, without `log`: of what is normal itself), with its interval."""
        samples = np.log(samples) if log else samples
        lo, hi = (float(v) for v in normal_bounds(samples, ALARM))
        ends = [math.exp(v) if log else v for v in (float(np.mean(samples)), lo, hi)]
        return self.stamped(name, *ends, level=1 - ALARM, samples=len(samples), **more)

    def stamped(
        self, name: str, value: float, lo: float | None = None, hi: float | None = None, **more: Any
    ) -> Measurement:
        """A quantity made of this grid's measurements: where it was measured is theirs."""
        ends = {"value": value, "lo": value if lo is None else lo, "hi": value if hi is None else hi}
        seeds = len(next(iter(self.sums["squares"].values()))[0])
        fields: dict[str, Any] = {"evidence": Evidence.SAMPLED, "data": {}, "samples": seeds, **ends, **more}
        return replace(self.like, name=name, **fields)

    def exponent(self, name: str, rows: Rows, skip: int = 0) -> Measurement:
        """The exponent of N over the depths but the first `skip`: least squares over the means of log, by depth."""
        at, rows = self.depths[skip:], rows[skip:]
        e = slope_bounds(np.log(at), [np.log(row) for row in rows], ALARM)
        return self.slope(name, e, f"N = {at[0]} to {at[-1]}")

    def slope(self, name: str, e: Interval, note: str) -> Measurement:
        fields: dict[str, Any] = {"level": 1 - ALARM, "samples": e.samples, "unit": "exponent", "note": note}
        return self.stamped(name, e.value, e.lo, e.hi, **fields)

    def growth(self, name: str, rows: Rows) -> Measurement:
        """How much larger a sum is at the largest depth than at the smallest: the ratio of geometric means."""
        first, last = (np.log(rows[k]) for k in (0, -1))
        e = slope_bounds([0.0, 1.0], [first, last], ALARM)
        ends = [math.exp(v) for v in (e.value, e.lo, e.hi)]
        note = f"N = {self.depths[-1]} over N = {self.depths[0]}"
        return self.stamped(name, *ends, level=1 - ALARM, samples=e.samples, unit="times", note=note)

    def curve(self, name: str, rows: Rows, quantity: str = "decrease") -> Measurement:
        """The geometric mean over seeds at each depth, and the range over seeds, for the figures."""
        lines = {
            "measured": [float(np.exp(np.log(r).mean())) for r in rows],
            "lowest": [float(r.min()) for r in rows],
            "highest": [float(r.max()) for r in rows],
        }
        xs = [float(n) for n in self.depths]
        series = tuple(Series(name, "N", name, xs, ys, kind) for kind, ys in lines.items())
        note, at = "the geometric mean at the largest N", {"quantity": quantity}
        return self.stamped(
            f"measured {name}", lines["measured"][-1], series=series, note=note, at=at, role=Role.FIGURE
        )

    def predicted(self, at: int) -> theory.Profile:
        s = self.setting
        norm = s.get("norm", "pre" if s.get("norm_first") else "post")
        return predicted(at, s.get("scaling", "none"), norm, s["width"], s["tokens"], s["batch"])

    def norm_ratios(self, name: str = "norm-ratio", kind: str = "squares") -> list[Measurement]:
        """|gradient| of all matrices (their sum of absolute values, for "l1") over theory's, at every depth."""
        measurements = []
        for n, row in zip(self.depths, self.total(kind), strict=True):
            p = self.predicted(n)
            if kind == "squares":
                ratios = np.sqrt(row / p.total(MATRICES))
            else:
                ratios = row / p.sizes(MATRICES, self.setting["width"])
            measurements.append(self.mean(f"{name}.N={n}", ratios, note="geometric mean over seeds"))
        return measurements


def grids(measurements: Sequence[Measurement]) -> list[Grid]:
    """The grids in what the tasks measured, in the order of the plan; seeds of split tasks joined."""
    groups: dict[str, list[Measurement]] = {}
    for m in measurements:
        if "setting" in m.data:
            groups.setdefault(repr(sorted(m.data["setting"].items())), []).append(m)
    return [_joined(group) for group in groups.values()]


def _joined(group: Sequence[Measurement]) -> Grid:
    at = sorted({m.data["depth"] for m in group})
    by_depth = [[m.data for m in group if m.data["depth"] == n] for n in at]
    roles = [r for r in ALL if r in group[0].data["squares"]]
    sums = {
        kind: {r: [np.concatenate([part[kind][r] for part in parts]) for parts in by_depth] for r in roles}
        for kind in ("squares", "l1", "lamb")
    }
    layers = [{r: np.mean([part["layers"][r] for part in parts], axis=0) for r in roles} for parts in by_depth]
    names = group[0].data["signals"]
    signals = [{n: np.mean([part["signals"][n] for part in parts], axis=0) for n in names} for parts in by_depth]
    return Grid(dict(group[0].data["setting"]), at, sums, layers, signals, group[0])


@lru_cache(maxsize=256)
def predicted(at: int, scaling: str, norm: str, width: int, tokens: int, batch: int) -> theory.Profile:
    """The mean-field prediction for `at` blocks of a named scaling under the linear loss."""
    alpha, gain = theory.constants(scaling, at, norm)
    return theory.predict(theory.Architecture(width, at, alpha, gain, norm, tokens, batch))


def theory_exponent(
    at: Sequence[int],
    scaling: str,
    norm: str = "post",
    width: int = 64,
    kind: str = "squares",
    roles: Sequence[str] = MATRICES,
) -> float:
    """Theory's least-squares exponent of N over these depths: what a measured one is held against."""
    ps = [predicted(n, scaling, norm, width, 16, 4) for n in at]
    sums = [p.total(roles) if kind == "squares" else p.sizes(roles, width) for p in ps]
    return float(np.polyfit(np.log(at), np.log(sums), 1)[0])


def third_party_tasks(settings: Settings, target: str, subjects: Sequence[tuple[str, dict[str, Any]]]) -> list[Task]:
    """Profiles of stacks that others wrote, to be shown beside the claim's own; Hugging Face's only if installed."""
    if target != SUBJECT:
        return []
    shared = {"width": 64, "tokens": 16, "batch": 4, "depths": [2, 8, 32], "seeds": 4}
    more = {"device": settings.device, "seed": settings.seed}
    return [
        Task(
            "torchcheck.probes.deepnet.profiles:profiles",
            {**shared, **more, "subject": {"target": f"torchcheck.modules.thirdparty:{name}", "options": options}},
        )
        for name, options in subjects
        if name != "hugging_face" or has_transformers()
    ]


def third_party_measurements(g: Grid) -> list[Measurement]:
    """What is shown of a stack that others wrote: its growth, and its norms over theory where that is about it."""
    label = g.setting.get("model") or ("torch pre-norm" if g.setting.get("norm_first") else "torch post-norm")
    measurements = [
        g.exponent(f"exponent.{label}", g.total("squares")).as_role(Role.BESIDE),
        g.curve(f"{label}: matrices", g.total("squares")),
    ]
    if "model" not in g.setting:
        measurements += [m.as_role(Role.BESIDE) for m in g.norm_ratios(f"norm-ratio.{label}")]
    return measurements


def theory_curve(g: Grid, name: str, quantity: str = "decrease", top: int = 1000) -> Measurement:
    """The predicted squared gradient norm of the matrices from N = 1 to `top`, for the figures."""
    at = [n for n in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000) if n <= top]
    s = g.setting
    ys = [predicted(n, s["scaling"], s["norm"], s["width"], s["tokens"], s["batch"]).total(MATRICES) for n in at]
    curve = Series(name, "N", name, [float(n) for n in at], ys, "theory")
    return g.stamped(f"theory of {name}", ys[-1], series=(curve,), at={"quantity": quantity}, role=Role.FIGURE)

"""Legs about single steps and blocks: first order, the probe identity, branch gradients, the paper's constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np

from scaleproof.analysis import depth as theory
from scaleproof.claims.claim import About, Prediction, Settings
from scaleproof.claims.deepnet.common import MATRICES, Array, Grid, grids
from torchcheck.task import Measurement, Series, Task

# first order

LADDERS = {
    "sgd": [1e-5, 1e-3, 1e-2, 0.1, 1.0],
    "adam": [1e-8, 1e-6, 1e-5, 1e-4, 1e-3],
    "lamb": [1e-8, 1e-6, 1e-4, 1e-3, 1e-2],
}
LADDER_DEPTHS = [2, 8]


def plan_first_order(settings: Settings, target: str) -> list[Task]:
    shared = {"subject": {"target": target, "options": {}}, "depths": LADDER_DEPTHS, "width": 32}
    more = {"device": settings.device, "seed": settings.seed}
    tasks = [
        Task("torchcheck.probes.increments:increments", {**shared, **more, "optimizer": name, "rates": rates})
        for name, rates in LADDERS.items()
    ]
    later = {**shared, **more, "optimizer": "adam", "rates": LADDERS["adam"][1:2], "warm": 5}
    return [*tasks, Task("torchcheck.probes.increments:increments", later)]


def reduce_first_order(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The ratios at the smallest rates; those of Adam's sixth step are shown beside them; curves over the rate."""
    found, seen = [], set()
    for m in measurements:
        name = m.name if m.name not in seen else f"sixth step: {m.name}"
        seen.add(m.name)
        curve = Series(f"{m.name} against the rate", "learning rate", "ratio", m.data["rates"], m.data["curve"])
        found.append(replace(m, name=name, series=(curve,) if len(m.data["rates"]) > 1 else (), data={}))
    return found


def predict_first_order(_settings: Settings) -> list[Prediction]:
    why = "second order of the smallest step, and float64's rounding of the loss"
    found = []
    for n in LADDER_DEPTHS:
        for name in LADDERS:
            found.append(Prediction.near(f"article.{name}.N={n}", 1.0, 0.01, why))
            found.append(Prediction.near(f"increment.{name}.N={n}", 1.0, 0.01, why, "corrected"))
    return found


# probe


def plan_probe(settings: Settings, target: str) -> list[Task]:
    params = {"width": 32, "device": settings.device, "seed": settings.seed}
    return [
        Task(
            "torchcheck.probes.increments:scale_probe",
            {**params, "subject": {"target": target, "options": {"then": then}}},
        )
        for then in ("residual", "norm")
    ]


def reduce_probe(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    found = []
    for m in measurements:
        then = m.subject.split("then=")[1].rstrip(")")
        found.append(replace(m, name=f"{m.name}.{then}", data={}))
    return found


def predict_probe(_settings: Settings) -> list[Prediction]:
    why = "roundings of two backward passes"
    return [
        Prediction.near("probe.identity.residual", 0.0, 1e-12, why),
        Prediction.near("probe.identity.norm", 0.0, 1e-12, why),
        Prediction("probe.magnitude.residual", "0.5", "2", why="tells |dL/dW| up to a factor of 2"),
        Prediction("probe.magnitude.norm", "0.5", "2", why="tells |dL/dW| up to a factor of 2"),
        Prediction.near("probe.identity.residual", 0.0, 1e-12, why, "corrected"),
        Prediction("probe.rms.residual", "0.5", "1.5", about="corrected", why="right in the root mean square"),
        Prediction.near("probe.magnitude.norm", 0.0, 1e-12, why, "corrected"),
    ]


# branch gradients

ALPHAS = (4.0, 8.0, 16.0)
GAINS = (0.125, 0.25, 0.5)
#: which gain moves which matrix's gradient
PARTNERS = {"inner": "outer", "outer": "inner", "value": "output", "output": "value"}
PROFILES = "torchcheck.probes.depth:profiles"
COMMON = (0.0, 0.9)


def plan_branch(settings: Settings, target: str) -> list[Task]:
    base = {"depths": [4], "width": 64, "tokens": 16, "batch": 4, "seeds": 8, "device": settings.device}
    cases: list[dict[str, Any]] = [{"alpha": a, "gain": 0.5} for a in ALPHAS]
    cases.append({"alpha": 8.0, "gain": dict.fromkeys(PARTNERS, 0.5)})
    cases += [
        {"alpha": 8.0, "gain": {**dict.fromkeys(PARTNERS, 0.5), role: g}} for role in PARTNERS for g in GAINS[:-1]
    ]
    tasks = [
        Task(PROFILES, {**base, "seed": settings.seed, "subject": {"target": target, "options": case}})
        for case in cases
    ]
    wide = {**base, "depths": [1], "width": 256, "tokens": 32, "seeds": 24, "seed": settings.seed}
    options = {"heads": 4}
    return tasks + [
        Task(PROFILES, {**wide, "subject": {"target": target, "options": options}, "common": c}) for c in COMMON
    ]


def reduce_branch(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Slopes of log |gradient| over log alpha and log of the partner's gain; |q|/|v| for two token cosines."""
    runs = grids(measurements)
    plain = [g for g in runs if isinstance(g.setting.get("gain"), float)]
    found = [_slope(f"slope.{role}.alpha", ALPHAS, [_size(g, role) for g in plain], plain[0]) for role in PARTNERS]
    for role, partner in PARTNERS.items():
        rows = [g for g in runs if isinstance(g.setting.get("gain"), dict) and _varies(g, partner)]
        rows.sort(key=lambda g: g.setting["gain"][partner])
        gains = [g.setting["gain"][partner] for g in rows]
        found.append(_slope(f"slope.{role}.{partner}", gains, [_size(g, role) for g in rows], rows[0]))
    for g in (g for g in runs if g.setting["width"] == 256):
        share = _size(g, "query") / _size(g, "value")
        found.append(g.mean(f"query-over-value.common={g.setting['common']}", share, log=True))
    return found


def _varies(g: Grid, role: str) -> bool:
    gains = g.setting["gain"]
    return all(v == 0.5 for r, v in gains.items() if r != role)


def _size(g: Grid, role: str) -> Array:
    size: Array = np.sqrt(g.total("squares", (role,))[0])
    return size


def _slope(name: str, xs: Sequence[float], rows: Sequence[Array], g: Grid) -> Measurement:
    slopes = np.polyfit(np.log(xs), np.log(np.array(rows)), 1)[0]
    return g.mean(name, slopes)


def predict_branch(_settings: Settings) -> list[Prediction]:
    found = []
    why = "exact for a branch that is small beside the residual; its share of the norm moves it a little"
    about: About
    for about in ("source", "corrected"):
        for role, partner in PARTNERS.items():
            found.append(Prediction.near(f"slope.{role}.alpha", -1.0, 0.05, why, about))
            found.append(Prediction.near(f"slope.{role}.{partner}", 1.0, 0.05, why, about))
    found.append(Prediction("query-over-value.common=0.0", "0", "0.3", why="negligible: below a tenth of the square"))
    for common in COMMON:
        p = theory.predict(theory.Stack(256, 1, tokens=32, batch=4, common=common))
        ratio = (p.total(("query",)) / p.total(("value",))) ** 0.5
        found.append(
            Prediction.near(
                f"query-over-value.common={common}",
                ratio,
                0.3 * ratio,
                "mean-field theory, and the interval",
                "corrected",
            )
        )
    return found


# the paper's constants

CASES: list[tuple[str, int, int | None]] = [
    *(("encoder", n, None) for n in (1, 12, 1000)),
    *(("decoder", n, None) for n in (1, 1000)),
    *(("encoder-decoder", n, m) for n, m in ((1, 1), (18, 18), (100, 12))),
]
PAPER_LAYERS, PAPER_WIDTH = 6, 64


def plan_constants(settings: Settings, target: str) -> list[Task]:
    subject = {"target": target, "options": {"scaling": "deepnorm"}}
    weights = {"subject": subject, "layers": PAPER_LAYERS, "width": PAPER_WIDTH, "device": settings.device}
    return [
        Task("torchcheck.probes.scalings:constants", {"cases": [list(c) for c in CASES]}),
        Task("torchcheck.probes.scalings:scaled_weights", {**weights, "seed": settings.seed}),
    ]


def predict_constants(_settings: Settings) -> list[Prediction]:
    found = []
    why = "roundings of a power"
    for arch, n, m in CASES:
        for part, alpha, beta in _published(arch, n, m):
            tag = f"{arch}.{part}.N={n}" + ("" if m is None else f".M={m}")
            found.append(Prediction.near(f"alpha.{tag}", alpha, 1e-13 * alpha, why))
            found.append(Prediction.near(f"beta.{tag}", beta, 1e-13 * beta, why))
    ((_, alpha, beta),) = _published("encoder", PAPER_LAYERS, None)
    found.append(Prediction.near("alpha", alpha, 1e-13, why))
    for role in MATRICES:
        gain = 1.0 if role in ("query", "key") else beta
        found.append(Prediction.near(f"gain.{role}", gain, 0.05 * gain, "sampling of the weights"))
    return found


def _published(arch: str, n: int, m: int | None) -> list[tuple[str, float, float]]:
    """The table of arXiv:2203.00555, sec. 4.1, at 50 digits: (part, alpha, beta)."""
    with mpmath.workdps(50):
        if m is None:
            return [(arch, float(mpmath.mpf(2 * n) ** 0.25), float(mpmath.mpf(8 * n) ** -0.25))]
        joint = mpmath.root(mpmath.mpf(n) ** 4 * m, 16)
        encoder = ("encoder", float(mpmath.mpf("0.81") * joint), float(mpmath.mpf("0.87") / joint))
        return [encoder, ("decoder", float(mpmath.mpf(3 * m) ** 0.25), float(mpmath.mpf(12 * m) ** -0.25))]

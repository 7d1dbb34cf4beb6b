"""Legs about single steps and blocks: first order, the probe identity, branch gradients, the paper's constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np

from scaleproof.claim import Prediction, Settings
from scaleproof.claims.deepnet.common import MATRICES, Array, Grid, grids
from scaleproof.theory import deepnet as theory
from torchcheck.data import Measurement, Role, Series, Task

# first order

LADDERS = {
    "sgd": [1e-7, 1e-5, 1e-3, 1e-2, 0.1, 1.0],
    "adam": [1e-8, 1e-6, 1e-5, 1e-4, 1e-3],
    "lamb": [1e-8, 1e-6, 1e-4, 1e-3, 1e-2],
}
LADDER_DEPTHS = [2, 8]


def plan_first_order(settings: Settings, target: str) -> list[Task]:
    shared = {"subject": {"target": target, "options": {}}, "depths": LADDER_DEPTHS, "width": 32}
    more = {"device": settings.device, "seed": settings.seed}
    tasks = [
        Task("torchcheck.probes.deepnet.increments:increments", {**shared, **more, "optimizer": name, "rates": rates})
        for name, rates in LADDERS.items()
    ]
    later = {**shared, **more, "optimizer": "adam", "rates": LADDERS["adam"][1:2], "warm": 5}
    return [*tasks, Task("torchcheck.probes.deepnet.increments:increments", later)]


def reduce_first_order(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The ratios at the smallest rates; those of Adam's sixth step are shown beside them; curves over the rate."""
    results, seen = [], set()
    for m in measurements:
        later = m.name in seen
        seen.add(m.name)
        curve = Series(m.name, "learning rate", "ratio", m.data["rates"], m.data["curve"], m.data["against"])
        shown = replace(m, series=(curve,) if len(m.data["rates"]) > 1 else (), data={})
        results.append(replace(shown, name=f"sixth step: {m.name}", role=Role.BESIDE) if later else shown)
    return results


def predict_first_order(_settings: Settings) -> list[Prediction]:
    why = "second order of the smallest step, and float64's rounding of the loss"
    predictions = []
    for n in LADDER_DEPTHS:
        for name in LADDERS:
            predictions.append(Prediction.near(f"article.{name}.N={n}", 1.0, 0.01, why))
            predictions.append(
                Prediction.near(f"increment.{name}.N={n}", 1.0, 0.01, why, "lamb" if name == "lamb" else "as-stated")
            )
    return predictions


# probe

#: what follows the probed weight -> cases: a mean square with an interval of 10 % takes many
PROBES = {"residual": 8192, "norm": 512}
PROBE_GAIN = "0.5"


def plan_probe(settings: Settings, target: str) -> list[Task]:
    params = {"width": 32, "device": settings.device, "seed": settings.seed}
    return [
        Task(
            "torchcheck.probes.deepnet.increments:scale_probe",
            {**params, "subject": {"target": target, "options": {"then": then}}, "seeds": seeds},
        )
        for then, seeds in PROBES.items()
    ]


def reduce_probe(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    results = []
    for m in measurements:
        then = m.data["options"]["then"]
        is_beside = m.name in ("probe.independent", "probe.least") and then == "norm"
        named = replace(m, name=f"{m.name}.{then}", data={})
        results.append(named.as_role(Role.BESIDE) if is_beside else named)
    return results


def predict_probe(_settings: Settings) -> list[Prediction]:
    why = "roundings of two backward passes"
    predictions = []
    for then in PROBES:
        predictions.append(Prediction.near(f"probe.identity.{then}", 0.0, 1e-12, why))
        predictions.append(Prediction.near(f"probe.identity.{then}", 0.0, 1e-12, why, "identity"))
    tells = "tells |dL/dW|² up to a factor of 4"
    predictions += [Prediction(f"probe.square.{then}", "0.25", "4", why=tells) for then in PROBES]
    leading = "theory of leading order in 1/width: 3 % of it at width 32; the sample leaves 10 %"
    predictions.append(Prediction.near("probe.square.residual", theory.probe(PROBE_GAIN), 0.12, leading, "mean-square"))
    sample = "exactly 1 for an independent direction; the sample leaves 10 %"
    predictions.append(Prediction.near("probe.independent.residual", 1.0, 0.2, sample, "mean-square"))
    predictions.append(Prediction("probe.least.residual", "0", "0.01", clause="single", why="the least of all cases"))
    predictions.append(Prediction.near("probe.square.norm", 0.0, 1e-20, why, "norm"))
    return predictions


# branch gradients

ALPHAS = (4.0, 8.0, 16.0)
GAINS = (0.125, 0.25, 0.5)
#: which gain moves which matrix's gradient
PARTNERS = {"inner": "outer", "outer": "inner", "value": "output", "output": "value"}
PROFILES = "torchcheck.probes.deepnet.profiles:profiles"
COMMON = (0.0, 0.5, 0.9, 0.99)
#: a gain as deep stacks have it: (2N)^(-1/4) for N = 128
SMALL_GAIN = 0.25


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
    wide = {**base, "depths": [1], "width": 256, "tokens": 32, "seeds": 48, "seed": settings.seed}
    options = {"heads": 4}
    tasks += [Task(PROFILES, {**wide, "subject": {"target": target, "options": options}, "common": c}) for c in COMMON]
    small = {"target": target, "options": {**options, "gain": dict.fromkeys(PARTNERS, SMALL_GAIN)}}
    return [*tasks, Task(PROFILES, {**wide, "subject": small, "common": 0.0})]


def reduce_branch(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Slopes of log |gradient| over log alpha and log of the partner's gain; |q|/|v| for two token cosines."""
    runs = grids(measurements)
    plain = [g for g in runs if isinstance(g.setting.get("gain"), float)]
    results = [_slope(f"slope.{role}.alpha", ALPHAS, [_size(g, role) for g in plain], plain[0]) for role in PARTNERS]
    for role, partner in PARTNERS.items():
        rows = [
            g
            for g in runs
            if isinstance(g.setting.get("gain"), dict) and _varies(g, partner) and g.setting["width"] == 64
        ]
        rows.sort(key=lambda g: g.setting["gain"][partner])
        gains = [g.setting["gain"][partner] for g in rows]
        results.append(_slope(f"slope.{role}.{partner}", gains, [_size(g, role) for g in rows], rows[0]))
    for g in (g for g in runs if g.setting["width"] == 256):
        share = _size(g, "query") / _size(g, "value")
        gain = SMALL_GAIN if "gain" in g.setting else 1.0
        results.append(g.mean(f"query-over-value.gain={gain:g}.common={g.setting['common']:g}", share))
    return results


def _varies(g: Grid, role: str) -> bool:
    gains = g.setting["gain"]
    return all(v == 0.5 for r, v in gains.items() if r != role)


def _size(g: Grid, role: str) -> Array:
    size: Array = np.sqrt(g.total("squares", (role,))[0])
    return size


def _slope(name: str, xs: Sequence[float], rows: Sequence[Array], g: Grid) -> Measurement:
    slopes = np.polyfit(np.log(xs), np.log(np.array(rows)), 1)[0]
    return g.mean(name, slopes, log=False, unit="exponent")


def predict_branch(_settings: Settings) -> list[Prediction]:
    predictions = []
    why = "exact for a branch that is small beside the residual; its share of the norm moves it a little"
    for role, partner in PARTNERS.items():
        predictions.append(Prediction.near(f"slope.{role}.alpha", -1.0, 0.05, why, "powers", "exponent"))
        predictions.append(Prediction.near(f"slope.{role}.{partner}", 1.0, 0.03, why, "powers", "exponent"))
    first = "query-over-value.gain=1.common=0"
    predictions.append(Prediction(first, "0", "0.3", why="negligible: below a tenth of the square"))
    for gain, common in (*((1.0, c) for c in COMMON), (SMALL_GAIN, 0.0)):
        p = theory.predict(theory.Architecture(256, 1, gain=gain, tokens=32, batch=4, common=common))
        ratio = (p.total(("query",)) / p.total(("value",))) ** 0.5
        name = f"query-over-value.gain={gain:g}.common={common:g}"
        clause = "not-negligible" if (gain, common) == (1.0, 0.0) else "negligible"
        why = "mean-field theory with Gaussian logits, and the seeds"
        predictions.append(Prediction.near(name, ratio, 0.1 * ratio, why, clause))
    return predictions


# the paper's constants

CASES: list[tuple[str, int, int | None]] = [
    *(("encoder", n, None) for n in (1, 12, 1000)),
    *(("decoder", n, None) for n in (1, 1000)),
    *(("encoder-decoder", n, m) for n, m in ((1, 1), (18, 18), (100, 12))),
]
PAPER_LAYERS, PAPER_WIDTH = 6, 96


def plan_constants(settings: Settings, target: str) -> list[Task]:
    subject = {"target": target, "options": {"scaling": "deepnorm"}}
    weights = {"subject": subject, "layers": PAPER_LAYERS, "width": PAPER_WIDTH, "device": settings.device}
    return [
        Task("torchcheck.probes.deepnet.constants:constants", {"cases": [list(c) for c in CASES]}),
        Task("torchcheck.probes.deepnet.constants:scaled_weights", {**weights, "seed": settings.seed}),
        Task(
            "torchcheck.probes.deepnet.constants:forward",
            {**weights, "alpha": (2 * PAPER_LAYERS) ** 0.25, "seed": settings.seed},
        ),
    ]


def predict_constants(_settings: Settings) -> list[Prediction]:
    predictions = []
    why = "roundings of a power"
    for arch, n, m in CASES:
        for part, alpha, beta in _published(arch, n, m):
            tag = f"{arch}.{part}.N={n}" + ("" if m is None else f".M={m}")
            predictions.append(Prediction.near(f"alpha.{tag}", alpha, 1e-13 * alpha, why))
            predictions.append(Prediction.near(f"beta.{tag}", beta, 1e-13 * beta, why))
    ((_, alpha, beta),) = _published("encoder", PAPER_LAYERS, None)
    predictions.append(Prediction.near("alpha", alpha, 1e-13, why))
    predictions.append(Prediction.near("forward", 0.0, 1e-12, "roundings of float64"))
    for role in MATRICES:
        gain = 1.0 if role in ("query", "key") else beta
        predictions.append(
            Prediction.near(
                f"gain.{role}", gain, 0.03 * gain, "four standard errors of the weights drawn, and as much again"
            )
        )
    return predictions


def _published(arch: str, n: int, m: int | None) -> list[tuple[str, float, float]]:
    """The table of arXiv:2203.00555, sec. 4.1, at 50 digits: (part, alpha, beta)."""
    with mpmath.workdps(50):
        if m is None:
            return [(arch, float(mpmath.mpf(2 * n) ** 0.25), float(mpmath.mpf(8 * n) ** -0.25))]
        joint = mpmath.root(mpmath.mpf(n) ** 4 * m, 16)
        encoder = ("encoder", float(mpmath.mpf("0.81") * joint), float(mpmath.mpf("0.87") / joint))
        return [encoder, ("decoder", float(mpmath.mpf(3 * m) ** 0.25), float(mpmath.mpf(12 * m) ** -0.25))]

"""Legs of the gau claims: what is planned, predicted, and made of the measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from scaleproof.analysis import gau as theory
from scaleproof.analysis.gaussian import moment
from scaleproof.claims.claim import About, Prediction, Settings
from scaleproof.claims.deepnet.common import grids
from scaleproof.claims.gated import GAU, PACKAGE, mean_measurement
from torchcheck.modules.thirdparty import has_flash_pytorch
from torchcheck.task import Measurement, Series, Task

#: the article's example: n, s and, for BERT-base, d
ARTICLE = theory.Unit(tokens=512, head_size=128, width=768)
STACK = "torchcheck.modules:gau_stack"
THEORY = "theory of leading order in 1/d, good to 5 %; the rest is the sample"


# moments


def plan_moments(settings: Settings, target: str) -> list[Task]:
    return [settings.task("entries:activations", target, {})]


def predict_moments(_settings: Settings) -> list[Prediction]:
    why = "the sample's interval"
    found = []
    for name, power in (("first", 1), ("second", 2)):
        e = moment("swish", power)
        found.append(Prediction(name, e.lo, e.hi, tolerance=2e-3 if power == 1 else 5e-3, why=why))
    return found


# attention-entries, near-diagonal

ENTRY_SEEDS = 64


def plan_entries(settings: Settings, target: str) -> list[Task]:
    params: dict[str, Any] = {"width": ARTICLE.width, "tokens": ARTICLE.tokens, "seeds": ENTRY_SEEDS}
    ranked: dict[str, Any] = {**params, "seeds": 8, "rank": True}
    options = {"head_size": ARTICLE.head_size}
    return [settings.task("entries:entries", target, options, **p) for p in (params, ranked)]


def reduce_entries(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Entries and their ratio; shares of the diagonal in a row of A and in the output; the effective rank over n."""
    m, ranked = measurements
    own, off, share, rows, rank = (
        np.array(source.data[k])
        for source, k in ((m, "diagonal"), (m, "off_diagonal"), (m, "share"), (m, "row_sum"), (ranked, "rank"))
    )
    return [
        mean_measurement(m, "diagonal", own),
        mean_measurement(m, "off-diagonal", off),
        mean_measurement(m, "ratio", own / off),
        mean_measurement(m, "share-of-output", share),
        mean_measurement(m, "share-of-row", own / rows),
        mean_measurement(m, "beside: effective rank over n", rank / ARTICLE.tokens),
        replace(m, name="figure: entries", data={}),
    ]


def _pairs() -> theory.Pairs:
    return theory.moments(ARTICLE.head_size, ARTICLE.width, 1.0)


def predict_entries(_settings: Settings) -> list[Prediction]:
    s, n = ARTICLE.head_size, ARTICLE.tokens
    mu, nu2 = theory.swish_moments(1.0)
    source = (s * nu2**2 / n, s * mu**4 / n)
    pairs = _pairs()
    ours = (pairs.diagonal / (n * s), pairs.off_diagonal / (n * s))
    found = []
    values: tuple[float, float]
    about: About
    for about, values in (("source", source), ("corrected", ours)):
        for name, value in zip(("diagonal", "off-diagonal", "ratio"), (*values, values[0] / values[1]), strict=True):
            found.append(Prediction.near(name, value, 0.15 * value, "of leading order; the sample", about))
    return found


def predict_diagonal(_settings: Settings) -> list[Prediction]:
    n = ARTICLE.tokens
    pairs, output = _pairs(), theory.output(ARTICLE)
    row = pairs.diagonal / (pairs.diagonal + (n - 1) * pairs.off_diagonal)
    return [
        Prediction.near("share-of-output", 1.0, 0.2, "approximately all"),
        Prediction.near("share-of-row", 1.0, 0.2, "approximately all"),
        Prediction.near("share-of-output", output.itself / output.rms**2, 0.02, THEORY, "corrected"),
        Prediction.near("share-of-row", row, 0.02, THEORY, "corrected"),
    ]


# output-scale

#: (tokens, head_size, width, gain, normaliser, causal), seeds
POINTS: tuple[tuple[tuple[int, int, int, float, str, bool], int], ...] = (
    ((512, 128, 768, 1.0, "ns", False), 64),
    ((16, 64, 256, 1.0, "ns", False), 1000),
    ((128, 128, 256, 1.0, "ns", False), 256),
    ((128, 256, 128, 0.3, "ns", False), 192),
    ((128, 64, 512, 0.05, "ns", False), 192),
    ((512, 256, 128, 0.05, "ns", False), 64),
    ((512, 64, 512, 0.3, "ns", False), 96),
    ((1024, 256, 256, 1.0, "ns", False), 48),
    ((512, 128, 256, 1.0, "ns", True), 128),
    ((512, 128, 256, 1.0, "n2", False), 96),
)
LARGE = ((8192, 128, 1024, 1.0, "ns", False), 48)
#: for the figure: n at the article's s and a smaller d
CURVE = (16, 32, 64, 128, 256, 512, 1024, 2048)


def _points(settings: Settings) -> list[tuple[tuple[int, int, int, float, str, bool], int]]:
    return [*POINTS, *([LARGE] if settings.profile == "full" else [])]


def plan_output(settings: Settings, target: str) -> list[Task]:
    tasks = []
    points = _points(settings)
    for (n, s, d, gain, norm, causal), seeds in points if target == GAU else points[:3]:
        options = {"head_size": s, "gain": gain, "normaliser": norm, "causal": causal}
        tasks.append(settings.task("entries:outputs", target, options, width=d, tokens=n, seeds=seeds))
    if target == GAU:
        options = {"head_size": 128}
        tasks += [
            settings.task("entries:outputs", target, options, width=256, tokens=n, seeds=4 if n > 512 else 16)
            for n in CURVE
        ]
        if has_flash_pytorch():
            package: dict[str, Any] = {"layer": "GAU", "query_key_dim": 128, "residual": False}
            tasks.append(settings.task("entries:outputs", PACKAGE, package, width=768, tokens=512, seeds=8))
    return tasks


def reduce_output(settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """RMS of the output at each point, its interval from that of the mean square; the curve over n."""
    found = []
    points = _points(settings)
    for m, (point, _) in zip(measurements, points, strict=False):
        found.append(_rms(m, f"rms.{_label(*point)}"))
    rest = measurements[len(points) :]
    curve = [m for m in rest if m.subject.startswith("GAU")]
    if curve:
        xs = [float(m.data["tokens"]) for m in curve]
        units = [theory.Unit(m.data["tokens"], 128, 256) for m in curve]
        label = ("tokens", "RMS of the output")
        series = (
            Series("measured", *label, xs, [float(m.value or 0) for m in curve]),
            Series("ours", *label, xs, [theory.output(u).rms for u in units]),
            Series("source: s nu^6/n", *label, xs, [theory.source_rms(u) for u in units]),
            Series("the diagonal alone (ours)", *label, xs, [math.sqrt(theory.output(u).itself) for u in units]),
        )
        found.append(replace(curve[-1], name="figure: output over n", data={}, series=series))
    found += [_rms(m, "beside: rms.FLASH-pytorch") for m in rest if not m.subject.startswith("GAU")]
    return found


def _rms(m: Measurement, name: str) -> Measurement:
    square = mean_measurement(m, name, np.array(m.data["output"]))
    value, lo, hi = (math.sqrt(max(0.0, v or 0.0)) for v in (square.value, square.lo, square.hi))
    return replace(square, value=value, lo=lo, hi=hi)


def _label(n: int, s: int, d: int, gain: float, norm: str, causal: bool) -> str:
    extra = ("" if norm == "ns" else f".{norm}") + (".causal" if causal else "")
    return f"n={n}.s={s}.d={d}.lambda={gain:g}{extra}"


def predict_output(settings: Settings) -> list[Prediction]:
    found = []
    for point, _ in _points(settings):
        n, s, d, gain, norm, causal = point
        unit = theory.Unit(n, s, d, gain, norm, causal)
        if norm == "ns" and not causal:
            law = theory.source_rms(unit)
            found.append(Prediction.near(f"rms.{_label(*point)}", law, 0.15 * law, "approximately"))
        value = theory.output(unit).rms
        found.append(Prediction.near(f"rms.{_label(*point)}", value, 0.1 * value, THEORY, "corrected"))
    return found


# lambda-seven

GAINS = (1.0, 0.7, 0.5, 0.3, 0.1, 0.05, 0.025)


def plan_lambda(settings: Settings, target: str) -> list[Task]:
    params: dict[str, Any] = {"width": ARTICLE.width, "tokens": ARTICLE.tokens, "seeds": 12}
    return [
        settings.task("entries:outputs", target, {"head_size": ARTICLE.head_size, "gain": g}, **params) for g in GAINS
    ]


def _steps() -> list[tuple[str, float, float]]:
    """(name, larger gain, smaller gain) of neighbouring gains."""
    return [(f"exponent.lambda={b:g}-{a:g}", a, b) for a, b in pairwise(GAINS)]


def reduce_lambda(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """d log RMS/d log lambda between neighbouring gains, for the same weights and inputs; the curves."""
    rows = [np.array(m.data["output"]) for m in measurements]
    found = []
    for (name, a, b), large, small in zip(_steps(), rows[:-1], rows[1:], strict=False):
        found.append(mean_measurement(measurements[0], name, 0.5 * np.log(large / small) / math.log(a / b)))
    if len(measurements) < len(GAINS):
        return found
    units = [replace(ARTICLE, gain=g) for g in GAINS]
    fine = [float(g) for g in np.geomspace(0.02, 16, 22)]
    logs = np.log([theory.output(replace(ARTICLE, gain=g)).rms for g in fine])
    label = ("lambda", "RMS of the output")
    series = (
        Series("measured", *label, list(GAINS), [float(np.sqrt(r.mean())) for r in rows]),
        Series("ours", *label, list(GAINS), [theory.output(u).rms for u in units]),
        Series("source: lambda^7", *label, list(GAINS), [theory.source_rms(u) for u in units]),
        Series("measured exponent", *exponents(GAINS), [float(m.value or 0) for m in found]),
        Series("our exponent", *exponents(fine), (np.diff(logs) / np.diff(np.log(fine))).tolist()),
    )
    return [*found, replace(measurements[0], name="figure: output over lambda", data={}, series=series)]


def exponents(gains: Sequence[float]) -> tuple[str, str, list[float]]:
    """The labels of a curve of local exponents, and the places between neighbouring gains."""
    return "lambda", "local exponent", [math.sqrt(a * b) for a, b in pairwise(gains)]


def predict_lambda(_settings: Settings) -> list[Prediction]:
    found = []
    for name, a, b in _steps():
        ends = [theory.output(replace(ARTICLE, gain=g)).rms for g in (a, b)]
        found.append(Prediction.near(name, 7.0, 0.3, "approximately"))
        found.append(Prediction.near(name, math.log(ends[0] / ends[1]) / math.log(a / b), 0.3, THEORY, "corrected"))
    return found


# identity

LEARNED = 0.05
DEPTHS = [2, 8, 24, 96]
SMALL: dict[str, Any] = {"width": 64, "tokens": 128, "batch": 1}
TRANSFORMER = "torchcheck.modules:scaled_transformer"


def plan_identity(settings: Settings, target: str) -> list[Task]:
    options = {"head_size": ARTICLE.head_size}
    first: dict[str, Any] = {"depths": [1], "width": ARTICLE.width, "tokens": ARTICLE.tokens, "seeds": 1}
    tasks = [settings.task("depth:profiles", target, options, first=k, **first) for k in range(20)]
    small: dict[str, Any] = {"head_size": 64}
    if target != STACK:
        return tasks
    tasks.append(settings.task("depth:profiles", target, small, depths=DEPTHS, seeds=8, **SMALL))
    quick = settings.profile == "quick"
    long: dict[str, Any] = {"width": 64, "tokens": 128, "batch": 4, "steps": 80, "rate": 1e-3}
    runs: list[tuple[str, dict[str, Any], int, dict[str, Any]]] = [
        (STACK, small, 24, long),
        (STACK, small, 100, long),
        (TRANSFORMER, {}, 50, long),
    ]
    if not quick:
        more = {**long, "steps": 600, "rate": 5e-4}
        runs += [(STACK, small, 300, more), (TRANSFORMER, {}, 150, more)]
    return tasks + [settings.task("training:training", t, o, layers=n, **p) for t, o, n, p in runs]


def reduce_identity(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Effective alpha, the RMS of stream over branch; growth of gradients with depth; the training runs."""
    profiles = [m for m in measurements if m.name.startswith("profile.")]
    first = [m for m in profiles if m.data["setting"]["width"] == ARTICLE.width]
    alphas = np.array([m.data["signals"]["stream"][0] / m.data["signals"]["branch"][0] for m in first])
    found = [mean_measurement(first[0], "effective-alpha", alphas)]
    for g in grids([m for m in profiles if m not in first]):
        roles = ("inner", "outer", "shared")
        found += [
            g.exponent("exponent.squares", g.total("squares", roles)),
            g.exponent("beside: exponent.l1", g.total("l1", roles)),
        ]
        last = g.signals[-1]
        found.append(
            g.stamped(
                "largest branch over stream", float((last["branch"] / last["stream"][: len(last["branch"])]).max())
            )
        )
    for m in measurements:
        if m.name.startswith("loss."):
            kind = "gau" if "gau_stack" in m.subject else "transformer"
            layers = int(m.note.split(" ", 1)[0])
            note = f"{m.note}, {m.name.removeprefix('loss.')}"
            found.append(replace(m, name=f"{kind}.layers={layers}", note=note.replace(" of 2 sublayers", "")))
    return found


def predict_identity(settings: Settings) -> list[Prediction]:
    unit = "nats above the characters' frequencies"
    alpha = 1 / theory.output(ARTICLE).rms
    layers = [24, 100] if settings.profile == "quick" else [24, 100, 300]
    found = [
        Prediction("effective-alpha", "50", "200", why="100, to a factor of 2"),
        Prediction.near("effective-alpha", alpha, 0.3 * alpha, THEORY, "corrected"),
        Prediction.near("exponent.squares", 1.0, 0.35, "every layer's gradient of the same size", "corrected"),
    ]
    about: About
    for about in ("source", "corrected"):
        for n in layers:
            found.append(Prediction(f"gau.layers={n}", "-inf", str(-LEARNED), unit, about, why="learns from context"))
    for n in (50,) if settings.profile == "quick" else (50, 150):
        found.append(
            Prediction(
                f"transformer.layers={n}", str(-LEARNED), "inf", unit, "corrected", why="learns the frequencies only"
            )
        )
    return found

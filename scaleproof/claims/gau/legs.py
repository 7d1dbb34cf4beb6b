"""Legs of the gau claims: what is planned, predicted, and made of the measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from scaleproof.claim import Prediction, Settings
from scaleproof.claims.deepnet.common import grids
from scaleproof.claims.shared.gated import GAU, PACKAGE, mean_measurement
from scaleproof.claims.shared.runs import over_runs
from scaleproof.theory import gau as theory
from scaleproof.theory.gaussian import moment
from torchcheck.data import Measurement, Role, Series, Task
from torchcheck.run.packages import has_flash_pytorch

#: the article's example: n, s and, for BERT-base, d
ARTICLE = theory.Unit(tokens=512, head_size=128, width=768)
STACK = "torchcheck.modules:gau_stack"
THEORY = "theory of leading order in 1/d; the sample"


# moments


def plan_moments(settings: Settings, target: str) -> list[Task]:
    return [settings.task("probes.gau.entries:activations", target, {})]


def predict_moments(_settings: Settings) -> list[Prediction]:
    why = "the sample's interval"
    predictions = []
    for name, power in (("first", 1), ("second", 2)):
        e = moment("swish", power)
        predictions.append(Prediction(name, e.lo, e.hi, tolerance=2e-3 if power == 1 else 5e-3, why=why))
    return predictions


# attention-entries, near-diagonal

ENTRY_SEEDS = 128


def plan_entries(settings: Settings, target: str) -> list[Task]:
    params: dict[str, Any] = {"width": ARTICLE.width, "tokens": ARTICLE.tokens, "seeds": ENTRY_SEEDS}
    ranked: dict[str, Any] = {**params, "seeds": 8, "rank": True}
    options = {"head_size": ARTICLE.head_size}
    tasks = [settings.task("probes.gau.entries:entries", target, options, **p) for p in (params, ranked)]
    return [*tasks, settings.task("probes.gau.entries:weights", target, options, width=ARTICLE.width)]


def reduce_entries(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Entries and their ratio; shares of the diagonal in a row of A and in the output; the effective rank over n."""
    m, ranked, *inits = measurements
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
        mean_measurement(m, "effective rank over n", rank / ARTICLE.tokens).as_role(Role.BESIDE),
        replace(m, name="entries", role=Role.FIGURE, data={}),
        *inits,
    ]


def _pairs() -> theory.Pairs:
    return theory.moments(ARTICLE.head_size, ARTICLE.width, 1.0)


def predict_entries(_settings: Settings) -> list[Prediction]:
    s, n = ARTICLE.head_size, ARTICLE.tokens
    mu, nu2 = theory.swish_moments(1.0)
    pairs = _pairs()
    article = {"diagonal": s * nu2**2 / n, "off-diagonal": s * mu**4 / n}
    ours = {"diagonal": pairs.diagonal / (n * s), "off-diagonal": pairs.off_diagonal / (n * s)}
    predictions = []
    for values in (article, ours):
        values["ratio"] = values["diagonal"] / values["off-diagonal"]
    for name, value in article.items():
        predictions.append(Prediction.near(name, value, 0.15 * value, "approximately: within 15 %"))
    for name, value in ours.items():
        clause = "diagonal" if name == "diagonal" else "off-diagonal"
        predictions.append(Prediction.near(name, value, 0.03 * value, THEORY, clause))
    return predictions + _initial("diagonal")


def _initial(clause: str) -> list[Prediction]:
    """The weights are LeCun's: of standard deviation 1/sqrt(fan_in)."""
    parts = {"inner": 0.005, "outer": 0.007, "shared": 0.024}
    why = "the sample of the weights' variance, and as much again"
    return [Prediction.near(f"init.{name}", 1.0, t, why, clause) for name, t in parts.items()]


def predict_diagonal(_settings: Settings) -> list[Prediction]:
    n = ARTICLE.tokens
    pairs, output = _pairs(), theory.output(ARTICLE)
    row = pairs.diagonal / (pairs.diagonal + (n - 1) * pairs.off_diagonal)
    share = output.itself / output.rms**2
    return [
        Prediction.near("share-of-output", 1.0, 0.2, "approximately all"),
        Prediction.near("share-of-row", 1.0, 0.2, "approximately all"),
        Prediction.near("share-of-output", share, 0.04 * share, THEORY, "shares"),
        Prediction.near("share-of-row", row, 0.03 * row, THEORY, "shares"),
        *(replace(p, clause="shares") for p in predict_entries(_settings) if p.clause in ("diagonal", "off-diagonal")),
    ]


# output-scale

#: (tokens, head_size, width, gain, normaliser, causal), seeds
POINTS: tuple[tuple[tuple[int, int, int, float, str, bool], int], ...] = (
    ((512, 128, 768, 1.0, "ns", False), 64),
    ((16, 64, 256, 1.0, "ns", False), 3000),
    ((128, 128, 256, 1.0, "ns", False), 256),
    ((128, 256, 128, 0.3, "ns", False), 192),
    ((128, 64, 512, 0.05, "ns", False), 192),
    ((512, 256, 128, 0.05, "ns", False), 64),
    ((512, 64, 512, 0.3, "ns", False), 96),
    ((1024, 256, 256, 1.0, "ns", False), 64),
    ((512, 128, 256, 1.0, "ns", True), 128),
    ((512, 128, 256, 1.0, "n2", False), 96),
)
LARGE = ((8192, 128, 1024, 1.0, "ns", False), 64)
#: for the figure: n at the article's s and a smaller d
CURVE = (16, 32, 64, 128, 256, 512, 1024, 2048)


def _points(settings: Settings) -> list[tuple[tuple[int, int, int, float, str, bool], int]]:
    return [*POINTS, *([LARGE] if settings.profile == "full" else [])]


def plan_output(settings: Settings, target: str) -> list[Task]:
    tasks = []
    points = _points(settings)
    for (n, s, d, gain, norm, causal), seeds in points if target == GAU else points[:3]:
        options = {"head_size": s, "gain": gain, "normaliser": norm, "causal": causal}
        tasks.append(settings.task("probes.gau.entries:outputs", target, options, width=d, tokens=n, seeds=seeds))
    if target == GAU:
        options = {"head_size": 128}
        tasks += [
            settings.task(
                "probes.gau.entries:outputs", target, options, width=256, tokens=n, seeds=4 if n > 512 else 16
            )
            for n in CURVE
        ]
        if has_flash_pytorch():
            package: dict[str, Any] = {"layer": "GAU", "query_key_dim": 128, "residual": False}
            tasks.append(settings.task("probes.gau.entries:outputs", PACKAGE, package, width=768, tokens=512, seeds=8))
    return tasks


def reduce_output(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """RMS of the output at each point, its interval from that of the mean square; the curve over n."""
    results, curve, others = [], [], []
    for m in measurements:
        o = m.params["subject"]["options"]
        if m.params["subject"]["target"] == PACKAGE:
            others.append(m)
        elif "normaliser" in o:
            point = (m.params["tokens"], o["head_size"], m.params["width"], o["gain"], o["normaliser"], o["causal"])
            results.append(_rms(m, f"rms.{_label(*point)}"))
        else:
            curve.append(m)
    if curve:
        xs = [float(m.data["tokens"]) for m in curve]
        units = [theory.Unit(m.data["tokens"], 128, 256) for m in curve]
        label = ("tokens", "RMS of the output")
        series = (
            Series("measured", *label, xs, [float(m.value or 0) for m in curve], "measured"),
            Series("ours", *label, xs, [theory.output(u).rms for u in units], "theory"),
            Series("source: s nu^6/n", *label, xs, [theory.source_rms(u) for u in units], "source"),
            Series(
                "the diagonal alone (ours)", *label, xs, [math.sqrt(theory.output(u).itself) for u in units], "part"
            ),
        )
        results.append(replace(curve[-1], name="output over n", role=Role.FIGURE, data={}, series=series))
    results += [_rms(m, "rms.FLASH-pytorch", log=True).as_role(Role.BESIDE) for m in others]
    return results


def _rms(m: Measurement, name: str, log: bool = False) -> Measurement:
    """The root of the mean square over seeds (of the geometric mean, if `log`: for a few)."""
    square = mean_measurement(m, name, np.array(m.data["output"]), log)
    value, lo, hi = (math.sqrt(v or 0.0) for v in (square.value, square.lo, square.hi))
    return replace(square, value=value, lo=lo, hi=hi)


def _label(n: int, s: int, d: int, gain: float, norm: str, causal: bool) -> str:
    extra = ("" if norm == "ns" else f".{norm}") + (".causal" if causal else "")
    return f"n={n}.s={s}.d={d}.lambda={gain:g}{extra}"


def predict_output(settings: Settings) -> list[Prediction]:
    predictions = []
    for point, _ in _points(settings):
        n, s, d, gain, norm, causal = point
        unit = theory.Unit(n, s, d, gain, norm, causal)
        if norm == "ns" and not causal:
            law = theory.source_rms(unit)
            predictions.append(Prediction.near(f"rms.{_label(*point)}", law, 0.15 * law, "approximately: within 15 %"))
        value = theory.output(unit).rms
        predictions.append(Prediction.near(f"rms.{_label(*point)}", value, 0.06 * value, THEORY, "parts"))
    return predictions


# lambda-seven

GAINS = (1.0, 0.7, 0.5, 0.3, 0.1, 0.05, 0.025)


def plan_lambda(settings: Settings, target: str) -> list[Task]:
    params: dict[str, Any] = {"width": ARTICLE.width, "tokens": ARTICLE.tokens, "seeds": 12}
    return [
        settings.task("probes.gau.entries:outputs", target, {"head_size": ARTICLE.head_size, "gain": g}, **params)
        for g in GAINS
    ]


def _steps() -> list[tuple[str, float, float]]:
    """(name, larger gain, smaller gain) of neighbouring gains."""
    return [(f"exponent.lambda={b:g}-{a:g}", a, b) for a, b in pairwise(GAINS)]


def reduce_lambda(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """d log RMS/d log lambda between neighbouring gains, for the same weights and inputs; the curves."""
    rows = {m.params["subject"]["options"]["gain"]: np.array(m.data["output"]) for m in measurements}
    results = []
    for name, a, b in _steps():
        powers = 0.5 * np.log(rows[a] / rows[b]) / math.log(a / b)
        results.append(mean_measurement(measurements[0], name, powers, log=None, unit="exponent"))
    units = [replace(ARTICLE, gain=g) for g in GAINS]
    fine = [float(g) for g in np.geomspace(0.02, 16, 22)]
    logs = np.log([theory.output(replace(ARTICLE, gain=g)).rms for g in fine])
    label = ("lambda", "RMS of the output")
    series = (
        Series("measured", *label, list(GAINS), [float(np.sqrt(rows[g].mean())) for g in GAINS], "measured"),
        Series("ours", *label, list(GAINS), [theory.output(u).rms for u in units], "theory"),
        Series("source: lambda^7", *label, list(GAINS), [theory.source_rms(u) for u in units], "source"),
        Series("measured exponent", *exponents(GAINS), [float(m.value or 0) for m in results], "measured exponent"),
        Series("our exponent", *exponents(fine), (np.diff(logs) / np.diff(np.log(fine))).tolist(), "exponent"),
    )
    return [*results, replace(measurements[0], name="output over lambda", role=Role.FIGURE, data={}, series=series)]


def exponents(gains: Sequence[float]) -> tuple[str, str, list[float]]:
    """The labels of a curve of local exponents, and the places between neighbouring gains."""
    return "lambda", "local exponent", [math.sqrt(a * b) for a, b in pairwise(gains)]


def predict_lambda(_settings: Settings) -> list[Prediction]:
    predictions = []
    for name, a, b in _steps():
        ends = [theory.output(replace(ARTICLE, gain=g)).rms for g in (a, b)]
        power = math.log(ends[0] / ends[1]) / math.log(a / b)
        predictions.append(Prediction.near(name, 7.0, 0.3, "approximately", unit="exponent"))
        predictions.append(Prediction.near(name, power, 0.1, THEORY, "local", "exponent"))
    return predictions


# identity

LEARNED = 0.05
DEPTHS = [2, 8, 24, 96]
SMALL: dict[str, Any] = {"width": 64, "tokens": 128, "batch": 1}
TRANSFORMER = "torchcheck.modules:scaled_transformer"
PAPER_STACK = "torchcheck.modules:paper_gau_stack"
#: units whose branch is compared with the stream, one after the other
ALPHAS = 64
#: runs of each training, at different seeds
RUNS = 2


def _trainings(settings: Settings) -> list[tuple[str, dict[str, Any], int, dict[str, Any]]]:
    """(subject, options, layers, parameters) of what is trained."""
    small: dict[str, Any] = {"head_size": 64}
    long: dict[str, Any] = {"width": 64, "tokens": 128, "batch": 4, "steps": 80, "rate": 1e-3}
    runs: list[tuple[str, dict[str, Any], int, dict[str, Any]]] = [
        (STACK, small, 24, long),
        (STACK, small, 100, {**long, "steps": 240}),  # some seeds have learned next to nothing after 80, or 160
        (TRANSFORMER, {}, 50, long),
    ]
    if settings.profile == "full":
        more = {**long, "steps": 600, "rate": 5e-4}
        runs += [(STACK, small, 300, more), (TRANSFORMER, {}, 150, more)]
    return runs


def plan_identity(settings: Settings, target: str) -> list[Task]:
    options = {"head_size": ARTICLE.head_size}
    first: dict[str, Any] = {"depths": [1], "width": ARTICLE.width, "tokens": ARTICLE.tokens, "seeds": 1}
    tasks = [
        settings.task("probes.deepnet.profiles:profiles", target, options, first=k, **first) for k in range(ALPHAS)
    ]
    if target != STACK:
        return tasks
    tasks += [
        settings.task("probes.deepnet.profiles:profiles", PAPER_STACK, options, first=k, **first) for k in range(8)
    ]
    tasks.append(
        settings.task("probes.deepnet.profiles:profiles", target, {"head_size": 64}, depths=DEPTHS, seeds=24, **SMALL)
    )
    for t, o, n, p in _trainings(settings):
        for k in range(RUNS):
            subject = {"target": t, "options": o}
            params = {"subject": subject, "layers": n, "device": settings.device, "seed": 1000 * settings.seed + k, **p}
            tasks.append(Task("torchcheck.probes.deepnet.training:training", params))
    return tasks


def reduce_identity(settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Effective alpha, the RMS of stream over branch; growth of gradients with depth; the training runs."""
    profiles = [m for m in measurements if "setting" in m.data]
    first = [m for m in profiles if m.data["setting"]["width"] == ARTICLE.width]
    results = []
    for name, is_paper in (("effective-alpha", False), ("effective-alpha.paper", True)):
        group = [m for m in first if (m.params["subject"]["target"] == PAPER_STACK) == is_paper]
        if group:
            alphas = np.array([m.data["signals"]["stream"][0] / m.data["signals"]["branch"][0] for m in group])
            results.append(mean_measurement(group[0], name, alphas))
    for g in grids([m for m in profiles if m not in first]):
        roles = ("inner", "outer", "shared")
        results += [
            g.exponent("exponent.squares", g.total("squares", roles)),
            g.exponent("exponent.l1", g.total("l1", roles)).as_role(Role.BESIDE),
        ]
        last = g.signals[-1]
        largest = float((last["branch"] / last["stream"][: len(last["branch"])]).max())
        results.append(g.stamped("largest branch over stream", largest, role=Role.BESIDE))
    runs = [m for m in measurements if "setting" not in m.data]
    if runs:
        for t, _, n, _ in _trainings(settings):
            kind = "gau" if t == STACK else "transformer"
            group = [m for m in runs if m.data["layers"] == n and m.params["subject"]["target"] == t]
            note = group[0].note.replace(" of 2 sublayers", "")
            results.append(replace(over_runs(f"{kind}.layers={n}", group, note), at={"block": kind, "layers": n}))
    return results


def predict_identity(settings: Settings) -> list[Prediction]:
    unit = "nats above the characters' frequencies"
    alpha = 1 / theory.output(ARTICLE).rms
    predictions = [
        Prediction("effective-alpha", "50", "200", why="100, to a factor of 2"),
        Prediction.near("effective-alpha", alpha, 0.05 * alpha, THEORY, "alpha"),
        Prediction("effective-alpha.paper", "1e9", "inf", clause="paper", why="beyond float32's digits"),
        Prediction("exponent.squares", "1", "1.3", "exponent", "gradients", why="linear, or a little faster"),
    ]
    for t, _, n, _ in _trainings(settings):
        if t == STACK:
            for clause in ("source", "training"):
                predictions.append(
                    Prediction(f"gau.layers={n}", "-inf", str(-LEARNED), unit, clause, why="learns from context")
                )
        else:
            why = "learns the frequencies only"
            predictions.append(Prediction(f"transformer.layers={n}", str(-LEARNED), "inf", unit, "training", why=why))
    return predictions

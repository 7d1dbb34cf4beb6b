"""Legs about growth with depth: explosion, the three optimizers' scalings, pre-norm, warmup and the alternatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from scaleproof.claim import Plan, Predict, Prediction, Reduce, Settings
from scaleproof.claims.deepnet.common import (
    ALL,
    EXPONENT,
    MATRICES,
    NEGLECTED,
    SCALED_SPREAD,
    SUBJECT,
    Array,
    Grid,
    depths,
    grid,
    grids,
    predicted,
    theory_curve,
    theory_exponent,
    third_party_measurements,
    third_party_tasks,
)
from scaleproof.claims.shared.tolerance import ratio_room, slope_room
from scaleproof.theory import deepnet as theory
from torchcheck.data import Measurement, Role, Series, Task

#: the sum over parameters that is an optimizer's first-order decrease of the loss
KIND = {"sgd": "squares", "adam": "l1", "lamb": "lamb"}
RATES = {"sgd": 1e-7, "adam": 1e-8, "lamb": 1e-8}
STEP_DEPTHS = [2, 8, 32]
GROWTH = "theory's exponent on the same depths"
ROOM = "room for the seeds' interval and 3.5 standard errors"
MEAN_FIELD = "mean-field theory, to leading order in 1/width"


def _step(settings: Settings, target: str, optimizer: str, scaling: str, over_depth: bool = False) -> Task:
    """The true change of the loss by one small step of the real optimizer, at the rate over N with `over_depth`."""
    subject = {"target": target, "options": {"scaling": scaling}}
    params = {"subject": subject, "optimizer": optimizer, "rates": [RATES[optimizer]], "over_depth": over_depth}
    more = {"depths": STEP_DEPTHS, "width": 32, "seeds": 2, "device": settings.device, "seed": settings.seed}
    return Task("torchcheck.probes.deepnet.increments:increments", {**params, **more})


def _steps(measurements: Sequence[Measurement]) -> list[Measurement]:
    return [m for m in measurements if m.data.get("against") == "first order"]


# sgd, adam, lamb: each scaling with its own optimizer's increment


OTHER_DEPTHS = [2, 8, 32]
OTHER_SEEDS = 24
WIDE_DEPTHS = [2, 8, 32]
#: (optimizer, loss) -> standard deviation over networks of the log of the sum that the optimizer decreases, measured
LOSS_SPREAD = {
    ("sgd", "squared"): 0.05,
    ("sgd", "cross-entropy"): 0.065,
    ("adam", "cross-entropy"): 0.03,
    ("lamb", "cross-entropy"): 0.03,
}


def _losses(optimizer: str) -> tuple[str, ...]:
    return ("squared", "cross-entropy") if optimizer == "sgd" else ("cross-entropy",)


def _widths(settings: Settings) -> tuple[int, ...]:
    return (128,) if settings.profile == "quick" else (128, 256, 512)


def plan_optimizer(optimizer: str) -> Plan:
    def plan(settings: Settings, target: str) -> list[Task]:
        tasks = [*grid(settings, target, optimizer), _step(settings, target, optimizer, optimizer)]
        if target == SUBJECT:
            for loss in _losses(optimizer):
                tasks += grid(settings, target, optimizer, loss=loss, at=OTHER_DEPTHS, seeds=OTHER_SEEDS)
            for width in _widths(settings):
                tasks += grid(settings, target, optimizer, width=width, at=WIDE_DEPTHS)
        return tasks

    return plan


def reduce_optimizer(optimizer: str) -> Reduce:
    kind = KIND[optimizer]

    def reduce(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
        result = _steps(measurements)
        for g in grids(measurements):
            tag = "" if g.setting["loss"] == "linear" else f".{g.setting['loss']}"
            tag += "" if g.setting["width"] == 64 else f".width={g.setting['width']}"
            result.append(g.exponent(f"exponent.matrices{tag}", g.total(kind)))
            if not tag:
                result.append(g.growth("growth.all", g.total(kind, ALL)))
                result.append(g.exponent("exponent.norms", g.total(kind, ("norm",))))
                result += g.norm_ratios()
                result += g.norm_ratios("size-ratio", "l1") if optimizer == "adam" else []
                result.append(g.curve(f"{optimizer}: matrices", g.total(kind)))
                result.append(g.curve(f"{optimizer}: all parameters", g.total(kind, ALL)))
                if kind == "squares":
                    result.append(theory_curve(g, f"{optimizer}: matrices"))
        return result

    return reduce


def predict_optimizer(optimizer: str) -> Predict:
    def predict(settings: Settings) -> list[Prediction]:
        why = "independent of N: as large for the deepest stack as for two blocks, within 10 %"
        result = [Prediction.near("growth.all", 1.0, 0.1, why, unit="times")]
        result += _matrices(settings, optimizer, "post")
        for loss in _losses(optimizer):
            power = _exponent(optimizer, "post", OTHER_DEPTHS)
            spreads = [LOSS_SPREAD[optimizer, loss]] * len(OTHER_DEPTHS)
            tolerance = slope_room(OTHER_DEPTHS, spreads, OTHER_SEEDS, 0.01)
            why = f"{GROWTH}; a loss's own gradient spreads by {spreads[0]:g}, measured; {ROOM}"
            result.append(Prediction.near(f"exponent.matrices.{loss}", power, tolerance, why, "matrices", "exponent"))
        for width in _widths(settings):
            power = _exponent(optimizer, "post", WIDE_DEPTHS, width)
            name = f"exponent.matrices.width={width}"
            result.append(Prediction.near(name, power, EXPONENT, GROWTH, "matrices", "exponent"))
        why = "linear: a norm's gradient is the same at every depth; norms are few numbers, whose seeds leave 0.05"
        result.append(Prediction.near("exponent.norms", 1.0, 0.1, why, "norms", "exponent"))
        result.append(Prediction("growth.all", "2", "inf", "times", "norms", why="grows: more than doubles"))
        for n in STEP_DEPTHS:
            why = "second order of a small step, and its rounding"
            result.append(Prediction.near(f"increment.{optimizer}.N={n}", 1.0, 0.01, why, "matrices"))
        return result

    return predict


def _exponent(optimizer: str, norm: str, at: Sequence[int], width: int = 64) -> float:
    """Theory's exponent of an optimizer's sum; LAMB's has |W| as a factor, which is proportional to the gain."""
    if optimizer != "lamb":
        return theory_exponent(at, optimizer, norm, width, KIND[optimizer])
    return 0.0  # |W| |g|_1/sqrt(n) is proportional to gain²/alpha = 1/(2N) exactly for every scaled matrix


def _matrices(settings: Settings, optimizer: str, norm: str, clause: str = "matrices") -> list[Prediction]:
    """The matrices' sum at the grid's depths: its exponent, and its size at each, against theory."""
    at = [n for some, _ in depths(settings, SUBJECT) for n in some]
    power = _exponent(optimizer, norm, at)
    predictions = [Prediction.near("exponent.matrices", power, EXPONENT, GROWTH, clause, "exponent")]
    for some, seeds in depths(settings, SUBJECT):
        for n in some:
            spread = next(v for top, v in SCALED_SPREAD.items() if n <= top)
            why = f"{MEAN_FIELD}: {{:.1%}} of it; networks spread by {spread:.1%}, measured; {ROOM}"
            left = NEGLECTED[norm]
            name = f"norm-ratio.N={n}"
            predictions.append(Prediction.near(name, 1.0, ratio_room(spread, seeds, left), why.format(left), clause))
            if optimizer == "adam":
                left = 0.015  # entries are nearly normal
                name = f"size-ratio.N={n}"
                predictions.append(
                    Prediction.near(name, 1.0, ratio_room(spread, seeds, left), why.format(left), clause)
                )
    return predictions


# explosion and warmup: Post-LN with alpha = lambda = 1

EXPLOSION_DEPTHS = [2, 4, 8, 16, 32]
EXPLOSION_SEEDS = 96
#: depth -> standard deviation of log|gradient| over unscaled networks of width 256, measured
EXPLOSION_SPREAD = {2: 0.022, 4: 0.046, 8: 0.088, 16: 0.15, 32: 0.19}
#: of the norm, at width 256: a quarter of that at width 64
WIDE_NEGLECTED = NEGLECTED["pre"] / 4


def plan_explosion(settings: Settings, target: str) -> list[Task]:
    seeds = EXPLOSION_SEEDS if target == SUBJECT else 8
    own = grid(settings, target, "none", width=256, at=EXPLOSION_DEPTHS, seeds=seeds)
    if settings.profile == "full" and target == SUBJECT:
        own += grid(settings, target, "none", width=512, at=[2, 4, 8, 16, 32, 64], seeds=32)
    return [*own, *third_party_tasks(settings, target, [("torch_encoder", {}), ("hugging_face", {"model": "bert"})])]


def reduce_explosion(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    g, *rest = grids(measurements)
    results = [
        *(m for other in rest for m in third_party_measurements(other)),
        g.exponent("exponent.sgd", g.total("squares")),
        g.exponent("exponent.adam", g.total("l1")).as_role(Role.BESIDE),
        *g.norm_ratios(),
        g.curve("standard: matrices", g.total("squares")),
        theory_curve(g, "standard: matrices"),
    ]
    for n, layers in zip(g.depths, g.layers, strict=True):
        largest = max(float(v.max()) for role, v in layers.items() if role in MATRICES)
        ceiling = max(max(g.predicted(n).squares[role]) for role in MATRICES)
        results.append(g.stamped(f"largest-matrix.N={n}", (largest / ceiling) ** 0.5))
    return results


def predict_explosion(_settings: Settings) -> list[Prediction]:
    power = theory_exponent(EXPLOSION_DEPTHS, "none", width=256)
    why = f"{GROWTH} (1.05, and 1.01 from N = 128 to 256: linear); {ROOM}"
    predictions = [Prediction.near("exponent.sgd", power, _explosion_room(), why, "linear", "exponent")]
    for n, spread in EXPLOSION_SPREAD.items():
        tolerance = ratio_room(spread, EXPLOSION_SEEDS, WIDE_NEGLECTED)
        why = f"{MEAN_FIELD}: {WIDE_NEGLECTED:.2%} of it; networks spread by {spread:.1%}, measured; {ROOM}"
        predictions.append(Prediction.near(f"norm-ratio.N={n}", 1.0, tolerance, why, "linear"))
        why = f"the largest matrix's gradient over the largest that theory has, as near as all of them: bounded; {why}"
        predictions.append(Prediction.near(f"largest-matrix.N={n}", 1.0, tolerance, why, "bounded"))
    return predictions


def _explosion_room() -> float:
    """The tolerance of the exponent of squared norms, whose logarithms spread twice as much as the norms'."""
    spreads = [2 * v for v in EXPLOSION_SPREAD.values()]
    return slope_room(EXPLOSION_DEPTHS, spreads, EXPLOSION_SEEDS, 0.01)


def plan_warmup(settings: Settings, target: str) -> list[Task]:
    return [*plan_explosion(settings, target), _step(settings, target, "sgd", "none", over_depth=True)]


def reduce_warmup(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The decrease at a learning rate of eta/N: the sums over N, of the matrices and of all parameters."""
    g = grids(measurements)[0]
    results = []
    for k in ("sgd", "adam"):
        for what, roles in (("matrices", MATRICES), ("all", ALL)):
            rows = [row / n for n, row in zip(g.depths, g.total(KIND[k], roles), strict=True)]
            results.append(g.exponent(f"exponent.{k}.{what}", rows))
    return [*results, *_steps(measurements)]


def predict_warmup(_settings: Settings) -> list[Prediction]:
    predictions = []
    for k in ("sgd", "adam"):
        for what in ("matrices", "all"):
            predictions.append(Prediction.near(f"exponent.{k}.{what}", 0.0, 0.03, "independent of N", unit="exponent"))
    power = theory_exponent(EXPLOSION_DEPTHS, "none", width=256) - 1
    predictions.append(
        Prediction.near("exponent.sgd.matrices", power, _explosion_room(), f"{GROWTH}; {ROOM}", "sgd", "exponent")
    )
    predictions.append(_sign_steps())
    for n in STEP_DEPTHS:
        why = "a real step at the rate eta/N: second order of a small step, and its rounding"
        predictions.append(Prediction.near(f"increment.sgd.N={n}", 1.0, 0.01, why, "sgd"))
    return predictions


def _sign_steps() -> Prediction:
    """The exponent of |gradient|_1 over N: between theory's for normal entries and for entries of equal tokens.

    Where all tokens have become alike a gradient is an outer product: the mean size of its entries is sqrt(2/pi) of a
    normal number's, and 1/sqrt(pi) where one factor has passed a ReLU. (The mean logarithm of a norm also lies below
    that of the mean square, by its variance.)
    """
    first, last = EXPLOSION_DEPTHS[0], EXPLOSION_DEPTHS[-1]
    normal = theory_exponent(EXPLOSION_DEPTHS, "none", width=256, kind="l1") - 1
    deepest = predicted(last, "none", "post", width=256, tokens=16, batch=4)
    all_sizes, rectified = (deepest.sizes(roles, 256) for roles in (MATRICES, ("inner", "outer")))
    alike = (math.sqrt(2 / math.pi) * (all_sizes - rectified) + math.sqrt(1 / math.pi) * rectified) / all_sizes
    lost = (math.log(alike) - EXPLOSION_SPREAD[last] ** 2) / math.log(last / first)
    tolerance = slope_room(EXPLOSION_DEPTHS, list(EXPLOSION_SPREAD.values()), EXPLOSION_SEEDS)
    why = f"from normal entries down to those of equal tokens; {ROOM}"
    ends = (repr(normal + lost), repr(normal))
    return Prediction("exponent.adam.matrices", *ends, "exponent", "adam", tolerance=tolerance, why=why)


# pre-norm

#: depth -> (networks, standard deviation of log|gradient| over networks of width 64, measured)
UNSCALED = {2: (128, 0.04), 8: (128, 0.1), 32: (128, 0.19), 128: (48, 0.27)}


def plan_pre(settings: Settings, target: str) -> list[Task]:
    chosen = ("sgd", "adam") if target == SUBJECT else ("sgd",)
    subjects: list[tuple[str, dict[str, Any]]] = [
        ("torch_encoder", {"norm_first": True}),
        *(("hugging_face", {"model": m}) for m in ("gpt2", "llama")),
    ]
    own = [task for scaling in chosen for task in grid(settings, target, scaling, "pre")]
    if target == SUBJECT:
        own += grid(settings, target, "none", "pre", at=[2, 8, 32], seeds=128)
        own += grid(settings, target, "none", "pre", at=[128], seeds=48)
    return [*own, *third_party_tasks(settings, target, subjects)]


def reduce_pre(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    results = []
    for g in grids(measurements):
        if "scaling" not in g.setting:
            results += third_party_measurements(g)
        elif g.setting["scaling"] == "sgd":
            results.append(g.exponent("exponent.matrices", g.total("squares")))
            results.append(g.exponent("exponent.lamb.matrices", g.total("lamb")))
            results.append(g.growth("growth.all", g.total("squares", ALL)))
            results.append(g.exponent("exponent.sgd.biases", g.total("squares", ("bias",))))
            results += [*g.norm_ratios(), g.curve("pre-norm, sgd", g.total("squares"))]
        elif g.setting["scaling"] == "adam":
            results.append(g.exponent("exponent.adam.matrices", g.total("l1")))
        else:
            results += [*g.norm_ratios("unscaled-ratio"), g.curve("pre-norm, unscaled", g.total("squares"))]
            results.append(theory_curve(g, "pre-norm, unscaled"))
    return results


def predict_pre(settings: Settings) -> list[Prediction]:
    at = [n for some, _ in depths(settings, SUBJECT) for n in some]
    why = "independent of N: as large for the deepest stack as for two blocks, within 10 %"
    predictions = [Prediction.near("growth.all", 1.0, 0.1, why, unit="times")]
    predictions += _matrices(settings, "sgd", "pre")
    for k in ("adam", "lamb"):
        power = _exponent(k, "pre", at)
        predictions.append(Prediction.near(f"exponent.{k}.matrices", power, EXPONENT, GROWTH, "matrices", "exponent"))
    power = theory_exponent(at, "sgd", "pre", roles=("bias",))
    why = f"{GROWTH}: linear; biases are few numbers, whose seeds leave 0.06, and 3.5 standard errors more"
    predictions.append(Prediction.near("exponent.sgd.biases", power, 0.12, why, "biases", "exponent"))
    predictions.append(Prediction("growth.all", "2", "inf", "times", "biases", why="grows: more than doubles"))
    for n, (seeds, spread) in UNSCALED.items():
        why = f"{MEAN_FIELD}: {NEGLECTED['pre']:.0%} of it; networks spread by {spread:.0%}, measured; {ROOM}; "
        why += "N^(1/2) would be at 1.66 by N = 128"
        tolerance = ratio_room(spread, seeds, NEGLECTED["pre"])
        predictions.append(Prediction.near(f"unscaled-ratio.N={n}", 1.0, tolerance, why, "logarithm"))
    return predictions


# alternatives

#: scaling -> exponent; "lamb" has the first alternative's constants, (1, (2N)^(-1/2))
RELATIVE = {"lamb": 0.0, "slow": -0.5, "sgd": -0.25}


def plan_alternatives(settings: Settings, target: str) -> list[Task]:
    if target != SUBJECT:
        return grid(settings, target, "sgd")
    own = [task for scaling in (*RELATIVE, "adam") for task in grid(settings, target, scaling)]
    return [*own, *grid(settings, target, "none", at=[2, 8, 32])]


def reduce_alternatives(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Root mean square over FFN matrices of |gradient|/|W|: an SGD step over the weights, per unit of learning rate.

    The squared gradient norms of all scalings come along for the figure.
    """
    results = []
    for g in grids(measurements):
        name = g.setting["scaling"]
        results += [g.curve(f"|∇L|², {name}", g.total("squares")), theory_curve(g, f"|∇L|², {name}")]
        if name not in RELATIVE:
            continue
        relative = [
            np.sqrt(row / n) / theory.constants(name, n, g.setting["norm"])[1]
            for n, row in zip(g.depths, g.total("squares", ("inner", "outer")), strict=True)
        ]
        results += [
            g.exponent(f"relative-step.{name}", relative),
            g.curve(f"relative step, {name}", relative, "relative step"),
        ]
    return results


def predict_alternatives(_settings: Settings) -> list[Prediction]:
    why = "a power of N; the corrections at N = 2 bring 0.01"
    return [
        Prediction.near(f"relative-step.{n}", power, EXPONENT, why, unit="exponent") for n, power in RELATIVE.items()
    ]


# identity


def plan_identity(settings: Settings, target: str) -> list[Task]:
    tasks = [task for scaling in ("sgd", "adam", "lamb") for task in grid(settings, target, scaling)]
    return [*tasks, *grid(settings, target, "sgd", width=256, tokens=32, at=[16], seeds=8)]


def reduce_identity(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Over all depths and sublayers of a scaling: branch over residual in units of lambda²/alpha and of theory, and
    |dL/dx_l| over |dL/dx_N| and over theory's."""
    results = []
    for g in grids(measurements):
        parts: dict[str, list[Array]] = {}
        for n, signals in zip(g.depths, g.signals, strict=True):
            (alpha, gain), theirs = theory.constants(g.setting["scaling"], n, g.setting["norm"]), g.predicted(n)
            weight = signals["branch"] / (alpha * signals["stream"]) / (gain**2 / alpha)
            expected = np.asarray(theirs.branch) / np.asarray(theirs.stream) / gain**2
            for kind, which in (("attention", slice(0, None, 2)), ("ffn", slice(1, None, 2))):
                parts.setdefault(f"branch-weight.{kind}", []).append(weight[which])
                parts.setdefault(f"branch-ratio.{kind}", []).append((weight / expected)[which])
            parts.setdefault("cotangent", []).append(signals["cotangent"] / signals["cotangent"][-1])
            parts.setdefault("cotangent-ratio", []).append(signals["cotangent"] / np.asarray(theirs.cotangent))
        tag = f"{g.setting['scaling']}.width={g.setting['width']}"
        results += [_range(g, f"{name}.{tag}", np.concatenate(values)) for name, values in parts.items()]
        if g.setting["scaling"] == "sgd" and g.setting["width"] == 64:
            results.append(_profile(g))
    return results


def _profile(g: Grid) -> Measurement:
    """The gradient norm of every matrix along the deepest stack, measured and predicted, as curves for the figure."""
    n, measured = g.depths[-1], g.layers[-1]
    blocks = range(0, n, max(1, n // 64))
    series = []
    for role in ("value", "output", "inner", "outer"):
        for name, squares, kind in (
            (role, measured[role], "measured"),
            (f"{role}, theory", g.predicted(n).squares[role], "theory"),
        ):
            heights = [float(squares[b]) ** 0.5 for b in blocks]
            series.append(Series(name, "block", "gradient norm", [b + 1.0 for b in blocks], heights, kind))
    note = "a figure's data: the depth"
    return g.stamped(f"profile at N = {n}", float(n), series=tuple(series), note=note, role=Role.FIGURE)


def _range(g: Grid, name: str, values: Array) -> Measurement:
    note = f"N = {g.depths[0]} to {g.depths[-1]}; means over seeds; the interval is the range over depths and sublayers"
    return g.stamped(name, float(values.mean()), float(values.min()), float(values.max()), note=note)


def predict_identity(_settings: Settings) -> list[Prediction]:
    predictions = []
    for tag in (*(f"{s}.width=64" for s in ("sgd", "adam", "lamb")), "sgd.width=256"):
        wide = "256" in tag
        predictions.append(Prediction(f"branch-weight.ffn.{tag}", "0.5", "0.63", why="O(1): theory has 0.566"))
        predictions.append(
            Prediction(f"branch-weight.attention.{tag}", "0.25", "0.45", why="O(1): averages over tokens")
        )
        predictions.append(Prediction(f"cotangent.{tag}", "0.95", "1.06", why="O(1): the same at every sublayer"))
        for name, tolerance in (
            ("cotangent-ratio", 0.02 if wide else 0.05),
            ("branch-ratio.ffn", 0.025 if wide else 0.05),
            ("branch-ratio.attention", 0.05 if wide else 0.1),
        ):
            why = f"{MEAN_FIELD}; the extremes of hundreds of sublayers, measured, and as much again"
            predictions.append(Prediction.near(f"{name}.{tag}", 1.0, tolerance, why))
    return predictions

"""Legs about growth with depth: explosion, the three optimizers' scalings, pre-norm, warmup and the alternatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scaleproof.claims.claim import About, Plan, Predict, Prediction, Reduce, Settings
from scaleproof.claims.deepnet.common import (
    ALL,
    EXPONENT,
    MATRICES,
    SUBJECT,
    Array,
    Grid,
    beside,
    grid,
    grids,
    others,
    theory_curve,
)
from torchcheck.modules.scaling import named_scaling
from torchcheck.task import Measurement, Series, Task

#: the sum over parameters that is an optimizer's first-order decrease of the loss
KIND = {"sgd": "squares", "adam": "l1", "lamb": "lamb"}
RATES = {"sgd": 1e-7, "adam": 1e-8, "lamb": 1e-8}
STEP_DEPTHS = [2, 8, 32]
GROWTH = "a power of N, up to the corrections at N = 2 and the interval of the seeds"
MEAN_FIELD = "mean-field theory, target for full Transformers"


def _step(settings: Settings, target: str, optimizer: str, scaling: str) -> Task:
    """The true change of the loss by one small step of the real optimizer."""
    subject = {"target": target, "options": {"scaling": scaling}}
    params = {"subject": subject, "optimizer": optimizer, "rates": [RATES[optimizer]]}
    more = {"depths": STEP_DEPTHS, "width": 32, "seeds": 2, "device": settings.device, "seed": settings.seed}
    return Task("torchcheck.probes.increments:increments", {**params, **more})


def _steps(measurements: Sequence[Measurement]) -> list[Measurement]:
    return [m for m in measurements if m.name.startswith("increment.")]


# sgd, adam, lamb: each scaling with its own optimizer's increment


def plan_optimizer(optimizer: str) -> Plan:
    def plan(settings: Settings, target: str) -> list[Task]:
        tasks = [*grid(settings, target, optimizer), _step(settings, target, optimizer, optimizer)]
        if target == SUBJECT:
            for loss in ("squared", "cross-entropy") if optimizer == "sgd" else ("cross-entropy",):
                tasks += grid(settings, target, optimizer, loss=loss, at=[2, 8, 32, 128])
            wide = [128] if settings.profile == "quick" else [128, 256, 512]
            for width in wide:
                tasks += grid(settings, target, optimizer, width=width, at=[2, 8, 32])
        return tasks

    return plan


def reduce_optimizer(optimizer: str) -> Reduce:
    kind = KIND[optimizer]

    def reduce(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
        found = _steps(measurements)
        for g in grids(measurements):
            tag = "" if g.setting["loss"] == "linear" else f".{g.setting['loss']}"
            tag += "" if g.setting["width"] == 64 else f".width={g.setting['width']}"
            found.append(g.exponent(f"exponent.matrices{tag}", g.total(kind)))
            if not tag:
                found.append(g.exponent("exponent.all", g.total(kind, ALL)))
                found.append(g.exponent("exponent.norms", g.total(kind, ("norm",))))
                found += g.norm_ratios()
                found.append(g.curve(f"{optimizer}: matrices", g.total(kind)))
                found.append(g.curve(f"{optimizer}: all parameters", g.total(kind, ALL)))
                if kind == "squares":
                    found.append(theory_curve(g, f"{optimizer}: matrices"))
        return found

    return reduce


def predict_optimizer(optimizer: str) -> Predict:
    def predict(_settings: Settings) -> list[Prediction]:
        found = [Prediction.near("exponent.all", 0.0, EXPONENT, "independent of N")]
        found.append(Prediction.near("exponent.matrices", 0.0, EXPONENT, GROWTH, "corrected"))
        losses = ("squared", "cross-entropy") if optimizer == "sgd" else ("cross-entropy",)
        for tag in (*losses, "width=128"):
            found.append(Prediction.near(f"exponent.matrices.{tag}", 0.0, EXPONENT, GROWTH, "corrected"))
        found.append(Prediction.near("exponent.norms", 1.0, EXPONENT, GROWTH, "corrected"))
        found.append(Prediction.near("norm-ratio", 1.0, 0.15, MEAN_FIELD, "corrected"))
        for n in STEP_DEPTHS:
            why = "second order of a small step, and its rounding"
            found.append(Prediction.near(f"increment.{optimizer}.N={n}", 1.0, 0.01, why, "corrected"))
        return found

    return predict


# explosion and warmup: Post-LN with alpha = lambda = 1

EXPLOSION_DEPTHS = [2, 4, 8, 16, 32]
#: between depths 2 and 32 at width 256 the predicted sum has exponent 1.05; 24 seeds leave an interval of 0.2
LINEAR = 0.4


def plan_explosion(settings: Settings, target: str) -> list[Task]:
    if settings.profile == "full" and target == SUBJECT:
        own = grid(settings, target, "none", width=512, at=[2, 4, 8, 16, 32, 64], seeds=32)
    else:
        own = grid(settings, target, "none", width=256, at=EXPLOSION_DEPTHS, seeds=24 if target == SUBJECT else 8)
    return [*own, *others(settings, target, [("torch_encoder", {}), ("hugging_face", {"model": "bert"})])]


def reduce_explosion(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    g, *rest = grids(measurements)
    found = [
        *(m for other in rest for m in beside(other)),
        g.exponent("exponent.sgd", g.total("squares")),
        g.exponent("exponent.adam", g.total("l1")),
        *g.norm_ratios(),
        g.curve("standard: matrices", g.total("squares")),
        theory_curve(g, "standard: matrices"),
    ]
    for n, layers in zip(g.depths, g.layers, strict=True):
        largest = max(float(v.max()) for role, v in layers.items() if role in MATRICES)
        ceiling = max(max(g.predicted(n).squares[role]) for role in MATRICES)
        found.append(g.stamped(f"largest-matrix.N={n}", (largest / ceiling) ** 0.5))
    return found


def predict_explosion(_settings: Settings) -> list[Prediction]:
    why = "tells linear growth from none, square roots and squares; theory has 1.05 on this grid"
    found = [Prediction.near("exponent.sgd", 1.0, LINEAR, why), Prediction.near("exponent.adam", 1.0, LINEAR, why)]
    found.append(Prediction.near("norm-ratio", 1.0, 0.15, MEAN_FIELD))
    for n in EXPLOSION_DEPTHS:
        why = "the largest matrix's gradient over the largest that theory has: bounded in N"
        found.append(Prediction(f"largest-matrix.N={n}", "0.5", "2", why=why))
    return found


def plan_warmup(settings: Settings, target: str) -> list[Task]:
    return [*plan_explosion(settings, target), _step(settings, target, "sgd", "none")]


def reduce_warmup(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The decrease at a learning rate of eta/N: the sums over N."""
    g = grids(measurements)[0]
    found = [
        g.exponent(f"exponent.{k}", [row / n for n, row in zip(g.depths, g.total(KIND[k]), strict=True)])
        for k in ("sgd", "adam")
    ]
    return [*found, *_steps(measurements)]


def predict_warmup(_settings: Settings) -> list[Prediction]:
    found = [
        Prediction.near(f"exponent.{k}", 0.0, LINEAR, "tells a constant from square roots") for k in ("sgd", "adam")
    ]
    for n in STEP_DEPTHS:
        found.append(
            Prediction.near(f"increment.sgd.N={n}", 1.0, 0.01, "second order of a small step, and its rounding")
        )
    return found


# pre-norm


def plan_pre(settings: Settings, target: str) -> list[Task]:
    chosen = ("sgd", "adam", "none") if target == SUBJECT else ("sgd",)
    subjects: list[tuple[str, dict[str, Any]]] = [
        ("torch_encoder", {"norm_first": True}),
        *(("hugging_face", {"model": m}) for m in ("gpt2", "llama")),
    ]
    own = [task for scaling in chosen for task in grid(settings, target, scaling, "pre")]
    return [*own, *others(settings, target, subjects)]


def reduce_pre(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    found = []
    for g in grids(measurements):
        if "scaling" not in g.setting:
            found += beside(g)
        elif g.setting["scaling"] == "sgd":
            found.append(g.exponent("exponent.sgd.matrices", g.total("squares")))
            found.append(g.exponent("exponent.lamb.matrices", g.total("lamb")))
            found.append(g.exponent("exponent.sgd.biases", g.total("squares", ("bias",))))
            found += [*g.norm_ratios(), g.curve("pre-norm, sgd", g.total("squares"))]
        elif g.setting["scaling"] == "adam":
            found.append(g.exponent("exponent.adam.matrices", g.total("l1")))
        else:
            found.append(g.exponent("exponent.unscaled", g.total("squares"), skip=1))
            found += [*g.norm_ratios("unscaled-ratio"), g.curve("pre-norm, unscaled", g.total("squares"))]
            found.append(theory_curve(g, "pre-norm, unscaled"))
    return found


def predict_pre(_settings: Settings) -> list[Prediction]:
    found = []
    about: About
    for about in ("source", "corrected"):
        for k in ("sgd", "adam", "lamb"):
            found.append(Prediction.near(f"exponent.{k}.matrices", 0.0, EXPONENT, GROWTH, about))
    found.append(Prediction.near("exponent.unscaled", 1.0, LINEAR, "the explosion that the scaling is to cure"))
    found.append(Prediction("exponent.unscaled", "-0.3", "0.6", about="corrected", why="a logarithm on this grid"))
    found.append(Prediction.near("exponent.sgd.biases", 1.0, EXPONENT, GROWTH, "corrected"))
    found.append(Prediction.near("norm-ratio", 1.0, 0.15, MEAN_FIELD, "corrected"))
    found.append(Prediction.near("unscaled-ratio", 1.0, 0.3, MEAN_FIELD + ", and the seeds' spread", "corrected"))
    return found


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
    found = []
    for g in grids(measurements):
        name = g.setting["scaling"]
        found += [g.curve(f"|∇L|², {name}", g.total("squares")), theory_curve(g, f"|∇L|², {name}")]
        if name not in RELATIVE:
            continue
        relative = [
            np.sqrt(row / n) / named_scaling(name, n, g.setting["norm"]).gain
            for n, row in zip(g.depths, g.total("squares", ("inner", "outer")), strict=True)
        ]
        found += [g.exponent(f"relative-step.{name}", relative), g.curve(f"relative step, {name}", relative)]
    return found


def predict_alternatives(_settings: Settings) -> list[Prediction]:
    return [Prediction.near(f"relative-step.{name}", power, 0.1, GROWTH) for name, power in RELATIVE.items()]


# identity


def plan_identity(settings: Settings, target: str) -> list[Task]:
    tasks = [task for scaling in ("sgd", "adam", "lamb") for task in grid(settings, target, scaling)]
    return [*tasks, *grid(settings, target, "sgd", width=256, tokens=32, at=[16], seeds=8)]


def reduce_identity(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Over all depths and sublayers of a scaling: branch over residual in units of lambda²/alpha and of theory, and
    |dL/dx_l| over |dL/dx_N| and over theory's."""
    found = []
    for g in grids(measurements):
        parts: dict[str, list[Array]] = {}
        for n, signals in zip(g.depths, g.signals, strict=True):
            constants, theirs = named_scaling(g.setting["scaling"], n, g.setting["norm"]), g.predicted(n)
            ratio = signals["branch"] / (constants.alpha * signals["stream"])
            weight = ratio / (constants.gain**2 / constants.alpha)
            expected = np.asarray(theirs.branch) / np.asarray(theirs.stream) / constants.gain**2
            for kind, which in (("attention", slice(0, None, 2)), ("ffn", slice(1, None, 2))):
                parts.setdefault(f"branch-weight.{kind}", []).append(weight[which])
                parts.setdefault(f"branch-ratio.{kind}", []).append((weight / expected)[which])
            parts.setdefault("cotangent", []).append(signals["cotangent"] / signals["cotangent"][-1])
            parts.setdefault("cotangent-ratio", []).append(signals["cotangent"] / np.asarray(theirs.cotangent))
        tag = f"{g.setting['scaling']}.width={g.setting['width']}"
        found += [_range(g, f"{name}.{tag}", np.concatenate(values)) for name, values in parts.items()]
        if g.setting["scaling"] == "sgd" and g.setting["width"] == 64:
            found.append(_profile(g))
    return found


def _profile(g: Grid) -> Measurement:
    """The gradient norm of every matrix along the deepest stack, measured and predicted, as curves for the figure."""
    n, measured = g.depths[-1], g.layers[-1]
    blocks = range(0, n, max(1, n // 64))
    series = []
    for role in ("value", "output", "inner", "outer"):
        for name, squares in ((role, measured[role]), (f"{role}, theory", g.predicted(n).squares[role])):
            heights = [float(squares[b]) ** 0.5 for b in blocks]
            series.append(Series(f"layer {name}", "block", "gradient norm", [b + 1.0 for b in blocks], heights))
    return g.stamped(f"figure: profile at N = {n}", float(n), series=tuple(series), note="a figure's data: the depth")


def _range(g: Grid, name: str, values: Array) -> Measurement:
    note = f"N = {g.depths[0]} to {g.depths[-1]}; means over seeds; the interval is the range over depths and sublayers"
    return g.stamped(name, float(values.mean()), float(values.min()), float(values.max()), note=note)


def predict_identity(_settings: Settings) -> list[Prediction]:
    found = []
    for tag in (*(f"{s}.width=64" for s in ("sgd", "adam", "lamb")), "sgd.width=256"):
        found.append(Prediction(f"branch-weight.ffn.{tag}", "0.4", "0.8", why="O(1): theory has 0.566"))
        found.append(Prediction(f"branch-weight.attention.{tag}", "0.2", "1", why="O(1): averages over tokens"))
        found.append(Prediction(f"cotangent.{tag}", "0.8", "1.25", why="O(1): the same at every sublayer"))
        found.append(Prediction.near(f"cotangent-ratio.{tag}", 1.0, 0.15, MEAN_FIELD))
        for kind in ("ffn", "attention"):
            tolerance = 0.15 if "256" in tag else 0.3
            found.append(Prediction.near(f"branch-ratio.{kind}.{tag}", 1.0, tolerance, MEAN_FIELD))
    return found

"""Legs of dominates-softplus and minimax: the module minus torch's softplus on a grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from flint import arb, fmpq

from scaleproof.claim import Prediction, Settings
from scaleproof.claims.squareplus.common import SOFTPLUS, bend, found_value, points_task, subject
from scaleproof.theory import squareplus as theory
from scaleproof.theory.enclosure import from_ball, precision
from torchcheck.data import Measurement, Series, Task


def _grid() -> list[float]:
    """[-60, 60] in steps of 1/200, with the places where theory puts the extremes: 0 and +-x*."""
    peak = float(theory.minimax()["x"].lo)
    return sorted({k / 200 for k in range(-12000, 12001)} | {peak, -peak, 0.0})


def plan_against(bends: Callable[[], Sequence[float]]) -> Callable[[Settings, str], list[Task]]:
    def plan(settings: Settings, target: str) -> list[Task]:
        grid = _grid()
        # threshold: torch's softplus is the identity beyond it; 20 by default
        softplus = subject(SOFTPLUS, threshold=1000)
        reference = {"subject": softplus, "points": grid, "order": 0, "device": settings.device}
        return [
            Task("torchcheck.probes.squareplus.pointwise:derivatives", reference),
            *(points_task(settings, target, b, 0, grid) for b in bends()),
        ]

    return plan


def _differences(measurements: Sequence[Measurement]) -> list[tuple[Measurement, float, list[tuple[float, float]]]]:
    """(measurement, b, [(x, module(x) - softplus(x))]) for every bend; the first measurement is softplus."""
    softplus, *modules = measurements
    (base,) = softplus.data["values"]
    rows = []
    for m in modules:
        (values,) = m.data["values"]
        rows.append((m, bend(m), [(x, v - s) for x, v, s in zip(m.data["x"], values, base, strict=True)]))
    return rows


def dominance_bends() -> list[float]:
    threshold = float(theory.dominance_threshold().hi)
    return [math.nextafter(threshold, 2.0), 0.999 * threshold]


def reduce_dominance(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    threshold = float(theory.dominance_threshold().hi)
    results = []
    for m, b, errors in _differences(measurements):
        at, lowest = min(errors, key=lambda pair: pair[1])
        name = "minimum.above" if b >= threshold else "minimum.below"
        results.append(found_value(m, name, lowest, witness=f"x = {at!r}", samples=len(errors)))
    return results


def predict_dominance(_settings: Settings) -> list[Prediction]:
    _, below = dominance_bends()
    with precision(200):
        at_zero = arb(below).sqrt() / 2 - arb(2).log()
    why = "two roundings of a value near log 2"
    return [
        Prediction("minimum.above", "0", "0", tolerance=4e-16, why=why),
        Prediction.enclosed("minimum.below", from_ball("minimum.below", at_zero), 4e-16, why),
    ]


def minimax_bends() -> list[float]:
    best = float(theory.minimax()["b"].lo)
    return [best, 0.9 * best, 1.1 * best]


def _label(b: float) -> str:
    best = minimax_bends()
    return ("at b*", "at 0.9 b*", "at 1.1 b*")[best.index(b)]


def reduce_minimax(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    results = []
    for m, b, errors in _differences(measurements):
        name = f"supremum {_label(b)}"
        curve = [(x, e) for x, e in errors[::20] if -12 <= x <= 12]
        kind = "error at b*" if b == minimax_bends()[0] else "error beside b*"
        xs, ys = [x for x, _ in curve], [e for _, e in curve]
        series = Series(f"SP - softplus {_label(b)}", "x", "error", xs, ys, kind)
        results.append(found_value(m, name, max(abs(e) for _, e in errors), samples=len(errors), series=(series,)))
        if b == minimax_bends()[0]:
            peak, _ = max((p for p in errors if p[0] > 0.5), key=lambda pair: pair[1])
            results.append(found_value(m, "peak", peak))
            results.append(found_value(m, "error.at_zero", dict(errors)[0.0], series=_shapes(measurements[0], errors)))
    return results


def _shapes(softplus: Measurement, errors: Sequence[tuple[float, float]]) -> tuple[Series, ...]:
    """The curves of SquarePlus, softplus and ReLU on [-5, 5], as measured."""
    (base,) = softplus.data["values"]
    near = [(x, s, s + e) for (x, e), s in list(zip(errors, base, strict=True))[::10] if -5 <= x <= 5]
    xs = [x for x, _, _ in near]
    return (
        Series("SquarePlus, b = b*", "x", "value", xs, [v for _, _, v in near], "value"),
        Series("softplus", "x", "value", xs, [s for _, s, _ in near], "value"),
        Series("ReLU", "x", "value", xs, [max(x, 0.0) for x in xs], "value"),
    )


def predict_minimax(_settings: Settings) -> list[Prediction]:
    best = theory.minimax()
    rounding = "roundings of values below 64, and of b*"
    grid = "the peak lies between grid points: f''/8 · (1/200)² = 4e-8"
    negative = replace(best["error"], lo=f"-{best['error'].hi}", hi=f"-{best['error'].lo}")
    predictions = [
        Prediction.enclosed("supremum at b*", best["error"], 1e-14, rounding),
        Prediction.enclosed("error.at_zero", negative, 4e-16, "two roundings"),
        Prediction.enclosed("peak", best["x"], 0.0051, "a step of the grid"),
    ]
    for b in minimax_bends()[1:]:
        with precision(200):
            supremum = theory.sup_error(arb(fmpq(*b.as_integer_ratio())))
        predictions.append(
            Prediction.enclosed(f"supremum {_label(b)}", from_ball(f"supremum {_label(b)}", supremum), 5e-8, grid)
        )
    return predictions

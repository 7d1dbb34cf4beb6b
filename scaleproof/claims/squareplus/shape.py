"""Legs of relu-limit, gap, monotone and convex: values and derivatives of the module against exact ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from scaleproof.claim import Prediction, Settings
from scaleproof.claims.squareplus.common import BENDS, MODULE_ULPS, bend, found_value, points_task, ulps
from scaleproof.theory import squareplus as theory
from torchcheck.data import Measurement, Series, Task


def _exact_gap(x: float, y: float) -> Fraction:
    return Fraction(y) - max(Fraction(x), Fraction(0))


def plan_relu(settings: Settings, target: str) -> list[Task]:
    points = theory.float64_points()
    return [points_task(settings, target, b, 0, points) for b in (0.0, 1e-4, *BENDS)]


def reduce_relu(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    results = []
    for m in measurements:
        xs, (ys,) = m.data["x"], m.data["values"]
        if bend(m) == 0:
            worst = max(abs(y - max(x, 0.0)) for x, y in zip(xs, ys, strict=True))
            results.append(found_value(m, "relu.difference", worst))
            continue
        exact = [theory.derivatives(x, bend(m), 0)[0] for x in xs]
        worst = max(ulps(y, e) for y, e in zip(ys, exact, strict=True))
        # where the exact gap is more than the module's own rounding, the order has to be seen
        clear = [
            (x, y)
            for x, y, e in zip(xs, ys, exact, strict=True)
            if theory.gap(x, bend(m)) > 2 * MODULE_ULPS * math.ulp(float(e.mid()))
        ]
        wrong = [x for x, y in clear if _exact_gap(x, y) <= 0]
        witness = f"x = {wrong[0]!r}" if wrong else ""
        results.append(found_value(m, "value.error", worst, "ulp"))
        results.append(found_value(m, "relu.not_above", len(wrong), "points", samples=len(clear), witness=witness))
    return results


def predict_relu(_settings: Settings) -> list[Prediction]:
    return [
        Prediction.exactly("relu.difference", "0"),
        Prediction("value.error", "0", str(MODULE_ULPS), "ulp", why="the module's roundings"),
        Prediction.exactly("relu.not_above", "0", "points"),
    ]


def plan_gap(settings: Settings, target: str) -> list[Task]:
    far = [-(10.0 ** (2 + k / 8)) for k in range(33)]
    points = [0.0, *far, *(p for p in theory.float64_points() if 1e-6 < abs(p) < 1e6)]
    return [points_task(settings, target, b, 0, points) for b in BENDS]


def reduce_gap(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    from torchcheck.measure.intervals import fit_exponent

    results = []
    for m in measurements:
        b = bend(m)
        xs, (ys,) = m.data["x"], m.data["values"]
        gaps = {x: float(_exact_gap(x, y)) for x, y in zip(xs, ys, strict=True)}
        bound = math.sqrt(b) / 2
        beyond = [x for x, g in gaps.items() if x != 0 and g > bound]
        # only at x < 0: there the gap is the value itself and has its full accuracy
        tail = sorted(x for x in gaps if x <= -100)
        fit = fit_exponent([-x for x in tail], [gaps[x] for x in tail])
        ratio = 4 * -tail[0] * gaps[tail[0]] / b
        curve = [x for x in sorted(gaps) if x < 0]
        heights = [gaps[x] for x in curve]
        series = Series(f"gap, b = {b:g}", "-x", "SP(x) - ReLU(x)", [-x for x in curve], heights, "gap")
        results += [
            found_value(m, "gap.at_zero", gaps[0.0] / bound),
            found_value(m, "gap.beyond_bound", len(beyond), "points"),
            replace(
                found_value(m, "gap.exponent", fit.exponent.value),
                lo=fit.exponent.lo,
                hi=fit.exponent.hi,
                unit="exponent",
                note="a power law" if fit.power_law else "not a power law",
                at={"b": b},
                series=(series,),
            ),
            found_value(m, "gap.constant", ratio),
        ]
    return results


def predict_gap(_settings: Settings) -> list[Prediction]:
    return [
        Prediction.exactly("gap.at_zero", "1"),
        Prediction.exactly("gap.beyond_bound", "0", "points"),
        Prediction(
            "gap.exponent",
            "-1",
            "-1",
            "exponent",
            tolerance=2e-4,
            why="b/(4x²) = 1e-4 at the near end of the fit, where the law's next term bends it",
        ),
        Prediction("gap.constant", "1", "1", tolerance=2e-12, why="b/(4x²) = 1e-12 at x = -10^6, and rounding"),
    ]


def plan_slope(settings: Settings, target: str) -> list[Task]:
    return [points_task(settings, target, b, 1, theory.float64_points()) for b in BENDS]


def reduce_slope(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    results = []
    for m in measurements:
        xs, (_, slopes) = m.data["x"], m.data["values"]
        exact = [theory.derivatives(x, bend(m), 1)[1] for x in xs]
        worst = max(ulps(s, e) for s, e in zip(slopes, exact, strict=True))
        outside = [x for x, s in zip(xs, slopes, strict=True) if not 0 <= s <= 1]
        results += [
            found_value(m, "slope.error", worst, "ulp"),
            found_value(m, "slope.outside", len(outside), "points", witness=f"x = {outside[0]!r}" if outside else ""),
        ]
    return results


def predict_slope(_settings: Settings) -> list[Prediction]:
    return [
        Prediction("slope.error", "0", "6", "ulp", why="roundings of r, x/r and two quotients"),
        Prediction.exactly("slope.outside", "0", "points"),
    ]


def plan_convex(settings: Settings, target: str) -> list[Task]:
    near = [p for p in theory.float64_points() if abs(p) <= 8]
    return [points_task(settings, target, b, 3, [*near, math.sqrt(b) / 2, -math.sqrt(b) / 2]) for b in BENDS]


def reduce_convex(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    results = []
    for m in measurements:
        _, _, second, third = m.data["values"]
        b = bend(m)
        results += [
            found_value(m, f"second.supremum b={b:g}", max(second)),
            found_value(m, f"second.minimum b={b:g}", min(second)),
            found_value(m, f"third.supremum b={b:g}", max(abs(v) for v in third)),
        ]
    return results


def predict_convex(_settings: Settings) -> list[Prediction]:
    predictions = []
    for b in BENDS:
        suprema = theory.derivative_suprema(b)
        why = "roundings of repeated reverse-mode differentiation"
        predictions += [
            Prediction.enclosed(f"second.supremum b={b:g}", suprema["second"], 1e-14, why),
            Prediction(f"second.minimum b={b:g}", "0", "inf", tolerance=1e-15, why="b/(2 (64 + b)^1.5), rounded"),
            Prediction.enclosed(f"third.supremum b={b:g}", suprema["third"], 1e-14, why),
        ]
    return predictions

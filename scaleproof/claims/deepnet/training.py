"""Leg of deepnet.thousand: a character model from the first step, DeepNorm against the standard Post-LN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scaleproof.claims.claim import Prediction, Settings
from scaleproof.claims.deepnet.common import SUBJECT
from torchcheck.task import Measurement, Task

#: nats below the characters' frequencies that count as having learned from context
LEARNED = 0.05


def _sizes(settings: Settings) -> dict[str, int]:
    if settings.profile == "quick":
        return {"layers": 100, "width": 64, "steps": 120, "batch": 4, "tokens": 32}
    wide = 256 if settings.device.startswith("cuda") else 64
    return {"layers": 1000, "width": wide, "steps": 200, "batch": 8, "tokens": 64 if wide > 64 else 32}


def _rates(settings: Settings) -> tuple[list[float], list[float]]:
    """Learning rates for DeepNorm, and those that Post-LN is given a chance with."""
    if settings.profile == "quick":
        return [1e-3], [3e-4, 1e-3]
    return [1e-4, 1.5e-4, 3e-4], [1e-4, 1.5e-4, 3e-4]


def plan_thousand(settings: Settings, target: str) -> list[Task]:
    sizes = {**_sizes(settings), "device": settings.device, "seed": settings.seed}
    deep, standard = _rates(settings)
    runs = [("deepnorm", target, rate) for rate in deep]
    if target == SUBJECT:
        runs += [("none", SUBJECT, rate) for rate in standard]
    return [
        Task(
            "torchcheck.probes.training:training",
            {"subject": {"target": t, "options": {"scaling": s}}, "rate": r, **sizes},
        )
        for s, t, r in runs
    ]


def reduce_thousand(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The best DeepNorm run (`deepnorm.best`), the best standard one (`standard.best`), and every run's curve."""
    groups: dict[str, list[Measurement]] = {"deepnorm": [], "standard": []}
    for m in measurements:
        groups["deepnorm" if "deepnorm" in m.subject else "standard"].append(m)
    best = [
        replace(min(group, key=lambda m: m.value if m.value is not None else 9e9), name=f"{name}.best", series=())
        for name, group in groups.items()
        if group
    ]
    return [*best, *(replace(m, name=f"run: {m.name}") for m in measurements)]


def predict_thousand(_settings: Settings) -> list[Prediction]:
    unit = "nats above the characters' frequencies"
    return [
        Prediction("deepnorm.best", "-inf", str(-LEARNED), unit, why="learns from context: below the frequencies"),
        Prediction("standard.best", str(-LEARNED), "inf", unit, why="learns no more than the frequencies"),
    ]

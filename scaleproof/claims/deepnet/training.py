"""Leg of deepnet.thousand: a character model from the first step, DeepNorm against the standard Post-LN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from scaleproof.claim import Prediction, Settings
from scaleproof.claims.deepnet.common import SUBJECT
from scaleproof.claims.shared.runs import over_runs
from torchcheck.data import Measurement, Role, Task

#: nats below the characters' frequencies that count as having learned from context
LEARNED = 0.05
#: nats above them that count as having diverged
DIVERGED = 1.0


@dataclass(frozen=True)
class Size:
    """What is trained: the model's and the run's sizes, learning rates for DeepNorm and for Post-LN, and how many seeds.

    `fixed` seeds are the first ones whatever the run's seed, for a statement about these runs: within so few steps some
    seeds learn and others do not. `enough` says whether what trains has learned within these steps; where that is not
    known, not having learned decides nothing.
    """

    layers: int
    steps: int
    deepnorm: tuple[float, ...]
    standard: tuple[float, ...]
    seeds: int
    fixed: bool = True
    enough: bool = True

    def params(self, device: str) -> dict[str, Any]:
        wide = device.startswith("cuda") and self.layers >= 1000
        shape = {"width": 256, "batch": 8, "tokens": 64} if wide else {"width": 64, "batch": 4, "tokens": 32}
        return {"layers": self.layers, "steps": self.steps, "device": device, **shape}


HUNDRED = Size(100, 120, (1e-3,), (1e-3,), 2)
THOUSAND = Size(1000, 200, (3e-4,), (1e-4, 3e-4), 2, fixed=False, enough=False)
#: a seed at which neither has learned when the steps of HUNDRED end
SLOW = 1000


def beyond(settings: Settings) -> str:
    return "the quick profile runs 100 layers: 1000 are the full profile's" if settings.profile == "quick" else ""


def _sizes(settings: Settings) -> tuple[Size, ...]:
    return (HUNDRED,) if settings.profile == "quick" else (HUNDRED, THOUSAND)


def plan_thousand(settings: Settings, target: str) -> list[Task]:
    tasks = []
    for size in _sizes(settings):
        runs = [("deepnorm", target, rate) for rate in size.deepnorm]
        runs += [("none", SUBJECT, rate) for rate in size.standard] if target == SUBJECT else []
        for scaling, subject, rate in runs:
            first = 0 if size.fixed else 1000 * settings.seed
            for seed in (*range(first, first + size.seeds), *([SLOW] if size is HUNDRED else [])):
                params = {**size.params(settings.device), "rate": rate, "seed": seed}
                options = {"target": subject, "options": {"scaling": scaling}}
                tasks.append(Task("torchcheck.probes.deepnet.training:training", {"subject": options, **params}))
    return tasks


def reduce_thousand(settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """For every size the range over the runs of DeepNorm, and over those of Post-LN at all rates; and every run."""
    results = []
    for size in _sizes(settings):
        runs = [m for m in measurements if m.data["layers"] == size.layers]
        for name, is_own in (("deepnorm", True), ("standard", False)):
            group = [m for m in runs if (m.params["subject"]["options"]["scaling"] == "deepnorm") == is_own]
            slow = [m for m in group if size is HUNDRED and m.params["seed"] == SLOW]
            group = [m for m in group if m not in slow]
            results += [over_runs(f"{name}.slow", slow, slow[0].note)] if slow else []
            if group:
                joint = over_runs(f"{name}.layers={size.layers}", group, group[0].note)
                results.append(joint if size.enough or not is_own else _if_decided(joint))
    return [*results, *(replace(m, role=Role.RUN, at=_arm(m)) for m in measurements)]


def _arm(m: Measurement) -> dict[str, Any]:
    return {"scaling": m.params["subject"]["options"]["scaling"], "rate": m.params["rate"]}


def _if_decided(joint: Measurement) -> Measurement:
    """The measurement, or none where runs have neither learned nor diverged when their steps end."""
    highest = math.inf if joint.hi is None or math.isnan(joint.hi) else joint.hi
    if highest < -LEARNED or highest > DIVERGED:
        return joint
    ends = f"{joint.lo:.2g} to {joint.hi:.2g} nats above the frequencies"
    why = f"some run has neither learned from context nor diverged ({ends}): the budget ended first; {joint.note}"
    return replace(joint, value=None, lo=None, hi=None, note=why)


def predict_thousand(_settings: Settings) -> list[Prediction]:
    unit = "nats above the characters' frequencies"
    predictions = []
    for size, clause in ((HUNDRED, "hundred"), (THOUSAND, "source")):
        learns, not_ = "learns from context: below the frequencies", "learns no more than the frequencies"
        predictions.append(
            Prediction(f"deepnorm.layers={size.layers}", "-inf", str(-LEARNED), unit, clause, why=learns)
        )
        predictions.append(Prediction(f"standard.layers={size.layers}", str(-LEARNED), "inf", unit, clause, why=not_))
    for name in ("deepnorm.slow", "standard.slow"):
        predictions.append(Prediction(name, str(-LEARNED), "inf", unit, "hundred", why="the steps end first"))
    return predictions

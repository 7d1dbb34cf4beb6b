"""Legs of speed: the formula, eager and compiled, timed against softplus."""

from __future__ import annotations

from collections.abc import Sequence

from scaleproof.claim import Prediction, Settings
from scaleproof.claims.squareplus.common import ARTICLE_MODULE, MODULE, SOFTPLUS, subject
from torchcheck.data import Measurement, Role, Task
from torchcheck.run.machine import cores

#: "several times" is taken as three or more
SEVERAL = "3"
#: what compiling gains on every processor tried (3.6 to 6 times); how much is the processor's affair
COMPILED = "2"


def plan_speed(settings: Settings, target: str) -> list[Task]:
    others = [MODULE, "torch.nn:GELU", "torch.nn:SiLU"] if target == ARTICLE_MODULE else []
    subjects = [subject(t) for t in (target, *others)]
    sizes = {"small": 2**10, "cache": 2**18, "memory": 2**22}
    if settings.profile == "full":
        sizes = {**sizes, "memory": 2**24}
    params = {"subjects": subjects, "baseline": subject(SOFTPLUS), "sizes": sizes, "device": settings.device}
    probe = "torchcheck.probes.squareplus.speed:speedups"
    one_and_all = sorted({1, cores()})
    # compiling takes most of the time; quick does it once
    runs = [("eager", n) for n in one_and_all]
    runs += [("compiled", n) for n in (one_and_all if settings.profile == "full" else [1])]
    return [
        Task(probe, {**params, "mode": mode, "threads": n, "seed": settings.seed}, exclusive=True) for mode, n in runs
    ]


def reduce_speed(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The predictions are about the formula; the accurate module, GELU and SiLU are measured beside it."""
    first = measurements[0].subject if measurements else ""
    return [m if m.subject == first else m.as_role(Role.BESIDE) for m in measurements]


def predict_speed(_settings: Settings) -> list[Prediction]:
    predictions = []
    for size in ("small", "cache", "memory"):
        predictions.append(Prediction(f"speedup.eager.{size}", SEVERAL, "inf", "times faster"))
        predictions.append(Prediction(f"speedup.eager.{size}", "0", SEVERAL, "times faster", "eager"))
    predictions.append(Prediction("speedup.eager.small", "0", "1", "times faster", "eager"))
    predictions.append(Prediction("speedup.compiled.small", "0", SEVERAL, "times faster", "compiled"))
    predictions += [
        Prediction(f"speedup.compiled.{k}", COMPILED, "inf", "times faster", "compiled") for k in ("cache", "memory")
    ]
    return predictions

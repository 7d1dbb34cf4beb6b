"""Legs of floats: the ulp audit of the module, and of the formula as written, in three formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scaleproof.claim import Prediction, Settings
from scaleproof.claims.squareplus.common import ARTICLE_MODULE, MODULE, MODULE_ULPS, REFERENCE, subject
from torchcheck.data import Measurement, Role, Task

DTYPES = ("float16", "bfloat16", "float32")
CHUNKS = 64
FLOAT32_FINITE = 0x7F800000
#: float16 and bfloat16 are rounded once from float32, whose own error is at most MODULE_ULPS of 2^-13 or 2^-16 ulp
ULP_BOUNDS = {"float16": 0.5 + MODULE_ULPS * 2**-13, "bfloat16": 0.5 + MODULE_ULPS * 2**-16, "float32": MODULE_ULPS}


def plan_floats(settings: Settings, target: str) -> list[Task]:
    tasks = []
    subjects = [subject(target, b=4.0)]
    if target == MODULE:
        subjects.append(subject(ARTICLE_MODULE, b=4.0))
    for audited in subjects:
        for dtype in DTYPES:
            if not settings.wants(dtype):
                continue
            params = {
                "subject": audited,
                "reference": subject(REFERENCE, b=4.0),
                "dtype": dtype,
                "device": settings.device,
            }
            own = audited["target"] == target
            if dtype != "float32":
                tasks.append(_audit({**params, "table": own}))
            elif settings.profile == "full" and own:
                size = 2 * FLOAT32_FINITE // CHUNKS
                edges = [-FLOAT32_FINITE + size * k for k in range(CHUNKS)]
                tasks += [_audit({**params, "start": e, "stop": e + size}) for e in edges]
            else:
                tasks.append(_audit({**params, "per_binade": 256, "seed": settings.seed}))
    return tasks


def _audit(params: dict[str, Any]) -> Task:
    return Task("torchcheck.measure.ulp:audit", params)


def reduce_floats(settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    from torchcheck.measure.ulp import merge

    audits: dict[tuple[str, str], list[list[Measurement]]] = {}
    for m in measurements:
        if m.value is None:
            return list(measurements)
        parts = audits.setdefault((m.params["subject"]["target"], m.dtype), [])
        if m.name == "ulp.worst":
            parts.append([])
        parts[-1].append(m)
    results = []
    judged = {p.name for p in predict_floats(settings)}
    for (target, dtype), parts in audits.items():
        prefix = "article: " if target == ARTICLE_MODULE else ""
        for m in merge(parts, 2 * FLOAT32_FINITE if dtype == "float32" else parts[0][0].samples):
            name = f"{m.name}.{dtype}" if m.name == "ulp.worst" or dtype == "float32" else m.name
            name = prefix + name
            results.append(replace(m, name=name, role=Role.JUDGED if name in judged else Role.BESIDE))
    return results


def predict_floats(_settings: Settings) -> list[Prediction]:
    predictions = []
    for suffix, own in (("", "half"), (".float32", "float32")):
        strict = ("relu.equal", "order.flat", "finite.lost")
        predictions += [Prediction.exactly(f"{name}{suffix}", "0", "inputs") for name in strict]
        kept = ("relu.below", "order.decreasing", "finite.lost", "zero.flushed")
        predictions += [Prediction.exactly(f"{name}{suffix}", "0", "inputs", own) for name in kept]
        for name in strict[:2]:
            predictions.append(Prediction(f"{name}{suffix}", "1", "inf", "inputs", "not-strict", why="there are some"))
        for name in ("finite.lost", "zero.flushed"):
            predictions.append(
                Prediction(f"article: {name}{suffix}", "1", "inf", "inputs", "as-written", why="there are some")
            )
    predictions += [
        Prediction(f"ulp.worst.{d}", "0", str(bound), "ulp", "float32" if d == "float32" else "half", why="roundings")
        for d, bound in ULP_BOUNDS.items()
    ]
    return predictions

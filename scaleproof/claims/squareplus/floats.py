"""Legs of floats: the ulp audit of the module, and of the formula as written, in three formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scaleproof.claims.claim import About, Prediction, Settings
from scaleproof.claims.squareplus.common import ARTICLE_MODULE, MODULE, MODULE_ULPS, REFERENCE, subject
from torchcheck.task import Measurement, Task

FORMATS = ("float16", "bfloat16", "float32")
CHUNKS = 64
FLOAT32_FINITE = 0x7F800000
#: float16 and bfloat16 are rounded once from float32, whose own error is at most MODULE_ULPS of 2^-13 or 2^-16 ulp
ULP_BOUNDS = {
    "float16": 0.5 + MODULE_ULPS * 2**-13,
    "bfloat16": 0.5 + MODULE_ULPS * 2**-16,
    "float32": MODULE_ULPS,
}


def plan_floats(settings: Settings, target: str) -> list[Task]:
    tasks = []
    subjects = [subject(target, b=4.0)]
    if target == MODULE:
        subjects.append(subject(ARTICLE_MODULE, b=4.0))
    for audited in subjects:
        for dtype in FORMATS:
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
    return Task("torchcheck.probes.ulp:audit", params)


def reduce_floats(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    from torchcheck.probes.ulp import merge

    audits: dict[tuple[str, str], list[list[Measurement]]] = {}
    for m in measurements:
        if m.value is None:
            return list(measurements)
        parts = audits.setdefault((m.subject, m.dtype), [])
        if m.name == "ulp.worst":
            parts.append([])
        parts[-1].append(m)
    found = []
    for (label, dtype), parts in audits.items():
        prefix = "article: " if label.startswith("Article") else ""
        for m in merge(parts, 2 * FLOAT32_FINITE if dtype == "float32" else parts[0][0].samples):
            name = f"{m.name}.{dtype}" if m.name == "ulp.worst" else m.name
            found.append(replace(m, name=prefix + name))
    return found


def predict_floats(_settings: Settings) -> list[Prediction]:
    found = [
        Prediction.exactly("relu.equal", "0", "inputs"),
        Prediction.exactly("order.flat", "0", "inputs"),
        Prediction.exactly("finite.lost", "0", "inputs"),
    ]
    kept: tuple[str, ...] = ("relu.below", "order.decreasing", "finite.lost", "zero.flushed")
    about: About = "corrected"
    found += [Prediction.exactly(name, "0", "inputs", about) for name in kept]
    found += [
        Prediction(f"ulp.worst.{d}", "0", str(bound), "ulp", about, why="the module's roundings")
        for d, bound in ULP_BOUNDS.items()
    ]
    return found

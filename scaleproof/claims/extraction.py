"""What the gplinker and events claims share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scaleproof.claims.claim import About, Prediction, Settings
from torchcheck.task import Task

FAULTS = "torchcheck.faults.extraction:"


def task(
    probe: str, settings: Settings, target: str, options: Mapping[str, Any] | None = None, exclusive: bool = False,
    **params: Any,
) -> Task:  # fmt: skip
    """A task of torchcheck.probes with the run's device and seed."""
    subject = {"target": target, "options": dict(options or {})}
    own = {"subject": subject, "device": settings.device, "seed": settings.seed}
    return Task(f"torchcheck.probes.{probe}", {**own, **params}, exclusive)


def exactly(name: str, value: float, unit: str = "1", about: About = "source") -> Prediction:
    return Prediction.exactly(name, repr(float(value)), unit, about)


def none(*names: str, about: About = "source") -> list[Prediction]:
    """Nothing of the kind: the count is 0."""
    return [exactly(name, 0.0, "cases", about) for name in names]

"""What the squareplus claims share: their subjects, points and comparisons with exact values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scaleproof.claim import Settings
from scaleproof.theory import squareplus as theory
from torchcheck.data import Measurement, Task

MODULE = "torchcheck.modules:SquarePlus"
ARTICLE_MODULE = "torchcheck.modules:ArticleSquarePlus"
SOFTPLUS = "torch.nn:Softplus"
REFERENCE = "torchcheck.measure.references:squareplus_reference"
FAULTS = "torchcheck.faults.squareplus:"


#: bends at which the identities are measured; 4 is Barron's choice that matches softplus' second derivative at 0
BENDS = (1.0, 4.0)
#: the float64 module rounds about four times (square, sum, root, mean, quotient): at most 4 ulp
MODULE_ULPS = 4.0


def subject(target: str, **options: Any) -> dict[str, Any]:
    return {"target": target, "options": options}


def points_task(settings: Settings, target: str, b: float, order: int, points: Sequence[float]) -> Task:
    params = {"subject": subject(target, b=b), "points": list(points), "order": order, "device": settings.device}
    return Task("torchcheck.probes.squareplus.pointwise:derivatives", params)


def bend(m: Measurement) -> float:
    """The b that a subject was built with."""
    return float(m.params["subject"]["options"]["b"])


def found_value(m: Measurement, name: str, value: float, unit: str = "1", **more: Any) -> Measurement:
    number = float(value)
    return replace(m, name=name, value=number, lo=number, hi=number, unit=unit, data={}, **more)


def ulps(value: float, exact: theory.Ball) -> float:
    """abs(value - exact) in float64 ulps of the exact value."""
    size = max(abs(float(exact.mid())), 5e-324)
    return float(abs(exact - value).upper() / math.ulp(size))

"""What the flash and gau claims share: subjects, tasks, and intervals over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaleproof.claim import Settings
from scaleproof.claims.shared.tolerance import ALARM
from torchcheck.data import Evidence, Measurement, Task
from torchcheck.measure.intervals import mean_bounds, normal_bounds
from torchcheck.run.packages import has_flash_pytorch

GAU = "torchcheck.modules:GAU"
FLASH = "torchcheck.modules:FLASH"
LINEAR = "torchcheck.modules:CausalLinearAttention"
PACKAGE = "torchcheck.modules.thirdparty:flash_pytorch"


def package_tasks(
    probe: str, settings: Settings, target: str, own: str, options: Mapping[str, Any], **params: Any
) -> list[Task]:
    """Settings.task for FLASH-pytorch's layers, to be shown beside our `own` subject; none if it is not installed."""
    return [settings.task(probe, PACKAGE, options, **params)] if target == own and has_flash_pytorch() else []


def mean_measurement(
    like: Measurement, name: str, samples: NDArray[np.float64], log: bool | None = True, unit: str = "1"
) -> Measurement:
    """The geometric mean of samples over seeds, whose logarithms are near normal, with Student's interval.

    Without `log` the mean, with bounds for what may be skewed (64 samples or more); with None that of what is normal
    itself, as differences of logarithms are.
    """
    kept = np.log(samples) if log else samples
    bounds = mean_bounds if log is False else normal_bounds
    ends = [float(kept.mean()), *(float(v) for v in bounds(kept, ALARM))]
    value, lo, hi = (float(np.exp(v)) for v in ends) if log else ends
    return replace(
        like,
        name=name,
        value=value,
        lo=lo,
        hi=hi,
        unit=unit,
        evidence=Evidence.SAMPLED,
        level=1 - ALARM,
        samples=len(samples),
        data={},
        series=(),
        note="",
    )

"""What the flash and gau claims share: subjects, tasks, and intervals over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaleproof.claims.claim import Settings
from torchcheck.estimate import mean_bounds
from torchcheck.modules.thirdparty import has_flash_pytorch
from torchcheck.task import Measurement, Task

GAU = "torchcheck.modules:GAU"
FLASH = "torchcheck.modules:FLASH"
LINEAR = "torchcheck.modules:CausalLinearAttention"
PACKAGE = "torchcheck.modules.thirdparty:flash_pytorch"
FLASH_FAULTS = "torchcheck.faults.gated:"

#: false-alarm rate of one interval
ALARM = 1e-7


def package_tasks(
    probe: str, settings: Settings, target: str, own: str, options: Mapping[str, Any], **params: Any
) -> list[Task]:
    """Settings.task for FLASH-pytorch's layers, to be shown beside our `own` subject; none if it is not installed."""
    return [settings.task(probe, PACKAGE, options, **params)] if target == own and has_flash_pytorch() else []


def mean_measurement(like: Measurement, name: str, samples: NDArray[np.float64], log: bool = False) -> Measurement:
    """The mean of samples over seeds (the geometric mean, if `log`) with its interval."""
    kept = np.log(samples) if log else samples
    lo, hi = (float(v) for v in mean_bounds(kept, ALARM))
    value = float(kept.mean())
    if log:
        value, lo, hi = (float(np.exp(v)) for v in (value, lo, hi))
    return replace(
        like, name=name, value=value, lo=lo, hi=hi, level=1 - ALARM, samples=len(samples), data={}, series=(), note=""
    )

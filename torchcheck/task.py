"""What is to be measured (a task) and what came out (a measurement): both plain data that travel as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Task:
    """One run of one probe.

    `probe` is a dotted name `package.module:function`; the function takes `params` as keyword arguments
    (JSON values only) and returns measurements. `exclusive` asks for a quiet machine (timings).
    """

    probe: str
    params: Params = field(default_factory=dict)
    exclusive: bool = False

    @property
    def key(self) -> str:
        """A hash of the content: the same work has the same key on every machine."""
        text = json.dumps([self.probe, self.params], sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Series:
    """Points of a curve that a measurement found on its way; `x` and `y` have the same length."""

    name: str
    x_label: str
    y_label: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Measurement:
    """A measured quantity with its interval [lo, hi] at confidence `level` (1.0: exact or exhaustive).

    `value` is None when nothing could be measured; `note` then says why. `seconds` is wall time,
    `unit` "1" is dimensionless. `witness` is an example that shows the value (an input, a step), for
    people; `data` is raw material for the reduction that follows and does not reach the record.
    """

    name: str
    value: float | None
    lo: float | None = None
    hi: float | None = None
    unit: str = "1"
    level: float = 1.0
    samples: int = 1
    subject: str = ""
    device: str = "cpu"
    dtype: str = "float64"
    seconds: float = 0.0
    torch: str = ""
    note: str = ""
    witness: str = ""
    series: tuple[Series, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.value is not None and self.lo is None:
            object.__setattr__(self, "lo", self.value)
        if self.value is not None and self.hi is None:
            object.__setattr__(self, "hi", self.value)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Measurement:
        series = tuple(Series(**one) for one in raw.get("series", ()))
        return cls(**{**raw, "series": series})

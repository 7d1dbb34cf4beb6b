"""What is to be measured (a task) and what came out (a measurement): both plain data that travel as JSON."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Ref:
    """The value of an earlier node of a graph."""

    node: int


@dataclass(frozen=True)
class Node:
    """An elementwise operation, by torch's name, of earlier nodes and numbers; None is an argument left out."""

    op: str
    args: tuple[Ref | float | None, ...] = ()


#: an elementwise function as data: the first node is the input "x", the last one the value
Graph = tuple[Node, ...]
#: graph, domain -> property: (lo, hi, note), rigorous on [-domain, domain]
Certify = Callable[[Graph, float], Mapping[str, tuple[float, float, str]]]


@dataclass(frozen=True)
class Task:
    """One run of one probe.

    `probe` is a dotted name `package.module:function`; the function takes `params` as keyword arguments
    (JSON values only) and returns measurements. `exclusive` asks for a quiet machine (timings).
    """

    probe: str
    params: Params = field(default_factory=dict)
    exclusive: bool = False

    @cached_property
    def key(self) -> str:
        """A hash of the content: the same work has the same key on every machine."""
        text = json.dumps([self.probe, self.params], sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Series:
    """Points of a curve that a measurement found on its way; `x` and `y` have the same length.

    `kind` is what a drawing chooses by ("measured", "theory", …); `name` is for people.
    """

    name: str
    x_label: str
    y_label: str
    x: Sequence[float]
    y: Sequence[float]
    kind: str = ""


Standing = Literal["inside", "outside", "open"]


def within(lo: float, hi: float, wanted: tuple[float, float]) -> Standing:
    """Where the interval [lo, hi] lies: inside the range that is wanted, outside it, or neither; NaN is outside."""
    if math.isnan(lo) or math.isnan(hi):
        return "outside"
    least, most = wanted
    if least <= lo and hi <= most:
        return "inside"
    return "outside" if hi < least or lo > most else "open"


def shown(value: float, lo: float | None = None, hi: float | None = None, unit: str = "1") -> str:
    """A value, with one digit beyond the first that its interval leaves open, its unit, and the interval."""
    lo, hi = value if lo is None else lo, value if hi is None else hi
    unit = "" if unit in ("1", "exponent") else f" {unit}"
    if not math.isfinite(value) or hi - lo <= 1e-9 * abs(value) or math.isnan(hi - lo):
        return f"{value:.8g}{unit}"
    digits = 4
    if math.isfinite(hi - lo):
        digits = math.floor(math.log10(max(abs(value), hi - lo))) - math.floor(math.log10(hi - lo)) + 2
    return f"{value:.{max(1, digits)}g}{unit} [{lo:.4g}, {hi:.4g}]"


def as_words(value: Any) -> Any:
    """The same data with infinities and NaN, which JSON does not have, as the words inf, -inf and nan."""
    if isinstance(value, Mapping):
        return {str(k): as_words(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [as_words(v) for v in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def as_numbers(value: Any) -> Any:
    """What as_words wrote, as it was."""
    if isinstance(value, dict):
        return {k: as_numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        return [as_numbers(v) for v in value]
    return float(value) if isinstance(value, str) and value in ("inf", "-inf", "nan") else value


class Evidence(StrEnum):
    """What a measured value is; there is no default, and what is UNSTATED or a single run decides nothing."""

    EXACT = "exact"  # a count, or what this input gives on every run
    EXHAUSTIVE = "exhaustive"  # over every case of a finite domain
    ENCLOSED = "enclosed"  # rigorous bounds
    SAMPLED = "sampled"  # over random cases, with an interval at `level`, or, without, the worst or the count of them
    TIMED = "timed"
    SINGLE = "single run"
    UNSTATED = ""

    @property
    def decides(self) -> bool:
        return self not in (Evidence.SINGLE, Evidence.UNSTATED)


class Role(StrEnum):
    """What a measurement is for."""

    JUDGED = "judged"  # held against the predictions of its name
    BESIDE = "beside"  # shown, and not judged
    RUN = "run"  # one of the runs behind a judged measurement, shown
    FIGURE = "figure"  # carries the points of a figure


@dataclass(frozen=True)
class Measurement:
    """A measured quantity with its interval [lo, hi]; `evidence` says what that is.

    `level` is the confidence of a sampled or timed interval; None: nothing is claimed of other samples. `value` is
    None when nothing could be measured; `note` then says why. `seconds` is wall time, `unit` "1" is dimensionless.
    `witness` is an example that shows the value (an input, a step), for people; `at` says as data where it was measured
    (a depth, a number of elements), which `name` may say in words. `data` is raw material for the reduction that
    follows, `params` are those of the task that measured it: neither reaches the record.
    """

    name: str
    value: float | None
    lo: float | None = None
    hi: float | None = None
    unit: str = "1"
    evidence: Evidence = Evidence.UNSTATED
    level: float | None = None
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
    role: Role = Role.JUDGED
    at: Mapping[str, int | float | str] = field(default_factory=dict)
    params: Params = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.value is not None and self.lo is None:
            object.__setattr__(self, "lo", self.value)
        if self.value is not None and self.hi is None:
            object.__setattr__(self, "hi", self.value)

    def as_role(self, role: Role) -> Measurement:
        return replace(self, role=role)

    def to_json(self) -> dict[str, Any]:
        """All but `params`, which whoever runs the task knows; as JSON that any reader takes."""
        fields: dict[str, Any] = as_words({k: v for k, v in asdict(replace(self, params={})).items() if k != "params"})
        return fields

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Measurement:
        raw = as_numbers(dict(raw))
        series = tuple(Series(**one) for one in raw.get("series", ()))
        evidence, role = Evidence(raw.get("evidence", "")), Role(raw.get("role", "judged"))
        return cls(**{**raw, "series": series, "evidence": evidence, "role": role})

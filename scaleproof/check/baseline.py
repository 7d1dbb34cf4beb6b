"""Baselines: what a variant was like when it was accepted, as a small sorted JSON file, and what has changed since."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from scaleproof.reporting.record import Number, read_model, write_atomically
from torchcheck.data import shown
from torchcheck.properties.finding import CheckResult, Finding, base

SCHEMA = "scaleproof/baseline/1"
MAX_BYTES = 1 << 20
#: differences below this, relative to the value, are rounding on another machine
ROUNDING = 1e-3
#: what is compared by a factor counts as changed beyond this one, or, where both are smaller, never
FACTOR, NOTHING = 2.0, 1e-8

Change = Literal["same", "better", "worse", "drifted", "gone", "new", "shown"]


class BaselineError(ValueError):
    """The file is no baseline; the message says where and what."""


def _number(value: float) -> float:
    if math.isnan(value):
        raise ValueError("not a number")
    return value


Text = Annotated[str, Field(max_length=400)]
Name = Annotated[str, Field(max_length=60, pattern=r"^[a-z][a-z0-9-]*(\.[a-z0-9]+)?$")]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Stored(Model):
    """One property as it was."""

    status: Literal["ok", "noted", "skipped", "failed", "inconclusive", "question", "error"]
    value: Annotated[Number, AfterValidator(_number)] | None = None
    lo: Annotated[Number, AfterValidator(_number)] | None = None
    hi: Annotated[Number, AfterValidator(_number)] | None = None


class Baseline(Model):
    """A variant as it was accepted: its properties, the settings and seeds, and the machine."""

    schema_: Literal["scaleproof/baseline/1"] = Field(alias="schema")
    subject: Text
    kind: Literal["activation", "block", "layer", "attention", "optimizer", "loss", "model", "training"]
    environment: dict[Annotated[str, Field(max_length=40)], Text] = Field(max_length=20)
    settings: dict[Annotated[str, Field(max_length=40)], Any] = Field(max_length=40)
    properties: dict[Name, Stored] = Field(max_length=200)


@dataclass(frozen=True)
class PropertyChange:
    """What became of a property."""

    name: str
    change: Change
    before: str
    after: str

    @property
    def is_regression(self) -> bool:
        return self.change in ("worse", "drifted", "gone")

    def __str__(self) -> str:
        return f"{self.name}: {self.change} since the baseline: {self.before} before, {self.after} now"


def from_result(result: CheckResult, environment: Mapping[str, str]) -> Baseline:
    """The baseline that a check makes: numbers to six digits, which a rerun reproduces on the same machine."""
    kept = {f.name: f for f in result if f.status != "error" and f.compared != "shown"}
    properties = {
        name: Stored(status=f.status, value=_short(f.value), lo=_short(f.lo), hi=_short(f.hi))
        for name, f in sorted(kept.items())
    }
    settings = {k: list(v) if isinstance(v, tuple) else v for k, v in sorted(result.settings.items())}
    data = {"schema": SCHEMA, "subject": result.subject, "kind": result.kind, "settings": settings}
    return Baseline.model_validate({**data, "environment": dict(sorted(environment.items())), "properties": properties})


def machine() -> dict[str, str]:
    """What a baseline says of where it was made."""
    import platform
    from importlib.metadata import version

    import torch

    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": cuda,
        "scaleproof": version("scaleproof"),
    }


def write(baseline: Baseline, path: Path) -> None:
    """Writes the file, whole or not at all; raises OSError."""
    data = json.loads(baseline.model_dump_json(by_alias=True, exclude_none=True))
    write_atomically(path, json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read(path: Path) -> Baseline:
    """The baseline in a file; raises BaselineError for anything else, however large, deep or odd."""
    return read_model(path, Baseline, MAX_BYTES, SCHEMA, BaselineError)


def _setting(settings: Mapping[str, Any], name: str) -> Any:
    """As JSON has it; None for what was not asked, or not known yet when the baseline was made."""
    value = settings.get(name)
    return (list(value) or None) if isinstance(value, list | tuple) else value


def compare(before: Baseline, now: CheckResult) -> list[PropertyChange]:
    """What changed, property by property; by intervals, so that another torch or device is no difference by itself.

    Raises BaselineError where the baseline is of another kind, or was made with other sizes.
    """
    if before.kind != now.kind:
        raise BaselineError(f"the baseline is of kind {before.kind}, this subject is of kind {now.kind}")
    for name in ("width", "seq_len", "depths", "optimizer", "causal", "widths"):
        then, here = (_setting(settings, name) for settings in (before.settings, now.settings))
        if then != here:
            raise BaselineError(f"the baseline was made with {name} = {then}, this run has {here}")
    differences = []
    new = {f.name: f for f in now}
    left_out = now.settings.get("skip", ())
    for name, stored in before.properties.items():
        if name not in new:
            if stored.status == "ok" and name not in left_out and base(name) not in left_out:
                differences.append(PropertyChange(name, "gone", _words(stored), "not measured"))
            continue
        differences.append(PropertyChange(name, _change(stored, new[name]), _words(stored), new[name].seen))
    differences += [
        PropertyChange(n, "new", "not in the baseline", f.seen) for n, f in new.items() if n not in before.properties
    ]
    return sorted(differences, key=lambda d: (not d.is_regression, d.name))


def _change(stored: Stored, now: Finding) -> Change:
    if now.compared == "shown" or now.suppressed:
        return "shown"
    if now.status in ("failed", "error") and stored.status != now.status:
        return "gone" if stored.status == "ok" else "worse"
    if stored.status in ("failed", "error", "inconclusive", "question") and now.status == "ok":
        return "better"
    if stored.value is None or now.value is None:
        return "same" if (stored.value is None) == (now.value is None) or now.status == "inconclusive" else "drifted"
    rose = _above(now.lo, now.value, stored.hi, stored.value)
    fell = _above(stored.lo, stored.value, now.hi, now.value)
    if not rose and not fell:
        return "same"
    if now.compared == "factor":
        small, large = sorted((abs(stored.value), abs(now.value)))
        if large <= max(FACTOR * small, NOTHING):
            return "same"
    match now.better:
        case "none":
            return "drifted"
        case "zero":
            return "worse" if abs(now.value) > abs(stored.value) else "better"
        case "sign":
            return (
                "worse" if stored.value >= 0 > now.value else "better" if now.value >= 0 > stored.value else "drifted"
            )
        case "more":
            return "worse" if fell else "better"
        case "less":
            return "worse" if rose else "better"


def _above(lo: float | None, value: float, hi: float | None, other: float) -> bool:
    """Whether [lo, ...] lies wholly above [..., hi], by more than rounding."""
    low, high = value if lo is None else lo, other if hi is None else hi
    if math.isinf(high) or math.isinf(low):
        return low > high
    return low - high > ROUNDING * max(abs(low), abs(high)) + 1e-9


def _words(stored: Stored) -> str:
    if stored.value is None:
        return stored.status
    return f"{shown(stored.value, stored.lo, stored.hi)} ({stored.status})"


def _short(value: float | None) -> float | None:
    if value is None or math.isnan(value):
        return None
    return value if math.isinf(value) else float(f"{value:.6g}")

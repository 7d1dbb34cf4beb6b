"""What a claim is: its statement, the legs that test it, and the fault that its check has to notice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from scaleproof.analysis.enclosure import Enclosure
from torchcheck.task import Measurement, Task

Profile = Literal["quick", "full"]
About = Literal["source", "corrected"]


class Verdict(StrEnum):
    """What a run says of a claim (docs/verdicts.md)."""

    PROVED = "proved"
    CONFIRMED = "confirmed"
    CORRECTED = "corrected"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


@dataclass(frozen=True)
class Source:
    """Where a statement was published."""

    title: str
    url: str
    equation: str


@dataclass(frozen=True)
class Settings:
    """What the user chose for a run; `dtypes` empty means all."""

    profile: Profile = "quick"
    device: str = "cpu"
    dtypes: tuple[str, ...] = ()
    seed: int = 0

    def wants(self, dtype: str) -> bool:
        return not self.dtypes or dtype in self.dtypes

    def task(
        self, probe: str, target: str, options: Mapping[str, Any] | None = None, exclusive: bool = False, **params: Any
    ) -> Task:
        """A task of torchcheck.probes, `file:function`, for a subject, with this run's device and seed."""
        subject = {"target": target, "options": dict(options or {})}
        own = {"subject": subject, "device": self.device, "seed": self.seed}
        return Task(f"torchcheck.probes.{probe}", {**own, **params}, exclusive)


@dataclass(frozen=True)
class Prediction:
    """A number that theory gives: [lo, hi] in decimals, widened by `tolerance` for what `why` says.

    `about` names the statement that it follows from. Every measurement of the same name is held against it.
    """

    name: str
    lo: str
    hi: str
    unit: str = "1"
    about: About = "source"
    tolerance: float = 0.0
    why: str = ""

    @classmethod
    def enclosed(cls, name: str, value: Enclosure, tolerance: float, why: str, about: About = "source") -> Prediction:
        return cls(name, value.lo, value.hi, value.unit, about, tolerance, why)

    @classmethod
    def near(
        cls, name: str, value: float, tolerance: float, why: str, about: About = "source", unit: str = "1"
    ) -> Prediction:
        return cls(name, repr(float(value)), repr(float(value)), unit, about, tolerance, why)

    @classmethod
    def exactly(cls, name: str, value: str, unit: str = "1", about: About = "source") -> Prediction:
        return cls(name, value, value, unit, about)


@dataclass(frozen=True)
class Fault:
    """A subject that is broken in one way, in words and by name."""

    words: str
    target: str


Plan = Callable[[Settings, str], Sequence[Task]]
Reduce = Callable[[Settings, Sequence[Measurement]], Sequence[Measurement]]
Predict = Callable[[Settings], Sequence[Prediction]]


def keep(_settings: Settings, measurements: Sequence[Measurement]) -> Sequence[Measurement]:
    """The reduction that changes nothing: the probes measure what is predicted."""
    return measurements


@dataclass(frozen=True)
class Claim:
    """One statement under verification.

    `statement` and `corrected` are Markdown with LaTeX math. `proof` says which of the two the claim's
    certificate proves (scaleproof.proofs.theorems). `plan` lists the tasks for a subject; `reduce` makes
    the quantities that `predict` predicts from what the tasks measured.
    """

    id: str
    source: Source
    statement: str
    recorded: Verdict
    legs: str
    outline: str
    subject: str
    fault: Fault
    plan: Plan
    predict: Predict
    reduce: Reduce = keep
    proof: About | None = None
    corrected: str | None = None

    @property
    def family(self) -> str:
        return self.id.split(".", 1)[0]

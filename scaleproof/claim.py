"""What a claim is: its statement, the legs that test it, and the fault that its check has to notice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from scaleproof.theory.enclosure import Enclosure
from torchcheck.data import Measurement, Role, Task

Profile = Literal["quick", "full"]
#: wall time of a claim in the quick profile, on two cores
Cost = Literal["seconds", "tens of seconds", "minutes"]
#: what the source says, or what holds in its place (a correction, or the condition under which it is right)
Part = Literal["source", "ours"]


class Verdict(StrEnum):
    """What a run says of a claim (docs/verdicts.md)."""

    PROVED = "proved"
    CONFIRMED = "confirmed"
    QUALIFIED = "qualified"
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
        """A task of torchcheck, `module:function`, for a subject, with this run's device and seed."""
        subject = {"target": target, "options": dict(options or {})}
        own = {"subject": subject, "device": self.device, "seed": self.seed}
        return Task(f"torchcheck.{probe}", {**own, **params}, exclusive)


@dataclass(frozen=True)
class Clause:
    """One assertion, in Markdown with LaTeX math, and what carries it.

    `theorems` names those of the claim's certificate whose formal statement says it, quantifiers included; predictions
    name the clause that they carry by its `key`. `argued` are the steps from that evidence to the assertion that no
    checker saw, each in words. `coq` names theorems of proofs/ that together say all of it (certify.coq): then no step
    is argued. A clause needs evidence: a theorem, or a prediction that is measured and judged.
    """

    key: str
    text: str
    part: Part = "source"
    theorems: tuple[str, ...] = ()
    argued: tuple[str, ...] = ()
    coq: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """A number that theory gives: [lo, hi] in decimals, widened by `tolerance` for what `why` says.

    `clause` is the key of the clause that it carries. Every measurement of the same name is held against it. The unit
    "exponent" marks a power, whose shifts are absolute.
    """

    name: str
    lo: str
    hi: str
    unit: str = "1"
    clause: str = "source"
    tolerance: float = 0.0
    why: str = ""

    @property
    def range(self) -> tuple[float, float]:
        """What a measured interval has to lie in."""
        return float(self.lo) - self.tolerance, float(self.hi) + self.tolerance

    @property
    def scale(self) -> float:
        """What a shift of the prediction is a share of: the constant, or 1 for exponents, 0 and one-sided bounds."""
        middle = (float(self.lo) + float(self.hi)) / 2
        return 1.0 if self.unit == "exponent" or middle == 0 or not math.isfinite(middle) else abs(middle)

    @classmethod
    def enclosed(cls, name: str, value: Enclosure, tolerance: float, why: str, clause: str = "source") -> Prediction:
        return cls(name, value.lo, value.hi, value.unit, clause, tolerance, why)

    @classmethod
    def near(
        cls, name: str, value: float, tolerance: float, why: str, clause: str = "source", unit: str = "1"
    ) -> Prediction:
        return cls(name, repr(float(value)), repr(float(value)), unit, clause, tolerance, why)

    @classmethod
    def exactly(cls, name: str, value: str, unit: str = "1", clause: str = "source") -> Prediction:
        return cls(name, value, value, unit, clause)


@dataclass(frozen=True)
class Fault:
    """A subject that is broken in one way, in words and by name."""

    words: str
    target: str


Plan = Callable[[Settings, str], Sequence[Task]]
Reduce = Callable[[Settings, Sequence[Measurement]], Sequence[Measurement]]
Predict = Callable[[Settings], Sequence[Prediction]]


def unreduced(_settings: Settings, measurements: Sequence[Measurement]) -> Sequence[Measurement]:
    """The reduction that changes nothing: the probes measure what is predicted."""
    return measurements


def only_judged(predict: Predict, reduce: Reduce = unreduced) -> Reduce:
    """`reduce`, with what nothing predicts shown beside, and not judged."""

    def reduced(settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
        judged = {p.name for p in predict(settings)}
        return [
            m.as_role(Role.BESIDE) if m.role is Role.JUDGED and m.name and m.name not in judged else m
            for m in reduce(settings, measurements)
        ]

    return reduced


def decidable(_settings: Settings) -> str:
    """Nothing that the claim needs is out of a run's reach."""
    return ""


@dataclass(frozen=True)
class Claim:
    """One statement under verification.

    `clauses` are what the source says, and, where that does not hold as it stands, what does. `setting` is for a
    statement that is true under a condition it does not state: one sentence that argues, with the place in the source,
    what its author had in mind; the verdict is then `qualified`, not `corrected`. `plan` lists the tasks for a subject;
    `reduce` makes the quantities that `predict` predicts from what the tasks measured. `beyond` says what this profile
    or machine cannot decide, if there is something ("" if not): an open verdict is then excused. `timed` says that the
    verdict is about wall time.
    """

    id: str
    source: Source
    clauses: tuple[Clause, ...]
    recorded: Verdict
    legs: str
    outline: str
    subject: str
    fault: Fault
    plan: Plan
    predict: Predict
    reduce: Reduce = unreduced
    setting: str = ""
    cost: Cost = "seconds"
    timed: bool = False
    beyond: Callable[[Settings], str] = decidable

    @property
    def family(self) -> str:
        return self.id.split(".", 1)[0]

    @property
    def is_proved(self) -> bool:
        """Does the claim have a certificate?"""
        return any(c.theorems for c in self.clauses)

    def part(self, part: Part) -> tuple[Clause, ...]:
        return tuple(c for c in self.clauses if c.part == part)

    def text(self, part: Part) -> str:
        """The clauses of a part as running Markdown; "" if there is none."""
        return " ".join(c.text for c in self.part(part))

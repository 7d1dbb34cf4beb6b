"""What a check says: properties, thresholds, findings, and the result that holds them; all plain data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field, replace
from html import escape
from typing import Any, Literal

from torchcheck.data import Measurement, Series, Standing, shown, within

#: "inconclusive": not decided in the time, or by the samples; "question": a fault or not, as its author means it
Status = Literal["ok", "noted", "skipped", "failed", "inconclusive", "question", "error"]
#: Which way a value is better: "less", "more", nearer to "zero", "sign" (not negative is better than negative), or
#: "none": any change beyond the intervals is a drift
Better = Literal["less", "more", "zero", "sign", "none"]
#: How two runs are compared: by their intervals; by a "factor", for the worst or the range of a sample without a level;
#: or not at all, "shown", for what differs from machine to machine
Compared = Literal["interval", "factor", "shown"]


STATUS: dict[Standing, Status] = {"inside": "ok", "outside": "failed", "open": "inconclusive"}


@dataclass(frozen=True)
class Threshold:
    """The values that a sound variant has: lo <= value <= hi."""

    lo: float = -math.inf
    hi: float = math.inf

    def judge(self, lo: float, hi: float) -> Status:
        """`ok` if the whole interval is inside, `failed` if all of it is outside; NaN fails."""
        return STATUS[within(lo, hi, (self.lo, self.hi))]

    def __str__(self) -> str:
        if self.lo == self.hi:
            return f"{self.lo:g}"
        if math.isinf(self.lo):
            return f"at most {self.hi:g}"
        return f"at least {self.lo:g}" if math.isinf(self.hi) else f"{self.lo:g} to {self.hi:g}"


@dataclass(frozen=True)
class Property:
    """Something that a variant has or lacks. Without a threshold its value is noted, and only a baseline judges it."""

    words: str
    threshold: Threshold | None = None
    advice: str = ""
    _: KW_ONLY
    better: Better
    compared: Compared = "interval"


@dataclass(frozen=True)
class Question(Measurement):
    """What cannot be judged before the user says what is meant: `note` asks, and says how to answer."""

    @classmethod
    def of(cls, measured: Measurement) -> Question:
        return cls(**vars(measured))


@dataclass(frozen=True)
class Failure:
    """A step of the check that gave no answer; `traceback` is the subject's own, without the frames of libraries."""

    why: Literal["raised", "unusable", "crashed", "timeout", "memory", "budget", "device"]
    message: str
    traceback: str = ""


class Raw:
    """What a step tells the planning and the reduction that follow; nothing of it is judged as it is."""


#: dtype -> machine epsilon
EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "bfloat16": 2.0**-7, "float16": 2.0**-10}
#: machine epsilons beyond which two results are no longer the same computation in another order
SAME = 8.0


@dataclass(frozen=True)
class Parting(Raw):
    """Differences relative to the largest entry; `place` is the first module whose outputs part, empty where none does.

    `gradient` is that of `steepest`, a parameter or an input. NaN where nothing could be compared: `note` says why.
    """

    dtype: str
    output: float = math.nan
    place: str = ""
    by: float = math.nan
    gradient: float = math.nan
    steepest: str = ""
    note: str = ""

    @property
    def same(self) -> bool:
        """Whether outputs and gradients agree but for rounding; False where nothing could be compared."""
        limit = SAME * EPSILON[self.dtype]
        return self.output <= limit and not self.gradient > 4 * limit

    def __str__(self) -> str:
        if self.note:
            return f"{self.dtype}: {self.note}"
        if self.same:
            return f"{self.dtype}: the same, with the same weights (outputs {self.output:.1e} apart)"
        words = f"{self.dtype}: with the same weights outputs are {self.output:.2g} apart"
        words += f", first at {self.place} ({self.by:.2g})" if self.place else ""
        return words + (f"; gradients {self.gradient:.2g}, most at {self.steepest}" if self.steepest else "")


@dataclass(frozen=True)
class Finding:
    """One property of the subject: what was seen, with which certainty, against which threshold, and what to do."""

    name: str
    status: Status
    words: str
    value: float | None = None
    lo: float | None = None
    hi: float | None = None
    unit: str = "1"
    level: float | None = None
    samples: int = 0
    dtype: str = ""
    device: str = ""
    threshold: Threshold | None = None
    note: str = ""
    witness: str = ""
    advice: str = ""
    traceback: str = ""
    series: tuple[Series, ...] = ()
    better: Better = "none"
    compared: Compared = "interval"
    suppressed: str = ""

    def __bool__(self) -> bool:
        return self.status in ("ok", "noted", "skipped")

    def __str__(self) -> str:
        return f"{self.name}: {self.status}: {self.seen}" + (f" ({self.witness})" if self.witness else "")

    def __repr__(self) -> str:
        parts = [str(self), f"  property: {self.words}"]
        parts += [f"  to do: {self.advice}"] if self.advice and not self else []
        parts += ["  " + line for line in self.traceback.splitlines()]
        return "\n".join(parts)

    @property
    def seen(self) -> str:
        """The value with its interval, and the threshold."""
        if self.value is None:
            return self.note
        text = shown(self.value, self.lo, self.hi, self.unit)
        if self.threshold is not None:
            text += f", wanted {self.threshold}"
        return f"{text}; {self.note}" if self.note else text


@dataclass(frozen=True)
class CheckResult:
    """All findings about one subject. It is true in a boolean context if nothing failed; its repr says what did.

    `file` and `line` are where the subject is defined, as far as that can be told; `partings` are from the version
    that it was held against.
    """

    subject: str
    kind: str
    why_kind: str
    findings: tuple[Finding, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    torch: str = ""
    suggestion: str = ""
    file: str = ""
    line: int = 0
    partings: tuple[Parting, ...] = ()

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __getitem__(self, name: str) -> Finding:
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(f"no property '{name}' here; there are: {', '.join(f.name for f in self.findings)}")

    def __bool__(self) -> bool:
        return not self.failed

    @property
    def failed(self) -> tuple[Finding, ...]:
        """Properties that failed, and those that gave no answer because the subject broke; not what is suppressed."""
        return tuple(f for f in self.findings if f.status in ("failed", "error") and not f.suppressed)

    @property
    def suppressed(self) -> tuple[Finding, ...]:
        """What failed and is borne, for the reason that its `suppressed` gives."""
        return tuple(f for f in self.findings if f.status in ("failed", "error") and f.suppressed)

    @property
    def undecided(self) -> tuple[Finding, ...]:
        """Properties with a threshold that were not decided, and questions; a strict check wants none."""
        return tuple(
            f
            for f in self.findings
            if (f.status == "question" or (f.status == "inconclusive" and f.threshold is not None)) and not f.suppressed
        )

    @property
    def broken(self) -> bool:
        """Whether the subject itself raised, crashed, hung or ran out of memory somewhere."""
        return any(f.status == "error" for f in self.failed)

    def __repr__(self) -> str:
        head = f"check of {self.subject} as {self.kind}: "
        if self:
            return head + f"{len(self.findings)} properties, nothing failed"
        return "\n".join([head + f"{len(self.failed)} of {len(self.findings)} failed", *(repr(f) for f in self.failed)])

    def _repr_html_(self) -> str:
        """What a notebook shows: what failed or is open, and what to do; the rest folded away."""
        told = [*self.failed, *self.undecided, *self.suppressed]
        rest = [f for f in self.findings if f not in told]
        count = f"{len(self.failed)} of {len(self.findings)} failed"
        head = f"<p><b>{escape(self.subject)}</b>, checked as {self.kind}: {count}</p>"
        folded = f"<details><summary>{len(rest)} others</summary>{_rows(rest)}</details>" if rest else ""
        return head + (_rows(told) if told else "") + folded

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _rows(findings: Sequence[Finding]) -> str:
    cells = [(f.name, f.status, f.seen, f.witness, "" if f else f.advice) for f in findings]
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in cells)
    names = "".join(f"<th>{name}</th>" for name in ("property", "status", "seen", "where", "to do"))
    return f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def judge(prop: Property, measured: Measurement) -> Finding:
    """The finding that a measurement makes of a property; pure."""
    value = measured.value
    status: Status
    if isinstance(measured, Question):
        status = "question"
    elif value is None:
        status = "skipped"
    elif prop.threshold is None:
        status = "noted"
    else:
        lo = value if measured.lo is None else measured.lo
        status = prop.threshold.judge(lo, value if measured.hi is None else measured.hi)
        status = "failed" if math.isnan(value) else status
    return Finding(
        measured.name,
        status,
        prop.words,
        value,
        measured.lo,
        measured.hi,
        measured.unit,
        measured.level,
        measured.samples,
        measured.dtype,
        measured.device,
        prop.threshold,
        measured.note,
        measured.witness,
        prop.advice,
        series=measured.series,
        better=prop.better,
        compared=prop.compared,
    )


#: what to do about a step that gave no answer, by why
ADVICE = {
    "raised": "make the subject run; the traceback is its own",
    "unusable": "say what it takes, as the message asks: --set, --kind, or example_inputs beside it",
    "crashed": "it took its process with it: look for native code, and recursion without end",
    "timeout": "raise --step-limit, or say smaller sizes; look for a loop without end",
    "memory": "raise --memory, or say smaller sizes",
}


def unanswered(name: str, prop: Property, failure: Failure, ran: bool = False) -> Finding:
    """The finding about a property whose step failed: the subject's error, or no device, or no time left.

    `ran` says that other steps ran it. Then an error is that of this property's own inputs, and no fault where nothing
    is wanted of the property.
    """
    mild = ran and prop.threshold is None and failure.why in ("raised", "unusable", "timeout")
    status: Status = "inconclusive" if mild or failure.why in ("budget", "device") else "error"
    advice = prop.advice if failure.why in ("budget", "device") else ADVICE[failure.why]
    if ran and failure.why in ("raised", "unusable"):
        advice = (
            f"it runs, but not on what is tried here (the traceback is its own); if it need not, --skip {base(name)}"
        )
    return Finding(
        name,
        status,
        prop.words,
        threshold=prop.threshold,
        note=failure.message,
        traceback=failure.traceback,
        advice=advice,
        better=prop.better,
        compared=prop.compared,
    )


def base(name: str) -> str:
    """The property that a measurement's name belongs to: overflow of overflow.float16."""
    return name.split(".", 1)[0]


def asked(properties: Mapping[str, Property], name: str) -> bool:
    """Whether a name is one of these properties, or a dtype's part of one."""
    return name in properties or base(name) in properties


def with_thresholds(properties: Mapping[str, Property], changed: Mapping[str, Threshold]) -> dict[str, Property]:
    """The properties with some thresholds replaced; a name with a dtype, overflow.float16, gets an entry of its own."""
    by_name = dict(properties)
    for name, threshold in changed.items():
        by_name[name] = replace(by_name.get(name, properties[base(name)]), threshold=threshold)
    return by_name


def property_of(properties: Mapping[str, Property], name: str) -> Property:
    return properties.get(name) or properties[base(name)]

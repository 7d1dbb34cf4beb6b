"""What changed from one run record to another: verdicts, claims, and measurements beyond their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scaleproof.reporting.record import MeasurementRow, Record, Result


@dataclass(frozen=True)
class Difference:
    """One change; `what` is the kind, `before` and `after` are for people."""

    claim: str
    what: Literal["verdict", "claim", "measurement"]
    before: str
    after: str


def differences(before: Record, after: Record) -> list[Difference]:
    """All changes, verdicts first. Measurements differ if their intervals are disjoint; NaN equals NaN."""
    old, new = ({r.id: r for r in record.results} for record in (before, after))
    changes = [Difference(i, "claim", "in the run", "not in the run") for i in old if i not in new]
    changes += [Difference(i, "claim", "not in the run", "in the run") for i in new if i not in old]
    for claim in old.keys() & new.keys():
        changes += _of_claim(old[claim], new[claim])
    order = {"verdict": 0, "claim": 1, "measurement": 2}
    return sorted(changes, key=lambda d: (order[d.what], d.claim, d.before))


def _of_claim(old: Result, new: Result) -> list[Difference]:
    changes = []
    if old.verdict != new.verdict:
        changes.append(Difference(old.id, "verdict", old.verdict, f"{new.verdict}: {new.message}"))
    then = {_key(m): m for m in old.measurements}
    for m in new.measurements:
        earlier = then.get(_key(m))
        if earlier and _disjoint(earlier, m):
            label = f"{m.name} ({m.subject}, {m.dtype})"
            changes.append(Difference(old.id, "measurement", f"{label}: {_value(earlier)}", _value(m)))
    return changes


def _key(m: MeasurementRow) -> tuple[str, ...]:
    return (m.name, m.subject, m.device, m.dtype, m.note)


def _disjoint(a: MeasurementRow, b: MeasurementRow) -> bool:
    if a.lo is None or a.hi is None or b.lo is None or b.hi is None:
        return (a.lo is None) != (b.lo is None)
    return a.hi < b.lo or b.hi < a.lo


def _value(m: MeasurementRow) -> str:
    return m.note if m.value is None else f"{m.value:.9g}"

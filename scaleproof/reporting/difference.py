"""What changed from one run record to another: verdicts, claims, clauses, faults, measurements beyond their noise."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from scaleproof.reporting.record import MeasurementRow, Record, Result, write_atomically
from scaleproof.reporting.render import document, page, template
from torchcheck.data import as_words, shown

What = Literal["verdict", "claim", "clause", "fault", "measurement"]
ORDER: tuple[What, ...] = ("verdict", "claim", "clause", "fault", "measurement")
#: relative difference below which two values that nothing bounds are one, in another order of sums
ROUNDING = 1e-9


@dataclass(frozen=True)
class Difference:
    """One change; `before` and `after` are for people.

    Of measurements `change` is that of the value, relative to the one before, and `noise` the distance of both values
    over what their intervals leave open between them: above 1 they are disjoint; infinite where nothing is left open.
    """

    claim: str
    what: What
    name: str
    before: str
    after: str
    change: float | None = None
    noise: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Two runs: what is not the same about machine and settings, the differences, and how much was compared.

    `only_before` and `only_after` are measurements of claims of both that the other run does not have.
    """

    settings: tuple[tuple[str, str, str], ...]
    differences: tuple[Difference, ...]
    compared: int
    only_before: int
    only_after: int

    @property
    def verdicts(self) -> tuple[Difference, ...]:
        return tuple(d for d in self.differences if d.what == "verdict")

    @property
    def measurements(self) -> tuple[Difference, ...]:
        return tuple(d for d in self.differences if d.what == "measurement")

    @property
    def others(self) -> tuple[Difference, ...]:
        return tuple(d for d in self.differences if d.what not in ("verdict", "measurement"))


def compare(before: Record, after: Record) -> Comparison:
    """All changes, verdicts first, of measurements the largest; these differ where their intervals are disjoint."""
    old, new = ({r.id: r for r in record.results} for record in (before, after))
    changes = [Difference(i, "claim", i, "in the run", "not in the run") for i in old if i not in new]
    changes += [Difference(i, "claim", i, "not in the run", "in the run") for i in new if i not in old]
    compared = only_before = only_after = 0
    for claim in (i for i in old if i in new):
        changes += _of_judgement(old[claim], new[claim])
        pairs, fewer, more = _pairs(old[claim].measurements, new[claim].measurements)
        compared, only_before, only_after = compared + len(pairs), only_before + fewer, only_after + more
        changes += (d for a, b in pairs if (d := _of_measurement(claim, a, b)))
    ordered = sorted(changes, key=lambda d: (ORDER.index(d.what), -(d.noise or 0.0), d.claim, d.name))
    return Comparison(tuple(_settings(before, after)), tuple(ordered), compared, only_before, only_after)


def write(comparison: Comparison, before: Record, after: Record, folder: Path) -> list[Path]:
    """Writes difference.json, .md, .html and .pdf; raises OSError, or RenderError for the PDF."""
    folder.mkdir(parents=True, exist_ok=True)
    text = template("difference.md.j2").render(comparison=comparison, before=before.run, after=after.run)
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    write_atomically(folder / "difference.json", to_json(comparison))
    write_atomically(folder / "difference.md", text)
    write_atomically(folder / "difference.html", page(text, folder))
    document(text, folder, folder / "difference.pdf")
    return [folder / f"difference.{ending}" for ending in ("json", "md", "html", "pdf")]


def to_json(comparison: Comparison) -> str:
    """As JSON; infinities are words."""
    return json.dumps(as_words(asdict(comparison)), indent=1, sort_keys=True, allow_nan=False) + "\n"


def _of_judgement(old: Result, new: Result) -> Iterator[Difference]:
    """What the judge says of the claim, its clauses, and its fault."""
    if old.verdict != new.verdict:
        yield Difference(old.id, "verdict", old.id, old.verdict, f"{new.verdict}: {new.message}")
    standings = [{(c.part, c.key): c.standing for c in r.clauses} for r in (old, new)]
    for part, key in standings[0].keys() & standings[1].keys():
        was, now = (s[part, key] for s in standings)
        if was != now:
            yield Difference(old.id, "clause", key, was, now)
    caught = [r.fault.caught for r in (old, new) if r.fault]
    if len(caught) == 2 and caught[0] != caught[1]:
        words = ("not noticed", "noticed")
        yield Difference(old.id, "fault", old.id, words[caught[0]], words[caught[1]])


def _pairs(
    old: Sequence[MeasurementRow], new: Sequence[MeasurementRow]
) -> tuple[list[tuple[MeasurementRow, MeasurementRow]], int, int]:
    """The same quantities of both, in their order where there are several; and how many have no partner."""
    then, now = _by_key(old), _by_key(new)
    pairs = [pair for key in then if key in now for pair in zip(then[key], now[key], strict=False)]
    return pairs, len(old) - len(pairs), len(new) - len(pairs)


def _by_key(rows: Sequence[MeasurementRow]) -> Mapping[tuple[object, ...], list[MeasurementRow]]:
    by_key: dict[tuple[object, ...], list[MeasurementRow]] = defaultdict(list)
    for m in rows:
        by_key[m.name, m.role, m.subject, m.device, m.dtype, tuple(sorted(m.at.items()))].append(m)
    return by_key


def _of_measurement(claim: str, a: MeasurementRow, b: MeasurementRow) -> Difference | None:
    name = f"{b.name} ({b.subject}, {b.dtype})"
    was, now = _value(a), _value(b)
    if a.value is None or b.value is None or math.isnan(a.value) or math.isnan(b.value):
        same = (a.value is None) == (b.value is None) and _is_nan(a) == _is_nan(b)
        return None if same else Difference(claim, "measurement", name, was, now)
    first, second = _interval(a, a.value), _interval(b, b.value)
    if a.value == b.value or (first[1] >= second[0] and second[1] >= first[0]):
        return None
    apart, least = abs(b.value - a.value), ROUNDING * max(abs(a.value), abs(b.value))
    if math.isfinite(apart) and apart <= least:
        return None
    below, above = sorted([(a.value, first), (b.value, second)])
    left_open = (below[1][1] - below[0]) + (above[0] - above[1][0])
    change = (b.value - a.value) / abs(a.value) if a.value else math.inf
    noise = apart / left_open if left_open > least else math.inf
    return Difference(claim, "measurement", name, was, now, change, noise)


def _interval(m: MeasurementRow, value: float) -> tuple[float, float]:
    return value if m.lo is None else m.lo, value if m.hi is None else m.hi


def _is_nan(m: MeasurementRow) -> bool:
    return m.value is not None and math.isnan(m.value)


def _value(m: MeasurementRow) -> str:
    return m.note if m.value is None else shown(m.value, m.lo, m.hi, m.unit)


def _settings(before: Record, after: Record) -> Iterator[tuple[str, str, str]]:
    """What is not the same about how and where the two were run."""
    for name in ("profile", "seed", "device", "dtypes"):
        yield from _unlike(name, getattr(before.run, name), getattr(after.run, name))
    one, two = before.environment, after.environment
    for name in ("torch", "cuda", "python", "platform", "cpu", "cores"):
        yield from _unlike(name, getattr(one, name), getattr(two, name))
    for name in sorted(one.packages.keys() | two.packages.keys()):
        yield from _unlike(name, one.packages.get(name, "none"), two.packages.get(name, "none"))


def _unlike(name: str, a: object, b: object) -> Iterator[tuple[str, str, str]]:
    was, now = (", ".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in (a, b))
    if was != now:
        yield name, was, now

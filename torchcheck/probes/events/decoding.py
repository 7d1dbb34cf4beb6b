"""Probes of events that are encoded as links and decoded again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import combinations, product
from typing import Any

from torchcheck.data import Evidence, Measurement, Params, Series
from torchcheck.modules import events as ev
from torchcheck.modules import relations as rel
from torchcheck.modules.events import TRIGGER, Argument, Event
from torchcheck.probes.gplinker.extraction import Decode
from torchcheck.run.subjects import Subject, resolve


def splitting(
    subject: Params, arguments: int, most: int, through_scores: bool = True, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """The round trip of every family of 1 ... `most` events over `arguments` arguments at different tokens.

    `subject` is a decoder (scores, roles) or, without `through_scores`, a splitter (arguments, heads, tails). `wrong`
    counts families that come back changed, `unexplained` those on which Gilmore's criterion (events.conformal) says
    otherwise, `smallest` and `smallest.antichain` are the sizes of the smallest changed family, and of the smallest in
    which no event contains another.
    """
    del device, seed
    decode: Decode = resolve(Subject.from_json(subject).target)
    nodes = [Argument("t", f"r{k}", k, k) for k in range(arguments)]
    roles = [(a.type, a.role) for a in nodes]
    subsets = [frozenset(c) for size in range(1, arguments + 1) for c in combinations(nodes, size)]
    total = wrong = unexplained = 0
    smallest = {"smallest": 0, "smallest.antichain": 0}
    witness = {"smallest": "", "smallest.antichain": ""}
    series: tuple[Series, ...] = ()
    for family in _families(subsets, most):
        own = set(family)
        spans, (heads,), (tails,) = ev.encode(own, roles, arguments)
        if through_scores:
            back = decode(rel.scores_of([(spans, [heads], [tails])], arguments, rest=0.0), roles)
        else:
            back = decode([a for a in nodes if any(a in e for e in own)], heads, tails)
        total += 1
        unexplained += (back == own) != ev.conformal(own)
        if back != own:
            wrong += 1
            antichain = not any(a < b for a in own for b in own)
            for name in ("smallest", *(["smallest.antichain"] if antichain else [])):
                if not smallest[name] or len(own) < smallest[name]:
                    smallest[name], witness[name] = len(own), f"{_listed(own)} comes back as {_listed(back)}"
                    series = tuple(_linked(e, k) for k, e in enumerate(sorted(own, key=sorted)))
    measured = partial(
        Measurement, samples=total, evidence=Evidence.EXHAUSTIVE, subject=Subject.from_json(subject).label
    )
    return [
        measured("wrong", float(wrong), unit="families", witness=witness["smallest"]),
        measured("unexplained", float(unexplained), unit="families"),
        measured("smallest", float(smallest["smallest"]), unit="events", witness=witness["smallest"]),
        measured(
            "smallest.antichain",
            float(smallest["smallest.antichain"]),
            unit="events",
            series=series,
            witness=witness["smallest.antichain"],
        ),
    ]


def _linked(event: Event, number: int) -> Series:
    """The pairs of arguments that an event links, as points."""
    pairs = [(float(a.head), float(b.head)) for a, b in combinations(sorted(event), 2)]
    name = f"event {number + 1}: {_listed([event])[1:-1]}"
    return Series(name, "argument", "argument", [a for a, _ in pairs], [b for _, b in pairs], "event")


def shared_trigger(subject: Params, arguments: int, device: str = "cpu", seed: int = 0) -> list[Measurement]:
    """All pairs of different events that share a trigger, each with any of `arguments` others, through the scores.

    `wrong` counts the pairs that do not come back, `wrong.incomparable` those among them of which none contains the
    other.
    """
    del device, seed
    decode: Decode = resolve(Subject.from_json(subject).target)
    trigger = Argument("t", TRIGGER, 0, 0)
    others = [Argument("t", f"r{k}", k, k) for k in range(1, arguments + 1)]
    roles = [(a.type, a.role) for a in (trigger, *others)]
    every = [frozenset({trigger, *c}) for size in range(arguments + 1) for c in combinations(others, size)]
    wrong = incomparable = total = 0
    witness = ""
    for pair in combinations(every, 2):
        total += 1
        own = set(pair)
        back = decode(rel.scores_of([ev.encode(own, roles, arguments + 1)], arguments + 1, rest=0.0), roles)
        if back != own:
            wrong += 1
            incomparable += not (pair[0] < pair[1] or pair[1] < pair[0])
            witness = witness or f"{_listed(own)} comes back as {_listed(back)}"
    measured = partial(
        Measurement, samples=total, unit="pairs", evidence=Evidence.EXHAUSTIVE, subject=Subject.from_json(subject).label
    )
    return [measured("wrong", float(wrong), witness=witness), measured("wrong.incomparable", float(incomparable))]


def positional(subject: Params, device: str = "cpu", seed: int = 0) -> list[Measurement]:
    """Families of events over spans that share tokens, through the scores: links are pairs of positions.

    All pairs (and single ones) of events of a type over a trigger and four spans, alone and with an event of another
    type over two of the first three spans. `positional.unexplained` counts the families that do not come back as the
    maximal cliques of each type in the graph of positions, by definition: subset by subset; `positional.exact` those of
    which
    events.exact says otherwise. `positional.wrong` counts those that come back changed, `.shared` those of them that
    have two events of one type with one trigger, neither inside the other; `.by-type` those that come back changed
    where every type has links of its own.
    """
    del device, seed
    decode: Decode = resolve(Subject.from_json(subject).target)
    pool = [
        Argument("t", TRIGGER, 0, 0),
        Argument("t", "p", 1, 3),
        Argument("t", "q", 5, 6),
        Argument("t", "r", 4, 7),
        Argument("t", "s", 5, 7),
    ]
    foreign = [Argument("u", f"r{k}", a.head, a.tail) for k, a in enumerate(pool)]
    roles = [(a.type, a.role) for a in (*pool, *foreign)]
    subsets = [frozenset(c) for size in range(1, len(pool) + 1) for c in combinations(pool, size)]
    others: list[tuple[Event, ...]] = [(), *((frozenset(pair),) for pair in combinations(foreign[1:4], 2))]
    counts = dict.fromkeys(("unexplained", "exact", "wrong", "shared", "by-type"), 0)
    witness = ""
    total = 0
    for family in _families(subsets, 2):
        for other in others:
            own = {*family, *other}
            total += 1
            labels = ev.encode(own, roles, 8)
            back = decode(rel.scores_of([labels], 8, rest=0.0), roles)
            counts["unexplained"] += back != _by_definition(own, labels[1][0], labels[2][0])
            counts["exact"] += ev.exact(own) != (back == own)
            within = decode(rel.scores_of([ev.encode(own, roles, 8, by_type=True)], 8, rest=0.0), roles)
            counts["by-type"] += within != own
            counts["exact"] += ev.exact(own, by_type=True) != (within == own)
            if back != own:
                counts["wrong"] += 1
                pair = len(family) == 2 and not (family[0] <= family[1] or family[1] <= family[0])
                if pair and pool[0] in family[0] & family[1]:
                    counts["shared"] += 1
                    witness = witness or f"{_placed(own)} comes back as {_placed(back)}"
    measured = partial(
        Measurement,
        samples=total,
        unit="families",
        evidence=Evidence.EXHAUSTIVE,
        subject=Subject.from_json(subject).label,
        witness=witness,
    )
    return [measured(f"positional.{name}", float(value)) for name, value in counts.items()]


def _by_definition(events: set[Event], heads: set[tuple[int, int]], tails: set[tuple[int, int]]) -> set[Event]:
    """Of each type's arguments all subsets that are linked by pairs and in no larger such subset."""
    decoded: set[Event] = set()
    for type_ in {a.type for e in events for a in e}:
        own = sorted({a for e in events for a in e if a.type == type_})
        linked = {
            (a, b)
            for a, b in product(own, own)
            if a != b and _pair(a.head, b.head) in heads and _pair(a.tail, b.tail) in tails
        }
        cliques = [
            frozenset(c)
            for size in range(1, len(own) + 1)
            for c in combinations(own, size)
            if all(pair in linked for pair in combinations(c, 2))
        ]
        decoded |= {c for c in cliques if not any(c < other for other in cliques)}
    return decoded


def _pair(i: int, j: int) -> tuple[int, int]:
    return (min(i, j), max(i, j))


def categorical(subject: Params, device: str = "cpu", seed: int = 0) -> list[Measurement]:
    """One and two events of a type with a classified argument of two values, there and back through the scores.

    Each event has an argument of its own, the one common trigger, a trigger of its own, both, or none, and no value or
    one of two. `wrong` counts the cases that come back changed or cannot be carried, `wrong.excused` those among them
    with a value but no trigger, or whose events, with the values as roles, are not `events.exact`; `wrong.unexplained`
    the others, and the cases that come back though they should not. `wrong.clash` counts the wrong cases with triggers
    in which two events with one trigger differ in value; there is no right one among them if `right.clash` is 0.
    `roles.lost`: triggers without their value after `spread`, and values lost by `gather`, over all cases.
    """
    del device, seed
    decode: Decode = resolve(Subject.from_json(subject).target)
    names = ("step",)
    values: tuple[str | None, ...] = (None, "x", "y")
    roles = [("t", TRIGGER), ("t", "who"), ("t", "step=x"), ("t", "step=y")]

    def event(k: int, triggers: tuple[int, ...], value: str | None) -> tuple[Event, dict[str, str]]:
        own = {Argument("t", "who", 3 + k, 3 + k), *(Argument("t", TRIGGER, t, t) for t in triggers)}
        return frozenset(own), {} if value is None else {"step": value}

    kinds = [(triggers, v) for triggers in ((), (0,), (1,), (0, 1)) for v in values]
    cases = [[one] for one in kinds] + [list(pair) for pair in product(kinds, kinds)]
    counts = dict.fromkeys(
        ("wrong", "wrong.excused", "wrong.unexplained", "wrong.clash", "right.clash", "roles.lost"), 0
    )
    witness = ""
    for case in cases:
        own = [event(k, t, v) for k, (t, v) in enumerate(case)]
        clash = len(case) == 2 and bool(set(case[0][0]) & set(case[1][0])) and case[0][1] != case[1][1]
        try:
            spread = [ev.spread(e, "t", v) for e, v in own]
            for (e, v), wide in zip(own, spread, strict=True):
                counts["roles.lost"] += len(wide) != len(e) + len(v) * sum(a.role == TRIGGER for a in e)
                if any(a.role == TRIGGER for a in e):
                    twice = ev.gather(ev.spread(wide, "t", {"step": "z"}), names)[1]["step"]
                    counts["roles.lost"] += twice != {*v.values(), "z"}
            possible = ev.exact(set(spread)) and len(set(spread)) == len({(e, *v.values()) for e, v in own})
            back = [
                ev.gather(e, names) for e in decode(rel.scores_of([ev.encode(spread, roles, 6)], 6, rest=0.0), roles)
            ]
            same = _values(back) == _values([(e, {k: {v} for k, v in given.items()}) for e, given in own])
        except ValueError:
            possible = same = False
        counts["wrong"] += not same
        counts["wrong.excused"] += not same and not possible
        counts["wrong.unexplained"] += same != possible
        counts["wrong.clash"] += clash and not same
        counts["right.clash"] += clash and same
        witness = witness or ("" if same else f"(triggers, value) of each event: {case}")
    measured = partial(
        Measurement,
        samples=len(cases),
        unit="cases",
        evidence=Evidence.EXHAUSTIVE,
        subject=Subject.from_json(subject).label,
    )
    return [measured(k, float(v), witness=witness if k == "wrong" else "") for k, v in counts.items()]


def _values(events: Iterable[tuple[Event, dict[str, set[str]]]]) -> set[Any]:
    return {(e, tuple(sorted((k, tuple(sorted(v))) for k, v in values.items()))) for e, values in events}


def _families(subsets: Sequence[Event], most: int) -> Iterator[tuple[Event, ...]]:
    for size in range(1, min(most, len(subsets)) + 1):
        yield from combinations(subsets, size)


def _listed(events: Iterable[Event]) -> str:
    return "{" + ", ".join(sorted("{" + ", ".join(sorted(a.role for a in e)) + "}" for e in events)) + "}"


def _placed(events: Iterable[Event]) -> str:
    def one(e: Event) -> str:
        return "{" + ", ".join(f"{a.type}:{a.role}({a.head}, {a.tail})" for a in sorted(e)) + "}"

    return "{" + ", ".join(sorted(one(e) for e in events)) + "}"

"""Encoding and decoding of relations and events, over all small sets of them and through the real score tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations, product
from typing import Any

import networkx as nx
import numpy as np
import torch

from torchcheck.modules import events as ev
from torchcheck.modules import relations as rel
from torchcheck.modules.events import TRIGGER, Argument, Event
from torchcheck.modules.relations import PairScores, Quintuple
from torchcheck.subjects import Subject, build, find_device, resolve
from torchcheck.task import Measurement, Series

Decode = Callable[..., set[Any]]


def count(
    subject: Mapping[str, Any], width: int, tokens: Sequence[int], predicates: int, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """`quintuples.l=...`: how many quintuples a relation model could decode, any score above -inf being enough."""
    spec = Subject.from_json(subject)
    found = []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = build(Subject(spec.target, {"width": width, "predicates": predicates, **spec.options})).to(
            find_device(device)
        )
        for length in tokens:
            (all_of_them,) = model.decode(model(torch.randn(1, length, width).to(find_device(device))), -1e30)
            name = f"quintuples.l={length}"
            found.append(
                Measurement(name, float(len(all_of_them)), unit="quintuples", subject=spec.label, device=device)
            )
    return found


def decoding(
    subject: Mapping[str, Any],
    tokens: int,
    predicates: int,
    most: int,
    flat: bool = False,
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """decode(encode(Q)) for every set Q of 1 ... `most` quintuples of a length and a number of predicates.

    `subject` is a decoder of PairScores. `flat` takes only sets without nested subjects and without nested objects, and
    sets all tail scores above 0. `wrong` counts the sets that come back changed, `lost` those of which something is
    missing, `unexplained` those whose additions are not the crossings that theory gives; `smallest` is the size of the
    smallest changed set (0: none). The witness is that set.
    """
    del device, seed
    decode: Decode = resolve(Subject.from_json(subject).target)
    spans = [(h, t) for h in range(tokens) for t in range(h, tokens)]
    every = [Quintuple(*s, p, *o) for s in spans for p in range(predicates) for o in spans]
    total = wrong = lost = unexplained = smallest = 0
    witness = ""
    for size in range(1, min(most, len(every)) + 1):
        for chosen in combinations(every, size):
            own = set(chosen)
            if flat and (_nested({q[:2] for q in own}) or _nested({q[3:] for q in own})):
                continue
            scores = rel.scores_of([rel.encode(own, predicates, tokens)], tokens)
            if flat:
                scores = PairScores(scores.entities, scores.heads, torch.ones_like(scores.tails))
            back = decode(scores)
            total += 1
            lost += bool(own - back)
            unexplained += back != own | rel.crossings(own)
            if back != own:
                wrong += 1
                if not smallest:
                    smallest, added = size, sorted(back - own)
                    witness = f"{_written(own)} comes back with {_written(added)}"
    case = f"{tokens} tokens, {predicates} predicate{'s' if predicates > 1 else ''}, up to {most} quintuples"
    common: dict[str, Any] = {"samples": total, "subject": Subject.from_json(subject).label, "witness": witness}
    common["note"] = case
    return [
        Measurement("wrong", float(wrong), unit="sets", **common),
        Measurement("lost", float(lost), unit="sets", **common),
        Measurement("unexplained", float(unexplained), unit="sets", **common),
        Measurement("smallest", float(smallest), unit="quintuples", **common),
    ]


def cliques(
    subject: Mapping[str, Any],
    atlas: int = 7,
    random_graphs: int = 40,
    largest: int = 60,
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """A search for maximal cliques against networkx, on every graph of up to `atlas` nodes and on random ones.

    `subject` maps {node: neighbours} to (cliques, calls). `differ.atlas` and `differ.random` count the graphs on which
    the cliques are not networkx.find_cliques', `differ.order` those where they change when the nodes are renumbered.
    `calls` and `seconds` are the most that any graph of up to six nodes took.
    """
    del device
    search = resolve(Subject.from_json(subject).target)
    label = Subject.from_json(subject).label
    small = [g for g in nx.graph_atlas_g() if 0 < g.number_of_nodes() <= atlas]
    rng = np.random.default_rng(seed)
    sizes = np.linspace(8, largest, random_graphs).round().astype(int)
    large = [nx.gnp_random_graph(int(n), min(0.5, 6 / n), seed=int(rng.integers(2**31))) for n in sizes]
    differ = {"atlas": 0, "random": 0, "order": 0}
    most = 0
    witness = ""
    for kind, graphs in (("atlas", small), ("random", large)):
        for g in graphs:
            found, calls = search(dict(g.adjacency()))
            if found != set(map(frozenset, nx.find_cliques(g))):
                differ[kind] += 1
                witness = witness or f"edges {sorted(map(tuple, g.edges()))}"
            names = rng.permutation(g.number_of_nodes())
            moved, _ = search({int(names[u]): [int(names[v]) for v in near] for u, near in g.adjacency()})
            differ["order"] += moved != {frozenset(int(names[u]) for u in c) for c in found}
            if g.number_of_nodes() <= 6:
                most = max(most, calls)
    common: dict[str, Any] = {"subject": label, "witness": witness, "unit": "graphs"}
    return [
        Measurement("differ.atlas", float(differ["atlas"]), samples=len(small), **common),
        Measurement("differ.random", float(differ["random"]), samples=len(large), **common),
        Measurement("differ.order", float(differ["order"]), samples=len(small) + len(large), **common),
        Measurement(
            "calls", float(most), unit="calls", subject=label, note="the most over all graphs of up to 6 nodes"
        ),
    ]


def worst_case(
    subject: Mapping[str, Any], size: int, groups: int, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """The search on k = 1 ... `groups` groups of `size` nodes, adjacent across groups only: size^k maximal cliques.

    Groups of three are the Moon-Moser graphs, which have the most maximal cliques; groups of two cocktail party graphs.
    `calls.size=...n=...` and `cliques...`; the curves are calls of the article's search, cliques, and the seconds of it
    and of networkx's.
    """
    del device, seed
    search = resolve(Subject.from_json(subject).target)
    label = Subject.from_json(subject).label
    found: list[Measurement] = []
    xs, calls, numbers, own, theirs = [], [], [], [], []
    for k in range(1, groups + 1):
        g = nx.complete_multipartite_graph(*[size] * k)
        neighbours = dict(g.adjacency())
        own.append(_seconds(partial(search, neighbours)))
        theirs.append(_seconds(partial(_networkx, g)))
        result, n_calls = search(neighbours)
        xs.append(float(size * k))
        calls.append(float(n_calls))
        numbers.append(float(len(result)))
        found.append(Measurement(f"calls.size={size}.n={size * k}", calls[-1], unit="calls", subject=label))
        found.append(Measurement(f"cliques.size={size}.n={size * k}", numbers[-1], unit="cliques", subject=label))
    rows = (("calls of the article's search", "count", calls), ("maximal cliques", "count", numbers),
            ("the article's search", "seconds", own), ("networkx", "seconds", theirs))  # fmt: skip
    series = tuple(Series(f"{name}, groups of {size}", "nodes", kind, xs, ys) for name, kind, ys in rows)
    return [*found, Measurement(f"figure: worst case {size}", calls[-1], unit="calls", subject=label, series=series)]


def splitting(
    subject: Mapping[str, Any],
    arguments: int,
    most: int,
    through_scores: bool = True,
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """The round trip of every family of 1 ... `most` events over `arguments` arguments at different tokens.

    `subject` is a decoder (scores, roles) or, without `through_scores`, a splitter (arguments, heads, tails). `wrong`
    counts families that come back changed, `unexplained` those on which Gilmore's criterion (events.exact) says
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
            back = decode(rel.scores_of([(spans, [heads], [tails])], arguments), roles)
        else:
            back = decode([a for a in nodes if any(a in e for e in own)], heads, tails)
        total += 1
        unexplained += (back == own) != ev.exact(own)
        if back != own:
            wrong += 1
            antichain = not any(a < b for a in own for b in own)
            for name in ("smallest", *(["smallest.antichain"] if antichain else [])):
                if not smallest[name] or len(own) < smallest[name]:
                    smallest[name], witness[name] = len(own), f"{_listed(own)} comes back as {_listed(back)}"
                    series = tuple(_linked(e, k) for k, e in enumerate(sorted(own, key=sorted)))
    common: dict[str, Any] = {"samples": total, "subject": Subject.from_json(subject).label}
    return [
        Measurement("wrong", float(wrong), unit="families", witness=witness["smallest"], **common),
        Measurement("unexplained", float(unexplained), unit="families", **common),
        Measurement("smallest", float(smallest["smallest"]), unit="events", witness=witness["smallest"], **common),
        Measurement(
            "smallest.antichain", float(smallest["smallest.antichain"]), unit="events", series=series,
            witness=witness["smallest.antichain"], **common,
        ),
    ]  # fmt: skip


def _linked(event: Event, number: int) -> Series:
    """The pairs of arguments that an event links, as points."""
    pairs = [(float(a.head), float(b.head)) for a, b in combinations(sorted(event), 2)]
    name = f"event {number + 1}: {_listed([event])[1:-1]}"
    return Series(name, "argument", "argument", [a for a, _ in pairs], [b for _, b in pairs])


def shared_trigger(subject: Mapping[str, Any], arguments: int, device: str = "cpu", seed: int = 0) -> list[Measurement]:
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
        back = decode(rel.scores_of([ev.encode(own, roles, arguments + 1)], arguments + 1), roles)
        if back != own:
            wrong += 1
            incomparable += not (pair[0] < pair[1] or pair[1] < pair[0])
            witness = witness or f"{_listed(own)} comes back as {_listed(back)}"
    common: dict[str, Any] = {"samples": total, "unit": "pairs", "subject": Subject.from_json(subject).label}
    return [
        Measurement("wrong", float(wrong), witness=witness, **common),
        Measurement("wrong.incomparable", float(incomparable), **common),
    ]


def categorical(subject: Mapping[str, Any], device: str = "cpu", seed: int = 0) -> list[Measurement]:
    """One and two events of a type with a classified argument of two values, there and back through the scores.

    Each event has an argument of its own, the one common trigger, a trigger of its own, or none, and no value or one
    of two. `wrong` counts the cases that come back changed or cannot be carried, `wrong.excused` those among them with
    a value but no trigger, or with different values (or a value and none) at one trigger.
    """
    del device, seed
    decode: Decode = resolve(Subject.from_json(subject).target)
    names = ("step",)
    values: tuple[str | None, ...] = (None, "x", "y")
    roles = [("t", TRIGGER), ("t", "who"), ("t", "step=x"), ("t", "step=y")]

    def event(k: int, trigger: int | None, value: str | None) -> tuple[Event, dict[str, str]]:
        own = {Argument("t", "who", 3 + k, 3 + k)}
        if trigger is not None:
            own.add(Argument("t", TRIGGER, trigger, trigger))
        return frozenset(own), {} if value is None else {"step": value}

    singles = [(t, v) for t in (0, None) for v in values]
    pairs = [(t, v) for t in (0, 1, None) for v in values]
    cases: list[list[tuple[int | None, str | None]]] = [[one] for one in singles]
    cases += [[(first[0], first[1]), second] for first in singles for second in pairs]
    wrong = excused = 0
    witness = ""
    for case in cases:
        own = [event(k, t, v) for k, (t, v) in enumerate(case)]
        try:
            spread = [ev.spread(e, "t", v) for e, v in own]
            back = [ev.gather(e, names) for e in decode(rel.scores_of([ev.encode(spread, roles, 6)], 6), roles)]
            same = _values(back) == _values([(e, {k: {v} for k, v in given.items()}) for e, given in own])
        except ValueError:
            same = False
        if not same:
            wrong += 1
            at_trigger = [{v for t, v in case if t == place} for place in (0, 1)]
            known = any(t is None and v for t, v in case) or any(len(s) > 1 for s in at_trigger)
            excused += known
            witness = witness or f"(trigger, value) of each event: {case}"
    common: dict[str, Any] = {"samples": len(cases), "unit": "cases", "subject": Subject.from_json(subject).label}
    return [
        Measurement("wrong", float(wrong), witness=witness, **common),
        Measurement("wrong.excused", float(excused), **common),
        Measurement("wrong.unexplained", float(wrong - excused), **common),
    ]


def _values(events: Iterable[tuple[Event, dict[str, set[str]]]]) -> set[Any]:
    return {(e, tuple(sorted((k, tuple(sorted(v))) for k, v in values.items()))) for e, values in events}


def _families(subsets: Sequence[Event], most: int) -> Iterator[tuple[Event, ...]]:
    for size in range(1, min(most, len(subsets)) + 1):
        yield from combinations(subsets, size)


def _nested(spans: set[tuple[int, ...]]) -> bool:
    return any(a != b and a[0] <= b[0] and b[1] <= a[1] for a, b in product(spans, spans))


def _written(quintuples: Iterable[Quintuple]) -> str:
    return "{" + ", ".join(str(tuple(q)) for q in sorted(quintuples)) + "}"


def _listed(events: Iterable[Event]) -> str:
    return "{" + ", ".join(sorted("{" + ", ".join(sorted(a.role for a in e)) + "}" for e in events)) + "}"


def _networkx(graph: Any) -> int:
    return sum(1 for _ in nx.find_cliques(graph))


def _seconds(call: Callable[[], Any]) -> float:
    """The fastest of three."""
    import time

    best = math.inf
    for _ in range(3):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best

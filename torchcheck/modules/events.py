"""GPLinker for events: arguments are nodes, arguments of one event are linked, events are maximal cliques.

Source: kexue.fm/archives/8926. The trigger is an argument like any other, of the role TRIGGER.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import networkx as nx
from torch import Tensor, nn

from torchcheck.modules.pointer import EfficientGlobalPointer, GlobalPointer
from torchcheck.modules.relations import PairLabels, PairScores, Sets, pair_labels, pair_loss

TRIGGER = "trigger"


class Argument(NamedTuple):
    """A span (head, tail), its last token included, in a role of an event type."""

    type: str
    role: str
    head: int
    tail: int


Event = frozenset[Argument]


class GPLinkerEvents(nn.Module):
    """Three pointers on an encoder's output: arguments by (type, role), heads and tails of linked arguments.

    `roles` lists the (type, role) classes. Links are undirected: the earlier head (and the earlier tail) comes first.
    """

    def __init__(
        self, width: int, roles: Sequence[tuple[str, str]], head_size: int = 64, *, efficient: bool = True
    ) -> None:
        super().__init__()
        pointer = EfficientGlobalPointer if efficient else GlobalPointer
        self.roles = tuple(roles)
        self.entities = pointer(width, len(self.roles), head_size)
        self.heads, self.tails = pointer(width, 1, head_size), pointer(width, 1, head_size)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> PairScores:
        return PairScores(self.entities(x, mask), self.heads(x, mask), self.tails(x, mask))

    def loss(self, scores: PairScores, labels: PairLabels) -> Tensor:
        """As GPLinkerRelations.loss."""
        return pair_loss(scores, labels)

    def encode(self, events: Sequence[Iterable[Event]], tokens: int) -> PairLabels:
        """Labels of a batch of lists of events; raises ValueError for unknown roles or positions."""
        return pair_labels([encode(one, self.roles, tokens) for one in events], tokens)

    def decode(self, scores: PairScores, threshold: float = 0.0) -> list[set[Event]]:
        """The events of each sequence: maximal cliques of the linked arguments of each type."""
        return [decode(scores[k : k + 1], self.roles, threshold) for k in range(len(scores.entities))]


def encode(events: Iterable[Event], roles: Sequence[tuple[str, str]], tokens: int) -> Sets:
    """Spans by class, and the unordered pairs of heads and of tails of arguments that share an event."""
    number = {role: k for k, role in enumerate(roles)}
    spans: list[set[tuple[int, int]]] = [set() for _ in roles]
    heads: set[tuple[int, int]] = set()
    tails: set[tuple[int, int]] = set()
    for event in events:
        for a in event:
            if (a.type, a.role) not in number or not 0 <= a.head <= a.tail < tokens:
                raise ValueError(f"{a} does not fit {tokens} tokens and the {len(roles)} known roles")
            spans[number[a.type, a.role]].add((a.head, a.tail))
        for a, b in combinations(event, 2):
            heads.add((min(a.head, b.head), max(a.head, b.head)))
            tails.add((min(a.tail, b.tail), max(a.tail, b.tail)))
    return spans, [heads], [tails]


def decode(scores: PairScores, roles: Sequence[tuple[str, str]], threshold: float = 0.0) -> set[Event]:
    """The events of one sequence (batch of 1)."""
    spans = (scores.entities[0] > threshold).nonzero().tolist()
    arguments = [Argument(roles[c][0], roles[c][1], h, t) for c, h, t in spans]
    heads, tails = ({(i, j) for i, j in (s[0, 0] > threshold).nonzero().tolist()} for s in (scores.heads, scores.tails))
    return split(arguments, heads, tails)


def split(
    arguments: Iterable[Argument], heads: Collection[tuple[int, int]], tails: Collection[tuple[int, int]]
) -> set[Event]:
    """Maximal cliques of each type's arguments, two being linked if their heads and their tails are."""
    by_type: dict[str, list[Argument]] = {}
    for a in arguments:
        by_type.setdefault(a.type, []).append(a)
    found: set[Event] = set()
    for nodes in by_type.values():
        graph = nx.Graph()
        graph.add_nodes_from(nodes)
        for a, b in combinations(nodes, 2):
            head, tail = (min(a.head, b.head), max(a.head, b.head)), (min(a.tail, b.tail), max(a.tail, b.tail))
            if head in heads and tail in tails:
                graph.add_edge(a, b)
        found.update(frozenset(clique) for clique in nx.find_cliques(graph))
    return found


def article_cliques(neighbours: Mapping[int, Collection[int]]) -> tuple[set[frozenset[int]], int]:
    """The article's search for maximal cliques, and the number of its calls (kexue.fm/archives/8926).

    For every pair of nodes that are not adjacent take the closed neighbourhood of each, recurse, drop duplicates; a set
    without such a pair is a clique. `neighbours` maps each node to its neighbours; repeated sets are searched once.
    """
    closed = {u: frozenset(near) | {u} for u, near in neighbours.items()}
    calls = 0

    def search(nodes: frozenset[int]) -> set[frozenset[int]]:
        nonlocal calls
        calls += 1
        parts = {nodes & closed[w] for u, v in combinations(nodes, 2) if v not in closed[u] for w in (u, v)}
        return set().union(*map(search, parts)) if parts else {nodes}

    return (search(frozenset(closed)) if closed else set()), calls


def exact(events: Collection[frozenset[object]]) -> bool:
    """Are these sets of one type's arguments the maximal cliques of the graph that links arguments of one event?

    True if and only if no event contains another, and for any three (not necessarily different) events some event
    contains everything that two of them share: Gilmore's criterion of conformality (Berge 1989, Hypergraphs, ch. 1,
    sec. 7).
    """
    own = list(set(events))
    if any(a < b for a in own for b in own) or frozenset() in own:
        return False
    return all(any((a & b) | (b & c) | (a & c) <= e for e in own) for a, b, c in combinations(own, 3))


def spread(event: Event, type_: str, values: Mapping[str, str]) -> Event:
    """Categorical arguments (name -> value) as roles "name=value" at the trigger (kexue.fm/archives/8926).

    Raises ValueError for an event without a trigger: there is nothing to anchor the values at.
    """
    triggers = [a for a in event if a.role == TRIGGER]
    if values and not triggers:
        raise ValueError(f"an event of type {type_} without a trigger cannot carry {dict(values)}")
    extra = {Argument(type_, f"{name}={value}", t.head, t.tail) for t in triggers for name, value in values.items()}
    return event | extra


def gather(event: Event, names: Collection[str]) -> tuple[Event, dict[str, set[str]]]:
    """The way back: the event without the roles "name=value" of the given names, and the values of each."""
    values: dict[str, set[str]] = {}
    rest = set()
    for a in event:
        name, sign, value = a.role.partition("=")
        if sign and name in names:
            values.setdefault(name, set()).add(value)
        else:
            rest.add(a)
    return frozenset(rest), values

"""GPLinker for events: arguments are nodes, arguments of one event are linked, events are maximal cliques.

Source: kexue.fm/archives/8926. The trigger is an argument like any other, of the role TRIGGER.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

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
    `by_type` gives every type links of its own; the article has one set for all, in which events of one type can link
    arguments of another (see `exact`).
    """

    def __init__(
        self,
        width: int,
        roles: Sequence[tuple[str, str]],
        head_size: int = 64,
        *,
        efficient: bool = True,
        by_type: bool = False,
    ) -> None:
        super().__init__()
        pointer = EfficientGlobalPointer if efficient else GlobalPointer
        self.roles, self.by_type = tuple(roles), by_type
        links = len(types_of(roles)) if by_type else 1
        self.entities = pointer(width, len(self.roles), head_size)
        self.heads, self.tails = pointer(width, links, head_size), pointer(width, links, head_size)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> PairScores:
        return PairScores(self.entities(x, mask), self.heads(x, mask), self.tails(x, mask))

    def loss(self, scores: PairScores, labels: PairLabels) -> Tensor:
        """As GPLinkerRelations.loss."""
        return pair_loss(scores, labels)

    def encode(self, events: Sequence[Iterable[Event]], tokens: int) -> PairLabels:
        """Labels of a batch of lists of events; raises ValueError for unknown roles or positions."""
        return pair_labels([encode(one, self.roles, tokens, self.by_type) for one in events], tokens)

    def decode(self, scores: PairScores, threshold: float = 0.0) -> list[set[Event]]:
        """The events of each sequence: maximal cliques of the linked arguments of each type."""
        return [decode(scores[k : k + 1], self.roles, threshold) for k in range(len(scores.entities))]


def types_of(roles: Sequence[tuple[str, str]]) -> list[str]:
    """The event types, in the order in which `roles` names them: the classes of links, with `by_type`."""
    return list(dict.fromkeys(type_ for type_, _ in roles))


def encode(events: Iterable[Event], roles: Sequence[tuple[str, str]], tokens: int, by_type: bool = False) -> Sets:
    """Spans by class, and the unordered pairs of heads and of tails of arguments that share an event.

    The pairs are in one set for all types, or, `by_type`, in one for each.
    """
    number = {role: k for k, role in enumerate(roles)}
    link = {type_: k if by_type else 0 for k, type_ in enumerate(types_of(roles))}
    spans: list[set[tuple[int, int]]] = [set() for _ in roles]
    heads, tails = ([set[tuple[int, int]]() for _ in range(max(link.values(), default=0) + 1)] for _ in range(2))
    for event in events:
        for a in event:
            if (a.type, a.role) not in number or not 0 <= a.head <= a.tail < tokens:
                raise ValueError(f"{a} does not fit {tokens} tokens and the {len(roles)} known roles")
            spans[number[a.type, a.role]].add((a.head, a.tail))
        for a, b in combinations(event, 2):
            if a.type == b.type or not by_type:
                heads[link[a.type]].add((min(a.head, b.head), max(a.head, b.head)))
                tails[link[a.type]].add((min(a.tail, b.tail), max(a.tail, b.tail)))
    return spans, heads, tails


def decode(scores: PairScores, roles: Sequence[tuple[str, str]], threshold: float = 0.0) -> set[Event]:
    """The events of one sequence (batch of 1); links are by type if there are as many classes of them as types."""
    spans = (scores.entities[0] > threshold).nonzero().tolist()
    arguments = [Argument(roles[c][0], roles[c][1], h, t) for c, h, t in spans]
    heads, tails = (
        [{(i, j) for i, j in (one > threshold).nonzero().tolist()} for one in part[0]]
        for part in (scores.heads, scores.tails)
    )
    events: set[Event] = set()
    for k, type_ in enumerate(types_of(roles)):
        link = k if len(heads) > 1 else 0
        events |= split([a for a in arguments if a.type == type_], heads[link], tails[link])
    return events


def split(
    arguments: Iterable[Argument], heads: Collection[tuple[int, int]], tails: Collection[tuple[int, int]]
) -> set[Event]:
    """Maximal cliques of each type's arguments, two being linked if their heads and their tails are."""
    by_type: dict[str, list[Argument]] = {}
    for a in arguments:
        by_type.setdefault(a.type, []).append(a)
    events: set[Event] = set()
    for nodes in by_type.values():
        import networkx as nx  # slow to load, and seldom asked for

        graph = nx.Graph()
        graph.add_nodes_from(nodes)
        for a, b in combinations(nodes, 2):
            head, tail = (min(a.head, b.head), max(a.head, b.head)), (min(a.tail, b.tail), max(a.tail, b.tail))
            if head in heads and tail in tails:
                graph.add_edge(a, b)
        events.update(frozenset(clique) for clique in nx.find_cliques(graph))
    return events


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


def exact(events: Collection[Event], by_type: bool = False) -> bool:
    """Do these events of a sentence come back when they are encoded and decoded by a perfect model?

    True if and only if the events of each type are exactly the maximal cliques of the graph of its arguments, two of
    which are linked where some event (of any type, or `by_type` of this one) links their heads, and some event links
    their tails: links are pairs of positions, and know nothing of the arguments that they came from.
    """
    roles = sorted({(a.type, a.role) for event in events for a in event})
    tokens = 1 + max((a.tail for event in events for a in event), default=0)
    _, heads, tails = encode(events, roles, tokens, by_type)
    decoded: set[Event] = set()
    for k, type_ in enumerate(types_of(roles)):
        link = k if by_type else 0
        decoded |= split({a for event in events for a in event if a.type == type_}, heads[link], tails[link])
    return decoded == set(events)


def conformal(events: Collection[frozenset[object]]) -> bool:
    """Are these sets the maximal cliques of the graph that links two elements where some set holds both?

    True if and only if none contains another, and for any three (not necessarily different) some set contains
    everything that two of them share: Gilmore's criterion (Berge 1989, Hypergraphs, ch. 1, sec. 7). For events of one
    type whose arguments have different heads, or different tails, this is what `exact` decides.
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

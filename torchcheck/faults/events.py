"""Clique searches and event decoders broken in one named way each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations

import torch

from torchcheck.modules import events as ev
from torchcheck.modules.events import Argument, Event
from torchcheck.modules.relations import PairScores


def one_sided(neighbours: Mapping[int, Collection[int]]) -> tuple[set[frozenset[int]], int]:
    """Recurses into the neighbourhood of the first node of each pair only."""
    closed = {u: frozenset(near) | {u} for u, near in neighbours.items()}
    calls = 0

    def search(nodes: frozenset[int]) -> set[frozenset[int]]:
        nonlocal calls
        calls += 1
        pairs = combinations(sorted(nodes), 2)
        parts = {nodes & closed[u] for u, v in pairs if v not in closed[u]}
        return set().union(*map(search, parts)) if parts else {nodes}

    return search(frozenset(closed)), calls


def with_duplicates(neighbours: Mapping[int, Collection[int]]) -> tuple[set[frozenset[int]], int]:
    """Drops duplicates at the end only."""
    closed = {u: frozenset(near) | {u} for u, near in neighbours.items()}
    calls = 0

    def search(nodes: frozenset[int]) -> set[frozenset[int]]:
        nonlocal calls
        calls += 1
        parts = [nodes & closed[w] for u, v in combinations(nodes, 2) if v not in closed[u] for w in (u, v)]
        return set().union(*map(search, parts)) if parts else {nodes}

    return search(frozenset(closed)), calls


def all_linked(scores: PairScores, roles: Sequence[tuple[str, str]], threshold: float = 0.0) -> set[Event]:
    """Every pair of arguments is linked."""
    return ev.decode(PairScores(scores.entities, *(torch.ones_like(s) for s in (scores.heads, scores.tails))), roles)


def split_all_linked(
    arguments: Iterable[Argument], heads: Collection[tuple[int, int]], tails: Collection[tuple[int, int]]
) -> set[Event]:
    """Every pair of arguments is linked."""
    by_type: dict[str, set[Argument]] = {}
    for a in arguments:
        by_type.setdefault(a.type, set()).add(a)
    return {frozenset(nodes) for nodes in by_type.values()}

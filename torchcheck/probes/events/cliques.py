"""Probes of the search for maximal cliques: against the definition, against networkx, and its cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import networkx as nx
import numpy as np

from torchcheck.data import Evidence, Measurement, Params, Role, Series
from torchcheck.run.subjects import Subject, resolve


def cliques(
    subject: Params, atlas: int = 7, random_graphs: int = 40, largest: int = 60, device: str = "cpu", seed: int = 0
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
            maximal, calls = search(dict(g.adjacency()))
            if maximal != set(map(frozenset, nx.find_cliques(g))):
                differ[kind] += 1
                witness = witness or f"edges {sorted(map(tuple, g.edges()))}"
            names = rng.permutation(g.number_of_nodes())
            moved, _ = search({int(names[u]): [int(names[v]) for v in near] for u, near in g.adjacency()})
            differ["order"] += moved != {frozenset(int(names[u]) for u in c) for c in maximal}
            if g.number_of_nodes() <= 6:
                most = max(most, calls)
    measured = partial(Measurement, evidence=Evidence.EXHAUSTIVE, subject=label, witness=witness, unit="graphs")
    sampled = partial(measured, evidence=Evidence.SAMPLED)
    return [
        measured("differ.atlas", float(differ["atlas"]), samples=len(small)),
        sampled("differ.random", float(differ["random"]), samples=len(large)),
        sampled("differ.order", float(differ["order"]), samples=len(small) + len(large)),
        Measurement(
            "calls",
            float(most),
            unit="calls",
            evidence=Evidence.EXHAUSTIVE,
            subject=label,
            note="the most over all graphs of up to 6 nodes",
        ),
    ]


def worst_case(subject: Params, size: int, groups: int, device: str = "cpu", seed: int = 0) -> list[Measurement]:
    """The search on k = 1 ... `groups` groups of `size` nodes, adjacent across groups only: size^k maximal cliques.

    Groups of three are the Moon-Moser graphs, which have the most maximal cliques; groups of two cocktail party graphs.
    `calls.size=...n=...` and `cliques...`; the curves are calls of the article's search, cliques, and the seconds of it
    and of networkx's.
    """
    del device, seed
    search = resolve(Subject.from_json(subject).target)
    label = Subject.from_json(subject).label
    measurements: list[Measurement] = []
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
        measurements.append(
            Measurement(
                f"calls.size={size}.n={size * k}", calls[-1], unit="calls", evidence=Evidence.EXHAUSTIVE, subject=label
            )
        )
        measurements.append(
            Measurement(
                f"cliques.size={size}.n={size * k}",
                numbers[-1],
                unit="cliques",
                evidence=Evidence.EXHAUSTIVE,
                subject=label,
            )
        )
    rows = (
        ("calls of the article's search", "count", calls),
        ("maximal cliques", "count", numbers),
        ("the article's search", "seconds", own),
        ("networkx", "seconds", theirs),
    )
    series = tuple(Series(f"{name}, groups of {size}", "nodes", kind, xs, ys, kind) for name, kind, ys in rows)
    return [
        *measurements,
        Measurement(
            f"worst case {size}",
            calls[-1],
            role=Role.FIGURE,
            unit="calls",
            evidence=Evidence.EXHAUSTIVE,
            subject=label,
            series=series,
        ),
    ]


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

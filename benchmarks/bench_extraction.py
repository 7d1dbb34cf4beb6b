"""Decoding against nested loops, the sparse loss against the dense one, and clique searches against each other."""

from __future__ import annotations

import statistics
from functools import partial
from itertools import combinations

import networkx as nx
import torch
from rich.console import Console
from rich.table import Table

from torchcheck.modules import relations
from torchcheck.modules.events import article_cliques
from torchcheck.modules.relations import PairScores, Quintuple
from torchcheck.probes.flash.cost import timed
from torchcheck.probes.gplinker.multilabel import sparse_gain

CPU = torch.device("cpu")


def loops(scores: PairScores) -> set[Quintuple]:
    """The usual decoder: loops over subjects, objects, and the predicates that their heads and their tails share."""
    found = set()
    spans = [set(map(tuple, (one > 0).nonzero().tolist())) for one in scores.entities[0]]
    for sh, st in spans[0]:
        for oh, ot in spans[1]:
            heads = (scores.heads[0, :, sh, oh] > 0).nonzero().flatten().tolist()
            tails = (scores.tails[0, :, st, ot] > 0).nonzero().flatten().tolist()
            found |= {Quintuple(sh, st, p, oh, ot) for p in set(heads) & set(tails)}
    return found


def decoding(console: Console) -> None:
    table = Table("tokens", "predicates", "subjects x objects", "loops s", "ours s", "times faster")
    for tokens, predicates, entities in ((128, 50, 12), (512, 50, 40)):
        torch.manual_seed(0)
        starts = torch.randperm(tokens - 4)[: 2 * entities].tolist()
        spans = [(h, h + k % 4) for k, h in enumerate(starts)]
        pairs = list(zip(spans[:entities], spans[entities:], strict=True))
        own = {Quintuple(*s, k % predicates, *o) for k, (s, o) in enumerate(pairs)}
        scores = relations.scores_of([relations.encode(own, predicates, tokens)], tokens)
        assert loops(scores) == relations.decode(scores)
        rows = [[timed(partial(f, scores), 1, CPU)[0] for f in (loops, relations.decode)] for _ in range(9)]
        slow, fast = (statistics.median(c) for c in zip(*rows, strict=True))
        table.add_row(
            str(tokens), str(predicates), f"{entities} x {entities}", f"{slow:.4f}", f"{fast:.4f}", f"{slow / fast:.0f}"
        )
    console.print(table)


def losses(console: Console) -> None:
    table = Table(
        "batch", "predicates", "tokens", "labels + loss, times faster", "peak, dense", "peak, sparse (scores = 1)"
    )
    for batch in (8, 64):
        subject = {"target": "torchcheck.modules.multilabel:sparse_multilabel_loss"}
        found = {m.name: m.value or 0.0 for m in sparse_gain(subject, batch, 50, 128, width=64, layers=1, repeats=3)}
        gain, dense, sparse = (found[k] for k in ("speedup.loss", "memory.dense", "memory.sparse"))
        table.add_row(str(batch), "50", "128", f"{gain:.1f}", f"{dense:.2f}", f"{sparse:.2f}")
    console.print(table)


def cliques(console: Console) -> None:
    table = Table("graph", "nodes", "cliques", "article s", "networkx s")
    graphs = {
        "two events, 8 arguments": nx.Graph([*combinations(range(5), 2), *combinations(range(4, 8), 2)]),
        "cocktail party": nx.complete_multipartite_graph(*[2] * 5),
        "Moon-Moser": nx.complete_multipartite_graph(*[3] * 4),
        "random, degree 6": nx.gnp_random_graph(60, 0.1, seed=0),
    }
    for name, g in graphs.items():
        near = dict(g.adjacency())
        slow = min(timed(lambda near=near: article_cliques(near), 5, CPU))
        fast = min(timed(lambda g=g: list(nx.find_cliques(g)), 5, CPU))
        count = sum(1 for _ in nx.find_cliques(g))
        table.add_row(name, str(len(g)), str(count), f"{slow:.5f}", f"{fast:.5f}")
    console.print(table)


def main() -> None:
    console = Console()
    for part in (decoding, losses, cliques):
        part(console)


if __name__ == "__main__":
    main()

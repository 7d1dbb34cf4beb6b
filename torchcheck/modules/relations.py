"""GPLinker for relations: quintuples (s_h, s_t, p, o_h, o_t) from the scores of four kinds of token pairs.

Source: kexue.fm/archives/8888. Positions count from 0, and an entity (h, t) includes its last token.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from torchcheck.modules.multilabel import sparse_multilabel_loss
from torchcheck.modules.pointer import EfficientGlobalPointer, GlobalPointer

#: pairs of a subject and an object that are looked up at one time
PAIRS = 1 << 22


class Quintuple(NamedTuple):
    """Subject (head, tail), predicate's number, object (head, tail)."""

    subject_head: int
    subject_tail: int
    predicate: int
    object_head: int
    object_tail: int


@dataclass(frozen=True)
class PairScores:
    """Scores of token pairs: `entities` (batch, classes, tokens, tokens) for spans, `heads` and `tails` for links."""

    entities: Tensor
    heads: Tensor
    tails: Tensor

    def __getitem__(self, index: slice) -> PairScores:
        return PairScores(self.entities[index], self.heads[index], self.tails[index])


@dataclass(frozen=True)
class PairLabels:
    """Flat numbers first * tokens + second of the positive pairs, (batch, classes, P), -1 for none."""

    entities: Tensor
    heads: Tensor
    tails: Tensor


Sets = tuple[list[set[tuple[int, int]]], list[set[tuple[int, int]]], list[set[tuple[int, int]]]]


class GPLinkerRelations(nn.Module):
    """Three pointers on an encoder's output (batch, tokens, width): subjects and objects, heads and tails by predicate.

    `efficient` takes EfficientGlobalPointer instead of GlobalPointer.
    """

    def __init__(self, width: int, predicates: int, head_size: int = 64, *, efficient: bool = True) -> None:
        super().__init__()
        pointer = EfficientGlobalPointer if efficient else GlobalPointer
        self.predicates = predicates
        self.entities = pointer(width, 2, head_size)
        self.heads = pointer(width, predicates, head_size, rotary=False, triangular=False)
        self.tails = pointer(width, predicates, head_size, rotary=False, triangular=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> PairScores:
        return PairScores(self.entities(x, mask), self.heads(x, mask), self.tails(x, mask))

    def loss(self, scores: PairScores, labels: PairLabels) -> Tensor:
        """The mean over the three pointers of the multi-label loss, summed over classes, mean over the batch."""
        return pair_loss(scores, labels)

    def encode(self, relations: Sequence[Iterable[Quintuple]], tokens: int) -> PairLabels:
        """Labels of a batch of sets of relations; raises ValueError for positions or predicates that do not exist."""
        return pair_labels([encode(q, self.predicates, tokens) for q in relations], tokens)

    def decode(self, scores: PairScores, threshold: float = 0.0) -> list[set[Quintuple]]:
        """The quintuples all of whose four parts score above the threshold, for each of the batch."""
        return [decode(scores[k : k + 1], threshold) for k in range(len(scores.entities))]


def encode(relations: Iterable[Quintuple], predicates: int, tokens: int) -> Sets:
    """The four sets of pairs of a set of quintuples: [subjects, objects], heads and tails by predicate."""
    entities: list[set[tuple[int, int]]] = [set(), set()]
    heads: list[set[tuple[int, int]]] = [set() for _ in range(predicates)]
    tails: list[set[tuple[int, int]]] = [set() for _ in range(predicates)]
    for q in relations:
        sh, st, p, oh, ot = q
        if not (0 <= sh <= st < tokens and 0 <= oh <= ot < tokens and 0 <= p < predicates):
            raise ValueError(f"{q} does not fit {tokens} tokens and {predicates} predicates")
        entities[0].add((sh, st))
        entities[1].add((oh, ot))
        heads[p].add((sh, oh))
        tails[p].add((st, ot))
    return entities, heads, tails


def decode(scores: PairScores, threshold: float = 0.0) -> set[Quintuple]:
    """The quintuples of one sequence (batch of 1): spans above the threshold, joined by their heads and their tails.

    Time and memory grow with subjects times objects times predicates, not with the fourth power of the length; the
    product is taken in parts of PAIRS. The intersection of kexue.fm/archives/8888, section "Simplified decomposition".
    """
    subjects, objects = ((one > threshold).nonzero() for one in scores.entities[0])
    decoded: set[Quintuple] = set()
    if not len(subjects) or not len(objects):
        return decoded
    rows = max(1, PAIRS // (len(objects) * max(1, scores.heads.shape[1])))
    for start in range(0, len(subjects), rows):
        part = subjects[start : start + rows]
        linked = scores.heads[0][:, part[:, 0, None], objects[None, :, 0]] > threshold
        linked &= scores.tails[0][:, part[:, 1, None], objects[None, :, 1]] > threshold
        p, s, o = linked.nonzero(as_tuple=True)
        columns = torch.stack([part[s, 0], part[s, 1], p, objects[o, 0], objects[o, 1]], -1).tolist()
        decoded.update(map(Quintuple._make, columns))
    return decoded


def scores_of(sets: Sequence[Sets], tokens: int, size: float = 1.0, rest: float = -1.0) -> PairScores:
    """Scores of `size` at the pairs in the sets and of `rest` elsewhere: what a perfect model gives."""

    def fill(part: int) -> Tensor:
        out = torch.full((len(sets), len(sets[0][part]), tokens, tokens), rest)
        for b, one in enumerate(sets):
            for c, pairs in enumerate(one[part]):
                for i, j in pairs:
                    out[b, c, i, j] = size
        return out

    return PairScores(fill(0), fill(1), fill(2))


def crossings(relations: Iterable[Quintuple]) -> set[Quintuple]:
    """The quintuples that decoding adds to a set: those whose four parts all belong to quintuples of the set.

    A set is decoded exactly if and only if it has none: crossing two of its quintuples of one predicate, heads from the
    first and tails from the second, where both spans are labelled, gives a third that is missing: analysis/gplinker.md.
    """
    own = set(relations)
    subjects, objects = {q[:2] for q in own}, {q[3:] for q in own}
    crossed_pairs = set()
    for a in own:
        for b in own:
            crossed = Quintuple(a.subject_head, b.subject_tail, a.predicate, a.object_head, b.object_tail)
            fits = a.predicate == b.predicate and crossed[:2] in subjects and crossed[3:] in objects
            if fits and crossed not in own:
                crossed_pairs.add(crossed)
    return crossed_pairs


def pair_labels(sets: Sequence[Sets], tokens: int) -> PairLabels:
    """Padded indices of a batch."""

    def pad(part: int) -> Tensor:
        rows = [[sorted(i * tokens + j for i, j in pairs) for pairs in one[part]] for one in sets]
        width = max((len(r) for one in rows for r in one), default=0)
        return torch.tensor([[r + [-1] * (width - len(r)) for r in one] for one in rows], dtype=torch.long)

    return PairLabels(pad(0), pad(1), pad(2))


def pair_loss(scores: PairScores, labels: PairLabels) -> Tensor:
    """See GPLinkerRelations.loss."""
    parts = [
        sparse_multilabel_loss(s.flatten(-2), y.to(s.device)).sum(-1).mean()
        for s, y in ((getattr(scores, n), getattr(labels, n)) for n in ("entities", "heads", "tails"))
    ]
    return torch.stack(parts).mean()

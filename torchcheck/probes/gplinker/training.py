"""Training the relation and event heads on a generated corpus in a real format, and scoring what they decode."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.data import Evidence, Measurement, Series
from torchcheck.modules.corpora import EventSentence, RelationSentence, read_events, read_relations, to_tokens
from torchcheck.modules.events import Argument, GPLinkerEvents
from torchcheck.modules.relations import GPLinkerRelations, Quintuple
from torchcheck.probes.gplinker import corpus
from torchcheck.run.subjects import find_device


class Tagger(nn.Module):
    """Word embeddings, a two-layer bidirectional LSTM, and a GPLinker head."""

    def __init__(self, words: int, width: int, head: nn.Module) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=0)
        self.encoder = nn.LSTM(width, width // 2, 2, batch_first=True, bidirectional=True)
        self.head = head

    def forward(self, ids: Tensor) -> Any:
        return self.head(self.encoder(self.embedding(ids))[0], ids != 0)


def offsets(text: str) -> list[tuple[int, int]]:
    """Character spans of a text's words and punctuation."""
    return [m.span() for m in re.finditer(r"\w+|[^\w\s]", text)]


def extraction(
    kind: str,
    sentences: int = 240,
    held_out: int = 120,
    epochs: int = 40,
    width: int = 96,
    batch: int = 16,
    rate: float = 4e-3,
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """`f1.seen` and `f1.held-out` of exact quintuples (kind "relations") or whole events ("events") after training.

    Stops when everything seen is right; the curve is the loss by epoch. Words that were not seen share one embedding.
    """
    where = find_device(device)
    lines = {"relations": corpus.relation_lines, "events": corpus.event_lines}[kind](sentences + held_out, seed)
    read = read_relations(lines) if kind == "relations" else read_events(lines)
    texts = [s.text for s in read.sentences]
    words = {w: k for k, w in enumerate(sorted({t[a:b] for t in texts[:sentences] for a, b in offsets(t)}), 2)}
    gold, head, pick = _relations(read.sentences) if kind == "relations" else _events(read.sentences)
    torch.manual_seed(seed)
    model = Tagger(len(words) + 2, width, head).to(where)
    ids = [torch.tensor([words.get(t[a:b], 1) for a, b in offsets(t)]) for t in texts]
    optimizer = torch.optim.Adam(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, epochs)
    losses: list[float] = []
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        model.train()
        order = torch.randperm(sentences, generator=generator).tolist()
        total = 0.0
        for start in range(0, sentences, batch):
            rows = order[start : start + batch]
            x = nn.utils.rnn.pad_sequence([ids[r] for r in rows], batch_first=True).to(where)
            x = torch.where((torch.rand(x.shape, generator=generator).to(where) < 0.05) & (x > 0), 1, x)
            loss = pick.loss(model(x), pick.encode([gold[r] for r in rows], x.shape[1]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach())
        schedule.step()
        losses.append(total / (sentences / batch))
        if losses[-1] < 0.02 and _f1(model, ids[:sentences], gold[:sentences], batch, where) == 1.0:
            break
    curve = Series(f"{kind}: loss", "epoch", "loss", [float(k) for k in range(1, len(losses) + 1)], losses, "loss")
    measured = partial(
        Measurement, evidence=Evidence.SINGLE, subject=type(head).__name__, device=device, dtype="float32"
    )
    note = f"{len(losses)} epochs"
    return [
        measured(
            "f1.seen",
            _f1(model, ids[:sentences], gold[:sentences], batch, where),
            samples=sentences,
            series=(curve,),
            note=note,
        ),
        measured("f1.held-out", _f1(model, ids[sentences:], gold[sentences:], batch, where), samples=held_out),
    ]


def _relations(sentences: Sequence[RelationSentence]) -> tuple[list[set[Any]], nn.Module, Any]:
    names = sorted({r.predicate for s in sentences for r in s.relations})
    gold = []
    for s in sentences:
        spans = offsets(s.text)
        relations = set()
        for r in s.relations:
            a, b = to_tokens(r.subject, spans), to_tokens(r.object, spans)
            if a and b:
                relations.add(Quintuple(*a, names.index(r.predicate), *b))
        gold.append(relations)
    head = GPLinkerRelations(96, len(names), 32)
    return gold, head, head


def _events(sentences: Sequence[EventSentence]) -> tuple[list[set[Any]], nn.Module, Any]:
    roles = sorted({(a.type, a.role) for s in sentences for e in s.events for a in e})
    gold = []
    for s in sentences:
        spans = offsets(s.text)
        events = set()
        for e in s.events:
            places = [(a, to_tokens((a.head, a.tail + 1), spans)) for a in e]
            events.add(frozenset(Argument(a.type, a.role, *p) for a, p in places if p))
        gold.append(events)
    head = GPLinkerEvents(96, roles, 32)
    return gold, head, head


def _f1(model: Tagger, ids: Sequence[Tensor], gold: Sequence[set[Any]], batch: int, where: torch.device) -> float:
    """Micro-averaged over all quintuples or events."""
    decode: Callable[..., list[set[Any]]] = model.head.decode  # type: ignore[assignment]
    right = given = wanted = 0
    model.eval()
    with torch.no_grad():
        for start in range(0, len(ids), batch):
            x = nn.utils.rnn.pad_sequence(list(ids[start : start + batch]), batch_first=True).to(where)
            for decoded, true in zip(decode(model(x)), gold[start : start + batch], strict=True):
                right += len(decoded & true)
                given += len(decoded)
                wanted += len(true)
    return 2 * right / max(1, given + wanted)

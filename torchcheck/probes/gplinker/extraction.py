"""Probes of relation decoding: what is counted, and what comes back of labelled sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, product
from typing import Any

import torch

from torchcheck.data import Evidence, Measurement, Params
from torchcheck.modules import relations as rel
from torchcheck.modules.relations import PairScores, Quintuple
from torchcheck.run.subjects import Subject, build, find_device, resolve

Decode = Callable[..., set[Any]]


def count(
    subject: Params, width: int, tokens: Sequence[int], predicates: int, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """`quintuples.l=...`: how many quintuples a relation model could decode, any score above -inf being enough."""
    spec = Subject.from_json(subject)
    measurements = []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = build(Subject(spec.target, {"width": width, "predicates": predicates, **spec.options})).to(
            find_device(device)
        )
        for length in tokens:
            (all_of_them,) = model.decode(model(torch.randn(1, length, width).to(find_device(device))), -1e30)
            name = f"quintuples.l={length}"
            measurements.append(
                Measurement(
                    name,
                    float(len(all_of_them)),
                    unit="quintuples",
                    evidence=Evidence.EXHAUSTIVE,
                    subject=spec.label,
                    device=device,
                )
            )
    return measurements


def decoding(
    subject: Params, tokens: int, predicates: int, most: int, flat: bool = False, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """decode(encode(Q)) for every set Q of 1 ... `most` quintuples of a length and a number of predicates.

    `subject` is a decoder of PairScores; these are 1 for what is labelled, and 0, not above the threshold, elsewhere.
    `flat` takes only sets without nested subjects and without nested objects, and sets all tail scores above 0. `wrong`
    counts the sets that come back changed, `lost` those of which something is
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
            scores = rel.scores_of([rel.encode(own, predicates, tokens)], tokens, rest=0.0)
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
    common: dict[str, Any] = {
        "samples": total,
        "evidence": Evidence.EXHAUSTIVE,
        "subject": Subject.from_json(subject).label,
        "witness": witness,
    }
    common["note"] = case
    return [
        Measurement("wrong", float(wrong), unit="sets", **common),
        Measurement("lost", float(lost), unit="sets", **common),
        Measurement("unexplained", float(unexplained), unit="sets", **common),
        Measurement("smallest", float(smallest), unit="quintuples", **common),
    ]


def _nested(spans: set[tuple[int, ...]]) -> bool:
    return any(a != b and a[0] <= b[0] and b[1] <= a[1] for a, b in product(spans, spans))


def _written(quintuples: Iterable[Quintuple]) -> str:
    return "{" + ", ".join(str(tuple(q)) for q in sorted(quintuples)) + "}"

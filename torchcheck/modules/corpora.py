"""Annotated sentences in the formats people have: DuIE and LIC2019 relation lines, DuEE event lines.

One JSON document a line. A line that cannot be used is reported with its number and what is wrong; the others are kept.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torchcheck.modules.events import TRIGGER, Argument, Event


@dataclass(frozen=True)
class Problem:
    """What is wrong with a line (counted from 1)."""

    line: int
    message: str


@dataclass(frozen=True)
class Relation:
    """A subject and an object as character spans [start, end), and the predicate's name."""

    subject: tuple[int, int]
    predicate: str
    object: tuple[int, int]


@dataclass(frozen=True)
class RelationSentence:
    text: str
    relations: tuple[Relation, ...]


@dataclass(frozen=True)
class EventSentence:
    """Events whose arguments are character spans: `head` the first character, `tail` the last."""

    text: str
    events: tuple[Event, ...]


@dataclass
class Corpus:
    """The sentences read, and the problems met."""

    sentences: list[Any] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_relations(lines: Iterable[str], mentions: str = "first") -> Corpus:
    """DuIE / LIC2019: {"text", "spo_list": [{"predicate", "subject", "object"}]}; an object may be {"@value": ...}.

    Further slots of an object (DuIE 2.0: "inWork", "inArea", ...) are relations of their own, with the predicate
    "PREDICATE_SLOT". These formats give no offsets: `mentions` "first" takes the first occurrence of each string in the
    text, "all" every one, one relation for each pair. A relation whose strings do not occur is a problem; its sentence
    keeps the others. Raises ValueError for other `mentions`.
    """
    if mentions not in ("first", "all"):
        raise ValueError(f"mentions must be first or all, got {mentions!r}")
    corpus = Corpus()
    for number, document in _documents(lines, corpus):
        text = document["text"]
        relations: list[Relation] = []
        for entry in _slots(_entries(document, "spo_list", number, corpus)):
            bad = [k for k in ("predicate", "subject", "object") if not isinstance(entry.get(k), str) or not entry[k]]
            if bad:
                corpus.problems.append(Problem(number, f"a relation's {bad[0]} is missing or no text"))
                continue
            spans = [occurrences(text, entry[k]) for k in ("subject", "object")]
            if not all(spans):
                lost = entry["subject"] if not spans[0] else entry["object"]
                corpus.problems.append(Problem(number, f"'{lost[:40]}' does not occur in the text"))
                continue
            subjects, objects = spans if mentions == "all" else (spans[0][:1], spans[1][:1])
            relations += [Relation(s, entry["predicate"], o) for s in subjects for o in objects]
        corpus.sentences.append(RelationSentence(text, tuple(dict.fromkeys(relations))))
    return corpus


def _slots(entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One entry for each slot of an object of several."""
    for entry in entries:
        value, predicate = entry.get("object"), entry.get("predicate")
        if not isinstance(value, dict):
            yield entry
            continue
        for slot, string in (value or {"@value": None}).items():
            named = predicate if slot == "@value" or not isinstance(predicate, str) else f"{predicate}_{slot}"
            yield {**entry, "predicate": named, "object": string}


def read_events(lines: Iterable[str]) -> Corpus:
    """DuEE: {"text", "event_list": [{"event_type", "trigger", "trigger_start_index", "arguments": [...]}]}.

    An argument has "role", "argument" and "argument_start_index"; a trigger may be missing. Offsets that do not hold
    the string are corrected to its nearest occurrence, and reported; a string that does not occur loses its argument.
    An argument whose role is the trigger's own name, "trigger", is reported and left out.
    """
    corpus = Corpus()
    for number, document in _documents(lines, corpus):
        text = document["text"]
        events: list[Event] = []
        for entry in _entries(document, "event_list", number, corpus):
            kind = entry.get("event_type")
            if not isinstance(kind, str) or not kind:
                corpus.problems.append(Problem(number, "an event's event_type is missing or no text"))
                continue
            pieces = []
            for a in _entries(entry, "arguments", number, corpus):
                if a.get("role") == TRIGGER:
                    corpus.problems.append(
                        Problem(number, f"an argument's role is '{TRIGGER}', which is the trigger's")
                    )
                else:
                    pieces.append((a.get("role"), a.get("argument"), a.get("argument_start_index")))
            if entry.get("trigger") is not None:
                pieces.append((TRIGGER, entry["trigger"], entry.get("trigger_start_index")))
            arguments = set()
            for role, string, start in pieces:
                span = _located(text, role, string, start, number, corpus)
                if span:
                    arguments.add(Argument(kind, str(role), span[0], span[1] - 1))
            if arguments:
                events.append(frozenset(arguments))
        corpus.sentences.append(EventSentence(text, tuple(dict.fromkeys(events))))
    return corpus


def occurrences(text: str, string: str) -> list[tuple[int, int]]:
    """All spans [start, end) of `string` in `text`, overlapping ones included."""
    places, start = [], text.find(string)
    while string and start >= 0:
        places.append((start, start + len(string)))
        start = text.find(string, start + 1)
    return places


def to_tokens(span: tuple[int, int], offsets: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """The first and last token of a character span [start, end), or None if its ends are inside tokens.

    `offsets` are a tokenizer's character spans [start, end) in order; empty ones (special tokens) are passed over.
    """
    real = [(k, a, b) for k, (a, b) in enumerate(offsets) if b > a]
    starts = [a for _, a, _ in real]
    first = bisect_right(starts, span[0]) - 1
    last = bisect_right(starts, span[1] - 1) - 1
    if first < 0 or last < first or real[first][1] != span[0] or real[last][2] != span[1]:
        return None
    return real[first][0], real[last][0]


def _documents(lines: Iterable[str], corpus: Corpus) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            corpus.problems.append(Problem(number, f"not JSON: {error}"))
            continue
        if not isinstance(document, dict) or not isinstance(document.get("text"), str):
            corpus.problems.append(Problem(number, 'no object with a "text"'))
            continue
        yield number, document


def _entries(document: dict[str, Any], key: str, number: int, corpus: Corpus) -> list[dict[str, Any]]:
    entries = document.get(key, [])
    if not isinstance(entries, list):
        corpus.problems.append(Problem(number, f'"{key}" is no list'))
        return []
    good = [e for e in entries if isinstance(e, dict)]
    if len(good) < len(entries):
        corpus.problems.append(Problem(number, f'an entry of "{key}" is no object'))
    return good


def _located(
    text: str, role: object, string: object, start: object, number: int, corpus: Corpus
) -> tuple[int, int] | None:
    if not isinstance(role, str) or not isinstance(string, str) or not role or not string:
        corpus.problems.append(Problem(number, "an argument's role or string is missing or no text"))
        return None
    spans = occurrences(text, string)
    if not spans:
        corpus.problems.append(Problem(number, f"'{string[:40]}' does not occur in the text"))
        return None
    if not isinstance(start, int) or isinstance(start, bool):
        return spans[0]
    nearest = min(spans, key=lambda s: abs(s[0] - start))
    if nearest[0] != start:
        corpus.problems.append(Problem(number, f"'{string[:40]}' is at {nearest[0]}, not at {start}"))
    return nearest

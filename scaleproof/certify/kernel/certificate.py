"""Certificates: what is proved of which claim, in formal form, with the evidence that a checker replays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEMA = "scaleproof/certificate/2"


@dataclass(frozen=True)
class Statement:
    """A formal statement: its name in the claim, the proof method, its body in that method's form, the same in words.

    `words` says what the body says, quantifiers included, and no more: what follows from it in words is an argued step
    of the clause that rests on it.
    """

    name: str
    method: str
    body: Mapping[str, Any]
    words: str

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "method": self.method, "body": dict(self.body), "words": self.words}


@dataclass(frozen=True)
class Theorem:
    """A statement with the evidence for it."""

    statement: Statement
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"statement": self.statement.to_json(), "evidence": dict(self.evidence)}


@dataclass(frozen=True)
class Certificate:
    """All theorems that a claim's verdict rests on."""

    claim: str
    theorems: tuple[Theorem, ...]

    def to_json(self) -> dict[str, Any]:
        content = {"schema": SCHEMA, "claim": self.claim, "theorems": [t.to_json() for t in self.theorems]}
        return {**content, "digest": digest(content)}

    @property
    def methods(self) -> list[str]:
        return sorted({t.statement.method for t in self.theorems})


@dataclass(frozen=True)
class Checked:
    """The outcome of a check: `reason` is empty if the certificate holds."""

    claim: str
    methods: list[str]
    statements: list[str]
    reason: str
    seconds: float

    @property
    def holds(self) -> bool:
        return not self.reason


def digest(content: Mapping[str, Any]) -> str:
    """Of a certificate without its digest."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()

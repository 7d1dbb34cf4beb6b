"""Certificates: what is proved of which claim, in formal form, with the evidence that a checker replays."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaleproof.certify.kernel import (
    check_ball,
    check_exhaustive,
    check_integral,
    check_logic,
    check_smt,
    check_smt_float,
    check_symbolic,
)

SCHEMA = "scaleproof/certificate/2"
MAX_BYTES = 16 * 2**20

#: method -> the file that is trusted for it, and its check
CHECKERS: dict[str, Any] = {
    "ball": check_ball,
    "exhaustive": check_exhaustive,
    "integral": check_integral,
    "logic": check_logic,
    "smt": check_smt,
    "smt-float": check_smt_float,
    "symbolic": check_symbolic,
}


class CertificateError(ValueError):
    """The file or the data is no certificate of this program."""


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
        return {**content, "digest": _digest(content)}

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


def check(raw: Any, statements: Mapping[str, tuple[Statement, ...]]) -> Checked:
    """Replays a certificate (parsed JSON). `statements` says which statements each claim stands for.

    Everything that is not exactly as it should be is a reason: the form, the digest, a statement other than
    the claim's own, evidence that does not hold. Nothing in `raw` is executed.
    """
    start = time.perf_counter()
    claim, methods, words = "", [], []
    try:
        claim = raw["claim"]
        reason = _compare(raw, statements)
        if not reason:
            for number, theorem in enumerate(raw["theorems"]):
                statement = theorem["statement"]
                methods.append(statement["method"])
                words.append(statement["words"])
                found = _check_theorem(theorem)
                if found:
                    reason = f"theorem {number + 1} ({statement['method']}): {found}"
                    break
    except Exception as error:  # whatever goes wrong in a checker, nothing is proved
        reason = f"malformed: {type(error).__name__}: {error}"
    return Checked(str(claim), sorted(set(methods)), words, reason, time.perf_counter() - start)


def read(path: Path) -> Any:
    """The JSON of a certificate file; raises CertificateError with what is wrong and where."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CertificateError(f"{path}: larger than {MAX_BYTES} bytes, no certificate")
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CertificateError(f"{path}: not JSON ({error})") from error
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise CertificateError(f"{path}: no {SCHEMA} document")
    return raw


def _compare(raw: Mapping[str, Any], statements: Mapping[str, tuple[Statement, ...]]) -> str:
    content = {k: v for k, v in raw.items() if k != "digest"}
    if set(content) != {"schema", "claim", "theorems"} or content["schema"] != SCHEMA:
        return f"not a {SCHEMA} document"
    if raw.get("digest") != _digest(content):
        return "the digest does not fit the content"
    if content["claim"] not in statements:
        return f"no claim '{content['claim']}' has a proof"
    expected = statements[content["claim"]]
    if [t["statement"] for t in content["theorems"]] != [s.to_json() for s in expected]:
        return f"the statements are not those of claim '{content['claim']}'"
    if any(set(t) != {"statement", "evidence"} for t in content["theorems"]):
        return "a theorem has a statement and evidence"
    return ""


def _check_theorem(theorem: Mapping[str, Any]) -> str | None:
    statement = theorem["statement"]
    found: str | None = CHECKERS[statement["method"]].check(statement["body"], theorem["evidence"])
    return found


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()

"""Trusted: the check of a certificate, theorem by theorem, each by the checker of its method."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
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
from scaleproof.certify.kernel.certificate import SCHEMA, Checked, Statement, digest

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
                objection = _check_theorem(theorem)
                if objection:
                    reason = f"theorem {number + 1} ({statement['method']}): {objection}"
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
    if raw.get("digest") != digest(content):
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
    result: str | None = CHECKERS[statement["method"]].check(statement["body"], theorem["evidence"])
    return result

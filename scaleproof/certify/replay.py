"""Proofs checked again: a certificate against the statements of its claim, a file of Coq against what was published."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from scaleproof.certify import coq
from scaleproof.certify.kernel.certificate import Checked
from scaleproof.certify.kernel.check import check
from scaleproof.certify.statements import STATEMENTS


def replay(raw: Any) -> Checked:
    """Checks a certificate (parsed JSON); whatever is wrong with it is the reason in the answer."""
    return check(raw, STATEMENTS)


def compiled(file: Path) -> Checked:
    """Has Coq check a file of proofs/: it holds if Coq accepts it, and theorems and axioms are the published ones.

    Raises coq.CoqMissing where there is no Coq, or no such file.
    """
    start = time.perf_counter()
    try:
        theorems, reason = coq.check(file.parent, file.name).theorems, ""
    except coq.CoqMissing:
        raise
    except coq.CoqError as error:
        theorems, reason = {}, str(error)
    else:
        published = {t.name: t for t in coq.published().theorems.values() if t.file == file.stem}
        changed = sorted(n for n in {*theorems, *published} if theorems.get(n) != published.get(n))
        reason = f"accepted by Coq, but not what was published: {', '.join(changed)}" if changed else ""
    words = [f"{t.name}: {t.statement} (axioms: {', '.join(t.axioms) or 'none'})" for t in theorems.values()]
    return Checked(file.name, ["coq"], words, reason, time.perf_counter() - start)

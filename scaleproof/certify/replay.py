"""The check of a certificate against the statements of the claim that it names."""

from __future__ import annotations

from typing import Any

from scaleproof.certify.kernel.certificate import Checked
from scaleproof.certify.kernel.check import check
from scaleproof.certify.statements import STATEMENTS


def replay(raw: Any) -> Checked:
    """Checks a certificate (parsed JSON); whatever is wrong with it is the reason in the answer."""
    return check(raw, STATEMENTS)

"""Which formal statements stand for which claim, one file a family, and the check of a certificate against them."""

from __future__ import annotations

from typing import Any

from scaleproof.certify.kernel.certificate import Checked, Statement, check
from scaleproof.certify.statements import deepnet, eg, events, flash, gau, gplinker, residual, squareplus

#: claim -> the statements that its certificate has to carry, no others
STATEMENTS: dict[str, tuple[Statement, ...]] = {
    **squareplus.STATEMENTS,
    **eg.STATEMENTS,
    **residual.STATEMENTS,
    **deepnet.STATEMENTS,
    **flash.STATEMENTS,
    **gau.STATEMENTS,
    **gplinker.STATEMENTS,
    **events.STATEMENTS,
}
#: (claim, statement) -> a point at which its assumptions are true, for those whose checker cannot find one
EXAMPLES = gplinker.EXAMPLES


def replay(raw: Any) -> Checked:
    """Checks a certificate (parsed JSON) against the statements of the claim that it names."""
    return check(raw, STATEMENTS)

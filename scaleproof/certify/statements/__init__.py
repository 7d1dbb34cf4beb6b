"""Which formal statements stand for which claim, one file a family."""

from __future__ import annotations

from scaleproof.certify.kernel.certificate import Statement
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

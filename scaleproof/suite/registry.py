"""All claims, in the order of the report, and the choice of some by id, family or pattern."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Sequence

from scaleproof.claim import Claim
from scaleproof.claims import deepnet, eg, events, flash, gau, gplinker, residual, squareplus

CLAIMS: tuple[Claim, ...] = (
    *squareplus.CLAIMS,
    *eg.CLAIMS,
    *residual.CLAIMS,
    *deepnet.CLAIMS,
    *flash.CLAIMS,
    *gau.CLAIMS,
    *gplinker.CLAIMS,
    *events.CLAIMS,
)


class UnknownClaim(LookupError):
    """No claim has this id, family or pattern; the message names the nearest ids."""


def select(patterns: Sequence[str], claims: Sequence[Claim] = CLAIMS) -> list[Claim]:
    """The claims whose id or family equals, or whose id matches, one of the patterns; all without patterns.

    Raises UnknownClaim for a pattern that selects nothing.
    """
    if not patterns:
        return list(claims)
    chosen: set[str] = set()
    for pattern in patterns:
        hits = {c.id for c in claims if pattern in (c.id, c.family) or fnmatch.fnmatchcase(c.id, pattern)}
        if not hits:
            names = [c.id for c in claims] + sorted({c.family for c in claims})
            near = difflib.get_close_matches(pattern, names, n=3, cutoff=0)
            raise UnknownClaim(f"no claim '{pattern}'; the nearest are {', '.join(near)} (see: scaleproof list)")
        chosen |= hits
    return [c for c in claims if c.id in chosen]

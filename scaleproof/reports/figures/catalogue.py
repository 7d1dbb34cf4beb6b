"""Which claims have figures."""

from __future__ import annotations

from scaleproof.reports.figures import depth, eg, extraction, gated, squareplus
from scaleproof.reports.figures.draw import Drawing

DRAWINGS: tuple[Drawing, ...] = (
    *squareplus.DRAWINGS,
    *eg.DRAWINGS,
    *depth.DRAWINGS,
    *gated.DRAWINGS,
    *extraction.DRAWINGS,
)

"""The figures of a report: one file each, from the record alone."""

from scaleproof.reports.figures.draw import Figure, draw

__all__ = ["Figure", "draw"]

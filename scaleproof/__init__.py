"""scaleproof: statements about deep models, proved, predicted, measured on real torch modules and judged."""

__version__ = "0.1.0"

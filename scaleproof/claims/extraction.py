"""What the gplinker and events claims share."""

from __future__ import annotations

from scaleproof.claims.claim import About, Prediction

FAULTS = "torchcheck.faults.extraction:"


def exactly(name: str, value: float, unit: str = "1", about: About = "source") -> Prediction:
    return Prediction.exactly(name, repr(float(value)), unit, about)


def none(*names: str, about: About = "source") -> list[Prediction]:
    """Nothing of the kind: the count is 0."""
    return [exactly(name, 0.0, "cases", about) for name in names]

"""What the gplinker and events claims share."""

from __future__ import annotations

from scaleproof.claim import Prediction


def exactly(name: str, value: float, unit: str = "1", clause: str = "source") -> Prediction:
    return Prediction.exactly(name, repr(float(value)), unit, clause)


def no_cases(*names: str, clause: str = "source") -> list[Prediction]:
    """Nothing of the kind: the count is 0."""
    return [exactly(name, 0.0, "cases", clause) for name in names]

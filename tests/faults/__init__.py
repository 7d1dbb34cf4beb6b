"""Variants with one seeded fault each, for every kind of subject: what `scaleproof check` has to notice.

A fault names the property that has to fail. `certain` ones are always noticed; the others depend on luck or on size.
"""

from tests.faults import activations, attention, blocks, losses, models, optimizers, state
from tests.faults.fault import SeededFault

FAULTS: tuple[SeededFault, ...] = (
    *blocks.FAULTS,
    *attention.FAULTS,
    *activations.FAULTS,
    *optimizers.FAULTS,
    *losses.FAULTS,
    *models.FAULTS,
    *state.FAULTS,
)

__all__ = ["FAULTS", "SeededFault"]

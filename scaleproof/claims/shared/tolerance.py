"""How wide a tolerance around a predicted mean has to be: derived from what theory neglects and from the sample."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

#: of each interval: some ten intervals a claim stay below 1e-6
ALARM = 1e-7
#: standard errors that a tolerance leaves beyond the interval, so that a recorded verdict stands at every seed
MARGIN = 3.5


def room(spread: float, seeds: int, neglected: float = 0.0) -> float:
    """A tolerance: what theory neglects, and MARGIN standard errors more than the interval that the seeds leave.

    `spread` is the standard deviation over networks of what is averaged, whose interval is Student's.
    """
    from scipy.special import stdtrit  # planning and listing claims need no scipy

    quantile = float(stdtrit(seeds - 1, 1 - ALARM / 2))
    return neglected + (quantile + MARGIN) * spread / math.sqrt(seeds)


def ratio_room(spread: float, seeds: int, neglected: float = 0.0) -> float:
    """`room` for a ratio to theory, of which the logarithm is averaged and spreads by `spread`."""
    return math.expm1(room(spread, seeds, neglected))


def slope_room(at: Sequence[int], spreads: Sequence[float], seeds: int, neglected: float = 0.0) -> float:
    """`room` for the least-squares exponent over depths whose logarithms spread like this."""
    x = np.log(at) - np.mean(np.log(at))
    weights = x / np.sum(x**2)
    return room(float(np.sqrt(np.sum((weights * np.asarray(spreads)) ** 2))), seeds, neglected)

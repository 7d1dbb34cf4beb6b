"""How wide a tolerance around a predicted mean has to be: derived from what theory neglects and from the sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

#: of each interval: some ten intervals a claim stay below 1e-6
ALARM = 1e-7
#: standard errors that a tolerance leaves beyond the interval, so that a recorded verdict stands at every seed
MARGIN = 3.5


def room(spread: float, seeds: int, neglected: float = 0.0) -> float:
    """A tolerance: what theory neglects, and MARGIN standard errors more than the interval that the seeds leave.

    `spread` is the standard deviation over networks of the logarithm of what is averaged.
    """
    return neglected + (NormalDist().inv_cdf(1 - ALARM / 2) + MARGIN) * spread / math.sqrt(seeds)


def slope_room(at: Sequence[int], spreads: Sequence[float], seeds: int, neglected: float = 0.0) -> float:
    """`room` for the least-squares exponent over depths whose logarithms spread like this."""
    x = np.log(at) - np.mean(np.log(at))
    weights = x / np.sum(x**2)
    return room(float(np.sqrt(np.sum((weights * np.asarray(spreads)) ** 2))), seeds, neglected)

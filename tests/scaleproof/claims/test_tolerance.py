"""Tolerances: what theory neglects, the interval that a sample leaves, and the margin beyond it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from scaleproof.claims.shared.tolerance import ALARM, MARGIN, room, slope_room


@pytest.mark.parametrize(("spread", "seeds", "neglected"), [(0.03, 48, 0.01), (0.19, 96, 0.0), (0.0, 1, 0.5)])
def test_room_is_the_interval_and_the_margin(spread: float, seeds: int, neglected: float) -> None:
    deviations = stats.norm.isf(ALARM / 2) + MARGIN
    assert room(spread, seeds, neglected) == pytest.approx(neglected + deviations * spread / math.sqrt(seeds))


def test_slope_room_is_that_of_the_slopes_standard_error() -> None:
    at, spreads, seeds = [2, 8, 32], [0.1, 0.2, 0.4], 64
    rng = np.random.default_rng(0)
    means = rng.normal(0, np.array(spreads) / math.sqrt(seeds), (200_000, 3))
    slopes = np.polyfit(np.log(at), means.T, 1)[0]
    assert slope_room(at, spreads, seeds) == pytest.approx(room(float(slopes.std()), 1), rel=0.01)

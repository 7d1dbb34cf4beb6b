"""Tolerances: what theory neglects, the interval that a sample leaves, and the margin beyond it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from scaleproof.claims.shared.tolerance import ALARM, MARGIN, ratio_room, room, slope_room
from torchcheck.measure.intervals import normal_bounds


@pytest.mark.parametrize(("spread", "seeds", "neglected"), [(0.03, 48, 0.01), (0.27, 24, 0.0), (0.0, 2, 0.5)])
def test_room_is_the_interval_and_the_margin(spread: float, seeds: int, neglected: float) -> None:
    deviations = stats.t.isf(ALARM / 2, seeds - 1) + MARGIN
    wanted = neglected + deviations * spread / math.sqrt(seeds)
    assert room(spread, seeds, neglected) == pytest.approx(wanted)
    assert ratio_room(spread, seeds, neglected) == pytest.approx(math.exp(wanted) - 1)


def test_an_interval_of_few_networks_fits_into_its_room() -> None:
    """Student's interval, a third wider than the normal one at 24 networks, of a mean that is MARGIN errors off."""
    x = np.random.default_rng(1).normal(0, 0.27, 24)
    x *= 0.27 / x.std(ddof=1)
    lo, hi = normal_bounds(x - x.mean() + MARGIN * 0.27 / math.sqrt(24), ALARM)
    assert float(hi) == pytest.approx(room(0.27, 24))
    assert float(lo) > -room(0.27, 24)


def test_slope_room_is_that_of_the_slopes_standard_error() -> None:
    at, spreads, seeds = [2, 8, 32], [0.1, 0.2, 0.4], 64
    rng = np.random.default_rng(0)
    means = rng.normal(0, np.array(spreads) / math.sqrt(seeds), (200_000, 3))
    slopes = np.polyfit(np.log(at), means.T, 1)[0]
    assert slope_room(at, spreads, seeds) == pytest.approx(
        room(float(slopes.std()) * math.sqrt(seeds), seeds), rel=0.01
    )

"""More networks where an exponent is undecided: the deepest only where the law bends."""

from __future__ import annotations

import math

import numpy as np

from torchcheck.properties.module.depth import BLOCK, MODEST, Point, more
from torchcheck.properties.subject.variant import CheckSettings

DEPTHS = (2, 4, 8, 16, 32, 64, 128, 256)


def _points(bend: float) -> list[Point]:
    """Four seeds; the signal grows like depth^1.25, the threshold, with noise, and a bend in log-log."""
    rng = np.random.default_rng(0)
    found = []
    for depth in DEPTHS:
        for seed in range(4):
            log = 1.25 * math.log(depth) + 0.4 * rng.standard_normal() + bend * max(0.0, math.log(16 / depth)) ** 2
            rms = (1.0, math.exp(log))
            found.append(Point(depth, seed, 1, rms, (1.0, 1.0), 1.0, 1.0, 1.0, 1.0, 1.0))
    return found


def test_the_deepest_get_more_seeds_only_where_the_law_bends() -> None:
    straight, bent = (more(CheckSettings(), _points(bend), BLOCK.properties) for bend in (0.0, 4.0))
    assert {s.params["depth"] for s in straight} == {d for d in DEPTHS if d <= MODEST}
    assert {s.params["depth"] for s in bent} == set(DEPTHS)

"""Verdicts hold at every seed, not at one: five here, one of them in CI, twenty by benchmarks/bench_seeds.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaleproof.claim import Settings
from scaleproof.executors.processes import processes
from scaleproof.suite import runner
from scaleproof.suite.environment import environment
from scaleproof.suite.registry import CLAIMS
from scaleproof.suite.runner import Means
from scaleproof.suite.store import Store
from tests.conftest import HEAVY, STORE, TIMED, about_run
from torchcheck.run.machine import cores

#: these try all cases of a finite domain, whatever the seed
EXHAUSTIVE = {
    "gplinker.count",
    "gplinker.decode",
    "gplinker.heads-suffice",
    "events.shared-trigger",
    "events.complete",
    "events.categorical",
    "events.fast",
    "squareplus.floats",
}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, *(pytest.param(k, marks=pytest.mark.long) for k in (2, 3, 4, 5))])
def test_verdicts_are_the_recorded_ones_at_another_seed(seed: int, tmp_path: Path) -> None:
    chosen = [c for c in CLAIMS if c.id not in TIMED | HEAVY | EXHAUSTIVE]
    with processes(cores()) as pool:
        means = Means(pool, pool, Store(STORE))
        record = runner.run(chosen, Settings(seed=seed), tmp_path, means, about_run(seed=seed), environment())
    assert {r.id: r.message for r in record.results if not r.expected} == {}

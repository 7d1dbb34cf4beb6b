"""Intervals and fits: they hold at their declared rates, and they find what is there."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from torchcheck.estimate import FIRST_LOOK, fit_exponent, mean_bounds, median_interval, sequential_mean

LAWS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "normal": lambda r, s: 1 + r.standard_normal(s),
    "heavy-tailed (t, 3 degrees)": lambda r, s: 1 + r.standard_t(3, s),
    "skewed (exponential)": lambda r, s: r.exponential(1, s),
    "skewed (lognormal)": lambda r, s: r.lognormal(-0.5, 1, s),
}


def _alarms(law: str, mean: float, alarm: float, runs: int, looks: int = 4) -> int:
    """In how many of `runs` does any of the declared looks exclude `mean`?"""
    rng = np.random.default_rng(int(1e6 * alarm) + len(law))
    missed = np.zeros(runs, dtype=bool)
    samples = LAWS[law](rng, (runs, FIRST_LOOK * 2 ** (looks - 1)))
    for look in range(looks):
        share = alarm * 6 / (math.pi * (look + 1)) ** 2
        lo, hi = mean_bounds(samples[:, : FIRST_LOOK * 2**look], share)
        missed |= (mean < lo) | (mean > hi)
    return int(missed.sum())


@pytest.mark.slow
@pytest.mark.parametrize("alarm", [1e-1, 1e-2, 1e-3])
@pytest.mark.parametrize("law", LAWS)
def test_true_laws_alarm_no_more_often_than_declared(law: str, alarm: float) -> None:
    runs = 10_000
    alarms = _alarms(law, 1.0, alarm, runs)
    # more alarms than this has probability below 1e-6 at the declared rate
    assert alarms <= stats.binom.ppf(1 - 1e-6, runs, alarm)
    assert alarms / runs <= alarm


@pytest.mark.parametrize("law", LAWS)
def test_a_few_runs_of_each_law(law: str) -> None:
    assert _alarms(law, 1.0, 1e-2, 500) <= stats.binom.ppf(1 - 1e-6, 500, 1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("law", LAWS)
def test_a_shift_of_five_per_cent_is_found(law: str) -> None:
    rng = np.random.default_rng(0)
    interval = sequential_mean(
        lambda _start, count: LAWS[law](rng, (count,)), half_width=0.02, alarm=1e-6, budget=2_000_000
    )
    assert (interval.hi - interval.lo) / 2 <= 0.02
    assert interval.lo <= 1.0 <= interval.hi
    assert not interval.lo <= 1.05 <= interval.hi


def test_sequential_mean_stops_when_narrow_and_at_its_budget() -> None:
    rng = np.random.default_rng(1)
    starts = []

    def draw(start: int, count: int) -> np.ndarray:
        starts.append((start, count))
        return rng.normal(5, 1, count)

    narrow = sequential_mean(draw, half_width=0.1, relative=True, alarm=1e-3)
    assert (narrow.hi - narrow.lo) / 2 <= 0.1 * narrow.value
    assert starts[:2] == [(0, 64), (64, 64)][: len(starts)]
    wide = sequential_mean(draw, half_width=1e-9, alarm=1e-3, budget=300)
    assert wide.samples == 256
    assert wide.hi - wide.lo > 1e-3


def test_constant_samples_have_their_value_as_interval() -> None:
    lo, hi = mean_bounds(np.full(64, 0.1), 1e-6)
    assert lo == pytest.approx(0.1)
    assert hi == pytest.approx(0.1)
    assert np.isfinite([lo, hi]).all()


@pytest.mark.parametrize(("samples", "alarm"), [([1.0] * 7, 0.1), ([1.0] * 64, 0.0), ([1.0] * 64, 1.0), ([], 0.1)])
def test_mean_bounds_refuse(samples: list[float], alarm: float) -> None:
    with pytest.raises(ValueError, match=r"samples|probability"):
        mean_bounds(samples, alarm)


def test_median_interval_is_exact() -> None:
    rng = np.random.default_rng(2)
    for n, alarm in [(9, 0.05), (41, 1e-3), (41, 1e-8)]:
        ranks = np.arange(1.0, n + 1)
        interval = median_interval(rng.permutation(ranks), alarm)
        k = int(interval.lo) - 1  # observations below the interval
        assert 2 * stats.binom.cdf(k, n, 0.5) <= alarm
        assert interval.hi == n + 1 - interval.lo
        assert 2 * stats.binom.cdf(k + 1, n, 0.5) > alarm, "the next narrower interval would do"
    missed = 0
    for _ in range(2000):
        interval = median_interval(rng.exponential(1, 21), 0.05)
        missed += not interval.lo <= math.log(2) <= interval.hi
    assert missed <= stats.binom.ppf(1 - 1e-6, 2000, 0.05)
    with pytest.raises(ValueError, match="too few"):
        median_interval(np.arange(20.0), 1e-8)
    with pytest.raises(ValueError, match="too few"):
        median_interval([], 0.5)


def test_exponent_agrees_with_statsmodels() -> None:
    rng = np.random.default_rng(3)
    x = 2.0 ** np.arange(1, 11)
    sigma = rng.uniform(0.01, 0.1, 10)
    y = 3 * x**-0.5 * np.exp(sigma * rng.standard_normal(10))
    fit = fit_exponent(x, y, sigma, alarm=0.05)
    model = sm.WLS(np.log(y), sm.add_constant(np.log(x)), weights=1 / sigma**2).fit(cov_type="HC3", use_t=True)
    assert fit.exponent.value == pytest.approx(model.params[1])
    assert (fit.exponent.lo, fit.exponent.hi) == pytest.approx(tuple(model.conf_int(0.05)[1]))


def test_curvature_tells_a_power_law_from_others() -> None:
    x = np.geomspace(1, 1000, 13)
    assert fit_exponent(x, 2 * x**0.25).power_law
    assert fit_exponent(x, 2 * x**0.25).exponent.value == pytest.approx(0.25)
    assert not fit_exponent(x, np.log(1 + x)).power_law
    assert not fit_exponent(x, x + 0.2 * x**2).power_law
    rng = np.random.default_rng(4)
    noisy = x**1.5 * np.exp(0.02 * rng.standard_normal(13))
    fit = fit_exponent(x, noisy, np.full(13, 0.02))
    assert fit.power_law
    assert fit.exponent.lo <= 1.5 <= fit.exponent.hi
    bent = noisy * np.exp(0.02 * np.log(x) ** 2)
    assert not fit_exponent(x, bent, np.full(13, 0.02)).power_law


@pytest.mark.slow
def test_exponents_alarm_no_more_often_than_declared() -> None:
    rng = np.random.default_rng(5)
    x = np.geomspace(1, 512, 10)
    runs, alarm = 2000, 1e-2
    missed = 0
    for _ in range(runs):
        fit = fit_exponent(x, x * np.exp(0.1 * rng.standard_normal(10)), alarm=alarm)
        missed += not fit.exponent.lo <= 1 <= fit.exponent.hi
    assert missed <= stats.binom.ppf(1 - 1e-6, runs, alarm)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, -5]),
        ([0, 1, 2, 3, 4], [1] * 5),
        ([1] * 5, [math.nan] * 5),
    ],
)
def test_fits_refuse_what_has_no_exponent(x: list[float], y: list[float]) -> None:
    with pytest.raises(ValueError, match="exponent"):
        fit_exponent(x, y)

"""Intervals and fits: they hold at their declared rates, and they find what is there."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.optimize import brentq

from torchcheck.measure.intervals import (
    FIRST_LOOK,
    SHARE,
    fit_exponent,
    mean_bounds,
    median_interval,
    normal_bounds,
    sequential_mean,
    slope_bounds,
)
from torchcheck.properties.module.depth import _columns, _noise

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


@pytest.mark.parametrize(("samples", "alarm"), [([1.0] * 63, 0.1), ([1.0] * 64, 0.0), ([1.0] * 64, 1.0), ([], 0.1)])
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
    assert (fit.exponent.lo, fit.exponent.hi) == pytest.approx(tuple(model.conf_int(0.05 * SHARE)[1]))


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
@pytest.mark.parametrize("seeds", [2, 4, 8])
@pytest.mark.parametrize("variance", [(0.01, 0.0), (0.01, 0.001)], ids=["constant", "growing"])
def test_exponents_alarm_no_more_often_than_declared(seeds: int, variance: tuple[float, float]) -> None:
    """Networks of eight depths, their noise estimated as `check` does."""
    rng = np.random.default_rng(5)
    depths, runs, alarm, missed = [2**k for k in range(1, 9)], 20_000, 1e-3, 0
    for _ in range(runs):
        logs = {d: list(math.sqrt(variance[0] + variance[1] * d) * rng.standard_normal(seeds)) for d in depths}
        fit = fit_exponent(*_columns(logs, _noise(logs), depths), alarm=alarm)
        missed += not fit.exponent.lo <= 0 <= fit.exponent.hi
    assert missed <= stats.binom.ppf(1 - 1e-3, runs, alarm)


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


def test_normal_bounds_are_students() -> None:
    samples = np.array([[1.0, 2.0, 4.0], [0.0, 0.5, 7.0]])
    expected = stats.t.interval(0.999, 2, samples.mean(-1), stats.sem(samples, axis=-1))
    np.testing.assert_allclose(normal_bounds(samples, 1e-3), expected, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 8, 24])
def test_normal_bounds_alarm_as_often_as_declared(n: int) -> None:
    rng = np.random.default_rng(6)
    runs, alarm = 20_000, 1e-2
    lo, hi = normal_bounds(3 + 0.5 * rng.standard_normal((runs, n)), alarm)
    missed = int(((lo > 3) | (hi < 3)).sum())
    assert stats.binom.ppf(1e-6, runs, alarm) <= missed <= stats.binom.ppf(1 - 1e-6, runs, alarm)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(48, 48, 24, 16), (16, 16, 16), (8, 8, 8, 8)])
@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_slope_bounds_alarm_no_more_often_than_declared(sizes: tuple[int, ...], spread: float) -> None:
    """Groups of equal and of growing scatter, also where the means lie on no line."""
    rng = np.random.default_rng(7)
    x = np.log([2.0, 8.0, 32.0, 256.0][: len(sizes)])
    means = 0.1 * x + 0.05 * x**2
    true = float(np.polyfit(x, means, 1)[0])
    scatter = np.geomspace(0.02, 0.02 * spread, len(sizes))
    runs, alarm, missed = 4000, 1e-2, 0
    for _ in range(runs):
        groups = [m + s * rng.standard_normal(n) for m, s, n in zip(means, scatter, sizes, strict=True)]
        found = slope_bounds(x, groups, alarm)
        missed += not found.lo <= true <= found.hi
    assert missed <= stats.binom.ppf(1 - 1e-6, runs, 1.15 * alarm)


def test_slope_bounds_are_least_squares_over_the_means() -> None:
    rng = np.random.default_rng(8)
    x, groups = [0.0, 1.0, 2.5], [rng.standard_normal(n) for n in (4, 7, 3)]
    assert slope_bounds(x, groups, 0.1).value == pytest.approx(np.polyfit(x, [g.mean() for g in groups], 1)[0])
    flat = slope_bounds([0, 1], [[2.0, 2.0], [3.0, 3.0]], 1e-6)
    assert (flat.lo, flat.value, flat.hi) == (1, 1, 1)
    for bad_x, bad in (([0], [[1, 2]]), ([0, 1], [[1, 2], [3]]), ([0, 1], [[1, 2]])):
        with pytest.raises(ValueError, match="two or more"):
            slope_bounds(bad_x, bad, 0.1)


def test_the_slope_of_two_groups_is_welchs_difference() -> None:
    a, b = [1.0, 2.0, 4.0, 4.5], [3.0, 9.0]
    found = slope_bounds([0.0, 2.0], [a, b], 1e-3)
    welch = stats.ttest_ind(b, a, equal_var=False).confidence_interval(1 - 1e-3)
    assert found.value == pytest.approx((np.mean(b) - np.mean(a)) / 2)
    assert (found.lo, found.hi) == pytest.approx((welch.low / 2, welch.high / 2))
    assert (found.samples, found.alarm) == (6, 1e-3)


def test_the_slope_of_several_groups_is_that_of_least_squares() -> None:
    x, groups = [0.0, 1.0, 5.0], [[1.0, 2.0], [2.0, 5.0], [7.0, 4.0]]
    found = slope_bounds(x, groups, 1e-2)
    assert found.value == pytest.approx(stats.linregress(x, [np.mean(g) for g in groups]).slope)
    exact = slope_bounds([0, 1], [[1, 1], [3, 3]], 1e-2)
    assert (exact.value, exact.lo, exact.hi) == (2, 2, 2)


@pytest.mark.parametrize(
    ("x", "groups"), [([0.0], [[1.0, 2.0]]), ([0.0, 1.0], [[1.0, 2.0]]), ([0.0, 1.0], [[1.0, 2.0], [3.0]])]
)
def test_slopes_refuse_what_has_no_interval(x: list[float], groups: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="two or more groups"):
        slope_bounds(x, groups, 1e-2)


def test_mean_bounds_are_halls_and_students_joined() -> None:
    """Against the definition, written out: t + a t² + a² t³/3 + a/2 = ±q, a = skewness/(3 sqrt n) (Hall 1992)."""
    x = np.random.default_rng(7).exponential(1, 80)
    n, mean, error = 80, x.mean(), x.std(ddof=1) / math.sqrt(80)
    skewness = ((x - mean) ** 3).mean() / x.std() ** 3
    q = stats.t.isf(5e-4, n - 1) * (1 + 2 * abs(skewness) / math.sqrt(n))
    a = skewness / (3 * math.sqrt(n))

    def solved(y: float) -> float:
        return float(brentq(lambda t: t + a * t**2 + a**2 * t**3 / 3 + a / 2 - y, -100, 100, xtol=1e-13))

    lo, hi = mean_bounds(x, 1e-3)
    assert float(lo) == pytest.approx(mean - error * max(q, solved(q)), rel=1e-9)
    assert float(hi) == pytest.approx(mean - error * min(-q, solved(-q)), rel=1e-9)
    rows = np.stack([x, 2 * x])
    np.testing.assert_allclose(mean_bounds(rows, 1e-3), [[float(lo), 2 * float(lo)], [float(hi), 2 * float(hi)]])


def test_a_sequential_mean_spends_its_alarm_over_the_looks() -> None:
    x = np.random.default_rng(8).normal(0, 1, 256)
    found = sequential_mean(lambda start, count: x[start : start + count], half_width=1e-9, alarm=1e-3, budget=256)
    lo, hi = mean_bounds(x, 1e-3 * 6 / (math.pi * 3) ** 2)
    assert (found.value, found.lo, found.hi) == pytest.approx((x.mean(), float(lo), float(hi)))
    assert (found.samples, found.alarm) == (256, 1e-3)


def test_curvature_agrees_with_statsmodels() -> None:
    rng = np.random.default_rng(9)
    x = 2.0 ** np.arange(1, 9)
    sigma = rng.uniform(0.01, 0.1, 8)
    centred = np.log(x) - np.average(np.log(x), weights=1 / sigma**2)
    y = np.exp(0.3 * centred + 0.05 * centred**2 + sigma * rng.standard_normal(8))
    fit = fit_exponent(x, y, sigma, alarm=0.05)
    design = np.stack([np.ones(8), centred, centred**2], axis=1)
    model = sm.WLS(np.log(y), design, weights=1 / sigma**2).fit()
    error = math.sqrt(np.linalg.inv(design.T @ np.diag(1 / sigma**2) @ design)[2, 2])
    margin = stats.t.isf(0.025, 5) * error
    assert fit.curvature.value == pytest.approx(model.params[2])
    assert (fit.curvature.lo, fit.curvature.hi) == pytest.approx((model.params[2] - margin, model.params[2] + margin))
    flat = sm.WLS(np.log(y), design[:, :2], weights=1 / sigma**2).fit()
    assert fit.bend == pytest.approx(np.abs(design @ model.params - design[:, :2] @ flat.params).max())
    assert (fit.exponent.samples, fit.exponent.alarm) == (8, 0.05)


@pytest.mark.parametrize("alarm", [0.4, 0.05, 1e-3, 1e-6])
def test_median_intervals_take_the_narrowest_ranks(alarm: float) -> None:
    for n in range(1, 70):
        ranks = [r for r in range(1, n // 2 + 1) if 2 * stats.binom.cdf(r - 1, n, 0.5) <= alarm]
        if not ranks:
            with pytest.raises(ValueError, match="too few"):
                median_interval(np.arange(n), alarm)
            continue
        found = median_interval(np.arange(1, n + 1), alarm)
        assert (found.lo, found.hi, found.value) == (max(ranks), n + 1 - max(ranks), (n + 1) / 2)
        assert (found.samples, found.alarm) == (n, alarm)


def test_a_sequential_mean_stops_at_the_half_width_asked_for() -> None:
    x = np.random.default_rng(10).normal(10, 1, 4096)
    lo, hi = (float(v) for v in mean_bounds(x[:128], 1e-3 * 6 / (math.pi * 2) ** 2))
    half = (hi - lo) / 2
    for width, relative in ((half * 1.001, False), (half * 1.001 / float(x[:128].mean()), True)):
        found = sequential_mean(lambda a, n: x[a : a + n], width, alarm=1e-3, relative=relative)
        assert found.samples == 128
        assert sequential_mean(lambda a, n: x[a : a + n], width / 1.01, alarm=1e-3, relative=relative).samples == 256


def test_bounds_of_one_row_and_of_two_samples() -> None:
    for bounds, samples in ((normal_bounds, [1.0, 4.0]), (mean_bounds, np.random.default_rng(11).normal(3, 1, 64))):
        lo, hi = bounds(samples, 1e-3)
        assert np.ndim(lo) == 0
        assert lo < np.mean(samples) < hi
    np.testing.assert_allclose(
        normal_bounds([1, 4], 1e-3), stats.t.interval(0.999, 1, 2.5, stats.sem([1, 4])), rtol=1e-12
    )
    with pytest.raises(ValueError, match="at least 2 samples for an interval, got 1"):
        normal_bounds([1.0], 1e-3)
    assert [float(v) for v in mean_bounds(np.zeros(64), 1e-3)] == [0.0, 0.0]


def test_a_slope_without_scatter_keeps_its_count_and_alarm() -> None:
    found = slope_bounds([0, 1], [[1, 1], [3, 3, 3]], 1e-2)
    assert (found.samples, found.alarm) == (5, 1e-2)
    with pytest.raises(ValueError, match=r"^a slope needs two or more groups, of two or more samples each, one for"):
        slope_bounds([0.0], [[1.0, 2.0]], 0.1)


def test_sequential_means_have_these_defaults() -> None:
    """An alarm of 1e-6, 4096 samples at most, and a half width that is absolute."""
    x = np.random.default_rng(12).normal(100, 1, 8192)
    found = sequential_mean(lambda a, n: x[a : a + n], half_width=1e-9)
    assert (found.samples, found.alarm) == (4096, 1e-6)
    wide = sequential_mean(lambda a, n: x[a : a + n], half_width=0.5)
    assert wide.samples > FIRST_LOOK
    lo, hi = (float(v) for v in mean_bounds(x[:64], 1e-3 * 6 / math.pi**2))
    exact = sequential_mean(lambda a, n: x[a : a + n], half_width=(hi - lo) / 2, alarm=1e-3)
    assert exact.samples == 64


def test_medians_have_an_alarm_of_a_millionth_unless_told() -> None:
    assert median_interval(np.arange(41.0)).alarm == 1e-6
    assert median_interval(np.arange(2.0), 0.5).samples == 2  # the alarm is reached exactly


def test_five_points_make_a_fit_and_zeros_none() -> None:
    x = np.arange(1.0, 6.0)
    fit = fit_exponent(x, x**2)
    assert (fit.exponent.samples, fit.curvature.samples) == (5, 5)
    assert fit.exponent.value == pytest.approx(2)
    for bad in ([0.0, 1, 2, 3, 4], [math.inf, 1, 2, 3, 4]):
        with pytest.raises(ValueError, match=r"^an exponent needs positive finite x and y$"):
            fit_exponent(x, bad)
        with pytest.raises(ValueError, match=r"^an exponent needs positive finite x and y$"):
            fit_exponent(bad, x)
    with pytest.raises(ValueError, match=r"^an exponent with a curvature test needs 5 or more points, got 4 and 4$"):
        fit_exponent(x[:4], x[:4])

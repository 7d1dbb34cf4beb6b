"""Means, medians and scaling exponents with intervals, at false-alarm rates that hold over repeated looks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

#: samples at the first look; at most 1/16 of the interval's own skewness correction is left uncorrected here
FIRST_LOOK = 64
#: of the alarm that a fitted exponent is given, what its interval spends by its own formula
SHARE = 0.1


@dataclass(frozen=True)
class Interval:
    """An estimate with the interval [lo, hi]; `alarm` is the probability of missing the true value."""

    value: float
    lo: float
    hi: float
    samples: int
    alarm: float


@dataclass(frozen=True)
class ExponentFit:
    """y = constant * x^exponent, fitted in log-log; `curvature` is the coefficient of (log x - mean)²."""

    exponent: Interval
    curvature: Interval
    bend: float  # largest departure of the quadratic fit from the straight one on the grid, in log y
    power_law: bool


def normal_bounds(samples: ArrayLike, alarm: float) -> tuple[Array, Array]:
    """Student's bounds for the mean of independent normal samples along the last axis: exact from two samples on.

    For what is normal, such as logarithms of norms of large gradients; mean_bounds is for what may be skewed.
    Raises ValueError below 2 samples.
    """
    x = _floats(samples)
    n = _counted(x, alarm, 2)
    margin = _student(alarm / 2, n - 1) * x.std(axis=-1, ddof=1) / math.sqrt(n)
    mean = x.mean(axis=-1)
    return mean - margin, mean + margin


def slope_bounds(x: ArrayLike, groups: Sequence[ArrayLike], alarm: float) -> Interval:
    """The least-squares slope of the groups' means over `x`, from the scatter inside the groups alone.

    Independent normal samples, groups[k] at x[k], two or more each; Welch and Satterthwaite's degrees of freedom (exact
    for one group or equal variances over n - 1, else good to some per cent: test_intervals.py). It is
    valid whether or not the means lie on a line: it is the slope of the line that fits the true means best. Raises
    ValueError for fewer than 2 groups or a group of one.
    """
    xs, ys = _floats(x), [_floats(g) for g in groups]
    if len(xs) != len(ys) or len(xs) < 2 or min(len(y) for y in ys) < 2:
        raise ValueError("a slope needs two or more groups, of two or more samples each, one for every x")
    weights = (xs - xs.mean()) / ((xs - xs.mean()) ** 2).sum()
    parts = weights**2 * np.array([y.var(ddof=1) / len(y) for y in ys])
    freedom = np.array([len(y) - 1 for y in ys])
    total = float(parts.sum())
    value = float(weights @ np.array([y.mean() for y in ys]))
    count = sum(len(y) for y in ys)
    if total == 0:
        return Interval(value, value, value, count, alarm)
    margin = _student(alarm / 2, total**2 / float((parts**2 / freedom).sum())) * math.sqrt(total)
    return Interval(value, value - margin, value + margin, count, alarm)


def mean_bounds(samples: ArrayLike, alarm: float) -> tuple[Array, Array]:
    """Bounds for the mean of independent samples along the last axis, missing it with probability `alarm`.

    The union of Student's interval and Hall's 1992 skewness-corrected one, widened by 1 + 2 abs(skewness)/sqrt(n):
    asymptotic, but calibrated for normal, heavy-tailed and skewed samples from FIRST_LOOK samples on
    (tests/torchcheck/measure/test_intervals.py). Raises ValueError below that.
    """
    x = _floats(samples)
    n = _counted(x, alarm, FIRST_LOOK)
    mean = x.mean(axis=-1)
    error = x.std(axis=-1, ddof=1) / math.sqrt(n)
    flat = error <= 1e-14 * np.abs(mean)  # constant up to rounding: no skewness to speak of
    with np.errstate(invalid="ignore", divide="ignore"):
        skewness = np.where(flat, 0.0, ((x - mean[..., None]) ** 3).mean(axis=-1) / x.std(axis=-1) ** 3)
    quantile = _student(alarm / 2, n - 1) * (1 + 2 * np.abs(skewness) / math.sqrt(n))
    high = np.maximum(quantile, _hall_inverse(quantile, skewness, n))
    low = np.minimum(-quantile, _hall_inverse(-quantile, skewness, n))
    return mean - error * high, mean - error * low


def sequential_mean(
    draw: Callable[[int, int], ArrayLike],
    half_width: float,
    alarm: float = 1e-6,
    budget: int = 4096,
    relative: bool = False,
) -> Interval:
    """Adds samples until the interval's half width is at most `half_width` (of the mean, if `relative`).

    `draw(start, count)` returns samples start ... start + count - 1 (seeds, say). Looks are declared beforehand,
    at FIRST_LOOK * 2^k samples; look k spends 6/(pi (k+1))² of `alarm`, so the interval returned at whichever
    look is valid at `alarm`. Stops at `budget` samples with whatever width was reached.
    """
    samples = _floats(draw(0, FIRST_LOOK))
    look = 0
    while True:
        lo, hi = (float(v) for v in mean_bounds(samples, alarm * 6 / (math.pi * (look + 1)) ** 2))
        mean = float(samples.mean())
        wanted = half_width * abs(mean) if relative else half_width
        if (hi - lo) / 2 <= wanted or 2 * len(samples) > budget:
            return Interval(mean, lo, hi, len(samples), alarm)
        samples = np.concatenate([samples, _floats(draw(len(samples), len(samples)))])
        look += 1


def median_interval(samples: ArrayLike, alarm: float = 1e-6) -> Interval:
    """The median with a distribution-free interval of order statistics: exact for independent samples of any law.

    Raises ValueError where even the extremes do not reach `alarm` (fewer than 1 + log2(1/alarm) samples).
    """
    from scipy import special  # which takes a while to import

    x = np.sort(_floats(samples))
    n = len(x)
    if n == 0 or 2.0 ** (1 - n) > alarm:
        raise ValueError(f"{n} samples are too few for a median interval at {alarm:g}")
    rank = int(np.searchsorted(special.bdtr(np.arange(n), n, 0.5), alarm / 2, side="right"))
    return Interval(float(np.median(x)), float(x[rank - 1]), float(x[n - rank]), n, alarm)


def fit_exponent(
    x: ArrayLike, y: ArrayLike, sigma: ArrayLike | None = None, alarm: float = 1e-6, material: float = 0.01
) -> ExponentFit:
    """Weighted least squares of log y on log x, with HC3 robust errors, and a test for curvature.

    `sigma` is the standard deviation of each log y (its relative error); without it the points are taken as
    exact and all weigh the same. HC3 errors and an estimated `sigma` make Student's interval miss up to 6 times as
    often as it says, so it is taken at SHARE of `alarm` (test_intervals.py). It is called a power law
    if the bend is at most `material` in log y, or if the curvature's interval, for errors of size `sigma`, contains 0.
    Raises ValueError for fewer than 5 points or values that are not positive.
    """
    xs, ys = _floats(x), _floats(y)
    if len(xs) != len(ys) or len(xs) < 5:
        raise ValueError(f"an exponent with a curvature test needs 5 or more points, got {len(xs)} and {len(ys)}")
    if not (np.all(xs > 0) and np.all(ys > 0) and np.all(np.isfinite(xs)) and np.all(np.isfinite(ys))):
        raise ValueError("an exponent needs positive finite x and y")
    weights = np.ones_like(xs) if sigma is None else 1 / _floats(sigma)
    centred = np.log(xs) - np.log(xs).mean()
    line = np.stack([np.ones_like(xs), centred], axis=1)
    parabola = np.stack([np.ones_like(xs), centred, centred**2], axis=1)
    flat, flat_errors = _hc3(line, np.log(ys), weights)
    bent, bent_errors = _hc3(parabola, np.log(ys), weights)
    if sigma is not None:  # the scatter around a wrong law is no measure of the noise
        weighted = parabola * weights[:, None]
        bent_errors = np.sqrt(np.diag(np.linalg.inv(weighted.T @ weighted)))
    exponent = _t_interval(flat[1], flat_errors[1], len(xs) - 2, len(xs), alarm, SHARE)
    curvature = _t_interval(bent[2], bent_errors[2], len(xs) - 3, len(xs), alarm)
    bend = float(np.abs(parabola @ bent - line @ flat).max())
    within_noise = sigma is not None and curvature.lo <= 0 <= curvature.hi
    return ExponentFit(exponent, curvature, bend, bend <= material or within_noise)


def _student(tail: float, freedom: float) -> float:
    """The value that Student's t exceeds with probability `tail`."""
    from scipy import special

    return -float(special.stdtrit(freedom, tail))


def _floats(values: ArrayLike) -> Array:
    return np.asarray(values, dtype=float)


def _counted(x: Array, alarm: float, least: int) -> int:
    if x.shape[-1] < least:
        raise ValueError(f"a mean needs at least {least} samples for an interval, got {x.shape[-1]}")
    if not 0 < alarm < 1:
        raise ValueError(f"alarm is a probability between 0 and 1, got {alarm}")
    return int(x.shape[-1])


def _hall_inverse(y: Array, skewness: Array, n: int) -> Array:
    """Solves t + a t² + a² t³/3 + a/2 = y, a = skewness/(3 sqrt(n)) (Hall 1992, J. R. Statist. Soc. B 54, 221)."""
    a = skewness / (3 * math.sqrt(n))
    safe = np.where(np.abs(a) < 1e-9, 1.0, a)
    t = (np.cbrt(1 + 3 * safe * (y - safe / 2)) - 1) / safe
    return np.asarray(np.where(np.abs(a) < 1e-9, y, t))


def _hc3(design: Array, target: Array, weights: Array) -> tuple[Array, Array]:
    """Coefficients and HC3 standard errors (MacKinnon and White 1985) of weighted least squares."""
    a, b = design * weights[:, None], target * weights
    inverse = np.linalg.inv(a.T @ a)
    coefficients = inverse @ a.T @ b
    leverage = np.einsum("ij,jk,ik->i", a, inverse, a)
    scaled = (b - a @ coefficients) / np.maximum(1 - leverage, 1e-12)
    covariance = inverse @ (a.T * scaled**2) @ a @ inverse
    return coefficients, np.sqrt(np.diag(covariance))


def _t_interval(value: float, error: float, freedom: int, samples: int, alarm: float, share: float = 1.0) -> Interval:
    margin = _student(share * alarm / 2, freedom) * float(error)
    return Interval(float(value), float(value) - margin, float(value) + margin, samples, alarm)

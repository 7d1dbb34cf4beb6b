"""The GAU's theory against definitions, sampling and the real module."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from scaleproof.theory import gau
from scaleproof.theory.gaussian import ACTIVATIONS, moment
from torchcheck.probes.gau.entries import entries, outputs


def _measured(unit: gau.Unit, seeds: int) -> tuple[float, float]:
    """RMS of the module's output, and the standard error of its logarithm."""
    options = {"head_size": unit.head_size, "gain": unit.gain, "normaliser": unit.normaliser, "causal": unit.causal}
    subject = {"target": "torchcheck.modules:GAU", "options": options}
    (m,) = outputs(subject, unit.width, unit.tokens, seeds)
    squares = np.array(m.data["output"])
    return math.sqrt(squares.mean()), float(squares.std() / squares.mean() / 2 / math.sqrt(seeds))


UNITS = [
    (gau.Unit(16, 64, 128, 0.3), 400),
    (gau.Unit(128, 64, 128, 1.0), 150),
    (gau.Unit(128, 256, 128, 0.05), 100),
    (gau.Unit(256, 128, 256, 0.5, "visible"), 60),
    (gau.Unit(256, 128, 256, 1.0, "ns", True), 60),
    (gau.Unit(256, 128, 256, 1.0, "n2"), 60),
]


@pytest.mark.parametrize(("unit", "seeds"), UNITS, ids=str)
def test_output_rms(unit: gau.Unit, seeds: int) -> None:
    rms, error = _measured(unit, seeds)
    assert gau.output(unit).rms == pytest.approx(rms, rel=0.02 + 5 * error)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("gain", [0.05, 1.0])
@pytest.mark.parametrize("width", [128, 1024])
@pytest.mark.parametrize("head_size", [16, 256])
@pytest.mark.parametrize("tokens", [16, 2048])
def test_output_rms_is_within_five_per_cent_everywhere(tokens: int, head_size: int, width: int, gain: float) -> None:
    unit = gau.Unit(tokens, head_size, width, gain)
    rms, error = _measured(unit, {16: 200, 2048: 6}[tokens])
    assert gau.output(unit).rms == pytest.approx(rms, rel=0.05 + 5 * error)


def test_every_part_is_the_mean_over_its_pairs() -> None:
    """The four parts against sampled X and weights: one query with many keys each."""
    s, d, gain, samples, keys = 24, 96, 1.0, 400, 64
    rng = np.random.default_rng(0)

    def swish(x: np.ndarray) -> np.ndarray:
        return x / (1 + np.exp(-x))

    rows = []
    for _ in range(samples):
        x = rng.normal(size=(keys, d))
        z = swish(x @ rng.normal(size=(d, s)) / math.sqrt(d))
        u, v = (swish(x @ rng.normal(size=(d, 8)) / math.sqrt(d)) for _ in range(2))
        a = np.maximum(z @ z[0], 0) ** 2
        u2 = u[0] ** 2
        own, others = a[0] * v[0], a[1:, None] * v[1:]
        square = (others**2).sum(0)
        cross = others.sum(0) ** 2 - square
        rows.append(
            [
                np.mean(u2 * own**2),
                np.mean(u2 * square) / (keys - 1),
                np.mean(u2 * own * others.sum(0)) / (keys - 1),
                np.mean(u2 * cross) / (keys - 1) / (keys - 2),
                a[0],
                a[1:].mean(),
            ]
        )
    means = np.mean(rows, axis=0)
    errors = np.std(rows, axis=0) / math.sqrt(samples)
    p = gau.moments(s, d, gain)
    theory = [p.itself, p.other, p.mixed, p.others, p.diagonal, p.off_diagonal]
    for name, mean, error, value in zip(
        ["itself", "other", "mixed", "others", "diagonal", "off"], means, errors, theory, strict=True
    ):
        assert abs(mean - value) < 5 * error + 0.03 * value, name


def test_wishart_is_its_definition() -> None:
    """The cumulant function and the tilted covariance, by sampling Gram matrices of three Gaussian vectors."""
    d = 6
    x = np.random.default_rng(0).normal(size=(2_000_000, 3, d))
    gram = x @ x.transpose(0, 2, 1) / d
    tilt = {(0, 0): -0.3, (1, 1): 0.2, (2, 2): -0.1, (0, 1): 0.4, (0, 2): -0.2, (1, 2): 0.3}
    weights = np.exp(sum(t * (gram[:, i, j] - (i == j)) for (i, j), t in tilt.items()))
    for pair in ((0, 1), (1, 2), (0, 0)):
        cumulant, covariance = gau.wishart({k: np.array(v + 0j) for k, v in tilt.items()}, d, pair)
        i, j = pair
        assert float(cumulant.real) == pytest.approx(math.log(weights.mean()), abs=5e-3)
        mean = float((weights * gram[:, i, j]).mean() / weights.mean())
        assert float(covariance.real) == pytest.approx(mean, abs=5e-3)


def test_limits() -> None:
    small, large = gau.Unit(512, 128, 768, 1e-3), gau.Unit(512, 128, 768, 60.0)
    assert gau.local_exponent(small) == pytest.approx(7, abs=1e-3)
    assert gau.local_exponent(large) == pytest.approx(7, abs=0.05)
    assert gau.local_exponent(gau.Unit(512, 128, 768)) > 9
    unit = gau.Unit(10**7, 128, 768)
    assert gau.output(unit).rms == pytest.approx(gau.limit(unit), rel=1e-3)
    assert gau.output(gau.Unit(10**7, 128, 768, normaliser="n2")).rms < 1e-4


def test_one_token_sees_itself_alone() -> None:
    output = gau.output(gau.Unit(1, 64, 128))
    assert output.other == output.mixed == output.others == 0
    (m,) = entries({"target": "torchcheck.modules:GAU", "options": {"head_size": 64}}, 128, 1, 200)
    assert float(np.mean(m.data["share"])) == pytest.approx(1)
    assert float(np.sqrt(np.mean(m.data["output"]))) == pytest.approx(output.rms, rel=0.1)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_moments_enclose_and_are_tight(name: str) -> None:
    found = moment(name, 2, "0.7", 40)
    with mpmath.workdps(50):
        assert mpmath.mpf(found.hi) - mpmath.mpf(found.lo) <= mpmath.mpf(10) ** -39
        sample = mpmath.quad(
            lambda x: ACTIVATIONS[name].definition(mpmath.mpf("0.7") * x) ** 2 * mpmath.npdf(x), [-30, -5, 0, 5, 30]
        )
        assert abs(sample - mpmath.mpf(found.lo)) < mpmath.mpf(10) ** -35


def test_known_moments() -> None:
    assert float(moment("gelu", 1).lo) == pytest.approx(1 / (2 * math.sqrt(math.pi)))  # by parts: E phi(g)
    assert float(moment("squareplus", 2).lo) == pytest.approx(1.5)  # (E g² + 2)/2
    assert float(moment("sigmoid", 1, "3").lo) == pytest.approx(0.5)
    assert gau.swish_moments(1.0) == pytest.approx((float(moment("swish", 1).lo), float(moment("swish", 2).lo)))


@pytest.mark.parametrize(("power", "gain"), [(0, "1"), (1, "0"), (1, "-2")])
def test_moments_say_what_is_wrong(power: int, gain: str) -> None:
    with pytest.raises(ValueError, match="positive gain"):
        moment("swish", power, gain)

"""deepnet.thousand: what training runs decide, and what they leave open."""

from __future__ import annotations

import pytest

from scaleproof.claim import Settings, Verdict
from scaleproof.claims.deepnet import CLAIMS
from scaleproof.claims.deepnet.training import SLOW, plan_thousand
from scaleproof.suite.judge import judge
from torchcheck.data import Evidence, Measurement

CLAIM = next(c for c in CLAIMS if c.id == "deepnet.thousand")


def _run(layers: int, scaling: str, value: float, seed: int = 0) -> Measurement:
    params = {"subject": {"target": CLAIM.subject, "options": {"scaling": scaling}}, "rate": 1e-3, "seed": seed}
    return Measurement("loss", value, evidence=Evidence.SINGLE, data={"layers": layers}, params=params)


def _verdict(thousand: list[float], hundred: list[float]) -> tuple[Verdict, str]:
    runs = [_run(100, "deepnorm", v) for v in hundred] + [_run(100, "none", v) for v in (0.01, 0.04)]
    runs += [_run(1000, "deepnorm", v) for v in thousand] + [_run(1000, "none", v) for v in (0.02, 0.2)]
    runs += [_run(100, scaling, 0.01, SLOW) for scaling in ("deepnorm", "none")]
    full = Settings("full")
    found = judge(CLAIM, None, CLAIM.predict(full), CLAIM.reduce(full, runs))
    return found.verdict, found.message


def test_a_thousand_layers_that_learn_confirm_it() -> None:
    assert _verdict([-0.2, -0.1], [-0.2, -0.3])[0] == "confirmed"


@pytest.mark.parametrize("thousand", [[-0.02, 0.02], [-0.2, 0.02], [-0.049, -0.2]])
def test_a_budget_that_ends_before_they_learn_refutes_nothing(thousand: list[float]) -> None:
    verdict, message = _verdict(thousand, [-0.2, -0.3])
    assert verdict == "inconclusive"
    assert "the budget ended first" in message


@pytest.mark.parametrize("thousand", [[2.0, 3.0], [float("nan"), -0.2]])
def test_divergence_refutes(thousand: list[float]) -> None:
    assert _verdict(thousand, [-0.2, -0.3])[0] == "refuted"


def test_a_hundred_layers_have_to_learn_in_their_steps() -> None:
    assert _verdict([-0.2, -0.1], [0.01, 0.02])[0] == "refuted"


def test_the_seeds_of_a_hundred_layers_are_always_the_same() -> None:
    plans = [plan_thousand(Settings(seed=seed), CLAIM.subject) for seed in (0, 6)]
    assert plans[0] == plans[1]
    assert sorted(t.params["seed"] for t in plans[0]) == [0, 0, 1, 1, SLOW, SLOW]
    thousand = [t for t in plan_thousand(Settings("full", seed=6), CLAIM.subject) if t.params["layers"] == 1000]
    assert {t.params["seed"] for t in thousand} == {6000, 6001}

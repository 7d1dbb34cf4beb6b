"""Every decimal number in a clause is one that the claim predicts, or derived or named here: no sentence goes stale."""

from __future__ import annotations

import math
import re
from functools import lru_cache

import numpy as np
import pytest

from scaleproof.certify.search import prove
from scaleproof.claim import Claim, Clause, Prediction, Settings
from scaleproof.suite.registry import CLAIMS, select
from scaleproof.theory.gau import Unit, limit, moments, swish_moments

DECIMAL = re.compile(r"(?<![\w.])(-?)(\d+\.\d+)")
CLAUSES = [(claim, clause) for claim in CLAIMS for clause in claim.clauses if DECIMAL.search(clause.text)]
#: numbers that set the scene: an input, a gain, a deviation, a threshold
GIVEN = {
    "eg.non-negative.lost": [0.69314712],
    "deepnet.paper-constants.source": [0.81, 0.87],
    "gau.lambda-seven.local": [0.7, 0.5, 0.1],
    "gau.identity.paper": [0.02],
    "gplinker.sparse-gain.faster": [1.5],
}


@lru_cache
def predicted(claim: str) -> list[Prediction]:
    return [p for c in select([claim]) for p in c.predict(Settings())]


@lru_cache
def derived() -> dict[str, list[float]]:
    """What a clause says of numbers that its claim predicts in another form."""
    normal = np.random.default_rng(0).standard_normal(10**7)
    typical = [math.exp(n * float(np.log(abs(1 + normal / math.sqrt(n))).mean())) for n in (4, 16, 64)]
    ratio = next(float(p.lo) for p in predicted("deepnet.branch-gradients") if p.name.endswith("gain=0.25.common=0"))
    unit = Unit(512, 128, 768)
    other, mu = moments(128, 768, 1.0).off_diagonal, swish_moments(1.0)[0]
    return {
        "squareplus.dominates-softplus.source": _bounds("squareplus.dominates-softplus", "b"),
        "squareplus.minimax.source": _bounds("squareplus.minimax", "b"),
        "deepnet.branch-gradients.negligible": [ratio / 0.25],
        "residual.one-dim.random": [*typical, (1 + 1 / math.sqrt(4)) ** 4],
        "gau.attention-entries.off-diagonal": [other / (128**2 * mu**4)],
        "gau.identity.alpha": [1 / limit(unit)],
    }


@pytest.mark.parametrize(("claim", "clause"), CLAUSES, ids=[f"{c.id}.{k.key}" for c, k in CLAUSES])
def test_decimals_are_predicted(claim: Claim, clause: Clause) -> None:
    name = f"{claim.id}.{clause.key}"
    known = [float(v) for p in predicted(claim.id) if p.clause == clause.key for v in (p.lo, p.hi)]
    known += GIVEN.get(name, []) + derived().get(name, [])
    for sign, digits in DECIMAL.findall(clause.text):
        stated, step = float(sign + digits), 10.0 ** -len(digits.split(".")[1])
        # an ellipsis follows digits that are cut off, not rounded
        room = step if f"{digits}\\ldots" in clause.text else 0.5001 * step
        assert any(abs(v - stated) <= room for v in known), f"{name} says {stated}: nothing that it predicts rounds so"


def _bounds(claim: str, variable: str) -> list[float]:
    """The bounds that a certificate proves."""
    (theorem,) = prove(claim).theorems
    return [float(v) for v in theorem.statement.body["bounds"][variable]]

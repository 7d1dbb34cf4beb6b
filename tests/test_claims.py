"""Every claim as a test: its verdict, its certificate and its seeded fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaleproof.claims.claim import Claim, Settings
from scaleproof.claims.judge import compare
from scaleproof.claims.registry import CLAIMS
from scaleproof.proofs.theorems import STATEMENTS, replay
from scaleproof.reports.record import Record, Result
from tests.conftest import HEAVY, TIMED
from torchcheck.run import run_task

IDS = [c.id for c in CLAIMS if c.id not in TIMED | HEAVY]


def _result(record: Record, claim: str) -> Result:
    return next(r for r in record.results if r.id == claim)


def test_no_claim_was_lost() -> None:
    families = {
        "squareplus": 8,
        "eg": 6,
        "residual": 6,
        "deepnet": 13,
        "flash": 8,
        "gau": 6,
        "gplinker": 8,
        "events": 5,
    }
    assert {f: sum(c.family == f for c in CLAIMS) for f in families} == families
    assert len(CLAIMS) == len({c.id for c in CLAIMS}) == sum(families.values())
    assert {c.id for c in CLAIMS} > HEAVY | TIMED


@pytest.mark.parametrize("claim", IDS)
def test_verdict_is_the_recorded_one(record: Record, claim: str) -> None:
    result = _result(record, claim)
    assert result.verdict == result.recorded, result.message


@pytest.mark.parametrize("claim", IDS)
def test_seeded_fault_changes_the_verdict(record: Record, claim: str) -> None:
    fault = _result(record, claim).fault
    assert fault is not None
    assert fault.caught, f"{fault.words}: {fault.verdict}, {fault.message}"
    assert fault.verdict == "refuted"


@pytest.mark.slow
@pytest.mark.timeout(1800)  # the first of them runs the claims
@pytest.mark.parametrize("claim", sorted(HEAVY))
def test_heavy_verdict_is_the_recorded_one_and_its_fault_changes_it(heavy_record: Record, claim: str) -> None:
    result = _result(heavy_record, claim)
    assert result.verdict == result.recorded, result.message
    assert result.fault is not None
    assert result.fault.caught, f"{result.fault.words}: {result.fault.verdict}, {result.fault.message}"
    assert result.fault.verdict == "refuted"


@pytest.mark.parametrize("claim", sorted(set(STATEMENTS) - HEAVY))
def test_stored_certificate_replays(record: Record, run_folder: Path, claim: str) -> None:
    proof = _result(record, claim).proof
    assert proof is not None
    checked = replay(json.loads((run_folder / proof.certificate).read_text(encoding="utf-8")))
    assert checked.holds, checked.reason
    assert checked.claim == claim


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_legs_are_what_the_claim_says(claim) -> None:  # type: ignore[no-untyped-def]
    assert ("P" in claim.legs) == (claim.proof is not None) == (claim.id in STATEMENTS)
    names = {p.name for p in claim.predict(Settings()) if p.about == "source"}
    assert names, "a claim predicts something of its source's statement"
    assert claim.plan(Settings(), claim.subject)
    if claim.recorded == "corrected":
        assert claim.corrected
        assert any(p.about == "corrected" for p in claim.predict(Settings()))


def test_corrected_claims_show_a_counterexample(record: Record) -> None:
    corrected = [r for r in record.results if r.verdict == "corrected"]
    exact = {"squareplus.floats", "eg.non-negative", "eg.sign-rule", "flash.causal-normaliser"}
    exact |= {
        "gplinker.decode",
        "gplinker.sparse-loss",
        "events.shared-trigger",
        "events.complete",
        "events.categorical",
    }
    measured = {
        "deepnet.first-order",
        "deepnet.probe",
        "deepnet.branch-gradients",
        "flash.causal-memory",
        "gplinker.loss",
    }
    assert {r.id for r in corrected} == exact | measured
    assert all(r.counterexample for r in corrected if r.id in exact)


def _claim(name: str) -> Claim:
    return next(c for c in CLAIMS if c.id == name)


def test_speed_measures_what_it_predicts() -> None:
    claim = _claim("squareplus.speed")
    task = claim.plan(Settings(), claim.subject)[0]
    small = {**task.params, "sizes": {"small": 64}, "repeats": 30}
    measured = claim.reduce(Settings(), run_task(type(task)(task.probe, small)))
    assert {m.name for m in measured} == {"speedup.eager.small", "beside: speedup.eager.small"}
    assert all(m.lo is not None and m.lo <= (m.value or 0) <= (m.hi or 0) for m in measured)


@pytest.mark.parametrize("target", ["subject", "fault"])
def test_costs_are_counted_exactly(target: str) -> None:
    """All of flash.linear-cost but its wall times, which no test asserts."""
    claim = _claim("flash.linear-cost")
    tasks = claim.plan(Settings(), claim.subject if target == "subject" else claim.fault.target)
    measured = [m for t in tasks for m in run_task(type(t)(t.probe, {**t.params, "sizes": [256, 512], "repeats": 1}))]
    reduced = {m.name: m for m in claim.reduce(Settings(), measured)}
    counted = [p for p in claim.predict(Settings()) if p.name.endswith(("n=256", "n=512")) and p.name in reduced]
    standings = {compare(p, reduced[p.name]) for p in counted}
    assert len(counted) >= 4
    assert standings == {"inside"} if target == "subject" else "outside" in standings


@pytest.mark.parametrize("claim", ["eg.closed-form", "squareplus.floats"])
def test_one_seed_gives_the_same_numbers_twice(claim: str) -> None:
    chosen = _claim(claim)
    task = chosen.plan(Settings(), chosen.subject)[-1]
    first, second = (run_task(task) for _ in range(2))
    assert [(m.name, m.value, m.witness) for m in first] == [(m.name, m.value, m.witness) for m in second]

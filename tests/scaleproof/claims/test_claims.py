"""Every claim as a test: its verdict, its certificate and its seeded fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaleproof.certify.replay import replay
from scaleproof.certify.statements import STATEMENTS
from scaleproof.claim import Claim, Profile, Settings
from scaleproof.reporting.record import Record, Result
from scaleproof.suite.judge import compare, judge
from scaleproof.suite.registry import CLAIMS
from tests.conftest import HEAVY, LONG, TIMED
from torchcheck.run.execute import run_task

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
    assert HEAVY > LONG


@pytest.mark.parametrize("claim", IDS)
def test_verdict_is_the_recorded_one(record: Record, claim: str) -> None:
    result = _result(record, claim)
    assert result.expected, result.message
    assert result.verdict == result.recorded, result.message


@pytest.mark.parametrize("claim", IDS)
def test_seeded_fault_changes_the_verdict(record: Record, claim: str) -> None:
    fault = _result(record, claim).fault
    assert fault is not None
    assert fault.caught, f"{fault.words}: {fault.verdict}, {fault.message}"
    assert fault.verdict == "refuted"


@pytest.mark.slow
@pytest.mark.timeout(1800)  # the first of them runs the claims
@pytest.mark.parametrize("claim", sorted(HEAVY - LONG))
def test_heavy_verdict_is_the_recorded_one_and_its_fault_changes_it(heavy_record: Record, claim: str) -> None:
    _stands(_result(heavy_record, claim))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("claim", sorted(LONG))
def test_long_verdict_is_the_recorded_one_and_its_fault_changes_it(long_record: Record, claim: str) -> None:
    _stands(_result(long_record, claim))


def _stands(result: Result) -> None:
    assert result.expected, result.message
    assert result.verdict == result.recorded, result.message
    _judged(result)
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
@pytest.mark.parametrize("profile", ["quick", pytest.param("full", marks=pytest.mark.slow)])
def test_every_clause_has_evidence_and_all_evidence_a_clause(claim: Claim, profile: Profile) -> None:
    settings = Settings(profile)
    predictions = claim.predict(settings)
    judge(claim, None, predictions, [])  # raises for a clause without evidence, or a prediction without a clause
    used = [name for c in claim.clauses for name in c.theorems]
    statements = [s.name for s in STATEMENTS.get(claim.id, ())]
    assert set(used) == set(statements), "every theorem carries a clause, and every clause's theorems are there"
    assert len(statements) == len(set(statements))
    assert ("P" in claim.legs) == claim.is_proved == (claim.id in STATEMENTS)
    assert claim.plan(settings, claim.subject)
    assert len({c.key for c in claim.clauses}) == len(claim.clauses)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_a_recorded_verdict_is_one_that_the_clauses_allow(claim: Claim) -> None:
    assert bool(claim.setting) == (claim.recorded == "qualified")
    if claim.recorded in ("corrected", "qualified"):
        assert claim.part("ours")
    if claim.recorded == "proved":
        assert all(c.theorems for c in claim.part("source"))
        assert not claim.part("ours")


def _judged(result: Result) -> None:
    """What is measured and not marked as shown beside is predicted, and says what evidence it is."""
    names = {p.name for p in result.predictions}
    for m in result.measurements:
        assert m.name in names or m.role != "judged" or not m.name, f"{result.id}: {m.name} is measured and not judged"
        assert m.evidence or not m.name, f"{result.id}: {m.name} does not say what evidence it is"


def test_what_is_measured_is_judged(record: Record) -> None:
    for result in record.results:
        _judged(result)


def test_no_clause_of_a_report_is_false(record: Record) -> None:
    for result in record.results:
        assert all(c.standing == "inside" for c in result.deciding), result.id


def test_exact_counterexamples_are_shown(record: Record) -> None:
    exact = {"squareplus.floats", "eg.non-negative", "eg.closed-form", "flash.causal-normaliser", "gplinker.decode"}
    exact |= {"gplinker.sparse-loss", "events.shared-trigger", "events.complete", "events.categorical"}
    assert all(_result(record, claim).counterexample for claim in exact)


def _claim(name: str) -> Claim:
    return next(c for c in CLAIMS if c.id == name)


def test_speed_measures_what_it_predicts() -> None:
    claim = _claim("squareplus.speed")
    task = claim.plan(Settings(), claim.subject)[0]
    small = {**task.params, "sizes": {"small": 64}, "repeats": 30}
    measured = claim.reduce(Settings(), run_task(type(task)(task.probe, small)))
    assert {(m.name, m.role) for m in measured} == {("speedup.eager.small", r) for r in ("judged", "beside")}
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

"""Certificates: they replay, and no field of one can be changed unnoticed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleproof.certify.kernel.certificate import Certificate, Statement, Theorem, digest
from scaleproof.certify.kernel.check import CertificateError, check, read
from scaleproof.certify.replay import replay
from scaleproof.certify.search import prove
from scaleproof.certify.statements import STATEMENTS

#: small and quick ones of every method but exhaustive, whose tables are tested beside its checker
QUICK = ["squareplus.minimax", "squareplus.monotone", "eg.hypergradient", "eg.derivation", "gau.moments"]
CERTIFICATES = {c: prove(c).to_json() for c in QUICK}


def _paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in _paths(v, (*prefix, k))]
    if isinstance(value, list):
        return [p for k, v in enumerate(value) for p in _paths(v, (*prefix, k))]
    return [prefix]


def _changed(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    digits = [i for i, c in enumerate(value) if c.isdecimal()]
    if digits:
        at = digits[len(digits) // 2]
        return value[:at] + str((int(value[at]) + 1) % 10) + value[at + 1 :]
    return value + "x"


def _tampered(raw: Any, path: tuple[Any, ...]) -> Any:
    copy = json.loads(json.dumps(raw))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = _changed(place[path[-1]])
    return copy


def _signed(raw: Any) -> Any:
    """The certificate with a digest that fits: what a forger would write."""
    return {**raw, "digest": digest({k: v for k, v in raw.items() if k != "digest"})}


@pytest.mark.parametrize("claim", QUICK)
def test_holds(claim: str) -> None:
    checked = replay(json.loads(json.dumps(CERTIFICATES[claim])))
    assert checked.holds, checked.reason
    assert len(checked.statements) == len(STATEMENTS[claim])


@settings(max_examples=150)
@given(st.data())
def test_any_changed_field_is_rejected(data: st.DataObject) -> None:
    raw = CERTIFICATES[data.draw(st.sampled_from(QUICK))]
    path = data.draw(st.sampled_from(_paths(raw)))
    assert not replay(_tampered(raw, path)).holds


@settings(max_examples=60)
@given(st.data())
def test_a_forged_statement_or_claim_is_rejected(data: st.DataObject) -> None:
    raw = CERTIFICATES[data.draw(st.sampled_from(QUICK))]
    paths = [p for p in _paths(raw) if p[0] in ("claim", "schema") or "statement" in p]
    checked = replay(_signed(_tampered(raw, data.draw(st.sampled_from(paths)))))
    assert not checked.holds
    assert "digest" not in checked.reason


@settings(max_examples=60)
@given(st.data())
def test_a_missing_part_is_rejected(data: st.DataObject) -> None:
    raw = json.loads(json.dumps(CERTIFICATES[data.draw(st.sampled_from(QUICK))]))
    path = data.draw(st.sampled_from(_paths(raw)))
    depth = data.draw(st.integers(1, len(path)))
    place = raw
    for step in path[: depth - 1]:
        place = place[step]
    del place[path[depth - 1]]
    checked = replay(_signed(raw))
    redundant = "steps" in path[:-1] and depth == len(path)  # one step fewer may still reduce to 0
    assert not checked.holds or redundant or path == ("digest",)


def test_a_swapped_claim_is_rejected() -> None:
    for claim in QUICK:
        for other in STATEMENTS:
            if other != claim:
                assert "statements are not those" in replay(_signed({**CERTIFICATES[claim], "claim": other})).reason


@pytest.mark.parametrize("junk", [None, [], "text", 3, {}, {"claim": 1}, {"claim": "eg.hypergradient", "theorems": {}}])
def test_junk_is_rejected_without_a_traceback(junk: Any) -> None:
    assert not replay(junk).holds


@given(st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)))
def test_any_json_is_rejected(junk: Any) -> None:
    assert not replay(junk).holds


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "other"}', "[" * 100_000, "\ud800"])
def test_files_that_are_no_certificates(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(CertificateError, match=r"c\.json"):
        read(path)
    with pytest.raises(CertificateError, match="No such file"):
        read(tmp_path / "missing.json")


def test_the_form_of_a_certificate_is_fixed() -> None:
    statement = Statement("one", "smt", {"variables": ["x"], "assume": [], "goal": "x == x"}, "x is x")
    raw = Certificate("made.up", (Theorem(statement, {"example": {"x": "1"}}),)).to_json()
    content = {
        "schema": "scaleproof/certificate/2",
        "claim": "made.up",
        "theorems": [{"statement": statement.to_json(), "evidence": {"example": {"x": "1"}}}],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert raw == {**content, "digest": hashlib.sha256(text.encode()).hexdigest()}
    assert list(statement.to_json()) == ["name", "method", "body", "words"]
    checked = check(raw, {"made.up": (statement,)})
    assert (checked.claim, checked.methods, checked.statements, checked.holds) == ("made.up", ["smt"], ["x is x"], True)
    with pytest.raises(ValueError, match="JSON compliant"):
        Certificate("made.up", (Theorem(statement, {"hint": float("nan")}),)).to_json()


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    raw = CERTIFICATES["eg.derivation"]
    file = tmp_path / "certificate.json"
    file.write_text(json.dumps(raw), encoding="utf-8")
    assert read(file) == raw


def test_the_reason_is_told() -> None:
    statement = Statement("one", "smt", {"variables": ["x"], "assume": [], "goal": "x == x"}, "x is x")
    wrong = Statement("two", "smt", {"variables": ["x"], "assume": [], "goal": "x > 0"}, "x is positive")
    raw = Certificate("made.up", (Theorem(statement), Theorem(wrong))).to_json()

    def reason(raw: Any, *statements: Statement) -> str:
        return check(raw, {"made.up": statements}).reason

    assert reason(raw, statement, wrong) == "theorem 2 (smt): z3 does not refute the negation"
    assert reason(_signed({**raw, "claim": "another"}), statement) == "no claim 'another' has a proof"
    assert reason(raw, statement) == "the statements are not those of claim 'made.up'"
    assert reason({**raw, "digest": "0"}, statement, wrong) == "the digest does not fit the content"
    assert reason({**raw, "more": 1}, statement, wrong) == "not a scaleproof/certificate/2 document"
    more = _signed({**raw, "theorems": [{**t, "more": 1} for t in raw["theorems"]]})
    assert reason(more, statement, wrong) == "a theorem has a statement and evidence"
    odd = Statement("one", "smt", {"variables": ["x"]}, "no goal")
    assert reason(Certificate("made.up", (Theorem(odd),)).to_json(), odd) == "malformed: KeyError: 'assume'"
    nothing = check(None, {})
    assert (nothing.claim, nothing.methods, nothing.statements, nothing.holds) == ("", [], [], False)
    assert nothing.reason.startswith("malformed: TypeError: ")
    assert 0 <= nothing.seconds < 3600


def test_a_certificate_may_be_as_large_as_said_and_is_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = {"schema": "scaleproof/certificate/2", "claim": "größer"}
    file = tmp_path / "certificate.json"
    file.write_bytes(json.dumps(raw, ensure_ascii=False).encode())
    assert read(file) == raw
    monkeypatch.setattr("scaleproof.certify.kernel.check.MAX_BYTES", file.stat().st_size)
    assert read(file) == raw
    monkeypatch.setattr("scaleproof.certify.kernel.check.MAX_BYTES", file.stat().st_size - 1)
    with pytest.raises(CertificateError, match=r"certificate\.json: larger than \d+ bytes, no certificate"):
        read(file)

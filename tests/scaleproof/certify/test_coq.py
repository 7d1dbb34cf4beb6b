"""proofs/*.v: what was published is what is there, and Coq accepts that, and nothing that is a little different."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from scaleproof.certify.coq import AXIOMS, PRIMITIVE, CoqError, CoqMissing, check, published, sources, standing
from scaleproof.certify.replay import compiled
from scaleproof.reporting.record import Record, Result
from scaleproof.reporting.render import markdown
from scaleproof.suite.registry import select

PROOFS = Path(__file__).parents[3] / "proofs"
#: file, what stands there, and what does not hold instead: constants, directions, quantifiers, conditions
PERTURBED = (
    (
        "Squareplus.v",
        "(forall b x, 0 < b -> relu x < squareplus b x)",
        "(forall b x, 0 <= b -> relu x < squareplus b x)",
    ),
    ("Squareplus.v", "squareplus b x - relu x <= sqrt b / 2) /\\", "squareplus b x - relu x <= sqrt b / 3) /\\"),
    ("Squareplus.v", "(1 - b / (4 * x ^ 2)) <", "(1 - b / (5 * x ^ 2)) <"),
    ("Squareplus.v", "< y - x).", "< (y - x) / 2)."),
    ("Squareplus.v", "24 * sqrt 5 / (125 * b)) /\\ jerk", "23 * sqrt 5 / (125 * b)) /\\ jerk"),
    ("Squareplus.v", "<-> 4 * ln 2 ^ 2 <= b).", "<-> 3 * ln 2 ^ 2 <= b)."),
    ("Squareplus.v", "<-> 4 * ln 2 ^ 2 <= b).", "<-> 5 * ln 2 ^ 2 <= b)."),
    ("Squareplus.v", "1.5238210325188 /\\ 0.07", "1.5238210325187 /\\ 0.07"),
    ("Squareplus.v", "<-> x = 0 \\/ x = p \\/ x = - p)", "<-> x = 0 \\/ x = p)"),
    ("Eg.v", "(0 < theta0 -> 0 < eg eta g theta0 t) /\\", "(0 <= theta0 -> 0 < eg eta g theta0 t) /\\"),
    ("Eg.v", "i (exp (phi i) * l).", "i l."),
    ("Eg.v", "(i <= d)%nat /\\ u i <>", "(i <= S d)%nat /\\ u i <>"),
    ("Eg.v", "nu0 i (- eta * g i * l).", "nu0 i (eta * g i * l)."),
    ("Eg.v", "| S j => g j * g k end) t).", "| S j => g k * g k end) t)."),
    ("Eg.v", "<-> 0 < g t * g (S t)).", "<-> 0 <= g t * g (S t))."),
    ("Residual.v", "(1 + / INR N) ^ N < exp 1.", "(1 + / INR N) ^ S N < exp 1."),
    ("Residual.v", "M < (1 + / sqrt (INR N)) ^ N.", "M < (1 + / INR N) ^ N."),
    ("Residual.v", "<= (1 + eps) ^ length slopes /\\\n  (expansion", "<= (1 - eps) ^ length slopes /\\\n  (expansion"),
    ("Residual.v", "expansion eps l ^ 2) = (1 + eps ^ 2) ^ N.", "expansion eps l ^ 2) = (1 + eps) ^ N."),
    ("Residual.v", "= (1 + eps ^ 2) ^ N * E (fun", "= (1 + 2 * eps ^ 2) ^ N * E (fun"),
    ("Residual.v", "(1 - eps * k) * norm x <= norm (plus", "(1 - eps * k / 2) * norm x <= norm (plus"),
    ("Residual.v", "(fun h => eps * l (df h)).", "(fun h => l (df h))."),
    ("Gplinker.v", "(- (exp (- s i) / (1 + p)))) /\\", "(exp (- s i) / (1 + p))) /\\"),
    ("Deepnet.v", "(sum_f_R0 (fun i => g i ^ 2) d) /\\", "(sum_f_R0 (fun i => 2 * g i ^ 2) d) /\\"),
    ("Deepnet.v", "norm (tensor i) * Rabs (g i) / sqrt (n (tensor i))) d).", "norm (tensor i) * Rabs (g i)) d)."),
    ("Deepnet.v", "lambda (sum_f_R0 (fun i => g i * U i) d).", "lambda (sum_f_R0 (fun i => lambda * g i * U i) d)."),
    ("Flash.v", "gau n e ones A V W i j = mul e (mul n A V) W i j.", "gau n e ones A V W i j = mul e V W i j."),
    ("Flash.v", "(0 < c)%nat ->\n  chunked s n q", "(0 <= c)%nat ->\n  chunked s n q"),
    ("Flash.v", "(forall j, (j <= i)%nat -> x j = y j) ->", "(forall j, (j < i)%nat -> x j = y j) ->"),
    ("Gplinker.v", "n * (l ^ 2 * (l + 1) ^ 2))%nat", "n * (l ^ 2 * l ^ 2))%nat"),
    ("Gplinker.v", "= rotary theta (j - i) x p.", "= rotary theta (j + i) x p."),
    ("Gplinker.v", "loss negatives positives < ln 2 ->", "loss negatives positives <= ln 2 ->"),
    ("Events.v", "#|W| <= fuel -> search", "#|W| <= fuel.+1 -> search"),
    ("Events.v", "symmetric adjacent ->\n", ""),
    ("Events.v", "[&& p.1 \\in W, p.2 \\in W & ~~ near p.1 p.2]", "[&& p.1 \\in W, p.2 \\in W & near p.1 p.2]"),
    ("Events.v", "~~ (a \\subset b) -> ~~ (b \\subset a) ->", "~~ (a \\subset b) ->"),
    ("Events.v", "b \\proper a ->", "b \\subset a ->"),
    ("Events.v", "distinct_ends head tail -> #|events| <= 2 ->", "distinct_ends head tail -> #|events| <= 3 ->"),
    ("Events.v", "(forall e, e \\in labelled -> e.2 != set0 -> exists2", "(forall e, e \\in labelled -> exists2"),
    ("Flash.v", "(INR g * INR c) = mean", "INR c = mean"),
    ("Flash.v", "= INR c ^ 2 / n * m /", "= INR c / n * m /"),
    ("Flash.v", "(s = 128 -> 512 <= d ->", "(s = 128 -> 256 <= d ->"),
    ("Gplinker.v", "inside (subject a) (subject b) -> subject a = subject b", "inside (subject a) (subject b) -> True"),
    ("Gplinker.v", "= 9843200%N", "= 9843300%N"),
    (
        "Gplinker.v",
        "softmax_cross_entropy negatives t < loss negatives [t]",
        "loss negatives [t] < softmax_cross_entropy negatives t",
    ),
    ("Gplinker.v", "a + ln (1 - exp (b - a)) /", "a + ln (1 - exp (a - b)) /"),
    ("Deepnet.v", "lambda, 0 < lambda ->", "lambda, 0 <= lambda ->"),
    ("Residual.v", "v k = / (p * INR (S (d k)))) /\\\n  ((forall", "v k = / INR (S (d k))) /\\\n  ((forall"),
    ("Residual.v", "= (1 - s) ^ N * INR (S (d N)) / INR (S (d O))", "= INR (S (d N)) / INR (S (d O))"),
    ("Deepnet.v", "/ beta = Rpower (8 * N) (/ 4)) /\\", "/ beta = Rpower (2 * N) (/ 4)) /\\"),
    ("Deepnet.v", "0.865 < Rpower (27 / 256)", "0.87 < Rpower (27 / 256)"),
    ("Gau.v", "Rabs (m - 0.206620964142)", "Rabs (m - 0.206620964152)"),
    ("Gau.v", "Rabs (m - 0.355775519817)", "Rabs (m - 0.355775519807)"),
    ("Gau.v", "x / (1 + exp (- x))", "x / (1 + exp x)"),
)


def test_what_is_published_is_about_the_files_as_they_are() -> None:
    files = {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sources(PROOFS)}
    assert published().files == files, "run make proofs"
    assert {f.name for f in PROOFS.glob("*.v")} == {*files}


def test_a_file_that_has_changed_since_is_told(tmp_path: Path) -> None:
    assert {standing(file) for file in ("Squareplus", "Events")} == {"same"}
    assert standing("Squareplus", tmp_path) == "absent"
    copied = tmp_path / "proofs"
    shutil.copytree(PROOFS, copied)
    (copied / "Eg.v").write_text((PROOFS / "Eg.v").read_text() + "\n(* later *)\n")
    assert (standing("Eg", copied), standing("Squareplus", copied)) == ("changed", "same")
    (copied / "Common.v").unlink()  # most of them import it
    assert (standing("Squareplus", copied), standing("Nothing", copied)) == ("changed", "absent")


def test_a_changed_file_is_no_evidence_and_leaves_its_clauses_to_argue() -> None:
    record = Record.model_validate_json((PROOFS.parent / "reports/published/record.json").read_text())
    whole = next(r for r in record.results if "coq" in r.evidence and not r.argued)
    fields = whole.model_dump()
    for clause in fields["clauses"]:
        for theorem in clause["coq"]:
            theorem |= {"file": "Changed.v", "here": "changed"}
    changed = Result.model_validate(fields)
    assert "coq" not in changed.evidence
    assert all("has changed since" in step for step in changed.argued)
    text = markdown(record.model_copy(update={"results": (changed,)}), {}, "html")
    assert "proofs/Changed.v has changed since Coq checked it" in text
    assert "has checked it, as published" not in text


def test_every_theorem_carries_a_clause_and_leaves_nothing_to_argue() -> None:
    used = Counter(name for claim in select([]) for clause in claim.clauses for name in clause.coq)
    assert {*used} == {*published().theorems}
    assert {n: k for n, k in used.items() if k > 1} == {}
    assert not [f"{claim.id}: {c.key}" for claim in select([]) for c in claim.clauses if c.coq and c.argued]


def test_the_table_in_the_readme_is_complete() -> None:
    table = (PROOFS / "README.md").read_text()
    rows = [
        f"| `{n}` | {claim.id} | {c.key} | {_letters(published().theorems[n].axioms)} |"
        for claim in select([])
        for c in claim.clauses
        for n in c.coq
    ]
    assert [row for row in rows if row not in table] == []
    assert f"each of {len(PERTURBED)} statements" in table


def _letters(axioms: tuple[str, ...]) -> str:
    """R for the two of the real numbers, F for functional extensionality, C for classical logic, P for primitives."""
    kinds = {"ClassicalDedekindReals": "R", "FunctionalExtensionality": "F", "Classical_Prop": "C"}
    kinds |= dict.fromkeys(PRIMITIVE, "P")
    used = {kinds[axiom.partition(".")[0]] for axiom in axioms}
    return " ".join(letter for letter in "RFCP" if letter in used) or "none"


def test_no_file_assumes_more_than_the_usual() -> None:
    for file in sources(PROOFS):
        text = file.read_text()
        for word in ("Admitted", "admit", "Axiom", "Parameter", "Hypothesis", "Conjecture"):
            assert word not in text.split(), f"{word} in {file.name}"
    assert {a for t in published().theorems.values() for a in t.axioms} <= AXIOMS


def test_without_coq_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CoqError, match="apt-get install coq"):
        check(PROOFS)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    if shutil.which("coqc") is None:
        pytest.skip("no coqc")
    for file in (*PROOFS.glob("*.v"), PROOFS / "_CoqProject"):
        shutil.copy(file, tmp_path)
    return tmp_path


@pytest.mark.coq
def test_coq_accepts_what_is_published(copied: Path) -> None:
    assert check(copied) == published(), "run make proofs"


#: a quarter of them each day; all with `-m "coq or long"`
TODAY = [
    pytest.param(
        *row, id=f"{row[0]}:{row[2][:30]}", marks=[] if k % 4 == date.today().toordinal() % 4 else pytest.mark.long
    )
    for k, row in enumerate(PERTURBED)
]


@pytest.mark.coq
@pytest.mark.parametrize(("file", "old", "new"), TODAY)
def test_coq_refuses_what_is_a_little_different(copied: Path, file: str, old: str, new: str) -> None:
    text = (copied / file).read_text()
    assert text.count(old) >= 1, old
    (copied / file).write_text(text.replace(old, new))
    with pytest.raises(CoqError, match=f"Coq refuses {file}"):
        check(copied, file)


@pytest.mark.coq
def test_a_file_is_replayed(copied: Path) -> None:
    file = copied / "Flash.v"
    sound = compiled(file)
    assert sound.holds, sound.reason
    assert any("Flash.no_leak: forall" in words and "axioms: " in words for words in sound.statements)
    text = file.read_text()
    file.write_text(text.replace("(s = 128 -> 512 <= d ->", "(s = 128 -> 600 <= d ->"))
    assert compiled(file).reason == "accepted by Coq, but not what was published: Flash.parameters"
    file.write_text(text.replace("(s = 128 -> 512 <= d ->", "(s = 128 -> 60 <= d ->"))
    assert compiled(file).reason.startswith("Coq refuses Flash.v")
    with pytest.raises(CoqMissing, match="names no Nosuch"):
        compiled(copied / "Nosuch.v")
    with pytest.raises(CoqMissing, match="_CoqProject is missing"):
        compiled(copied / "elsewhere/Flash.v")

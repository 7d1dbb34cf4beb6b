"""The command line as a user meets it: exit codes, messages, mistakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scaleproof.cli.common import command_of
from scaleproof.cli.main import app
from scaleproof.reporting.record import Record, read

FAST = "eg.hypergradient"


def _invoke(*args: str | Path) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args])


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        (["verify", "eg.*", "--out", "/home/me/x"], "scaleproof verify 'eg.*'"),
        (["verify", "--out=/home/me/x", "--seed", "3"], "scaleproof verify --seed 3"),
        (["check", "a.py:B", "--report", "--out", "--store", "s", "-q"], "scaleproof check a.py:B -q"),
        ([], "scaleproof"),
    ],
)
def test_a_record_tells_the_command_without_this_machine_s_places(given: list[str], recorded: str) -> None:
    assert command_of(given) == recorded


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    done = _invoke("verify", FAST, "--out", folder, "--format", "json", "--quiet")
    assert done.exit_code == 0, done.output
    return folder


def test_help_documents_every_exit_code() -> None:
    text = " ".join(_invoke("--help").output.split())
    codes = ("0 every verdict", "1 a verdict changed", "2 bad usage", "3 the subject of a check", "130 interrupted")
    for code in codes:
        assert code in text
    for command in ("verify", "list", "show", "report", "compare", "replay", "plan", "store", "doctor"):
        assert _invoke(command, "--help").exit_code == 0


def test_verify_writes_record_reports_and_prints_a_table(tmp_path: Path) -> None:
    done = _invoke("verify", FAST, "--out", tmp_path / "o")
    assert done.exit_code == 0
    assert FAST in done.output
    names = {p.name for p in (tmp_path / "o").iterdir()}
    assert {"record.json", "report.md", "report.html", "report.pdf"} <= names
    assert (tmp_path / "o" / "report.pdf").read_bytes().startswith(b"%PDF")


def test_default_folder_and_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _invoke("verify", FAST, "--format", "json", "-q").exit_code == 0
    latest = tmp_path / "reports" / "out" / "latest"
    assert latest.is_symlink()
    assert read(latest).results[0].id == FAST
    shown = _invoke("show", FAST).output
    assert "Latest result" in shown
    assert "proved" in shown


def test_json_is_the_record_and_nothing_else(tmp_path: Path) -> None:
    done = _invoke("verify", FAST, "--out", tmp_path / "o", "--format", "json", "--json")
    assert Record.model_validate_json(done.stdout).results[0].id == FAST
    listed = json.loads(_invoke("list", "--json").stdout)
    assert len(listed) == 60


def test_a_second_run_takes_what_the_first_measured(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    for out, stored in (("one", 0), ("two", 2), ("fresh", 0)):
        options = ["--fresh"] if out == "fresh" else []
        done = _invoke("verify", FAST, "--out", tmp_path / out, "--store", store, "--format", "md", "-q", *options)
        assert done.exit_code == 0, done.output
        assert sum(row.tasks for row in read(tmp_path / out).results[0].stored) == stored
        assert ("from the store" in (tmp_path / out / "report.md").read_text()) == bool(stored)
    assert "results" in _invoke("store", "info", "--store", store).output
    assert _invoke("store", "gc", "--store", store).exit_code == 0
    assert _invoke("store", "clear", "--store", store).exit_code == 0
    assert ": 0 results" in _invoke("store", "info", "--store", store).output


def test_a_store_that_is_none_is_told_and_the_run_goes_on(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    store.write_text("no database")
    done = _invoke("verify", FAST, "--out", tmp_path / "o", "--store", store, "--format", "json", "-q")
    assert done.exit_code == 0
    assert "store.broken" in done.output


def test_tasks_travel(tmp_path: Path) -> None:
    """Planned here, measured by torchcheck alone, judged here."""
    plan, out = tmp_path / "tasks.json", tmp_path / "results.json"
    plan.write_text(_invoke("plan", FAST, "--device", "cpu").stdout)
    command = [sys.executable, "-m", "torchcheck.run", str(plan), "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    done = _invoke("verify", "--merge", out, "--out", tmp_path / "o", "--format", "json", "-q")
    assert done.exit_code == 0, done.output
    (result,) = read(tmp_path / "o").results
    assert result.verdict == "proved"
    assert [row.tasks for row in result.stored] == [2]
    assert _invoke("verify", FAST, "--merge", out).exit_code == 2
    out.write_text(out.read_text().replace("hypergradient", "derivation"))
    refused = _invoke("verify", "--merge", out)
    assert refused.exit_code == 2
    assert "was changed" in refused.output


def test_the_same_numbers_whatever_the_executor(tmp_path: Path) -> None:
    values = []
    for name in ("serial", "processes"):
        options = ["--executor", name, "--no-store", "--format", "json", "-q"]
        assert _invoke("verify", "eg.closed-form", "--out", tmp_path / name, *options).exit_code == 0
        values.append([(m.name, m.value, m.lo, m.hi) for m in read(tmp_path / name).results[0].measurements])
    assert values[0] == values[1]


def test_unknown_claim_names_the_nearest() -> None:
    done = _invoke("verify", "squareplus.minmax")
    assert done.exit_code == 2
    assert "squareplus.minimax" in done.output
    assert _invoke("show", "nonsense").exit_code == 2
    assert _invoke("show", "squareplus").exit_code == 2
    assert _invoke("list", "eg.*").exit_code == 0


@pytest.mark.parametrize(
    "args",
    [
        ["verify", "--profile", "medium"],
        ["verify", "--device", "tpu"],
        ["verify", "--dtype", "float8"],
        ["verify", "--format", "docx"],
        ["verify", "--seed", "-1"],
        ["verify", "--resume", "--out", "/nonexistent/run"],
        ["report", "/nonexistent/run"],
        ["compare", "/nonexistent/a", "/nonexistent/b"],
        ["replay", "/nonexistent/c.json"],
        ["frobnicate"],
    ],
)
def test_bad_usage_is_one_clear_line(args: list[str]) -> None:
    done = _invoke(*args)
    assert done.exit_code == 2
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.output


def test_unwritable_output(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = _invoke("verify", FAST, "--out", tmp_path / "file" / "run")
    assert done.exit_code == 2
    assert "cannot write" in done.output


def test_a_run_is_not_overwritten(run: Path) -> None:
    again = _invoke("verify", FAST, "--out", run)
    assert again.exit_code == 2
    assert "already holds a run" in again.output


def test_report_and_compare(run: Path, tmp_path: Path) -> None:
    assert _invoke("report", run, "--out", tmp_path / "again", "--format", "md").exit_code == 0
    assert FAST in (tmp_path / "again" / "report.md").read_text()
    assert _invoke("compare", run, run).exit_code == 0
    text = (run / "record.json").read_text().replace('"verdict": "proved"', '"verdict": "refuted"', 1)
    other = tmp_path / "other.json"
    other.write_text(text)
    changed = _invoke("compare", run, other)
    assert changed.exit_code == 1
    assert "refuted" in changed.output


@pytest.mark.parametrize("damage", ["truncate", "foreign", "extra", "binary", "deep"])
def test_damaged_records_are_refused(run: Path, tmp_path: Path, damage: str) -> None:
    raw = (run / "record.json").read_bytes()
    broken = tmp_path / "broken.json"
    broken.write_bytes(
        {
            "truncate": raw[: len(raw) // 2],
            "foreign": b'{"schema": "other/1"}',
            "extra": raw.replace(b'"results"', b'"more": 1, "results"', 1),
            "binary": b"\xff\xfe\x00",
            "deep": b"[" * 100_000,
        }[damage]
    )
    done = _invoke("report", broken)
    assert done.exit_code == 2
    assert "broken.json" in done.output
    assert len(done.output.splitlines()) <= 3


def test_replay(run: Path, tmp_path: Path) -> None:
    certificate = run / "certificates" / f"{FAST}.json"
    good = _invoke("replay", certificate)
    assert good.exit_code == 0
    assert "holds" in good.output
    bad = tmp_path / "bad.json"
    bad.write_text(certificate.read_text().replace("-eta*g*", "eta*g*"))
    rejected = _invoke("replay", bad, "--json")
    assert rejected.exit_code == 1
    assert json.loads(rejected.output)["holds"] is False
    (tmp_path / "half.json").write_text(certificate.read_text()[:100])
    assert _invoke("replay", tmp_path / "half.json").exit_code == 2


def test_resume_needs_the_same_run(run: Path) -> None:
    other = _invoke("verify", "eg.derivation", "--resume", "--out", run)
    assert other.exit_code == 2
    assert "other claims or options" in other.output
    same = _invoke("verify", FAST, "--resume", "--out", run, "--format", "json", "-q")
    assert same.exit_code == 0


def test_doctor_tells_what_is_missing() -> None:
    output = _invoke("doctor").output
    assert "torch" in output
    assert "CUDA device" in output
    assert _invoke("--version").output.startswith("scaleproof ")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_run_can_be_resumed(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-m", "scaleproof", "verify", "eg", "--out", str(tmp_path), "--format", "json"]
    command.append("--no-store")  # what is kept is in --out
    process = subprocess.Popen(
        [*command, "-q"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "record.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(how)
    _, error = process.communicate(timeout=60)
    assert process.returncode == (130 if how != signal.SIGKILL else -how)
    assert "Traceback" not in error
    kept = read(tmp_path)
    assert 1 <= len(kept.results) < 6
    again = subprocess.run([*command, "-q", "--resume"], capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    whole = read(tmp_path)
    assert whole.run.finished
    assert len(whole.results) == 6
    assert {r.id: r for r in kept.results}.items() <= {r.id: r for r in whole.results}.items()

"""Tasks that travel: what comes back is whole and untouched, or refused with the reason."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from torchcheck.data import Measurement, Task
from torchcheck.run import __main__ as program
from torchcheck.run import exchange
from torchcheck.run.exchange import ExchangeError, Plan, read_plan, read_results, work

PROBE = "torchcheck.probes.squareplus.pointwise:derivatives"
SUBJECT = {"target": "torchcheck.modules:SquarePlus", "options": {"b": 1.0}}
TASKS = tuple(Task(PROBE, {"subject": SUBJECT, "points": [0.5, k]}) for k in (1.0, 2.0, 3.0))
BAD = Task(PROBE, {"subject": {"target": "no.such:thing"}, "points": [1.0]})
PLAN = Plan(("squareplus.gap",), {"profile": "quick", "seed": 0}, TASKS)


def _written(folder: Path, plan: Plan = PLAN) -> Path:
    path = folder / "tasks.json"
    path.write_text(plan.to_text())
    return path


def test_a_plan_comes_back(tmp_path: Path) -> None:
    assert read_plan(_written(tmp_path)) == PLAN


def test_all_tasks_are_measured_and_read_again(tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    results = work(PLAN, tmp_path / "out", lambda *progress: seen.append(progress))
    assert results == read_results(tmp_path / "out")
    assert results.whole
    assert set(results.outcomes) == {t.key for t in TASKS}
    assert seen == [(1, 3, ""), (2, 3, ""), (3, 3, "")]
    first = Measurement.from_json(dict(results.outcomes[TASKS[0].key].measurements[0]))
    assert first.value is not None
    assert results.claims == PLAN.claims


def test_it_goes_on_where_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    work(PLAN, out)
    lines = out.read_text().splitlines(keepends=True)
    out.write_text("".join(lines[:2]) + lines[2][:40])  # killed in the middle of a line
    ran: list[Task] = []
    real = exchange._run
    monkeypatch.setattr(exchange, "_run", lambda task: ran.append(task) or real(task))
    assert work(PLAN, out).whole
    assert ran == [*TASKS[1:]]


def test_an_error_is_an_outcome_and_is_tried_again(tmp_path: Path) -> None:
    plan = replace(PLAN, tasks=(TASKS[0], BAD, TASKS[1]))
    results = work(plan, tmp_path / "out")
    assert results.whole
    assert [k for k, o in results.outcomes.items() if o.error] == [BAD.key]
    assert "no.such" in results.outcomes[BAD.key].error
    seen: list[int] = []
    work(plan, tmp_path / "out", lambda done, *_: seen.append(done))
    assert seen == [3], "only the one that failed"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("0.5", "0.6", 1), "the plan was changed"),
        (lambda text: text.replace("squareplus.gap", "squareplus.floats"), "the plan was changed"),
        (lambda text: text.replace("torchcheck/tasks/1", "torchcheck/tasks/9"), "no plan of tasks"),
        (lambda text: text[: len(text) // 2], "cut short"),
        (lambda _: "[]", "no plan of tasks"),
        (lambda _: "", "cut short"),
        (lambda text: text.replace('"tasks": [', '"tusks": ['), "no whole plan"),
    ],
)
def test_what_is_no_plan_is_refused(tmp_path: Path, change: object, words: str) -> None:
    path = _written(tmp_path)
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    with pytest.raises(ExchangeError, match=words):
        read_plan(path)


def test_a_plan_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _written(tmp_path)
    monkeypatch.setattr(exchange, "version", lambda: exchange.Version("0", "0", "0", "0"))
    with pytest.raises(ExchangeError, match="another version of torchcheck"):
        read_plan(path)


def _lines(number: int, change: object) -> object:
    def changed(text: str) -> str:
        lines = text.splitlines(keepends=True)
        lines[number] = change(lines[number])  # type: ignore[operator]
        return "".join(lines)

    return changed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_lines(1, lambda line: line.replace('"value": ', '"value": 1', 1)), "line 2 was changed"),
        (_lines(1, lambda _: ""), "line 2 was changed, or lines before it are missing"),
        (_lines(2, lambda line: line[:50] + "\n"), "line 3 is cut short"),
        (_lines(0, lambda line: line.replace('"tasks": 3', '"tasks": 1')), "line 2 was changed"),
        (_lines(0, lambda line: line.replace("quick", "full")), "line 2 was changed"),
        (_lines(0, lambda _: "{}\n"), "no results"),
        (lambda _: "", "no results"),
        (_lines(1, lambda _: "[1]\n"), "is no outcome"),
        (_lines(1, lambda _: '{"key": 1}\n'), "is no outcome"),
    ],
)
def test_what_was_changed_is_refused(tmp_path: Path, change: object, words: str) -> None:
    out = tmp_path / "out"
    work(PLAN, out)
    out.write_text(change(out.read_text()))  # type: ignore[operator]
    with pytest.raises(ExchangeError, match=words):
        read_results(out)


def test_lines_left_out_at_the_end_are_missed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    work(PLAN, out)
    out.write_text("".join(out.read_text().splitlines(keepends=True)[:-1]))
    assert not read_results(out).whole


def test_results_of_another_plan_are_not_gone_on_with(tmp_path: Path) -> None:
    work(PLAN, tmp_path / "out")
    with pytest.raises(ExchangeError, match="another plan, version or machine"):
        work(replace(PLAN, tasks=TASKS[:2]), tmp_path / "out")


def test_as_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = _written(tmp_path), tmp_path / "out"
    command = [sys.executable, "-m", "torchcheck.run", str(path), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "3 of 3" in done.stderr
    assert json.loads(out.read_text().splitlines()[0])["schema"] == exchange.RESULTS
    assert program.main([str(tmp_path / "none"), "--out", str(out)]) == 2
    assert "No such file" in capsys.readouterr().err
    assert program.main([str(path), "--out", str(tmp_path / "no/such/folder")]) == 2
    failing = _written(tmp_path, replace(PLAN, tasks=(BAD,)))
    assert program.main([str(failing), "--out", str(tmp_path / "other")]) == 1

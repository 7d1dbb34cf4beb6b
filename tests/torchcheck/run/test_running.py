"""Tasks, subjects and workers: what travels, what is loaded, what is said when it fails."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from torchcheck.data import Evidence, Measurement, Series, Task, shown, within
from torchcheck.run.execute import Here, run_task
from torchcheck.run.machine import waited
from torchcheck.run.subjects import DeviceError, Subject, SubjectError, build, find_device, resolve

TASK = Task(
    "torchcheck.probes.squareplus.pointwise:derivatives",
    {"subject": {"target": "torch.nn:ReLU", "options": {}}, "points": [-1.0, 2.0], "order": 1},
)


def test_keys_depend_on_the_content_alone() -> None:
    assert Task("p", {"a": 1, "b": 2}).key == Task("p", {"b": 2, "a": 1}, exclusive=True).key
    assert len({Task("p").key, Task("q").key, Task("p", {"a": 1}).key, Task("p", {"a": 2}).key}) == 4
    with pytest.raises(ValueError, match="not JSON compliant"):
        Task("p", {"a": math.nan}).key


def test_measurements_travel_as_json() -> None:
    sent = Measurement("q", 1.5, data={"x": [1]}, series=(Series("s", "x", "y", [1.0], [2.0]),), witness="w")
    text = json.dumps(sent.to_json())
    back = Measurement.from_json(json.loads(text))
    assert json.dumps(back.to_json()) == text
    assert back.series[0].x == [1.0]
    assert (sent.lo, sent.hi) == (1.5, 1.5)
    assert Measurement("q", None).lo is None


def test_running_stamps_and_restores() -> None:
    threads = torch.get_num_threads()
    (found,) = run_task(TASK)
    assert found.torch == torch.__version__
    assert found.seconds > 0
    assert found.data["values"] == [[0.0, 2.0], [0.0, 1.0]]
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("seconds", [0.0, 1e6])
def test_times_beside_other_work_are_none(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = {"target": "torchcheck.modules:GAU", "options": {"hidden": 8, "head_size": 4}}
    params = {"subject": subject, "width": 4, "sizes": [2, 4, 8], "repeats": 2, "backward": False}
    task = Task("torchcheck.probes.flash.cost:growth", params, exclusive=True)
    clock = iter([0.0, seconds])
    monkeypatch.setattr("torchcheck.run.execute.waited", lambda: next(clock))
    found = run_task(task)
    times = [m for m in found if m.evidence is Evidence.TIMED]
    assert times
    assert all((m.value is None) == ("other work" in m.note) == bool(seconds) for m in times)
    assert all(m.value is not None for m in found if m not in times)


def test_waiting_for_a_core_adds_up() -> None:
    first = waited()
    if first is None:
        pytest.skip("the system does not say")
    assert 0 <= first <= (waited() or 0.0)


def test_a_missing_device_is_an_empty_measurement() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    (found,) = run_task(Task(TASK.probe, {**TASK.params, "device": "cuda"}))
    assert (found.value, found.note) == (None, "no CUDA device")
    with pytest.raises(DeviceError, match="unknown device"):
        find_device("abacus")
    assert find_device("auto").type == "cpu"


def test_subjects_from_modules_and_files(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("import torch\nclass Act(torch.nn.ReLU):\n    pass\nready = torch.nn.Tanh()\n")
    assert isinstance(build(Subject(f"{path}:Act")), torch.nn.ReLU)
    assert isinstance(build(Subject(f"{path}:ready")), torch.nn.Tanh)
    assert resolve(f"{path}:Act") is resolve(f"{path}:Act")
    assert Subject("a.b:C", {"n": 1}).label == "C(n=1)"
    spec = Subject("torch.nn:Softplus", {"beta": 2})
    assert Subject.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nocolon", "names no subject"),
        (":x", "names no subject"),
        ("torch.nn:", "names no subject"),
        ("no.such.module:X", "cannot import 'no.such.module'"),
        ("torchcheck.modules:Squareplus", "it has: .*SquarePlus"),
        ("missing.py:X", "no such file"),
    ],
)
def test_bad_targets(target: str, message: str) -> None:
    with pytest.raises(SubjectError, match=message):
        resolve(target)


def test_bad_options_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"cannot build SquarePlus\(b=-1\)"):
        build(Subject("torchcheck.modules:SquarePlus", {"b": -1}))
    broken = tmp_path / "broken.py"
    broken.write_text("1/0\n")
    for _ in range(2):  # a half-loaded module must not be found the second time
        with pytest.raises(ZeroDivisionError):
            resolve(f"{broken}:X")


def test_here_is_an_executor() -> None:
    assert Here().submit(pow, 2, 3).result() == 8
    assert isinstance(Here().submit(int, "x").exception(), ValueError)
    assert list(Here().map(abs, [-1, 2])) == [1, 2]


def test_numbers_are_shown_with_the_digits_that_they_carry() -> None:
    assert shown(-5.032, -8.515, -1.548) == "-5 [-8.515, -1.548]"
    assert shown(1.2345678, 1.2344, 1.2347) == "1.23457 [1.234, 1.235]"
    assert shown(0.5, unit="ulp") == "0.5 ulp"
    assert shown(3.0, 3.0, math.inf, "exponent") == "3 [3, inf]"
    assert shown(math.inf, math.inf, math.inf) == "inf"
    assert shown(math.nan, 0.0, 1.0) == "nan"


def test_where_an_interval_lies() -> None:
    assert within(1.0, 2.0, (1.0, 2.0)) == "inside"
    assert within(1.0, 2.0, (1.5, 3.0)) == "open"
    assert within(1.0, 2.0, (2.0, 3.0)) == "open"
    assert within(1.0, 2.0, (2.5, 3.0)) == within(4.0, 5.0, (2.5, 3.0)) == "outside"
    assert within(math.nan, 2.0, (-math.inf, math.inf)) == "outside"
    assert within(-math.inf, math.inf, (-math.inf, math.inf)) == "inside"


def test_json_has_no_infinities() -> None:
    sent = Measurement("q", math.nan, -math.inf, math.inf, series=(Series("s", "x", "y", [1.0], [math.inf]),))
    text = json.dumps(sent.to_json(), allow_nan=False)
    back = Measurement.from_json(json.loads(text))
    assert back.value is not None
    assert math.isnan(back.value)
    assert (back.lo, back.hi, list(back.series[0].y)) == (-math.inf, math.inf, [math.inf])

"""Whatever a subject does in its process, the check ends with a clear finding, and the rest goes on."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scaleproof.check.isolation import Isolated, isolated
from torchcheck import CheckResult, check
from torchcheck.properties.engine import SubjectFailed

FILE = Path(__file__).parent / "variants_for_tests.py"
SMALL = {"width": 16, "seq_len": 4, "depths": (2, 4, 8), "dtypes": ("float32", "float16")}
GIB = 2**30


@pytest.fixture(scope="module")
def executor() -> Iterator[Isolated]:
    with isolated(2, 60.0, 4 * GIB, 1) as pool:  # a busy machine takes long over derivatives
        yield pool


def run(executor: Isolated, name: str, kind: str | None = None, budget: float = 60.0) -> CheckResult:
    return check(f"{FILE}:{name}", kind, executor=executor, budget=budget, **SMALL)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Exits", "SystemExit: 5"),
        ("Dies", "exit code 7"),
        ("Crashes", "SIGSEGV"),
        ("Hungry", "allocate memory"),
        ("Interrupts", "KeyboardInterrupt"),
        ("Reads", "EOF"),
        ("WrongShape", "keep its input's shape"),
        ("CudaError", "CUDA out of memory"),
    ],
)
def test_a_broken_subject_is_a_finding_with_its_own_traceback(executor: Isolated, name: str, words: str) -> None:
    result = run(executor, name)
    assert result.broken
    assert words in result["runs"].note + result["runs"].traceback
    assert "site-packages" not in result["runs"].traceback
    if name not in ("Dies", "WrongShape", "Hungry"):
        assert "variants_for_tests.py" in result["runs"].traceback


def test_an_endless_loop_is_stopped() -> None:
    with isolated(1, 3.0, 4 * GIB, 1) as pool:
        result = run(pool, "Loops")
        assert "no answer within 3 s" in result["runs"].note


def test_a_failure_at_one_depth_leaves_the_others(executor: Isolated) -> None:
    result = run(executor, "deep_only", "model")
    assert result["runs"].status == "error"
    assert "depth 8 is one too many" in result["runs"].note
    assert result["deterministic"].status == "ok"
    assert result["overflow.float32"].status in ("ok", "error")
    assert result["expansion"].value is not None


def test_a_failure_in_one_dtype_leaves_the_others(executor: Isolated) -> None:
    result = run(executor, "FailsAtHalf")
    assert result["overflow.float16"].status == "error"
    assert "no kernel of mine" in result["overflow.float16"].note
    assert result["overflow.float32"].status == "ok"
    assert result["growth"].value is not None


@pytest.mark.parametrize("name", ["Sound", "Tuples", "Floods"])
def test_odd_but_sound_subjects_pass(executor: Isolated, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    result = run(executor, name)
    assert result, repr(result)
    assert len("".join(capfd.readouterr())) < 1000


def test_a_block_without_parameters(executor: Isolated) -> None:
    result = run(executor, "Empty")
    assert not result.broken
    assert (result["increment"].status, result["increment"].note) == ("skipped", "no parameters")


def test_an_instance_has_one_depth(executor: Isolated) -> None:
    result = run(executor, "instance", "block")
    assert result["deterministic"].status == "ok"


@pytest.mark.parametrize(
    ("name", "words"), [("number", "is a int"), ("missing", "has no 'missing'"), ("deep_only:x", "cannot import")]
)
def test_what_cannot_be_loaded(executor: Isolated, name: str, words: str) -> None:
    with pytest.raises(SubjectFailed, match=words):
        run(executor, name)


def test_the_budget_is_kept() -> None:
    with isolated(1, 30.0, 4 * GIB, 1) as pool:
        run(pool, "Sound")  # the process is up
        result = run(pool, "stuck_at_depth", "model", budget=4.0)
    assert any(f.status == "inconclusive" and "budget" in f.note for f in result)
    assert not any("no answer within" in f.note for f in result)  # the step's own limit was never reached


def test_no_process_is_left() -> None:
    with isolated(2, 8.0, 4 * GIB, 1) as pool:
        run(pool, "Sound")
    left = [p for p in psutil.Process().children(recursive=True) if "resource_tracker" not in " ".join(p.cmdline())]
    assert not [p for p in left if p.status() != psutil.STATUS_ZOMBIE and "forkserver" not in " ".join(p.cmdline())]


@pytest.mark.slow
def test_a_killed_check_leaves_no_process_behind(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\ndef act(x):\n    time.sleep(1000)\n    return x\n")
    command = [sys.executable, "-m", "scaleproof", "check", "slow.py:act", "--jobs", "2"]
    check = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    children: list[psutil.Process] = []
    deadline = time.monotonic() + 120
    while len(children) < 4 and time.monotonic() < deadline:  # a tracker, a server, and two workers of it
        time.sleep(0.1)
        children = psutil.Process(check.pid).children(recursive=True)
    assert len(children) >= 4
    check.kill()
    check.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []

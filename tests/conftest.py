"""Fresh numerical state for every test, and the run of all claims that several tests look at."""

from __future__ import annotations

import os
import pkgutil
import random
from collections.abc import Iterator
from pathlib import Path

import flint
import mpmath
import numpy as np
import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

ROOT = Path(__file__).parent.parent
# before their first import: shapes and dtypes of modules and measures are checked at every call; torch.compile, which
# SquarePlus is tested with, traces no such checks
MODULES = [m.name for m in pkgutil.iter_modules([str(ROOT / "torchcheck/modules")], "torchcheck.modules.")]
CHECKED = [*(m for m in MODULES if m != "torchcheck.modules.squareplus"), "torchcheck.measure"]
install_import_hook(CHECKED, "typechecking.checked")

from scaleproof.claim import Settings
from scaleproof.executors.processes import processes
from scaleproof.reporting.record import Record, Run
from scaleproof.suite import runner
from scaleproof.suite.environment import environment
from scaleproof.suite.registry import CLAIMS
from scaleproof.suite.runner import Means
from scaleproof.suite.store import Store
from torchcheck.run.execute import Here
from torchcheck.run.machine import cores

if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share the cores
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)

settings.register_profile("default", deadline=None)  # no test asserts wall time
settings.load_profile("default")


@pytest.fixture(autouse=True)
def _fresh_state() -> Iterator[None]:
    flint.ctx.prec, flint.ctx.cap = 53, 10
    mpmath.mp.prec = 53
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    yield
    assert flint.ctx.prec == 53, "a test or the code under it left another precision behind"
    assert mpmath.mp.prec == 53
    torch.set_num_threads(threads)
    torch.set_default_dtype(dtype)


def about_run(**changes: object) -> Run:
    """A run's description for records made in tests."""
    fields = {"id": "test", "started": "2026-01-01T00:00:00+00:00", "seconds": 0.0, "command": "test"}
    return Run.model_validate({**fields, "profile": "quick", "seed": 0, "device": "cpu", **changes})


def here(store: Path | None = None) -> Means:
    """Everything in this process, and a store in that file, or one that ends with the test."""
    return Means(Here(), Here(), Store(store or Path(":memory:")))


#: what one process of a test run has measured the others need not measure again; any code that changed is
STORE = ROOT / ".pytest_cache/claims.sqlite"
os.environ["SCALEPROOF_STORE"] = str(STORE)


#: claims whose verdict is about wall time, which no test asserts
TIMED = {c.id for c in CLAIMS if c.timed}
#: claims whose tests are slow, and those among them that CI leaves out
HEAVY = {c.id for c in CLAIMS if c.cost != "seconds"}
LONG = {c.id for c in CLAIMS if c.cost == "minutes"}


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="session")
def record(run_folder: Path) -> Record:
    """All claims that are neither timed nor heavy, run once for the session."""
    chosen = [c for c in CLAIMS if c.id not in TIMED | HEAVY]
    return runner.run(chosen, Settings(), run_folder, here(STORE), about_run(), environment())


@pytest.fixture(scope="session")
def heavy_record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The heavy claims that are not long, run once for the session, on all cores."""
    return _on_all_cores(HEAVY - LONG, tmp_path_factory.mktemp("heavy"))


@pytest.fixture(scope="session")
def long_record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The long claims, run once for the session, on all cores."""
    return _on_all_cores(LONG, tmp_path_factory.mktemp("long"))


def _on_all_cores(claims: set[str], folder: Path) -> Record:
    chosen = [c for c in CLAIMS if c.id in claims]
    with processes(cores()) as pool:
        return runner.run(chosen, Settings(), folder, Means(pool, pool, Store(STORE)), about_run(), environment())

"""What may be imported where: theory and reports without torch, torchcheck without anything of ours."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIST = "import sys, {0}; print(*sorted(m for m in sys.modules if m in {1} or m.split('.')[0] in {1}))"


def _loaded(modules: str, names: set[str]) -> list[str]:
    code = LIST.format(modules, names)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.split()


@pytest.mark.parametrize(
    "module",
    [
        "scaleproof.theory.squareplus, scaleproof.theory.eg",
        "scaleproof.certify.statements",
        "scaleproof.reporting.render, scaleproof.reporting.difference",
    ],
)
def test_theory_and_reports_load_no_torch(module: str) -> None:
    """And of torchcheck only its plain data."""
    assert set(_loaded(module, {"torch", "torchcheck"})) <= {"torchcheck", "torchcheck.data"}


def test_torchcheck_runs_alone() -> None:
    modules = "torchcheck.run.exchange, torchcheck.properties.checks, torchcheck.modules, torchcheck.faults"
    ours = {"scaleproof", "flint", "mpmath", "pydantic", "typer", "rich", "jinja2", "z3", "matplotlib"}
    assert _loaded(modules, ours) == []


def test_this_test_can_fail() -> None:
    assert "torch" in _loaded("torchcheck.run.exchange", {"torch"})


def test_claims_name_their_probes_and_load_no_torch() -> None:
    assert _loaded("scaleproof.suite.registry", {"torch", "scipy.stats", "sympy", "z3", "matplotlib"}) == []


def test_list_and_show_load_nothing_heavy() -> None:
    modules = "scaleproof.suite.registry, scaleproof.certify.statements, scaleproof.cli.view"
    assert _loaded(modules, {"torch", "scipy", "sympy", "z3", "matplotlib"}) == []


def test_help_loads_nothing_heavy() -> None:
    assert _loaded("scaleproof.cli.main", {"torch", "sympy", "z3", "flint", "matplotlib", "scipy", "numpy"}) == []

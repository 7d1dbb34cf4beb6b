"""The command `scaleproof doctor`."""

from __future__ import annotations


def doctor() -> None:
    """Tell what this machine has, and what each missing tool switches off."""
    from scaleproof.cli import view
    from scaleproof.suite.environment import environment, tools

    view.doctor(environment(), tools())

"""The command `scaleproof plan`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from scaleproof.cli.common import Patterns, choose


def plan(
    patterns: Patterns = None,
    profile: Annotated[Literal["quick", "full"], typer.Option(help="As verify's.")] = "quick",
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="The device of the other machine.")] = "cuda",
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random draw.")] = 0,
) -> None:
    """Print the tasks of claims, for a machine that has torch and torchcheck only.

    There, `python -m torchcheck.run tasks.json --out results.json` measures them; here, `scaleproof verify --merge
    results.json` proves, judges and reports.
    """
    from scaleproof.claim import Settings
    from scaleproof.suite import merging

    typer.echo(merging.plan(choose(patterns), Settings(profile, device, (), seed)).to_text(), nl=False)

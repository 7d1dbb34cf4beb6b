"""The command `scaleproof show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaleproof.cli.common import OUT, choose, fail


def show(
    claim: Annotated[str, typer.Argument(help="The id of a claim.", metavar="ID")],
    run: Annotated[Path, typer.Option(help="The run whose result to show.")] = OUT / "latest",
) -> None:
    """Show a claim: statement, source, proof outline, formal statements, and its latest result."""
    (chosen, *others) = choose([claim])
    if others or chosen.id != claim:
        fail(f"'{claim}' names several claims; show takes one id (see: scaleproof list {claim})")
    from scaleproof.certify.statements import STATEMENTS
    from scaleproof.cli import view
    from scaleproof.reporting.record import RecordError, read

    try:
        result = next((r for r in read(run).results if r.id == claim), None)
    except RecordError:
        result = None
    view.claim(chosen, [s.words for s in STATEMENTS.get(claim, ())], result, run)

"""The command `scaleproof compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaleproof.cli.common import Exit, read_record


def compare(
    run_a: Annotated[Path, typer.Argument(help="The run to compare with.", metavar="RUN_A")],
    run_b: Annotated[Path, typer.Argument(help="The run in question.", metavar="RUN_B")],
) -> None:
    """Tell what changed from one run to another; exit 1 if a verdict did."""
    from scaleproof.cli import view
    from scaleproof.reporting.difference import differences

    changes = differences(read_record(run_a), read_record(run_b))
    view.differences(changes)
    raise typer.Exit(Exit.FAILED if any(d.what == "verdict" for d in changes) else Exit.FINE)

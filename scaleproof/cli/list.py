"""The command `scaleproof list`."""

from __future__ import annotations

from typing import Annotated

import typer

from scaleproof.cli.common import Patterns, choose


def list_(
    patterns: Patterns = None, json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List the claims with the verdict recorded for each and its legs (P proof, N number, M measurement)."""
    from scaleproof.cli import view

    chosen = choose(patterns)
    if json_:
        import json

        rows = [{"id": c.id, "recorded": c.recorded.value, "legs": c.legs} for c in chosen]
        typer.echo(json.dumps(rows, indent=1))
    else:
        view.claims(chosen)

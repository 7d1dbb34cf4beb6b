"""The command `scaleproof compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaleproof.cli.common import Exit, fail, read_record


def compare(
    run_a: Annotated[Path, typer.Argument(help="The run to compare with.", metavar="RUN_A")],
    run_b: Annotated[Path, typer.Argument(help="The run in question.", metavar="RUN_B")],
    report: Annotated[
        Path | None, typer.Option(help="Write difference.json, .md, .html and .pdf into this folder.")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print the comparison as JSON on stdout, nothing else.")
    ] = False,
) -> None:
    """Tell what changed from one run to another, of measurements by how much and whether that is noise.

    Exit codes: 0 no verdict changed, 1 a verdict did, 2 a run cannot be read or a report not be written.
    """
    from scaleproof.cli import view
    from scaleproof.reporting import difference
    from scaleproof.reporting.render import RenderError

    before, after = read_record(run_a), read_record(run_b)
    comparison = difference.compare(before, after)
    written: list[Path] = []
    if report is not None:
        try:
            written = difference.write(comparison, before, after, report)
        except (OSError, RenderError) as error:
            fail(f"cannot write: {error}")
    if json_:
        typer.echo(difference.to_json(comparison), nl=False)
    else:
        view.comparison(comparison, written)
    raise typer.Exit(Exit.FAILED if comparison.verdicts else Exit.FINE)

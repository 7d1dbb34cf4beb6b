"""The command `scaleproof report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaleproof.cli.common import Formats, chosen_formats, fail, read_record, write_reports


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, or record files.", metavar="RUN...")],
    out: Annotated[Path | None, typer.Option(help="Write here instead of beside the record.")] = None,
    formats: Formats = "md,html,pdf",
) -> None:
    """Render stored records again; several runs go to one folder each."""
    wanted = chosen_formats(formats)
    for run in runs:
        record = read_record(run)
        folder = run if run.is_dir() else run.parent
        if out is not None:
            folder = out if len(runs) == 1 else out / record.run.id
        try:
            for path in write_reports(record, folder, wanted):
                typer.echo(str(path))
        except OSError as error:
            fail(f"cannot write to {folder}: {error.strerror or error}")

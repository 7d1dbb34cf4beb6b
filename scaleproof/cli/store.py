"""The commands `scaleproof store info|clear|gc`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from scaleproof.cli.common import fail, open_store

app = typer.Typer(help="What earlier runs measured, and is not measured again.", no_args_is_help=True)
Place = Annotated[
    Path | None, typer.Option("--store", help="The store's file; ~/.cache/scaleproof/store.sqlite by default.")
]


@app.command()
def info(store: Place = None) -> None:
    """Say where the store is and what it holds."""
    opened = open_store(store)
    about = opened.info()
    since = f", the oldest of {datetime.fromtimestamp(about.oldest, UTC):%Y-%m-%d}" if about.oldest else ""
    typer.echo(
        f"{about.path}: {about.entries} results, {about.bytes / 2**20:.1f} MiB{since}; at most {opened.limit >> 20} MiB"
    )
    if opened.complaint:
        fail(opened.complaint)


@app.command()
def clear(store: Place = None) -> None:
    """Forget everything."""
    opened = open_store(store)
    before = opened.info().entries
    opened.clear()
    if opened.complaint:
        fail(opened.complaint)
    typer.echo(f"{opened.path}: {before} results forgotten")


@app.command()
def gc(store: Place = None) -> None:
    """Drop what is damaged, what nothing used for 90 days, and the least recently used beyond the limit."""
    opened = open_store(store)
    dropped = opened.gc()
    if opened.complaint:
        fail(opened.complaint)
    typer.echo(f"{opened.path}: {dropped} results dropped, {opened.info().entries} left")

"""The command `scaleproof properties`."""

from __future__ import annotations

from typing import Annotated

import typer

from scaleproof.cli.common import fail

Names = Annotated[list[str] | None, typer.Argument(help="Properties or groups; all without.", metavar="NAME")]


def properties(names: Names = None) -> None:
    """List what `check` asks of each kind of subject; with names, explain those."""
    from rich.console import Console

    from scaleproof.check.documentation import explained, listed

    try:
        texts = [explained(name) for name in names] if names else [listed()]
    except KeyError as error:
        fail(f"there is no property or group '{error.args[0]}': scaleproof properties lists them")
    Console().print(*texts, sep="\n\n", soft_wrap=True, highlight=False, markup=False)

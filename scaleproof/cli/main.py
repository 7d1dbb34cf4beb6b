"""The command line: one file a command."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from scaleproof import __version__
from scaleproof.cli.check import check
from scaleproof.cli.common import Exit
from scaleproof.cli.compare import compare
from scaleproof.cli.doctor import doctor
from scaleproof.cli.list import list_
from scaleproof.cli.plan import plan
from scaleproof.cli.properties import properties
from scaleproof.cli.replay import replay
from scaleproof.cli.report import report
from scaleproof.cli.show import show
from scaleproof.cli.store import app as store
from scaleproof.cli.verify import verify

HELP = """Proves, predicts, measures and judges published statements about deep models; checks your own modules.

Exit codes, of every command:

0 every verdict is as recorded; every property as wanted, and as in the baseline

1 a verdict changed, a claim failed, a seeded fault was missed; a property failed or regressed; a certificate is wrong

2 bad usage, or a file that cannot be read or written

3 the subject of a check failed: it cannot be loaded, raised, crashed, hung or ran out of memory

4 check --strict: nothing failed, and a property stayed undecided, or a question

130 interrupted; what was done is kept (verify --resume continues)
"""

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for command in (check, properties, verify, show, report, compare, replay, plan, doctor):
    app.command()(command)
app.command("list")(list_)
app.add_typer(store, name="store")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scaleproof {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """The console script: one clear line for a broken pipe, no traceback."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(Exit.FINE) from None


if __name__ == "__main__":
    main()

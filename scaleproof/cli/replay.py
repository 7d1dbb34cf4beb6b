"""The command `scaleproof replay`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaleproof.cli.common import Exit, fail


def replay(
    proof: Annotated[
        Path, typer.Argument(help="A certificate that verify wrote, or a file of proofs/.", metavar="PROOF")
    ],
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run only the checker on a stored proof: exit 0 if it holds, 1 if it is rejected.

    A certificate about a module's table of results is held against the table that the module gives here. A file of
    Coq (proofs/Events.v) is compiled, and its theorems and axioms are held against the published ones.
    """
    from scaleproof.certify.coq import CoqMissing
    from scaleproof.certify.kernel.check import CertificateError, read
    from scaleproof.certify.replay import compiled
    from scaleproof.cli import view
    from scaleproof.suite.replaying import replayed

    try:
        checked = compiled(proof) if proof.suffix == ".v" else replayed(read(proof))
    except (CertificateError, CoqMissing) as error:
        fail(str(error))
    if json_:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps({**asdict(checked), "holds": checked.holds}, indent=1))
    else:
        view.checked(checked)
    raise typer.Exit(Exit.FINE if checked.holds else Exit.FAILED)

"""Replays a certificate; tables that it says a module gives are made again from the module, not believed."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scaleproof.certify.kernel.certificate import Checked
from scaleproof.certify.replay import replay

#: the module whose outputs the exhaustive statements are about, and its exact twin for the audit
MODULE = "torchcheck.modules:SquarePlus"
REFERENCE = "torchcheck.measure.references:squareplus_reference"


def replayed(raw: Any) -> Checked:
    """The checker's answer to a certificate (parsed JSON), after every table has been compared with the module's."""
    checked = replay(raw)
    if not checked.holds:
        return checked
    for number, theorem in enumerate(raw["theorems"], 1):
        if theorem["statement"]["method"] == "exhaustive" and not _is_the_modules(theorem):
            return replace(checked, reason=f"theorem {number} (exhaustive): the table is not what {MODULE} gives here")
    return checked


def _is_the_modules(theorem: Mapping[str, Any]) -> bool:
    """Is the table that of the module, run over all finite numbers of the format now?"""
    from torchcheck.measure.ulp import audit

    body = theorem["statement"]["body"]
    options = {"b": float(body["b"])}
    subject, reference = ({"target": t, "options": options} for t in (MODULE, REFERENCE))
    measured = audit(subject, reference, body["format"], table=True)
    fresh = next(m.data["table"] for m in measured if "table" in m.data)
    return zlib.decompress(base64.b64decode(theorem["evidence"]["table"])) == bytes.fromhex(str(fresh))

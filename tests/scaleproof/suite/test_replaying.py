"""A certificate's table has to be the module's, not only a good one."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaleproof.certify.kernel import check_exhaustive
from scaleproof.certify.kernel.certificate import digest
from scaleproof.certify.replay import replay
from scaleproof.reporting.record import Record
from scaleproof.suite.replaying import replayed


def _certificate(record: Record, folder: Path) -> Any:
    proof = next(r for r in record.results if r.id == "squareplus.floats").proof
    assert proof is not None
    return json.loads((folder / proof.certificate).read_text(encoding="utf-8"))


def test_the_modules_own_table_is_accepted(record: Record, run_folder: Path) -> None:
    assert replayed(_certificate(record, run_folder)).holds


def test_another_table_with_the_same_properties_is_not(record: Record, run_folder: Path) -> None:
    raw = _certificate(record, run_folder)
    theorem = raw["theorems"][0]
    table = np.frombuffer(zlib.decompress(base64.b64decode(theorem["evidence"]["table"])), dtype="<u2").copy()
    for at in range(40_000, 40_400):  # where the exact value was rounded down, the number above is as faithful
        if table[at + 1] > table[at]:
            table[at] += 1
            theorem["evidence"]["table"] = base64.b64encode(zlib.compress(table.tobytes())).decode()
            if check_exhaustive.check(theorem["statement"]["body"], theorem["evidence"]) is None:
                break
            table[at] -= 1
    else:
        pytest.fail("no other faithful table was found")
    raw["digest"] = digest({k: v for k, v in raw.items() if k != "digest"})
    assert replay(raw).holds
    assert "is not what" in replayed(raw).reason

"""check_exhaustive: tables with one wrong entry, tables of another format, properties that are none."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scaleproof.certify.kernel import check_exhaustive

Accepts = Any
EVERY = ["finite", "not-below-relu", "non-decreasing", "faithful"]
COUNT = 2 * 0x7C00


def _inputs() -> NDArray[np.float16]:
    bits = np.arange(0x7C00, dtype=np.uint16)
    return np.concatenate([(bits | 0x8000)[::-1], bits]).view(np.float16)


def _squareplus(b: float = 4.0) -> NDArray[np.float16]:
    x = _inputs().astype(np.float64)
    r = np.sqrt(x * x + b)
    return np.where(x < 0, b / 2 / (r - x), (x + r) / 2).astype(np.float16)


def _evidence(table: NDArray[Any]) -> dict[str, str]:
    return {"table": base64.b64encode(zlib.compress(table.tobytes(), 1)).decode()}


def _changed(at: int, by: int) -> NDArray[np.float16]:
    bits = _squareplus().view(np.uint16).astype(np.int64)
    bits[at] += by
    return bits.astype(np.uint16).view(np.float16)


def _at(index: int, value: float) -> NDArray[np.float16]:
    table = _squareplus().copy()
    table[index] = value
    return table


HOSTILE: list[tuple[str, Callable[[], NDArray[Any]], list[str]]] = [
    ("one entry two steps up", lambda: _changed(40_000, 2), EVERY),
    ("one entry two steps down", lambda: _changed(40_000, -2), EVERY),
    ("the first entry is infinite", lambda: _at(0, np.inf), ["finite"]),
    ("the last entry is infinite", lambda: _at(COUNT - 1, np.inf), ["finite"]),
    ("one entry is NaN", lambda: _at(COUNT // 2, np.nan), ["finite"]),
    ("one entry is negative", lambda: _at(10, -1.0), ["not-below-relu"]),
    ("the last entry is too small", lambda: _at(COUNT - 1, 60000.0), ["not-below-relu"]),
    ("zero at the end", lambda: _at(COUNT - 1, 0.0), ["non-decreasing"]),
    ("one dip", lambda: _at(COUNT - 100, 1.0), ["non-decreasing"]),
    ("another bend", lambda: _squareplus(3.96), ["faithful"]),
    ("a bend 1 % off", lambda: _squareplus(4.04), ["faithful"]),
    ("ReLU", lambda: np.maximum(_inputs(), np.float16(0)), ["faithful"]),
    ("the identity", _inputs, ["not-below-relu"]),
    ("zeros", lambda: np.zeros(COUNT, np.float16), ["not-below-relu"]),
    ("ones", lambda: np.ones(COUNT, np.float16), ["faithful"]),
    ("one entry short", lambda: _squareplus()[1:], []),
    ("one entry more", lambda: np.append(_squareplus(), np.float16(1)), []),
    ("empty", lambda: np.zeros(0, np.float16), []),
    ("in the wrong order", lambda: _squareplus()[::-1].copy(), ["non-decreasing"]),
    ("in float32", lambda: _squareplus().astype(np.float32), []),
    ("an unknown property", _squareplus, ["beautiful"]),
]


@pytest.mark.parametrize(("_what", "table", "properties"), HOSTILE, ids=[h[0] for h in HOSTILE])
def test_refused(accepts: Accepts, _what: str, table: Callable[[], NDArray[Any]], properties: list[str]) -> None:
    body = {"format": "float16", "b": 4, "properties": properties}
    with np.errstate(over="ignore"):
        assert not accepts(check_exhaustive, body, _evidence(table()))


@pytest.mark.parametrize("table", ["", "AAAA", "no base64!", base64.b64encode(b"not zlib").decode()])
def test_junk_is_refused(accepts: Accepts, table: str) -> None:
    assert not accepts(check_exhaustive, {"format": "float16", "b": 4, "properties": []}, {"table": table})


def test_another_format_is_refused(accepts: Accepts) -> None:
    for name in ("bfloat16", "float32", "int8"):
        assert not accepts(check_exhaustive, {"format": name, "b": 4, "properties": []}, _evidence(_squareplus()))


def test_true_ones_stay_accepted(accepts: Accepts) -> None:
    for b in (1, 4):
        body = {"format": "float16", "b": b, "properties": EVERY}
        assert accepts(check_exhaustive, body, _evidence(_squareplus(float(b))))


@settings(max_examples=8)  # each goes through the whole table
@given(st.integers(0, COUNT - 1), st.integers(2, 40), st.sampled_from([-1, 1]))
def test_one_entry_off_by_two_steps_is_noticed_anywhere(at: int, steps: int, sign: int) -> None:
    bits = _squareplus().view(np.uint16).astype(np.int64)
    if not 0 <= bits[at] + sign * steps < 0x7C00:
        return
    bits[at] += sign * steps
    body = {"format": "float16", "b": 4, "properties": ["faithful"]}
    assert check_exhaustive.check(body, _evidence(bits.astype(np.uint16))) is not None

"""Trusted: statements about a function on all finite numbers of a 16-bit format, given as its whole table.

body: {"format": "float16" | "bfloat16", "b": whole number, "properties": [names]}; evidence: {"table": base64 of
the zlib-compressed outputs, int16 little-endian, for the inputs in the order of their values from the
most negative finite number to the largest, -0 before +0}.

Properties, for all finite inputs x: "finite" f(x) is finite; "not-below-relu" f(x) >= max(x, 0);
"non-decreasing" x <= y => f(x) <= f(y); "faithful" f(x) is a neighbour of SP_b(x) =
(x + sqrt(x² + b))/2 or SP_b(x) itself: SP_b(x) lies strictly between the numbers next to f(x).
All comparisons are between integers or rationals. That the table is a module's is no part of what is checked here:
`scaleproof replay` makes it again from the module and compares (scaleproof/suite/replaying.py).
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: mantissa bits and smallest normal exponent
FORMATS = {"float16": (10, -14), "bfloat16": (7, -126)}
Patterns = NDArray[np.int64]


def check(body: Mapping[str, Any], evidence: Mapping[str, Any]) -> str | None:
    """None if every property holds for every input, else the first that does not and where."""
    mantissa, e_min = FORMATS[body["format"]]
    finite = ((1 << 15) - (1 << mantissa)) if body["format"] == "bfloat16" else 0x7C00
    raw = zlib.decompressobj().decompress(base64.b64decode(evidence["table"], validate=True), 4 * finite + 1)
    if len(raw) != 4 * finite:
        return f"the table has {len(raw) // 2} entries, not {2 * finite}"
    outputs = np.frombuffer(raw, dtype="<u2").astype(np.int64)
    magnitude = np.arange(finite, dtype=np.int64)
    inputs = np.concatenate([(magnitude | 0x8000)[::-1], magnitude])
    order_in, order_out = _order(inputs), _order(outputs)
    largest = finite - 1
    known: dict[str, Callable[[], Any]] = {
        "finite": lambda: np.abs(order_out) <= largest,
        "not-below-relu": lambda: order_out >= np.maximum(order_in, 0),
        "non-decreasing": lambda: np.concatenate([[True], np.diff(order_out) >= 0]),
        "faithful": lambda: _faithful(order_in, order_out, Fraction(body["b"]), mantissa, e_min),
    }
    for name in body["properties"]:
        holds = known[name]()
        if not np.all(holds):
            return f"'{name}' fails at input {int(np.argmin(holds))} of {2 * finite}"
    return None


def _order(patterns: Patterns) -> Patterns:
    """Integers in the order of the values: -0 and +0 are 0, the next numbers +-1, and so on."""
    return np.where(patterns & 0x8000, -(patterns & 0x7FFF), patterns)


def _faithful(inputs: Patterns, outputs: Patterns, b: Fraction, mantissa: int, e_min: int) -> list[bool]:
    """Is SP_b(x) strictly between the two neighbours of f(x)?

    For y > 0 and y > x, SP_b(x) < y <=> sqrt(x² + b) < 2y - x <=> b < 4y (y - x): no root is taken.
    """

    def exact(order: int) -> Fraction:
        size, sign = abs(order), -1 if order < 0 else 1
        exponent = max(size >> mantissa, 1)
        significand = size - ((exponent - 1) << mantissa)
        return Fraction(sign * significand) * Fraction(2) ** (exponent - 1 + e_min - mantissa)

    def below(x: Fraction, y: Fraction) -> bool:
        """SP_b(x) < y"""
        return y > 0 and y > x and b < 4 * y * (y - x)

    def above(x: Fraction, y: Fraction) -> bool:
        """SP_b(x) > y"""
        return y <= 0 or y <= x or b > 4 * y * (y - x)

    return [
        above(exact(int(x)), exact(int(y) - 1)) and below(exact(int(x)), exact(int(y) + 1))
        for x, y in zip(inputs, outputs, strict=True)
    ]

"""check_smt_float: false statements about rounded arithmetic, and constants that a format does not hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleproof.certify.kernel import check_smt_float

Accepts = Any


def _body(goal: str, assume: list[str] = [], formats: list[str] = ["float16"], wide: list[str] = []) -> dict[str, Any]:  # noqa: B006
    return {"formats": formats, "variables": ["x", "y"], "wide": wide, "assume": assume, "goal": goal}


HOSTILE: list[dict[str, Any]] = [
    _body("2049 == 2048"),
    _body("x < 70000", ["isfinite(x)"]),
    _body("16777217 == 16777216", formats=["float32"]),
    _body("implies(isfinite(x), x < 680564733841876926926749214863536422912)", formats=["float32"]),
    _body("9007199254740993 == 9007199254740992", formats=["float64"]),
    _body("x == x"),
    _body("x - x == 0"),
    _body("x*0 == 0"),
    _body("x + y - y == x", ["isfinite(x)", "isfinite(y)"]),
    _body("stored(x*y) > 0", ["x > 0", "y > 0"]),
    _body("stored(x*(1/2)) > 0", ["x > 0"]),
    _body("stored(x*(1/2)) + stored(x*(1/2)) == x", ["isfinite(x)"]),
    _body("isfinite(stored(x*2))", ["isfinite(x)"]),
    _body("isfinite(stored(x + x))", ["isfinite(x)"], ["bfloat16"]),
    _body("stored(x + 1) > x", ["isfinite(x)"]),
    _body("stored(x*v) > 0", ["x > 0", "v > 1/2"], ["bfloat16"], ["v"]),
    _body("x > 1", ["x > 2", "x < 1"]),
    _body("x > 1", ["isnan(x)", "isfinite(x)"]),
    _body("x == y", formats=[]),
    _body("x == y", formats=["float8"]),
    _body("x*(x == x) == x"),
    _body("x"),
    _body("1/3 + 1/3 + 1/3 == 1", formats=["float64"]) | {"goal": "1/3*3 != 1"},
    _body("iff(x == y, stored(x - y) == 0)"),
    _body("x < y or y <= x"),
    _body("x == y", wide=["x"]),
    _body("exp(x) > 0"),
    _body("x != x"),
    _body("x != y"),
    _body("implies(x != y, isnan(x))"),
    _body("iff(isnan(x), isnan(y))"),
    _body("iff(isnan(x), isfinite(x))"),
    _body("65536 == 65536"),
    _body("v == w or isnan(v) or isnan(w)", wide=["v", "w"]),
    _body("v == x or isnan(v) or isnan(x)", wide=["v"]),
    _body("isfinite(capped(x))", ["x >= 0 or isnan(x)"]),
    _body("isfinite(capped(x))", ["x < 1"]),
    _body("capped(x) < 65504", ["x >= 0"]),
    _body("capped(x) == x", ["x >= 0"]),
    _body("capped(stored(x*2)) == x*2", ["isfinite(x)"]),
    _body("capped(x) < x", ["x > 65503"]),
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda b: f"{b['goal']} in {b['formats']}")
def test_refused(accepts: Accepts, body: dict[str, Any]) -> None:
    assert not accepts(check_smt_float, body)


@pytest.mark.parametrize(
    "body",
    [
        _body("16777216 == 16777216", formats=["float32"]),
        _body("x <= y or y <= x", ["isfinite(x)", "isfinite(y)"]),
        _body("stored(x*v) > 0", ["x > 0", "v > 1/2", "isfinite(x)", "isfinite(v)"], ["float16"], ["v"]),
        _body("stored(x*y) >= 0", ["x >= 0", "y >= 0", "isfinite(x)", "isfinite(y)"], ["bfloat16"]),
        _body("x - x == 0", ["isfinite(x)"]),
        _body("stored(x) == x", ["isfinite(x)"], ["bfloat16"]),
        _body("65504 == 65504 and 0 == 0"),
        _body("implies(x != y, x < y or y < x or isnan(x) or isnan(y))"),
        _body("iff(x != x, isnan(x))"),
        _body("iff(isfinite(x), isfinite(stored(x)))"),
        _body("isfinite(capped(x)) and capped(x) <= 65504", ["x >= 0"]),
        _body(
            "implies(isfinite(x), capped(x) == x) and iff(isnan(x), isnan(capped(x)))", formats=["float16", "float64"]
        ),
        _body("capped(stored(x*2)) == 65504", ["x > 32752"]),
    ],
    ids=lambda b: f"{b['goal']} in {b['formats']}",
)
def test_true_ones_stay_accepted(accepts: Accepts, body: dict[str, Any]) -> None:
    assert accepts(check_smt_float, body)


@settings(max_examples=40)
@given(st.integers(-(2**30), 2**30), st.sampled_from(["float16", "float32", "float64"]))
def test_a_whole_number_is_a_constant_if_the_format_holds_it(value: int, name: str) -> None:
    with np.errstate(over="ignore"):
        rounded = np.dtype(name).type(value)
    held = bool(np.isfinite(rounded)) and int(rounded) == value
    body = _body(f"x == x or isnan(x) or {value} == 0", formats=[name])
    assert (check_smt_float.check(body, {}) is None) == held


@settings(max_examples=25)
@given(st.integers(1, 255), st.integers(1, 255))
def test_products_are_rounded_as_numpy_rounds_them(a: int, b: int) -> None:
    product = np.float16(np.float32(a) * np.float32(b))
    if int(product) + 1 > 2048:  # the neighbour has to be a constant of the format, too
        return
    for shift in (0, 1):
        expected = int(product) + shift
        goal = f"implies(x == {a} and y == {b}, stored(x*y) == {expected})"
        assert (check_smt_float.check(_body(goal), {}) is None) == (shift == 0)


@pytest.mark.parametrize(
    ("body", "evidence", "reason"),
    [
        (_body("x <= x"), {"proof": 1}, "an smt-float theorem carries no evidence"),
        (_body("x <= x", formats=["float8"]), {}, "the formats are some of float16, bfloat16, float32, float64"),
        (_body("x == 2049"), {}, "2049 is no number of float16"),
        (_body("x == y", wide=["x"]), {}, "a variable is declared twice"),
        (_body("x == x", ["x < 1", "x > 2"]), {}, "float16: no values were found that satisfy the assumptions"),
        (_body("x <= x", formats=["float32", "float16"]), {}, "float32: z3 does not refute the negation"),
        (_body("x + 1 > x or x > 2000 or isnan(x) or x < 0", formats=["float32", "bfloat16"]), {}, None),
    ],
)
def test_the_reason_is_told(body: dict[str, Any], evidence: dict[str, Any], reason: str | None) -> None:
    assert check_smt_float.check(body, evidence) == reason

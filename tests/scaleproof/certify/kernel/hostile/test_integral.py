"""check_integral: means that are off, functions that are none, and tails that are not bounded."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleproof.certify.kernel import check_integral

Accepts = Any
EVIDENCE = {"reach": 20, "precision": 160}


def _body(function: str, power: Any, lo: str, hi: str) -> dict[str, Any]:
    return {"variable": "x", "function": function, "power": power, "lo": lo, "hi": hi}


HOSTILE = [
    _body("x*(x == x)", 2, "-1/100", "1/100"),
    _body("x*(x < 0)", 2, "-1/100", "1/100"),
    _body("(x > 0)*x", 1, "-1/100", "1/100"),
    _body("x", 2, "0", "999/1000"),
    _body("x", 2, "1001/1000", "2"),
    _body("x", 2, "2", "0"),
    _body("x", 1, "1/1000", "1"),
    _body("x", 3, "0", "0"),
    _body("x", 0, "1", "1"),
    _body("x", 2.0, "1/2", "2"),
    _body("2*x", 2, "0", "5"),
    _body("x*x", 1, "1/2", "2"),
    _body("1", 1, "1/2", "2"),
    _body("x + 1", 1, "1/2", "2"),
    _body("x/x*x", 2, "1/2", "2"),
    _body("exp(x) - 1", 1, "0", "1"),
    _body("abs(x)", 1, "0", "1"),
    _body("max(x, 0)", 1, "0", "1"),
    _body("sqrt(x*x)", 1, "0", "1"),
    _body("x/(1 + exp(-x))", 1, "2067/10000", "1"),
    _body("x/(1 + exp(-x))", 2, "0", "3557/10000"),
    _body("y", 2, "0", "2"),
    _body("x", 2, "0", "1e3"),
    _body("x", 2, "nan", "inf"),
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda b: f"{b['function']}^{b['power']} in [{b['lo']}, {b['hi']}]")
def test_refused(accepts: Accepts, body: dict[str, Any]) -> None:
    assert not accepts(check_integral, body, EVIDENCE)


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"reach": 20},
        {"reach": -20, "precision": 160},
        {"reach": 2.5, "precision": 160},
        {"reach": 2, "precision": 160},
    ],
)
def test_poor_evidence_is_refused(accepts: Accepts, evidence: dict[str, Any]) -> None:
    assert not accepts(check_integral, _body("x", 2, "999/1000", "1001/1000"), evidence)


def test_what_lies_beyond_the_reach_counts(accepts: Accepts) -> None:
    """The mean of x² over [-2, 2] alone is 0.7385."""
    assert not accepts(check_integral, _body("x", 2, "0", "3/4"), {"reach": 2, "precision": 160})


@pytest.mark.parametrize(
    "body",
    [
        _body("x", 2, "999999/1000000", "1000001/1000000"),
        _body("x", 1, "-1/1000000", "1/1000000"),
        _body("x/(1 + exp(-x))", 1, "2066/10000", "2067/10000"),
        _body("x/2", 2, "249/1000", "251/1000"),
    ],
    ids=lambda b: b["function"],
)
def test_true_ones_stay_accepted(accepts: Accepts, body: dict[str, Any]) -> None:
    assert accepts(check_integral, body, EVIDENCE)


@settings(max_examples=30)
@given(st.integers(1, 20), st.integers(-500, 500).filter(lambda k: abs(k) != 100))
def test_the_second_moment_of_a_multiple(numerator: int, shift: int) -> None:
    """E (a x)² = a² for a = k/20: an interval of width 2e-6 is accepted if and only if it holds a²."""
    value = Fraction(numerator, 20) ** 2
    centre = value + Fraction(shift, 100_000_000)
    lo, hi = centre - Fraction(1, 10**6), centre + Fraction(1, 10**6)
    accepted = check_integral.check(_body(f"{numerator}*x/20", 2, str(lo), str(hi)), EVIDENCE) is None
    assert accepted == (lo <= value <= hi)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("reach", [2, 3, 7, 20])
def test_the_tails_are_bounded_and_not_wildly(power: int, reach: int) -> None:
    exact = 2 * mpmath.quad(lambda x: x**power * mpmath.exp(-x * x / 2), [reach, reach + 5, mpmath.inf])
    assert 1.2 * exact < mpmath.mpf(float(check_integral.tail_bound(reach, power))) < 2.1 * exact


def test_tails_on_either_side_count(accepts: Accepts) -> None:
    """E x is 0; with the tails of |x| unknown beyond 2 it may be anywhere in [-0.216, 0.216]."""
    short = {"reach": 2, "precision": 160}
    assert accepts(check_integral, _body("x", 1, "-22/100", "22/100"), short)
    assert not accepts(check_integral, _body("x", 1, "-21/100", "22/100"), short)
    assert not accepts(check_integral, _body("x", 1, "-22/100", "21/100"), short)


@pytest.mark.parametrize("precision", [53, 4000])
def test_precisions_at_the_ends_are_allowed(accepts: Accepts, precision: int) -> None:
    assert accepts(check_integral, _body("x", 2, "9/10", "11/10"), {"reach": 20, "precision": precision})


@pytest.mark.parametrize("precision", [52, 4001, "160", None, 160.5])
def test_other_precisions_are_not(accepts: Accepts, precision: Any) -> None:
    assert not accepts(check_integral, _body("x", 2, "9/10", "11/10"), {"reach": 20, "precision": precision})


@pytest.mark.parametrize(
    ("power", "evidence", "reason"),
    [
        (3, EVIDENCE, "the power is 1 or 2, the reach an integer from 2 to 1000"),
        (2, {"reach": 1001, "precision": 160}, "the power is 1 or 2, the reach an integer from 2 to 1000"),
        (2, {"reach": 1, "precision": 160}, "the power is 1 or 2, the reach an integer from 2 to 1000"),
        (2, {"reach": 20, "precision": 52}, "the precision is an integer from 53 to 4000 bits"),
        (2, {"reach": 20, "precision": 4001}, "the precision is an integer from 53 to 4000 bits"),
        (2, {"reach": 1000, "precision": 53}, None),
        (2, {"reach": 20, "precision": 53}, None),
    ],
)
def test_the_reason_is_told(power: int, evidence: dict[str, Any], reason: str | None) -> None:
    assert check_integral.check(_body("x", power, "9/10", "11/10"), evidence) == reason

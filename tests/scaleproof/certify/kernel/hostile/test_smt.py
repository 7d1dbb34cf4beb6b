"""check_smt: statements about real numbers that are false, or that would be proved of nothing."""

from __future__ import annotations

from typing import Any

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleproof.certify.kernel import check_smt

Accepts = Any

#: (assumptions, goal, example)
HOSTILE: list[tuple[list[str], str, dict[str, str]]] = [
    (["exp(x) > 3", "x < 1"], "x > 100", {}),
    (["exp(x) > 3", "x < 1"], "x > 100", {"x": "1/2", "y": "0"}),
    (["exp(x) > 3", "x < 1"], "x > 100", {"x": "2", "y": "0"}),
    (["log(y) > 1", "y > 0", "y < 5/2"], "x == 1", {"x": "0", "y": "2"}),
    (["exp(x) < 1 + x + x*x/2 + 1/1000", "x > 1", "x < 2"], "x == y", {"x": "3/2", "y": "0"}),
    (["exp(x) == 2"], "x > 1", {"x": "1", "y": "0"}),
    (["x > 0", "x < 0"], "x == 1", {}),
    (["x*x == 2", "x > 0", "x < 1"], "y == 0", {}),
    (["x*x < 0"], "y == 0", {}),
    (["sqrt(x*x) < 0"], "y == 0", {}),
    ([], "x/x == 1", {}),
    ([], "sqrt(x)*sqrt(x) == x", {}),
    ([], "exp(log(x)) == x", {}),
    ([], "x*(x == x) == x", {}),
    ([], "(x < y) + (x >= y) == 1", {}),
    ([], "(x == x) == (y == y)", {}),
    ([], "max(x, y) == x", {}),
    ([], "abs(x) > 0", {}),
    ([], "exp(x) > 1 + x", {}),
    ([], "exp(x) < 3", {}),
    ([], "implies(x > y, x*x > y*y)", {}),
    ([], "iff(x > 0, x*x > 0)", {}),
    (["x > 0"], "log(x) < x - 1", {}),
    (["x > 0"], "log(x) > 0", {}),
    (["x > 0", "y > 0"], "log(x*y) == log(x) + log(y) + 1/10**9", {}),
    ([], "x", {}),
    ([], "x + 1", {}),
    (["x"], "x == x", {}),
    ([], "x and y", {}),
    ([], "x == z", {}),
    ([], "exp(x) == exp(y)", {}),
    (["x >= 1"], "1/x < 1", {}),
    # at the edge of an axiom: equal arguments, and where it holds with equality
    (["x > 0", "y > 0", "x == y"], "log(x) != log(y)", {}),
    (["x > 0", "y > 0", "x == y"], "log(y) != log(x)", {}),
    (["x > 0"], "x*log(x) > x - 1", {}),
    ([], "implies(y == exp(x), log(exp(x)) != x)", {}),
    (["y > 0"], "implies(y == exp(x), log(y) != x)", {}),
    (["y > 0"], "implies(y == exp(x), log(y) < x)", {}),
    (["y > 0"], "implies(y == exp(x), log(y) > x)", {}),
    (["x == y"], "exp(x) != exp(y)", {}),
    ([], "exp(x)*(1 - x) < 1", {}),
    (["x <= 0"], "exp(x)*(1 - x + x*x/2) < 1", {}),
    # each axiom with one thing in it wrong
    (["x >= 0"], "sqrt(x) > 0", {}),
    (["x > 0"], "sqrt(x) >= 1", {}),
    (["x > 0", "x < 1"], "exp(x) <= 1 - x", {}),
    ([], "exp(x) < 1 + x + x*x", {}),
    (["x >= 0"], "log(x) <= x - 1", {}),
    (["x > 0", "y > x"], "log(y) <= log(x)", {}),
    (["x > 0", "y > x"], "log(x) >= log(y)", {}),
    (["x > 0", "y > 0", "x*y == 1"], "log(x) == log(y)", {}),
    (["x > 0", "y > 0", "x*y == 1"], "log(x) + log(y) != 0", {}),
    (["x > 0", "y > 0", "x*y == 1"], "log(x) + log(y) == 1", {}),
    (["x > 0", "y > 0", "x*y == 2"], "log(x) + log(y) == 0", {}),
    (["x > 0", "y > 0", "x*y != 1"], "log(x) + log(y) == 0", {}),
    (["x > 0", "y > 0", "x == y"], "log(x) + log(y) == 0", {}),
    *(
        (["x > 0", "y > 0"], f"implies({premise}, {conclusion})", {})
        for premise, conclusion in (
            ("x != y*exp(1)", "log(x) == 1 + log(y)"),
            ("x != y*exp(1)", "1 + log(y) == log(x)"),
            ("x*y == exp(1)", "log(x) == 1 + log(y)"),
            ("x*y == exp(1)", "1 + log(y) == log(x)"),
            ("x == y*exp(1)", "log(x) != 1 + log(y)"),
            ("x == y*exp(1)", "1 + log(y) != log(x)"),
            ("x == y*exp(1)", "log(x) == 1 - log(y)"),
            ("x == y*exp(1)", "1 - log(y) == log(x)"),
            ("x == y*exp(1)", "log(x) == log(y) - 1"),
            ("x == y*exp(1)", "log(y) - 1 == log(x)"),
        )
    ),
]


@pytest.mark.parametrize(("assume", "goal", "example"), HOSTILE)
def test_refused(accepts: Accepts, assume: list[str], goal: str, example: dict[str, str]) -> None:
    body = {"variables": ["x", "y"], "assume": assume, "goal": goal}
    assert not accepts(check_smt, body, {"example": example} if example else {})


def test_a_variable_declared_twice_is_refused(accepts: Accepts) -> None:
    assert not accepts(check_smt, {"variables": ["x", "x"], "assume": [], "goal": "x == x"})


@pytest.mark.parametrize(
    ("assume", "goal", "example"),
    [
        (["exp(x) > 3", "x < 2"], "x > 0", {"x": "3/2", "y": "0"}),
        (["log(y) > 1", "y < 3"], "y > 1", {"x": "0", "y": "14/5"}),
        (["x > 0"], "x/x == 1", {}),
        (["x > 0"], "sqrt(x)*sqrt(x) == x", {}),
        (["x > 0"], "exp(log(x)) == x", {}),
        (["x*x == 2", "x > 0"], "x > 1", {}),
        (["x >= 1"], "1/x <= 1", {}),
        ([], "abs(x) >= 0 and max(x, y) >= x", {}),
        (["x > 0", "y > x"], "log(y) > log(x)", {}),
        (["x > y", "y > 0"], "log(x) > log(y)", {}),
        (["x > 0", "y > 0", "x == y"], "log(x) == log(y)", {}),
        (["x > 0", "y > 0"], "implies(log(x) == log(y), x == y)", {}),
        (["x > 0", "y > 0", "x*y == 1"], "log(x) + log(y) == 0", {}),
        (["x > 0"], "x*log(x) >= x - 1 and log(x) <= x - 1", {}),
        (["y > 0"], "implies(y == exp(x), log(y) == x)", {}),
        (["y > 0"], "iff(y >= exp(x), log(y) >= x) and iff(y <= exp(x), log(y) <= x)", {}),
        (["y > 0"], "log(y*exp(x)) == x + log(y)", {}),
        (["x > 0", "y > 0"], "implies(x == y*exp(1), log(x) == 1 + log(y))", {}),
        (["x > 0", "y > 0"], "implies(x == y*exp(1), 1 + log(y) == log(x))", {}),
        (["x > 0", "y > 0"], "log(x) <= x - 1 and log(y) <= y - 1 and y*log(y) >= y - 1", {}),
        (["x > 0", "y > 0"], "exp(1) > 0 and iff(x < y, log(x) < log(y)) and log(y) <= y - 1", {}),
        (["x > 0", "y > 0"], "exp(1) > 0 and implies(x*y == 1, log(x) + log(y) == 0)", {}),
        ([], "exp(x)*(1 - x) <= 1", {}),
        (["x <= 0"], "exp(x)*(1 - x + x*x/2) <= 1", {}),
        (["x >= 0"], "sqrt(x) >= 0 and sqrt(x)*sqrt(x) == x", {}),
        (["x == y"], "exp(x) == exp(y)", {}),
        (["x < y"], "exp(x) < exp(y)", {}),
        (["y < x"], "exp(y) < exp(x)", {}),
    ],
)
def test_true_ones_stay_accepted(accepts: Accepts, assume: list[str], goal: str, example: dict[str, str]) -> None:
    # log(y) in an assumption needs y > 0 first, as a division needs its divisor not to be 0
    first = ["y > 0"] if any("log(y)" in a for a in assume) else []
    body = {"variables": ["x", "y"], "assume": [*first, *assume], "goal": goal}
    assert accepts(check_smt, body, {"example": example} if example else {})


@settings(max_examples=60)
@given(st.integers(-40, 40), st.integers(1, 400))
def test_bounds_of_exp_are_not_proved_where_they_are_false(accepts_x: int, tenths: int) -> None:
    """exp(x) <= c on x <= a, where exp(a) > c."""
    a, c = accepts_x / 10, tenths / 10
    with mpmath.workdps(30):
        is_true = mpmath.exp(a) <= c
    body = {"variables": ["x"], "assume": [f"x <= {accepts_x}/10"], "goal": f"exp(x) <= {tenths}/10"}
    if not is_true:
        assert check_smt.check(body, {}) is not None


@settings(max_examples=60)
@given(st.integers(-8, 8), st.integers(-8, 8), st.integers(-8, 8), st.integers(-20, 20))
def test_quadratics_by_their_discriminant(a: int, b: int, c: int, d: int) -> None:
    """a x² + b x + c > d for all real x, or not: z3's answer is that of the discriminant."""
    body = {"variables": ["x"], "assume": [], "goal": f"{a}*x*x + {b}*x + {c} > {d}"}
    k = c - d
    is_true = (a > 0 and b * b < 4 * a * k) or (a == 0 and b == 0 and k > 0)
    assert (check_smt.check(body, {}) is None) == is_true


@pytest.mark.parametrize(
    ("assume", "goal"),
    [
        (["exp(x) > 3", "x < 1"], "exp(x) > 2"),
        (["y > 0", "log(y) > 1", "y < 5/2"], "log(y) > 0"),
        (["exp(x) == 2"], "exp(x) > 1"),
    ],
)
def test_assumptions_with_exp_or_log_need_an_example(accepts: Accepts, assume: list[str], goal: str) -> None:
    """z3 proves each goal from its assumptions; the first two are impossible, and z3 does not know that."""
    body = {"variables": ["x", "y"], "assume": assume, "goal": goal}
    for evidence in ({}, {"example": {}}, {"example": {"x": "1/2", "y": "2"}}):
        assert not accepts(check_smt, body, evidence)
    assert accepts(
        check_smt,
        {**body, "assume": ["exp(x) > 3", "x < 2"], "goal": "exp(x) > 2"},
        {"example": {"x": "3/2", "y": "0"}},
    )


@pytest.mark.parametrize(
    ("assumption", "point", "elsewhere"),
    [
        ("abs(x - 3) < 1", "5/2", "1"),
        ("abs(x - 3) < 1", "7/2", "9/2"),
        ("max(x, y) < 4", "2", "5"),
        ("max(y, x) < 4", "2", "5"),
        ("min(x, y + 10) > 1", "2", "1/2"),
        ("min(y + 10, x) > 1", "2", "1/2"),
        ("x > 1 and x < 3", "2", "4"),
        ("x < 1 or x > 3", "4", "2"),
        ("x < 1 or x > 3", "1/2", "2"),
    ],
)
def test_an_example_has_to_meet_every_assumption(accepts: Accepts, assumption: str, point: str, elsewhere: str) -> None:
    body = {"variables": ["x", "y"], "assume": ["exp(x) > 1/2", assumption], "goal": "exp(x) > 0"}
    assert accepts(check_smt, body, {"example": {"x": point, "y": "0"}})
    for example in ({"x": elsewhere, "y": "0"}, {"x": point}, {"x": point, "y": "0", "z": "0"}, {"x": "inf", "y": "0"}):
        assert not accepts(check_smt, body, {"example": example})


@pytest.mark.parametrize(
    ("body", "evidence", "reason"),
    [
        ({"variables": ["x"]}, {"proof": "trust me"}, "an smt theorem carries no evidence but an example"),
        ({"variables": ["x", "x"]}, {}, "a variable is declared twice"),
        ({"variables": ["x"], "goal": "1/x == 1/x"}, {}, "division by x, which may be 0"),
        ({"variables": ["x"], "assume": ["1/x == 1"]}, {}, "division by x, which may be 0"),
        ({"variables": ["x"], "goal": "sqrt(x)/x == 1"}, {}, "square root of x, which may be < 0"),
        ({"variables": ["x"], "goal": "log(x) < x"}, {}, "logarithm of x, which may be <= 0"),
        ({"variables": ["x"], "assume": ["exp(x) > 1"]}, {}, "the example does not certainly satisfy the assumptions"),
        ({"variables": [], "assume": ["exp(0) < 0"]}, {}, "the example does not certainly satisfy the assumptions"),
        ({"variables": ["x"], "assume": ["x*x < 0"]}, {}, "no values were found that satisfy the assumptions"),
        ({"variables": ["x"], "goal": "x > 0"}, {}, "z3 does not refute the negation"),
    ],
)
def test_the_reason_is_told(body: dict[str, Any], evidence: dict[str, Any], reason: str) -> None:
    assert check_smt.check({"assume": [], "goal": "0 == 0", **body}, evidence) == reason


def test_a_statement_without_variables_needs_no_values() -> None:
    body: dict[str, Any] = {"variables": [], "assume": ["exp(0) > 1/2"], "goal": "exp(0) > 0"}
    assert check_smt.check(body, {}) is None

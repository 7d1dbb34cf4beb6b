"""The floating-point, symbolic, exhaustive and ball checkers accept truths and reject near misses."""

from __future__ import annotations

import base64
import copy
import zlib
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import arb

from scaleproof.certify.kernel import check_ball, check_exhaustive, check_smt_float, check_symbolic
from scaleproof.certify.kernel.balls import ball, hull, over_piece, precision, rational, taylor, value
from scaleproof.certify.kernel.language import LanguageError
from scaleproof.certify.search import prove
from scaleproof.certify.search.ball import NoCover, cover, decimals
from scaleproof.certify.search.squareplus import minimax_balls
from scaleproof.certify.statements.squareplus import FAMILY, MINIMAX, THRESHOLD


def _float(goal: str, assume: list[str], formats: list[str] | None = None) -> str | None:
    body = {"formats": formats or ["float16"], "variables": ["a", "c"], "wide": [], "assume": assume, "goal": goal}
    return check_smt_float.check(body, {})


def test_float_arithmetic_rounds() -> None:
    assert _float("a + c == c + a or isnan(a + c)", []) is None
    assert (
        _float("stored(a*(1/2)) + stored(a*(1/2)) == a", ["isfinite(a)"]) is not None
    )  # subnormals lose their last bit
    assert _float("stored(a*c) > 0", ["a > 0", "c > 0"]) is not None  # underflow
    assert _float("a - a == 0", []) is not None  # infinity and NaN
    assert _float("a - a == 0", ["isfinite(a)"], ["float16", "bfloat16"]) is None
    assert _float("a == a", ["isnan(a)"]) is not None  # NaN is not equal to itself
    assert _float("a > 1", ["a > 2", "a < 1"]) is not None  # nothing is proved of an empty domain


def _identity(left: str, right: str, steps: list[str]) -> str | None:
    body = {"symbols": {"x": "real", "b": "positive"}, "functions": ["L"], "left": left, "right": right}
    return check_symbolic.check(body, {"steps": steps})


def test_symbolic_identities() -> None:
    assert _identity("(x + b)**2", "x**2 + 2*b*x + b**2", ["expand"]) is None
    assert _identity("(x + b)**2", "x**2 + 2*b*x + b**2", []) is not None  # only the named steps
    assert _identity("(x + b)**2", "x**2 + b*x + b**2", ["expand"]) is not None
    assert _identity("diff(L(x*b), x)", "b*L_prime(x*b)", ["doit"]) is None
    assert _identity("diff(L(x*b), x)", "L_prime(x*b)", ["doit", "simplify"]) is not None
    with pytest.raises(LanguageError, match="not certainly allowed"):  # x is any real number
        _identity("sqrt(x**2)", "x", ["simplify"])
    assert _identity("sqrt(b**2)", "b", ["simplify"]) is None
    assert "unknown step" in (_identity("x", "x", ["eval"]) or "")


def _table(name: str, function: Any) -> dict[str, str]:
    bits = np.arange(0x7C00, dtype=np.uint16)
    x = np.concatenate([(bits | 0x8000)[::-1], bits]).view(name)
    raw = np.asarray(function(x.astype(np.float64))).astype(name).tobytes()
    return {"table": base64.b64encode(zlib.compress(raw)).decode()}


def _exhaustive(function: Any, *properties: str) -> str | None:
    body = {"format": "float16", "b": 4, "properties": list(properties)}
    return check_exhaustive.check(body, _table("float16", function))


def _squareplus(x: Any) -> Any:
    r = np.sqrt(x * x + 4)
    return np.where(x < 0, 2 / (r - x), (x + r) / 2)


def test_exhaustive_tables() -> None:
    every = ("finite", "not-below-relu", "non-decreasing", "faithful")
    assert _exhaustive(_squareplus, *every) is None
    assert "non-decreasing" in (_exhaustive(lambda x: -x, "non-decreasing") or "")
    assert "not-below-relu" in (_exhaustive(lambda x: x, "not-below-relu") or "")
    with np.errstate(over="ignore"):
        assert "finite" in (_exhaustive(lambda x: 2 * x, "finite") or "")
    for scale in (1.002, 0.998):  # about 1.5 ulp next to powers of two
        assert "faithful" in (_exhaustive(lambda x, s=scale: np.minimum(s * _squareplus(x), 65504), "faithful") or "")
    short = {"table": base64.b64encode(zlib.compress(b"ab")).decode()}
    assert "entries" in (check_exhaustive.check({"format": "float16", "b": 4, "properties": []}, short) or "")
    bomb = {"table": base64.b64encode(zlib.compress(bytes(10**8))).decode()}
    assert "entries" in (check_exhaustive.check({"format": "float16", "b": 4, "properties": []}, bomb) or "")


def test_taylor_balls_contain_the_function() -> None:
    with precision(128):
        lo, hi = Fraction(1, 2), Fraction(3, 4)
        whole = over_piece(FAMILY, "x", lo, hi, Fraction(5, 8), {"b": arb(2)})
        for k in range(17):
            at = ball(lo + (hi - lo) * k / 16)
            assert whole.contains(value(FAMILY, {"x": at, "b": arb(2)}))
        f, slope, half = taylor("x**3", "x", arb(2), {})
        assert (f, slope, half) == (8, 12, 6)
        assert taylor("x**3", "x", hull(Fraction(1), Fraction(2)), {})[2].contains(arb("4.5"))
        with pytest.raises(LanguageError):
            over_piece(FAMILY, "x", lo, hi, Fraction(2), {"b": arb(2)})


def test_a_comparison_that_is_not_certain_is_false() -> None:
    with precision(64):
        wide = hull(Fraction(-1), Fraction(1))
        assert not wide > 0
        assert not wide < 0
        assert not value("1/x", {"x": wide}) > 0  # NaN


@pytest.mark.parametrize("text", ["1/0", "", "x", "1e999999999", "9" * 3000, "0x1", "nan", "inf"])
def test_rationals_are_checked(text: str) -> None:
    with pytest.raises(LanguageError):
        rational(text)


def test_a_cover_is_found_only_where_there_is_one() -> None:
    with precision(64):
        rising = check_ball.positive("x + 1", "x", {})
        assert cover(Fraction(0), Fraction(1), rising)
        with pytest.raises(NoCover):
            cover(Fraction(-2), Fraction(1), rising)


@pytest.mark.parametrize("claim", ["squareplus.dominates-softplus", "squareplus.minimax"])
def test_ball_statements_do_not_prove_their_siblings(claim: str) -> None:
    (theorem,) = prove(claim).theorems
    body, evidence = dict(theorem.statement.body), theorem.evidence
    assert check_ball.check(body, evidence) is None
    siblings = [
        {**body, "family": FAMILY.replace("/2", "/3")},
        {**body, "family": FAMILY.replace("exp(x)", "exp(x)*2")},  # not even
        {**body, "family": f"-({FAMILY})"},  # decreasing
        {**body, "kind": "another"},
    ]
    if "threshold" in body:
        siblings += [{**body, "threshold": "19218/10000"}, {**body, "threshold": "4*log(2)**2 + 1/10**30"}]
    for sibling in siblings:
        assert check_ball.check(sibling, evidence) is not None, sibling


def _pieces(evidence: Any) -> list[tuple[list[Any], int]]:
    if isinstance(evidence, list) and evidence and isinstance(evidence[0], dict):
        return [(evidence, k) for k in range(len(evidence))]
    values = evidence.values() if isinstance(evidence, dict) else []
    return [found for v in values for found in _pieces(v)]


@pytest.mark.parametrize("claim", ["squareplus.dominates-softplus", "squareplus.minimax"])
def test_no_piece_of_a_cover_can_be_left_out_or_moved(claim: str) -> None:
    (theorem,) = prove(claim).theorems
    count = len(_pieces(theorem.evidence))
    assert count > 20
    for number in range(0, count, 5):
        broken = copy.deepcopy(dict(theorem.evidence))
        pieces, k = _pieces(broken)[number]
        del pieces[k]
        assert check_ball.check(theorem.statement.body, broken) is not None
        broken = copy.deepcopy(dict(theorem.evidence))
        pieces, k = _pieces(broken)[number]
        pieces[k]["hi"] = str(Fraction(pieces[k]["hi"]) - Fraction(1, 10**9))
        assert check_ball.check(theorem.statement.body, broken) is not None


def test_bounds_that_are_wrong_are_rejected() -> None:
    (theorem,) = prove("squareplus.minimax").theorems
    body = theorem.statement.body
    for name, (lo, hi) in body["bounds"].items():
        step = Fraction(10) ** -38
        for moved in ([str(Fraction(lo) + step), str(Fraction(hi) + step)], [hi, lo]):
            changed = {**body, "bounds": {**body["bounds"], name: moved}}
            assert check_ball.check(changed, theorem.evidence) is not None, name


def test_minimax_bounds_are_narrow() -> None:
    (theorem,) = prove("squareplus.minimax").theorems
    for lo, hi in theorem.statement.body["bounds"].values():
        assert 0 < Fraction(hi) - Fraction(lo) < Fraction(1, 10**40)


def test_stated_bounds_are_those_of_the_search() -> None:
    with precision(384):
        found = dict(zip(("b", "x", "error"), minimax_balls(), strict=True))
        for (name, bounds), places in zip(MINIMAX.items(), (46, 43, 44), strict=True):
            assert decimals(found[name], places) == bounds
        assert decimals(value("4*log(2)**2", {}), 50) == THRESHOLD


@pytest.mark.parametrize("centre", ["0", "1/4", "3/4", "1"])
@pytest.mark.parametrize("text", ["exp(3*x)", "exp(-3*x)", "sqrt(x + 1/100)", "x*x*x - x"])
def test_a_piece_holds_its_values_wherever_its_centre_is(text: str, centre: str) -> None:
    lo, hi = Fraction(0), Fraction(1)
    with precision(128):
        whole = over_piece(text, "x", lo, hi, Fraction(centre), {})
        for k in range(17):
            assert whole.contains(value(text, {"x": ball(Fraction(k, 16))}))

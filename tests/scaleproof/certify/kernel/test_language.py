"""The language of statements: what it reads, and that it runs nothing."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleproof.certify.kernel.language import LanguageError, calls, evaluate, integers


def _fraction(text: str, **variables: int) -> object:
    names = {k: Fraction(v) for k, v in variables.items()}
    sort = "truth" if any(c in text for c in "<=") or "!=" in text else "number"
    return evaluate(text, names, Fraction, {"max": max, "and": lambda *a: all(a)}, sort)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2*3", 7),
        ("-x**2", -9),
        ("(x + 1)/2", 2),
        ("max(x, 5) - 1", 4),
        ("x/(y - 1)", Fraction(3, 4)),
        ("x < y and y <= 5", True),
        ("x == y", False),
        ("2 != 3", True),
    ],
)
def test_reads_arithmetic(text: str, value: object) -> None:
    assert _fraction(text, x=3, y=5) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "x.real",
        "x[0]",
        "lambda: 1",
        "[1 for _ in x]",
        "'a'",
        "1.5",
        "True",
        "f'{x}'",
        "x if x else 1",
        "max(a=1)",
        "max(*x)",
        "open(x)",
        "x**y",
        "x**65",
        "x**-1",
        "10**1000",
        "9" * 200,
        "1 < x < 2",
        "undeclared",
        "",
        "1 +",
        "x" + "+x" * 4000,
        "(" * 300 + "x" + ")" * 300,
        "\x00",
        "x; y",
        "(y := 2)",
    ],
)
def test_refuses_everything_else(text: str) -> None:
    with pytest.raises(LanguageError):
        _fraction(text, x=3, y=5)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(LanguageError, ZeroDivisionError, TypeError):
        _fraction(text, x=3)


@pytest.mark.parametrize(
    "text", ["x*(x == x)", "(x < y) + 1", "max(x, y > 1)", "-(x < y)", "x == (y == y)", "x and y", "(1 < 2)"]
)
def test_a_truth_is_no_number(text: str) -> None:
    with pytest.raises(LanguageError, match=r"is a (truth|number), where a (truth|number) belongs"):
        evaluate(text, {"x": Fraction(1), "y": Fraction(2)}, Fraction, {"max": max})


def test_a_number_is_no_truth() -> None:
    with pytest.raises(LanguageError, match="is a number, where a truth belongs"):
        evaluate("x + 1", {"x": Fraction(1)}, Fraction, {}, "truth")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x + (y > 1)", "'y > 1' is a truth, where a number belongs"),
        ("z", "undeclared name 'z'; declared: x, y"),
        ("f(x)", "no function 'f' here; there are: max"),
        ("x**65", "exponents are whole numbers from 1 to 64"),
        ("True", "True and False are not in the language"),
        ("x.real", "'x.real' is not in the language of statements"),
        ("~x", "'~x' is not in the language of statements"),
        ("x" * 4001, "a statement is a text of at most 4000 characters"),
        ("x" + "+x" * 400, "the statement is too long"),
        ("1 +", "cannot parse '1 +': invalid syntax (<unknown>, line 1)"),
    ],
)
def test_the_reason_is_told(text: str, reason: str) -> None:
    with pytest.raises(LanguageError) as caught:
        evaluate(text, {"y": Fraction(2), "x": Fraction(1)}, Fraction, {"max": max})
    assert str(caught.value) == reason


@pytest.mark.parametrize(("text", "value"), [("x**1", 3), ("x**64", 3**64), (str(10**120), 10**120), ("-(10)", -10)])
def test_the_edges_are_inside(text: str, value: int) -> None:
    assert _fraction(text, x=3) == value


def test_numbers_and_calls_of_a_text() -> None:
    text = "iff(max(x, 7) < 12*x, exp(-3) > 7)"
    assert integers(text, "truth") == {7, 12, 3}
    assert calls(text, "truth") == {"iff", "max", "exp"}
    with pytest.raises(LanguageError):
        integers(text, "number")
    with pytest.raises(LanguageError):
        calls("x + 1", "truth")


def test_functions_may_override_operators() -> None:
    def reversed_minus(a: Fraction, b: Fraction) -> Fraction:
        return b - a

    assert evaluate("x - 5", {"x": Fraction(1)}, Fraction, {"-": reversed_minus, "neg": lambda a: 7 * a}) == 4
    assert evaluate("-x", {"x": Fraction(1)}, Fraction, {"neg": lambda a: 7 * a}) == 7

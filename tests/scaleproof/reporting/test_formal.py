"""Formal statements as mathematics: nothing lost, nothing bound otherwise; what is no expression stays code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaleproof.reporting.formal import formal, typeset
from scaleproof.reporting.record import Record

PUBLISHED = Path(__file__).parents[3] / "reports" / "published" / "record.json"


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("-x**2", "-x^{2}"),
        ("(-x)**2", r"\left(-x\right)^{2}"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("a - b - c", "a - b - c"),
        ("a + (-b)", r"a + \left(-b\right)"),
        ("a*(b + c)", r"a \, \left(b + c\right)"),
        ("a*(-b)", r"a \, \left(-b\right)"),
        ("2*3*x", r"2 \cdot 3 \, x"),
        ("a/(b*c)", r"\frac{a}{b \, c}"),
        ("a/b*c", r"\frac{a}{b} \, c"),
        ("(a/b)**2", r"\left(\frac{a}{b}\right)^{2}"),
        ("(a**2)**3", r"\left(a^{2}\right)^{3}"),
        ("exp(a)**2", r"\left(e^{a}\right)^{2}"),
        ("-(a + b)", r"-\left(a + b\right)"),
        ("abs(x) + eps", r"\left|x\right| + \varepsilon"),
        ("w2*L_prime(theta)", r"w_{2} \, L'\left(\theta\right)"),
        ("diff(a + b, x)", r"\frac{d}{dx} \left(a + b\right)"),
        ("a > 0 and (b > 0 or c == 1)", r"a > 0 \wedge \left(b > 0 \vee c = 1\right)"),
        ("a < b and c <= d and e >= f and x > y", r"a < b \wedge c \le d \wedge e \ge f \wedge x > y"),
        ("iff(a == b, c != d)", r"a = b \Leftrightarrow c \ne d"),
        ("implies(a > 0, implies(b > 0, c != 0))", r"a > 0 \Rightarrow \left(b > 0 \Rightarrow c \ne 0\right)"),
    ],
)
def test_operations_bind_in_print_as_they_do_in_the_text(text: str, tex: str) -> None:
    assert typeset(text).text == tex


@pytest.mark.parametrize("text", ["a < b < c", "x if y else z", "f'{x}'", "[x]", "x.y", "1.5"])
def test_what_is_not_in_the_language_is_not_typeset(text: str) -> None:
    with pytest.raises(ValueError, match="language"):
        typeset(text)


def test_a_statement_says_what_it_is_about_and_under_which_assumptions() -> None:
    text = json.dumps({"variables": ["x", "b"], "assume": ["b > 0"], "goal": "sqrt(x**2 + b) > x"})
    assert formal("smt", text) == r"for all real $x, b$ with $b > 0$: $\sqrt{x^{2} + b} > x$"


@pytest.mark.parametrize(
    "text", ["no JSON", "[]", '{"goal": "x"}', '{"variables": ["x"], "assume": [], "goal": "a < b < c"}']
)
def test_what_cannot_be_typeset_is_shown_as_it_stands(text: str) -> None:
    assert formal("smt", text) == f"`{text}`"


def test_every_published_statement_but_code_is_mathematics() -> None:
    for result in Record.model_validate_json(PUBLISHED.read_text()).results:
        for s in result.proof.statements if result.proof else ():
            shown = formal(s.method, s.formal)
            assert not shown.startswith("`"), s
            assert ("$" in shown) == (s.method not in ("ball", "exhaustive", "logic")), s

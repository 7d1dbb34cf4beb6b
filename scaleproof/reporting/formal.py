"""Formal statements as mathematics: the text that a checker took, parsed and typeset, with nothing added or left out.

Statements are Python expressions (scaleproof.certify.kernel.language) inside JSON; SMT-LIB and tables of properties
stay what they are, as code.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GREEK = ("alpha", "beta", "gamma", "delta", "eps", "eta", "theta", "lam", "mu", "nu", "phi", "sigma", "tau")
SPELLED = {"eps": "varepsilon", "lam": "lambda", "phi": "varphi"}
RELATIONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: r"\le",
    ast.Gt: ">",
    ast.GtE: r"\ge",
    ast.Eq: "=",
    ast.NotEq: r"\ne",
}
#: how tightly a form binds
ARROW, OR, AND, RELATION, SUM, PRODUCT, POWER, ATOM = range(8)
#: statements that hold of numbers in a format, where stored(...) is what a result is rounded to
STORED = r"\operatorname{fl}"


@dataclass(frozen=True)
class Tex:
    """LaTeX, and how tightly its outermost operation binds."""

    text: str
    binds: int = ATOM

    def within(self, least: int) -> str:
        """The text, in parentheses where it binds less."""
        return self.text if self.binds >= least else rf"\left({self.text}\right)"


def formal(method: str, text: str) -> str:
    """A statement's formal text as Markdown with math; as code, piece by piece, where it is no expression."""
    try:
        stated: Mapping[str, Any] = json.loads(text)
        words = WORDS.get(method)
        return words(stated) if words else _pieces(stated)
    except (ValueError, KeyError, TypeError, AttributeError):
        return code(text)


def _over_reals(s: Mapping[str, Any]) -> str:
    return f"for all real {_names(s['variables'])}{_given(s['assume'])}: {_math(s['goal'])}"


def _over_floats(s: Mapping[str, Any]) -> str:
    own, wide = s["variables"], s["wide"]
    which = f"for all {_names(own)}" + (f", and {_names(wide)} of the format that it computes in," if wide else "")
    goal = f"{_math(s['goal'])}, ${STORED}$ rounding to the format"
    return f"in {', '.join(s['formats'])}, {which}{_given(s['assume'])}: {goal}"


def _identity(s: Mapping[str, Any]) -> str:
    kinds = [f"{kind} {_names([n])}" for n, kind in sorted(s["symbols"].items())]
    functions = f", and any differentiable {_names(s['functions'])}" if s.get("functions") else ""
    return f"{_math(s['left'] + ' == ' + s['right'])} for {', '.join(kinds)}{functions}"


def _mean(s: Mapping[str, Any]) -> str:
    value = typeset(s["function"]).within(POWER) + (f"^{{{s['power']}}}" if s["power"] != 1 else "")
    mean = f"$E\\left[{value}\\right]$, {_names([s['variable']])} standard normal,"
    return f"{mean} is between {code(s['lo'])} and {code(s['hi'])}"


def _logic(s: Mapping[str, Any]) -> str:
    parts = [("declared", s["declare"]), ("assumed", s["assume"]), ("then", [s["goal"]])]
    return "; ".join(f"{word} {', '.join(map(code, texts))}" for word, texts in parts if texts)


WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "smt": _over_reals,
    "smt-float": _over_floats,
    "symbolic": _identity,
    "integral": _mean,
    "logic": _logic,
}


def typeset(text: str) -> Tex:
    """An expression of the language of statements as LaTeX; raises ValueError for what is not in it."""
    return _tex(ast.parse(text, mode="eval").body)


def _tex(node: ast.expr) -> Tex:
    match node:
        case ast.Constant(value=int(value)):
            return Tex(str(value))
        case ast.Name(id=name):
            return Tex(_name(name))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Tex("-" + _tex(operand).within(PRODUCT), SUM)
        case ast.BinOp(left=left, op=op, right=right):
            return _arithmetic(_tex(left), op, _tex(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return Tex(f"{_tex(left).within(SUM)} {RELATIONS[type(op)]} {_tex(right).within(SUM)}", RELATION)
        case ast.BoolOp(op=op, values=values):
            sign, binds = (r"\wedge", AND) if isinstance(op, ast.And) else (r"\vee", OR)
            return Tex(f" {sign} ".join(_tex(v).within(binds + 1) for v in values), binds)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _call(name, [_tex(a) for a in args])
    raise ValueError(f"'{ast.unparse(node)[:60]}' is not in the language of statements")


def _arithmetic(left: Tex, op: ast.operator, right: Tex) -> Tex:
    match op:
        case ast.Add():
            # an operand that begins with a sign stands in parentheses
            return Tex(f"{left.within(SUM)} + {_unsigned(right, SUM)}", SUM)
        case ast.Sub():
            return Tex(f"{left.within(SUM)} - {_unsigned(right, PRODUCT)}", SUM)
        case ast.Mult():
            factor = right.within(PRODUCT)
            sign = r" \cdot " if factor[:1].isdigit() or factor.startswith(r"\frac") else r" \, "
            return Tex(left.within(PRODUCT) + sign + factor, PRODUCT)
        case ast.Div():
            return Tex(rf"\frac{{{left.text}}}{{{right.text}}}", PRODUCT)
        case ast.Pow():
            return Tex(f"{left.within(ATOM)}^{{{right.text}}}", POWER)
    raise ValueError(f"{type(op).__name__} is not in the language of statements")


def _unsigned(operand: Tex, least: int) -> str:
    return operand.within(PRODUCT if operand.text.startswith("-") else least)


def _call(name: str, args: Sequence[Tex]) -> Tex:
    inside = ", ".join(a.text for a in args)
    match name, args:
        case "sqrt", [x]:
            return Tex(rf"\sqrt{{{x.text}}}")
        case "exp", [x]:
            return Tex(rf"e^{{{x.text}}}", POWER)
        case "abs", [x]:
            return Tex(rf"\left|{x.text}\right|")
        case (("implies" | "iff"), [a, b]):
            arrow = r"\Rightarrow" if name == "implies" else r"\Leftrightarrow"
            return Tex(f"{a.within(OR)} {arrow} {b.within(OR)}", ARROW)
        case (("isfinite" | "isnan"), [x]):
            return Tex(rf"{x.within(ATOM)}\ \text{{{'is finite' if name == 'isfinite' else 'is NaN'}}}", RELATION)
        case "diff", [f, x]:
            return Tex(rf"\frac{{d}}{{d{x.text}}} {f.within(POWER)}", PRODUCT)
        case "at", [f, x, value]:
            return Tex(rf"\left. {f.text} \right|_{{{x.text} = {value.text}}}", POWER)
        case (("log" | "sin" | "cos" | "max" | "min"), _):
            return Tex(rf"\{name}\left({inside}\right)")
        case "stored", _:
            return Tex(rf"{STORED}\left({inside}\right)")
    return Tex(rf"{_name(name)}\left({inside}\right)")


def _name(name: str) -> str:
    """theta as a letter, w2 with an index, L_prime as a derivative, words upright."""
    if name.endswith("_prime"):
        return _name(name.removesuffix("_prime")) + "'"
    letters, digits = re.fullmatch(r"(.*?)_?(\d*)", name).groups()  # type: ignore[union-attr]
    if letters in GREEK:
        letters = "\\" + SPELLED.get(letters, letters)
    elif len(letters) > 1:
        letters = rf"\mathrm{{{letters}}}".replace("_", r"\_")
    return f"{letters}_{{{digits}}}" if digits else letters


def _math(text: str) -> str:
    return f"${typeset(text).text}$"


def _names(names: Sequence[str]) -> str:
    return f"${', '.join(map(_name, names))}$"


def _given(assumed: Sequence[str]) -> str:
    return " with " + ", ".join(map(_math, assumed)) if assumed else ""


def _pieces(stated: Mapping[str, Any]) -> str:
    """Keys and values as they stand; what is bounded is printed beside the statement."""
    return ", ".join(f"{key} {code(_plain(value))}" for key, value in stated.items() if key != "bounds")


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def code(text: Any, in_table: bool = True) -> str:
    """Text as inline code, which cannot contain a backtick, nor a bar in a table."""
    line = " ".join(str(text).split()).replace("`", "'")
    return f"`{line.replace('|', '¦') if in_table else line}`"

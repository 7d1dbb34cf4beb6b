"""The language of formal statements: arithmetic, a few functions, comparisons; parsed, never executed.

Python's syntax for expressions, of which only this is accepted: integers, declared names, + - * / and **
with a whole exponent, comparisons, `and`, `or`, and calls of the functions that the caller provides.
There are two sorts, numbers and truths, and they do not mix: a comparison is never a number (methods would give it
different values: 1 for one, nothing for another). Each proof method gives the same text its own values (Arb balls,
z3 terms, SymPy expressions).
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal

Sort = Literal["number", "truth"]

MAX_LENGTH = 4000
MAX_NODES = 600
MAX_EXPONENT = 64
MAX_INTEGER = 10**120

_BINARY: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_OPERATORS: dict[str, Callable[..., Any]] = {
    "neg": operator.neg,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
#: functions that make truths, and the sort of their arguments; every other function takes numbers and makes a number
_TRUTHS: dict[str, Sort] = {"implies": "truth", "iff": "truth", "isnan": "number", "isfinite": "number"}


class LanguageError(ValueError):
    """The text is not in the language, or uses a name that nobody declared."""


def evaluate(
    text: str,
    variables: Mapping[str, Any],
    number: Callable[[int], Any],
    functions: Mapping[str, Callable[..., Any]],
    sort: Sort = "number",
) -> Any:
    """The value of `text`, which has to be of the given sort, with integers made by `number`.

    `functions` may override the operators ("+", "<=", ... with two arguments, "neg" with one) and must hold "and" and
    "or" (any number of arguments) where the text uses them. Raises LanguageError.
    """
    return _value(_parse(text, sort), variables, number, functions)


def integers(text: str, sort: Sort) -> set[int]:
    """The whole numbers in `text`; raises LanguageError."""
    nodes = [n for n in ast.walk(_parse(text, sort)) if isinstance(n, ast.Constant)]
    return {n.value for n in nodes if isinstance(n.value, int)}


def calls(text: str, sort: Sort) -> set[str]:
    """The names of the functions that `text` calls; raises LanguageError."""
    return {n.func.id for n in ast.walk(_parse(text, sort)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


@lru_cache(maxsize=256)  # a cover evaluates one text hundreds of times
def _parse(text: str, sort: Sort) -> ast.expr:
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise LanguageError(f"a statement is a text of at most {MAX_LENGTH} characters")
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise LanguageError(f"cannot parse '{text[:80]}': {error}") from error
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise LanguageError("the statement is too long")
    _require(tree.body, sort)
    return tree.body


def _require(node: ast.expr, sort: Sort) -> None:
    """Raises LanguageError unless the expression and all of its parts are of the sorts that their places ask for."""
    made, taken, parts = _sorts(node)
    if made != sort:
        raise LanguageError(f"'{ast.unparse(node)[:80]}' is a {made}, where a {sort} belongs")
    for part in parts:
        _require(part, taken)


def _sorts(node: ast.expr) -> tuple[Sort, Sort, list[ast.expr]]:
    """The sort of an expression, that of its parts, and the parts."""
    match node:
        case ast.Compare():
            return "truth", "number", [node.left, *node.comparators]
        case ast.BoolOp():
            return "truth", "truth", node.values
        case ast.Call(func=ast.Name(id=name)):
            return ("truth" if name in _TRUTHS else "number"), _TRUTHS.get(name, "number"), node.args
        case ast.BinOp():
            return "number", "number", [node.left, node.right]
        case ast.UnaryOp():
            return "number", "number", [node.operand]
    return "number", "number", []


def _value(
    node: ast.expr,
    variables: Mapping[str, Any],
    number: Callable[[int], Any],
    functions: Mapping[str, Callable[..., Any]],
) -> Any:
    def inner(child: ast.expr) -> Any:
        return _value(child, variables, number, functions)

    def function(name: str) -> Callable[..., Any]:
        result = functions.get(name) or _OPERATORS.get(name)
        if result is None:
            raise LanguageError(f"no function '{name}' here; there are: {', '.join(sorted(functions))}")
        return result

    match node:
        case ast.Constant(value=bool()):
            raise LanguageError("True and False are not in the language")
        case ast.Constant(value=int(value)) if abs(value) <= MAX_INTEGER:
            return number(value)
        case ast.Name(id=name):
            if name not in variables:
                raise LanguageError(f"undeclared name '{name}'; declared: {', '.join(sorted(variables))}")
            return variables[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return function("neg")(inner(operand))
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))):
            if not 1 <= power <= MAX_EXPONENT:
                raise LanguageError(f"exponents are whole numbers from 1 to {MAX_EXPONENT}")
            return _power(inner(left), power, function("*"))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return function(_BINARY[type(op)])(inner(left), inner(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            return function(_COMPARE[type(op)])(inner(left), inner(right))
        case ast.BoolOp(op=op, values=values):
            return function("and" if isinstance(op, ast.And) else "or")(*map(inner, values))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return function(name)(*map(inner, args))
    raise LanguageError(f"'{ast.unparse(node)[:80]}' is not in the language of statements")


def _power(base: Any, power: int, multiply: Callable[[Any, Any], Any]) -> Any:
    result = base
    for _ in range(power - 1):
        result = multiply(result, base)
    return result

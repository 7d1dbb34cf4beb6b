"""The language of formal statements: arithmetic, a few functions, comparisons; parsed, never executed.

Python's syntax for expressions, of which only this is accepted: integers, declared names, + - * / and **
with a whole exponent, comparisons, `and`, `or`, and calls of the functions that the caller provides.
Each proof method gives the same text its own values (Arb balls, z3 terms, SymPy expressions).
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

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
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
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


class LanguageError(ValueError):
    """The text is not in the language, or uses a name that nobody declared."""


def evaluate(
    text: str,
    variables: Mapping[str, Any],
    number: Callable[[int], Any],
    functions: Mapping[str, Callable[..., Any]],
) -> Any:
    """The value of `text`, with integers made by `number`.

    `functions` may override the operators ("+", "<=", ...; two arguments) and must hold "and" and "or" (any
    number of arguments) where the text uses them. Raises LanguageError.
    """
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise LanguageError(f"a statement is a text of at most {MAX_LENGTH} characters")
    return _value(_parse(text), variables, number, functions)


@lru_cache(maxsize=256)  # a cover evaluates one text hundreds of times
def _parse(text: str) -> ast.expr:
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise LanguageError(f"cannot parse '{text[:80]}': {error}") from error
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise LanguageError("the statement is too long")
    return tree.body


def _value(
    node: ast.expr,
    variables: Mapping[str, Any],
    number: Callable[[int], Any],
    functions: Mapping[str, Callable[..., Any]],
) -> Any:
    def inner(child: ast.expr) -> Any:
        return _value(child, variables, number, functions)

    def function(name: str) -> Callable[..., Any]:
        found = functions.get(name) or _OPERATORS.get(name)
        if found is None:
            raise LanguageError(f"no function '{name}' here; there are: {', '.join(sorted(functions))}")
        return found

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
            return -inner(operand)
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

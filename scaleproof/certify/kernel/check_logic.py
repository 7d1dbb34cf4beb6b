"""Trusted: a first-order statement over sets and relations holds if z3 finds its negation unsatisfiable.

body: {"declare": [SMT-LIB declarations], "assume": [SMT-LIB terms], "goal": SMT-LIB term}. Declarations are
(declare-sort NAME 0), declare-const, declare-fun and define-fun (not recursive); relations are functions to Bool. A
name is declared once and is none of the language's own; terms are made of the words in LANGUAGE, declared names, names
that a quantifier or define-fun binds, and whole numbers, and nothing else that z3 may know. The assumptions have to be
satisfiable, so that nothing is proved of nothing. What is proved holds for domains of any size.
evidence: {} or {"example": {name: define-fun}}: definitions in place of declare-fun and declare-const of the same name,
parameters and result, under which z3 finds the assumptions to hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import z3

#: z3's own measure of work; deterministic, unlike seconds
RESOURCE_LIMIT = 50_000_000
SORTS = ("Int", "Bool", "Real")
LANGUAGE = frozenset(
    [
        "and",
        "or",
        "not",
        "=>",
        "=",
        "distinct",
        "exists",
        "forall",
        "ite",
        "true",
        "false",
        "<",
        "<=",
        ">",
        ">=",
        "+",
        "-",
        "*",
        *SORTS,
    ]
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TOKEN = re.compile(r"[()]|[^\s()]+")

#: an S-expression: a word, or a list of them
Tree = Any
#: the sorts of a declaration's parameters, and that of its result
Type = tuple[tuple[str, ...], str]


class Malformed(ValueError):
    """A text is not in the language; the message says why."""


def check(body: Mapping[str, Any], evidence: Mapping[str, Any]) -> str | None:
    """None if the statement is proved, else the reason why not."""
    try:
        types, concrete = _declarations(body["declare"], dict(evidence.get("example", {})))
        for text in [*body["assume"], body["goal"]]:
            _require_words(_tree(text), set(types))
    except Malformed as error:
        return str(error)
    if _answer(concrete, body["assume"]) != z3.sat:
        return "z3 finds no example in which the assumptions hold"
    answer = _answer(body["declare"], [*body["assume"], f"(not {body['goal']})"])
    return None if answer == z3.unsat else f"z3 does not refute the negation ({answer})"


def _answer(declarations: Sequence[str], terms: Sequence[str]) -> Any:
    context = z3.Context()
    solver = z3.Solver(ctx=context)
    solver.set("rlimit", RESOURCE_LIMIT)
    text = "\n".join([*declarations, *(f"(assert {t})" for t in terms)])
    solver.add(z3.parse_smt2_string(text, ctx=context))
    return solver.check()


def _declarations(declare: Sequence[str], example: dict[str, str]) -> tuple[dict[str, Type | None], list[str]]:
    """The type of every declared name (None for a sort), and the declarations with the example's in their place."""
    types: dict[str, Type | None] = {}
    concrete = []
    for text in declare:
        name, declared, is_open = _declared(_tree(text), set(types))
        if name in types:
            raise Malformed(f"'{name}' is declared twice")
        if name in example:
            definition = example.pop(name)
            other, given, still_open = _declared(_tree(definition), set(types))
            if not is_open or still_open or (other, given) != (name, declared):
                raise Malformed(f"the example defines something else than '{name}'")
            text = definition
        types[name] = declared
        concrete.append(text)
    if example:
        raise Malformed(f"the example defines {', '.join(sorted(example))}, which nothing declares")
    return types, concrete


def _declared(tree: Tree, known: set[str]) -> tuple[str, Type | None, bool]:
    """The name and type of a declaration, and whether it leaves open what it stands for."""
    match tree:
        case ["declare-sort", str(name), "0"]:
            return _new(name), None, False
        case ["declare-const", str(name), str(result)]:
            return _new(name), ((), result), True
        case ["declare-fun", str(name), list(sorts), str(result)] if all(isinstance(s, str) for s in sorts):
            return _new(name), (tuple(sorts), result), True
        case ["define-fun", str(name), list(parameters), str(result), term]:
            _require_words(term, known | _bound(parameters))
            return _new(name), (tuple(str(sort) for _, sort in parameters), result), False
    raise Malformed("a declaration is no single declare-sort, declare-const, declare-fun or define-fun")


def _require_words(tree: Tree, known: set[str]) -> None:
    """Raises Malformed unless every word of the term is known, bound, a whole number or the language's own."""
    match tree:
        case str(word):
            if word not in LANGUAGE and word not in known and not word.isdecimal():
                raise Malformed(f"'{word}' is neither declared nor a word of the language")
        case ["exists" | "forall", list(parameters), term]:
            _require_words(term, known | _bound(parameters))
        case [str(), _, *_]:
            for part in tree:
                _require_words(part, known)
        case _:
            raise Malformed("a term is a word, or a word and what it is applied to, in parentheses")


def _bound(parameters: Tree) -> set[str]:
    if not isinstance(parameters, list) or not all(isinstance(p, list) and len(p) == 2 for p in parameters):
        raise Malformed("parameters are pairs of a name and a sort")
    return {_new(name) for name, _ in parameters}


def _new(name: Tree) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in LANGUAGE:
        raise Malformed(f"'{name}' cannot be a name")
    return name


def _tree(text: Any) -> Tree:
    """The one S-expression that a text is; raises Malformed (comments, quotes and second expressions included)."""
    if not isinstance(text, str) or any(c in text for c in ';"|'):
        raise Malformed("a declaration or term is a text without comments and quotes")
    stack: list[list[Tree]] = [[]]
    for token in _TOKEN.findall(text):
        if token == "(":
            stack.append([])
        elif token == ")":
            if len(stack) == 1:
                raise Malformed(f"'{text[:40]}' closes more than it opens")
            inner = stack.pop()
            stack[-1].append(inner)
        else:
            stack[-1].append(token)
    if len(stack) != 1 or len(stack[0]) != 1:
        raise Malformed(f"'{text[:40]}' is no single expression")
    return stack[0][0]

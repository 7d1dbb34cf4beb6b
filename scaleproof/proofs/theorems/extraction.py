"""The formal statements of the gplinker and events claims that have a proof."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scaleproof.proofs.certificate import Statement, Theorem


def _reals(variables: str, assume: list[str], goal: str, words: str) -> Statement:
    return Statement("smt", {"variables": variables.split(), "assume": assume, "goal": goal}, words)


def _logic(declare: list[str], assume: list[str], goal: str, words: str) -> Statement:
    return Statement("logic", {"declare": declare, "assume": assume, "goal": goal}, words)


# quintuples: Q is the labelled set; what decoding gives is D

_RELATIONS = [
    "(declare-sort P 0)",
    "(declare-fun Q (Int Int P Int Int) Bool)",
    "(define-fun subject ((h Int) (t Int)) Bool (exists ((p P) (a Int) (b Int)) (Q h t p a b)))",
    "(define-fun object ((h Int) (t Int)) Bool (exists ((p P) (a Int) (b Int)) (Q a b p h t)))",
    "(define-fun heads ((p P) (a Int) (b Int)) Bool (exists ((t Int) (u Int)) (Q a t p b u)))",
    "(define-fun tails ((p P) (a Int) (b Int)) Bool (exists ((h Int) (g Int)) (Q h a p g b)))",
    "(define-fun D ((h Int) (t Int) (p P) (g Int) (u Int)) Bool "
    "(and (subject h t) (object g u) (heads p h g) (tails p t u)))",
    "(define-fun H ((h Int) (t Int) (p P) (g Int) (u Int)) Bool (and (subject h t) (object g u) (heads p h g)))",
]
_ANY = "((h Int) (t Int) (p P) (g Int) (u Int))"
_DISTINCT = [
    "(forall ((h Int) (t Int) (u Int)) (=> (and (subject h t) (subject h u)) (= t u)))",
    "(forall ((h Int) (t Int) (u Int)) (=> (and (object h t) (object h u)) (= t u)))",
]
_SPANS = [
    "(forall ((h Int) (t Int)) (=> (subject h t) (<= h t)))",
    "(forall ((h Int) (t Int)) (=> (object h t) (<= h t)))",
]


def _flat(kind: str) -> str:
    """No entity of a kind lies inside another."""
    return (
        f"(forall ((a Int) (b Int) (c Int) (d Int)) (=> (and ({kind} a b) ({kind} c d) (<= a c) (<= d b)) "
        "(and (= a c) (= b d))))"
    )


# graphs: W the nodes at hand, C a clique in it, A adjacency

_GRAPH = [
    "(declare-sort N 0)",
    "(declare-fun A (N N) Bool)",
    "(declare-fun W (N) Bool)",
    "(declare-fun C (N) Bool)",
    "(declare-fun Whole (N) Bool)",
    "(define-fun near ((x N) (y N)) Bool (or (= x y) (A x y)))",
    "(define-fun clique () Bool (forall ((x N) (y N)) (=> (and (C x) (C y)) (near x y))))",
    "(define-fun maximal () Bool (forall ((v N)) (=> (and (W v) (forall ((x N)) (=> (C x) (near v x)))) (C v))))",
]
_SYMMETRIC = "(forall ((x N) (y N)) (= (A x y) (A y x)))"
_INSIDE = "(forall ((x N)) (=> (C x) (W x)))"

# events: sets of arguments; x and y are linked if some event holds both

_EVENTS = [
    "(declare-sort N 0)",
    "(declare-sort E 0)",
    "(declare-fun in (N E) Bool)",
    "(define-fun linked ((x N) (y N)) Bool (exists ((e E)) (and (in x e) (in y e))))",
    "(define-fun shared ((x N) (a E) (b E) (c E)) Bool "
    "(or (and (in x a) (in x b)) (and (in x b) (in x c)) (and (in x a) (in x c))))",
]

STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "gplinker.count": (
        _reals(
            "l n",
            [],
            "l*(l + 1)/2 + (l + 1) == (l + 1)*(l + 2)/2 and n*(l*(l + 1)/2)*(l*(l + 1)/2) == n*l*l*(l + 1)*(l + 1)/4",
            "a sentence of l + 1 tokens has l + 1 spans more than one of l tokens: by induction l (l + 1)/2; n predicates "
            "and two spans make n l^2 (l + 1)^2/4",
        ),
    ),
    "gplinker.decode": (
        _logic(
            _RELATIONS,
            [f"(exists {_ANY} (Q h t p g u))"],
            f"(forall {_ANY} (=> (Q h t p g u) (D h t p g u)))",
            "decoding returns every labelled quintuple",
        ),
        _logic(
            _RELATIONS,
            [f"(exists {_ANY} (Q h t p g u))"],
            f"(forall {_ANY} (= (D h t p g u) (and (subject h t) (object g u) (exists ((a Int) (b Int) (c Int) (d Int)) "
            "(and (Q h a p g b) (Q c t p d u))))))",
            "and exactly those besides that cross two labelled quintuples of one predicate: heads from the one, tails from "
            "the other, both spans labelled (as a subject, as an object). The set comes back if and only if it holds all of "
            "its crossings",
        ),
        _logic(
            _RELATIONS,
            [f"(exists {_ANY} (Q h t p g u))", *_DISTINCT],
            f"(forall {_ANY} (= (D h t p g u) (Q h t p g u)))",
            "in particular if different subjects begin at different tokens, and different objects do",
        ),
    ),
    "gplinker.heads-suffice": (
        _logic(
            _RELATIONS,
            [f"(exists {_ANY} (Q h t p g u))", *_SPANS, _flat("subject"), _flat("object")],
            f"(forall {_ANY} (= (H h t p g u) (Q h t p g u)))",
            "if no subject lies inside another, and no object inside another, spans and heads alone return exactly the "
            "labelled quintuples: of two spans that begin together one lies inside the other",
        ),
    ),
    "gplinker.loss": (
        _reals(
            "p n",
            ["p > 0", "n > 0"],
            "(1 + p)*(1 + n) > 1 + p*n",
            "one positive t, p = exp(-t), n = sum over negatives of exp(s): the loss log (1 + p)(1 + n) is above the softmax "
            "cross-entropy log(1 + sum exp(s - t)) = log(1 + p n), never equal to it",
        ),
        _reals(
            "p n s t",
            ["p > 0", "n > 0", "(1 + p)*(1 + n) < 2", "exp(-t) <= p", "exp(s) <= n"],
            "t > 0 and s < 0",
            "a loss below log 2 puts every positive t above 0 and every negative s below it",
        ),
        _reals(
            "p n",
            ["p >= 0", "n >= 0"],
            "n/(1 + n) < 1 and p/(1 + p) < 1",
            "the sizes of the gradients of all negatives together, n/(1 + n), and of all positives, p/(1 + p), are below 1, "
            "however many there are",
        ),
    ),
    "gplinker.sparse-loss": (
        _reals(
            "p n",
            ["p > 0", "n >= 0"],
            "(1 + p + n)*(1 - p/(1 + p + n)) == 1 + n",
            "p, n the sums of exp over positives and negatives, exp(a) = 1 + p + n, exp(b) = p: exp(a) (1 - exp(b - a)) = "
            "1 + n",
        ),
        _reals(
            "p n share",
            ["p > 0", "n >= 0", "share == p/(1 + p + n)"],
            "1 - share > 0 and (1 - share)*(1 + p + n) == 1 + n",
            "1 - exp(b - a) is never 0 in real numbers; it is the difference of 1 and the positives' share, so a relative "
            "rounding u of the share becomes u share/(1 - share) of the argument of the logarithm",
        ),
    ),
    "gplinker.parameters": (
        _reals(
            "w h c",
            ["w == 768", "h == 64", "c == 100"],
            "2*c*h*(w + 1) == 9843200 and 3*2*h*(w + 1) + 2*c*(2*h + 1) == 321096",
            "49 predicates need c = 2 + 49 + 49 classes: GlobalPointer 2 c h (w + 1) = 9 843 200 parameters, Efficient "
            "GlobalPointer, three times over, 6 h (w + 1) + 2 c (2 h + 1) = 321 096",
        ),
    ),
    "gplinker.rotary": (
        Statement(
            "symbolic",
            {
                "symbols": {"i": "real", "j": "real", "w": "real"},
                "functions": [],
                "left": "cos(i*w)*cos(j*w) + sin(i*w)*sin(j*w)",
                "right": "cos((j - i)*w)",
            },
            "the diagonal of R_i^T R_j in one plane of frequency w is that of R_(j-i)",
        ),
        Statement(
            "symbolic",
            {
                "symbols": {"i": "real", "j": "real", "w": "real"},
                "functions": [],
                "left": "sin(i*w)*cos(j*w) - cos(i*w)*sin(j*w)",
                "right": "-sin((j - i)*w)",
            },
            "and so is the entry beside it: R_i^T R_j = R_(j-i)",
        ),
    ),
    "events.search": (
        _logic(
            _GRAPH,
            [_SYMMETRIC, _INSIDE, "clique", "maximal", "(exists ((x N) (y N)) (and (W x) (W y) (not (near x y))))"],
            "(exists ((u N) (v N)) (and (C u) (W v) (not (near u v)) "
            "(forall ((x N)) (=> (C x) (and (W x) (near u x)))) "
            "(forall ((z N)) (=> (and (W z) (near u z) (forall ((x N)) (=> (C x) (near z x)))) (C z)))))",
            "nothing is missed: C a maximal clique of the node set W that is not complete. Some u in C is not adjacent to some "
            "v in W; the smaller set of W's nodes near u, which the search takes up, holds C, and C is maximal in it. By "
            "induction on the size of W the search finds C, whatever the order",
        ),
        _logic(
            [*_GRAPH, "(declare-const u N)", "(define-fun part ((x N)) Bool (and (W x) (near u x)))"],
            [
                _SYMMETRIC,
                "(W u)",
                "(exists ((v N)) (and (W v) (not (near u v))))",
                "(forall ((x N)) (=> (C x) (part x)))",
                "clique",
                "(forall ((v N)) (=> (and (part v) (forall ((x N)) (=> (C x) (near v x)))) (C v)))",
            ],
            "(and maximal (C u))",
            "nothing else is returned: a maximal clique of the part of W near u is maximal in W (it holds u itself, so that "
            "whatever is near all of it is in the part). By induction every result is a maximal clique of the whole graph",
        ),
    ),
    "events.shared-trigger": (
        _logic(
            [*_EVENTS, "(declare-const a E)", "(declare-const b E)", "(declare-fun K (N) Bool)"],
            [
                "(forall ((e E)) (or (= e a) (= e b)))",
                "(exists ((x N)) (and (in x a) (not (in x b))))",
                "(exists ((x N)) (and (in x b) (not (in x a))))",
                "(forall ((x N) (y N)) (=> (and (K x) (K y)) (linked x y)))",
            ],
            "(or (forall ((x N)) (=> (K x) (in x a))) (forall ((x N)) (=> (K x) (in x b))))",
            "two events a, b, neither inside the other, whatever they share: a set K of arguments that are linked by pairs "
            "lies in a or in b. So the maximal cliques are a and b",
        ),
        _logic(
            [*_EVENTS, "(declare-const a E)", "(declare-const b E)"],
            ["(forall ((x N)) (=> (in x b) (in x a)))", "(exists ((x N)) (and (in x a) (not (in x b))))"],
            "(exists ((z N)) (and (not (in z b)) (forall ((x N)) (=> (in x b) (linked z x)))))",
            "an event b inside another, a, is no maximal clique: it is lost",
        ),
    ),
    "events.complete": (
        _logic(
            [
                *_EVENTS,
                *(f"(declare-const {name} E)" for name in "abcg"),
                *(f"(declare-const {name} N)" for name in "xyz"),
                "(declare-fun K (N) Bool)",
            ],
            [
                "(and (K x) (K y) (K z) (distinct x y z))",
                "(forall ((w N)) (=> (and (K w) (not (= w x))) (in w a)))",
                "(forall ((w N)) (=> (and (K w) (not (= w y))) (in w b)))",
                "(forall ((w N)) (=> (and (K w) (not (= w z))) (in w c)))",
                "(forall ((w N)) (=> (shared w a b c) (in w g)))",
            ],
            "(forall ((w N)) (=> (K w) (in w g)))",
            "the criterion is enough: if for any three events some event g holds what two of them share, then every set K "
            "linked by pairs lies in one event, by induction on its size (K without x, y, z lies in a, b, c)",
        ),
        _logic(
            [*_EVENTS, *(f"(declare-const {name} E)" for name in "abc")],
            ["(exists ((x N)) (shared x a b c))"],
            "(forall ((x N) (y N)) (=> (and (shared x a b c) (shared y a b c)) (linked x y)))",
            "and it is needed: what two of three events share is linked by pairs, so it lies in some maximal clique, which "
            "has to be an event",
        ),
        _logic(
            [
                *_EVENTS,
                *(f"(declare-const {name} E)" for name in "abc"),
                *(f"(declare-const {name} N)" for name in "xyz"),
            ],
            [
                "(distinct x y z)",
                "(forall ((e E)) (or (= e a) (= e b) (= e c)))",
                "(forall ((w N)) (and (= (in w a) (or (= w x) (= w y))) (= (in w b) (or (= w y) (= w z))) "
                "(= (in w c) (or (= w x) (= w z)))))",
            ],
            "(and (linked x y) (linked y z) (linked x z) (not (exists ((e E)) (and (in x e) (in y e) (in z e)))))",
            "{x, y}, {y, z}, {x, z} link all three, and no event holds them: the smallest counterexample",
        ),
    ),
    "events.categorical": (
        _logic(
            [
                "(declare-sort N 0)",
                "(declare-sort E 0)",
                "(declare-fun in (N E) Bool)",
                "(declare-fun at (N) Int)",
                "(define-fun linked ((x N) (y N)) Bool (exists ((e E) (s N) (t N)) (and (in s e) (in t e) (not (= s t)) "
                "(= (at s) (at x)) (= (at t) (at y)))))",
                *(f"(declare-const {name} N)" for name in "tvw"),
                *(f"(declare-const {name} E)" for name in "ab"),
            ],
            [
                "(distinct t v w)",
                "(and (in t a) (in v a) (in t b) (in w b) (= (at v) (at t)) (= (at w) (at t)))",
                "(not (exists ((e E)) (and (in v e) (in w e))))",
            ],
            "(linked v w)",
            "links are by position: v anchored at the trigger t of event a, w at the same trigger in event b, are linked, "
            "because t and v are, though no event holds both",
        ),
    ),
}


#: one quintuple: the entity (0, 0) and itself, whatever the predicate
_ONE = "(define-fun Q ((h Int) (t Int) (p P) (g Int) (u Int)) Bool (and (= h 0) (= t 0) (= g 0) (= u 0)))"


def _evidence(statements: tuple[Statement, ...], _tables: Mapping[str, bytes]) -> list[Theorem]:
    return [Theorem(s, _hint(s)) for s in statements]


def _hint(statement: Statement) -> dict[str, Any]:
    if statement.method == "symbolic":
        return {"steps": ["expand_trig", "simplify"]}
    if statement.method == "logic" and _RELATIONS[1] in statement.body["declare"]:
        return {"example": {_RELATIONS[1]: _ONE}}
    return {}


SEARCHES: dict[str, Callable[..., list[Theorem]]] = dict.fromkeys(STATEMENTS, _evidence)

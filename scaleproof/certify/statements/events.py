"""The formal statements of the events claims that have a proof."""

from __future__ import annotations

from scaleproof.certify.kernel.certificate import Statement
from scaleproof.certify.statements.common import logic

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


def _distinct(end: str) -> Statement:
    """Arguments that all begin (end) at different tokens: a link between positions is membership in a common event."""
    other = "tail" if end == "head" else "head"

    def link(place: str) -> str:
        return (
            f"(exists ((e E) (s N) (t N)) (and (in s e) (in t e) (not (= s t)) (or (and (= ({place} s) ({place} x)) "
            f"(= ({place} t) ({place} y))) (and (= ({place} s) ({place} y)) (= ({place} t) ({place} x))))))"
        )

    return logic(
        f"distinct-{end}s",
        [
            *_EVENTS,
            f"(declare-fun {end} (N) Int)",
            f"(declare-fun {other} (N) Int)",
            f"(define-fun linkedAt ((x N) (y N)) Bool (and {link(end)} {link(other)}))",
        ],
        [f"(forall ((x N) (y N)) (=> (= ({end} x) ({end} y)) (= x y)))", "(exists ((x N) (y N)) (not (= x y)))"],
        "(forall ((x N) (y N)) (=> (not (= x y)) (= (linkedAt x y) (linked x y))))",
        f"if different arguments have different {end}s, two of them are linked by positions (some event links their heads, "
        "some event their tails) exactly if some event holds both",
    )


STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "events.search": (
        logic(
            "survives",
            _GRAPH,
            [_SYMMETRIC, _INSIDE, "clique", "maximal", "(exists ((x N) (y N)) (and (W x) (W y) (not (near x y))))"],
            "(exists ((u N) (v N)) (and (C u) (W v) (not (near u v)) "
            "(forall ((x N)) (=> (C x) (and (W x) (near u x)))) "
            "(forall ((z N)) (=> (and (W z) (near u z) (forall ((x N)) (=> (C x) (near z x)))) (C z)))))",
            "nothing is missed: C a maximal clique of the node set W that is not complete. Some u in C is not adjacent to some "
            "v in W; the smaller set of W's nodes near u, which the search takes up, holds C, and C is maximal in it",
        ),
        logic(
            "still-maximal",
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
            "whatever is near all of it is in the part)",
        ),
    ),
    "events.shared-trigger": (
        logic(
            "two-events",
            [*_EVENTS, "(declare-const a E)", "(declare-const b E)", "(declare-fun K (N) Bool)"],
            [
                "(forall ((e E)) (or (= e a) (= e b)))",
                "(exists ((x N)) (and (in x a) (not (in x b))))",
                "(exists ((x N)) (and (in x b) (not (in x a))))",
                "(forall ((x N) (y N)) (=> (and (K x) (K y)) (linked x y)))",
            ],
            "(or (forall ((x N)) (=> (K x) (in x a))) (forall ((x N)) (=> (K x) (in x b))))",
            "two events a, b, neither inside the other, whatever they share: a set K of arguments that are linked by pairs "
            "lies in a or in b",
        ),
        logic(
            "contained",
            [*_EVENTS, "(declare-const a E)", "(declare-const b E)"],
            ["(forall ((x N)) (=> (in x b) (in x a)))", "(exists ((x N)) (and (in x a) (not (in x b))))"],
            "(exists ((z N)) (and (not (in z b)) (forall ((x N)) (=> (in x b) (linked z x)))))",
            "an event b inside another, a, is no maximal clique: it is lost",
        ),
        _distinct("head"),
        _distinct("tail"),
    ),
    "events.complete": (
        logic(
            "enough",
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
            "the step of the criterion's sufficiency: K without x, without y, without z lies in a, b, c, and g holds what two "
            "of these share; then K lies in g",
        ),
        logic(
            "needed",
            [*_EVENTS, *(f"(declare-const {name} E)" for name in "abc")],
            ["(exists ((x N)) (shared x a b c))"],
            "(forall ((x N) (y N)) (=> (and (shared x a b c) (shared y a b c)) (linked x y)))",
            "and it is needed: what two of three events share is linked by pairs",
        ),
        logic(
            "smallest",
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
        _distinct("head"),
        _distinct("tail"),
    ),
    "events.categorical": (
        logic(
            "anchored",
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

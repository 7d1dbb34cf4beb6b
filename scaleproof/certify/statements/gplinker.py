"""The formal statements of the gplinker claims that have a proof."""

from __future__ import annotations

from scaleproof.certify.kernel.certificate import Statement
from scaleproof.certify.statements.common import logic, reals

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


STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "gplinker.count": (
        reals(
            "spans",
            "l n",
            [],
            "l*(l + 1)/2 + (l + 1) == (l + 1)*(l + 2)/2 and n*(l*(l + 1)/2)*(l*(l + 1)/2) == n*l*l*(l + 1)*(l + 1)/4",
            "l (l + 1)/2 and l + 1 more are (l + 1) (l + 2)/2; n times the square of l (l + 1)/2 is n l^2 (l + 1)^2/4",
        ),
    ),
    "gplinker.decode": (
        logic(
            "returns-all",
            _RELATIONS,
            [f"(exists {_ANY} (Q h t p g u))"],
            f"(forall {_ANY} (=> (Q h t p g u) (D h t p g u)))",
            "decoding returns every labelled quintuple",
        ),
        logic(
            "crossings",
            _RELATIONS,
            [f"(exists {_ANY} (Q h t p g u))"],
            f"(forall {_ANY} (= (D h t p g u) (and (subject h t) (object g u) (exists ((a Int) (b Int) (c Int) (d Int)) "
            "(and (Q h a p g b) (Q c t p d u))))))",
            "and exactly those besides that cross two labelled quintuples of one predicate: heads from the one, tails from "
            "the other, both spans labelled (as a subject, as an object). The set comes back if and only if it holds all of "
            "its crossings",
        ),
        logic(
            "distinct-heads",
            _RELATIONS,
            [f"(exists {_ANY} (Q h t p g u))", *_DISTINCT],
            f"(forall {_ANY} (= (D h t p g u) (Q h t p g u)))",
            "in particular if different subjects begin at different tokens, and different objects do",
        ),
    ),
    "gplinker.heads-suffice": (
        logic(
            "flat",
            _RELATIONS,
            [f"(exists {_ANY} (Q h t p g u))", *_SPANS, _flat("subject"), _flat("object")],
            f"(forall {_ANY} (= (H h t p g u) (Q h t p g u)))",
            "if no subject lies inside another, and no object inside another, spans and heads alone return exactly the "
            "labelled quintuples: of two spans that begin together one lies inside the other",
        ),
    ),
    "gplinker.loss": (
        reals(
            "above-softmax",
            "p n",
            ["p > 0", "n > 0"],
            "(1 + p)*(1 + n) > 1 + p*n",
            "one positive t, p = exp(-t), n = sum over negatives of exp(s): the loss log (1 + p)(1 + n) is above the softmax "
            "cross-entropy log(1 + sum exp(s - t)) = log(1 + p n), never equal to it",
        ),
        reals(
            "below-log-2",
            "p n s t",
            ["p > 0", "n > 0", "(1 + p)*(1 + n) < 2", "exp(-t) <= p", "exp(s) <= n"],
            "t > 0 and s < 0",
            "a loss below log 2 puts every positive t above 0 and every negative s below it",
        ),
        reals(
            "gradients",
            "p n",
            ["p >= 0", "n >= 0"],
            "n/(1 + n) < 1 and p/(1 + p) < 1",
            "the sizes of the gradients of all negatives together, n/(1 + n), and of all positives, p/(1 + p), are below 1, "
            "however many there are",
        ),
    ),
    "gplinker.sparse-loss": (
        reals(
            "identity",
            "p n",
            ["p > 0", "n >= 0"],
            "(1 + p + n)*(1 - p/(1 + p + n)) == 1 + n",
            "p, n the sums of exp over positives and negatives, exp(a) = 1 + p + n, exp(b) = p: exp(a) (1 - exp(b - a)) = "
            "1 + n",
        ),
        reals(
            "share-below-one",
            "p n share",
            ["p > 0", "n >= 0", "share == p/(1 + p + n)"],
            "1 - share > 0 and (1 - share)*(1 + p + n) == 1 + n",
            "1 - exp(b - a) is never 0 in real numbers; it is the difference of 1 and the positives' share, so a relative "
            "rounding u of the share becomes u share/(1 - share) of the argument of the logarithm",
        ),
    ),
    "gplinker.parameters": (
        reals(
            "counts",
            "w h c",
            ["w == 768", "h == 64", "c == 100"],
            "2*c*h*(w + 1) == 9843200 and 3*2*h*(w + 1) + 2*c*(2*h + 1) == 321096",
            "49 predicates need c = 2 + 49 + 49 classes: GlobalPointer 2 c h (w + 1) = 9 843 200 parameters, Efficient "
            "GlobalPointer, three times over, 6 h (w + 1) + 2 c (2 h + 1) = 321 096",
        ),
    ),
    "gplinker.rotary": (
        Statement(
            "diagonal",
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
            "off-diagonal",
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
}

#: one quintuple: the entity (0, 0) and itself, whatever the predicate
_ONE = "(define-fun Q ((h Int) (t Int) (p P) (g Int) (u Int)) Bool (and (= h 0) (= t 0) (= g 0) (= u 0)))"
#: (claim, statement) -> a point at which its assumptions are true, for those whose checker cannot find one
EXAMPLES: dict[tuple[str, str], dict[str, str]] = {
    **{(claim, s.name): {"Q": _ONE} for claim, all_ in STATEMENTS.items() for s in all_ if s.method == "logic"},
    ("gplinker.loss", "below-log-2"): {"p": "1/2", "n": "1/5", "s": "-2", "t": "1"},
}

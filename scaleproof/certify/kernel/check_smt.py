"""Trusted: a statement over the reals holds if z3 finds its negation unsatisfiable.

body: {"variables": [names], "assume": [texts], "goal": text}: for all real values of the variables, the
assumptions imply the goal. The language's functions are sqrt, exp, log, abs, max, min, implies, iff.
sqrt(e), exp(e) and log(e) become fresh variables with the axioms below; each division, sqrt and log first
has to prove that its argument is allowed. The assumptions have to be satisfiable, so that nothing is proved
of an empty domain: where they have no exp and no log, z3 decides that (the axioms of sqrt define it); otherwise
evidence: {"example": {name: rational}} gives values at which Arb finds every assumption certainly true, since what is
consistent with the axioms of exp and log need not be true of them (exp(x) > 3 and x < 1 is).

Axioms (true for all real u, v and positive s, t):
  sqrt: sqrt(s) >= 0, sqrt(s)² = s
  exp:  exp(u) > 0, exp(u) >= 1 + u, exp(u) (1 - u) <= 1, u <= 0 => exp(u) (1 - u + u²/2) <= 1,
        u < v <=> exp(u) < exp(v), u + v = 0 => exp(u) exp(v) = 1
  log:  log s <= s - 1, s log s >= s - 1, s < t <=> log s < log t, s t = 1 => log s + log t = 0
  both: s >= exp(u) <=> log s >= u, s <= exp(u) <=> log s <= u, s = exp(u) t => log s = u + log t
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import z3

from scaleproof.certify.kernel import balls
from scaleproof.certify.kernel.language import Sort, calls, evaluate

#: z3's own measure of work; deterministic, unlike seconds
RESOURCE_LIMIT = 100_000_000
#: working precision of the balls that an example is tried with, in bits
EXAMPLE_BITS = 256


class Reals:
    """Translates texts to z3 terms, collecting what is known of their roots, exponentials and logarithms."""

    def __init__(self, names: list[str]) -> None:
        self._context = z3.Context()  # a fresh one: what z3 did before must not change what it does now
        self.variables: dict[str, Any] = {name: self._real(name) for name in names}
        self.known: list[Any] = []  # axioms and assumptions, in the order in which they became known
        self.unproved: list[str] = []  # side conditions that could not be proved
        self._atoms: dict[tuple[str, str], tuple[Any, Any]] = {}

    def term(self, text: str, sort: Sort = "number", **values: Any) -> Any:
        """The z3 term of `text`; `values` replace variables by terms."""
        functions: dict[str, Callable[..., Any]] = {
            "/": self._divide,
            "sqrt": self._sqrt,
            "exp": self._exp,
            "log": self._log,
            "abs": lambda a: z3.If(a >= 0, a, -a),
            "max": lambda a, b: z3.If(a >= b, a, b),
            "min": lambda a, b: z3.If(a <= b, a, b),
            "and": z3.And,
            "or": z3.Or,
            "implies": z3.Implies,
            "iff": lambda a, b: a == b,
        }
        return evaluate(text, {**self.variables, **values}, self._number, functions, sort)

    def proves(self, goal: Any) -> bool:
        """True if z3 shows that what is known implies `goal`."""
        return self._unsatisfiable(z3.Not(goal))

    def consistent(self) -> bool:
        """True if z3 finds values for which everything known holds."""
        solver = self._solver()
        return bool(solver.check() == z3.sat)

    def _unsatisfiable(self, extra: Any) -> bool:
        solver = self._solver()
        solver.add(extra)
        return bool(solver.check() == z3.unsat)

    def _real(self, name: str) -> Any:
        return z3.Real(name, self._context)

    def _number(self, value: int) -> Any:
        return z3.RealVal(value, self._context)

    def _solver(self) -> Any:
        solver = z3.SolverFor("QF_NRA", ctx=self._context)  # straight to nonlinear real arithmetic
        solver.set("rlimit", RESOURCE_LIMIT)
        solver.add(*self.known)
        return solver

    def _require(self, condition: Any, what: str) -> None:
        evident = z3.is_true(z3.simplify(condition))  # division by the number 2 needs no solver
        if not evident and not self.proves(condition):
            self.unproved.append(what)

    def _divide(self, a: Any, b: Any) -> Any:
        self._require(b != 0, f"division by {b}, which may be 0")
        return a / b

    def _sqrt(self, s: Any) -> Any:
        def axioms(root: Any) -> list[Any]:
            return [root >= 0, root * root == s]

        return self._atom("sqrt", s, lambda: self._require(s >= 0, f"square root of {s}, which may be < 0"), axioms)

    def _exp(self, u: Any) -> Any:
        def axioms(v: Any) -> list[Any]:
            own = [v > 0, v >= 1 + u, v * (1 - u) <= 1, z3.Implies(u <= 0, v * (1 - u + u * u / 2) <= 1)]
            for w, other in self._others("exp"):
                own += [(u < w) == (v < other), (w < u) == (other < v), z3.Implies(u + w == 0, v * other == 1)]
            for s, root in self._others("log"):
                own += self._both(u, v, s, root)
            return own

        return self._atom("exp", u, lambda: None, axioms)

    def _log(self, s: Any) -> Any:
        def axioms(v: Any) -> list[Any]:
            own = [v <= s - 1, s * v >= s - 1]
            for t, other in self._others("log"):
                own += [(s < t) == (v < other), (t < s) == (other < v), z3.Implies(s * t == 1, v + other == 0)]
                for u, e in self._others("exp"):
                    own += [z3.Implies(s == e * t, v == u + other), z3.Implies(t == e * s, other == u + v)]
            for u, e in self._others("exp"):
                own += self._both(u, e, s, v)
            return own

        return self._atom("log", s, lambda: self._require(s > 0, f"logarithm of {s}, which may be <= 0"), axioms)

    @staticmethod
    def _both(u: Any, exp_u: Any, s: Any, log_s: Any) -> list[Any]:
        return [(s >= exp_u) == (log_s >= u), (s <= exp_u) == (log_s <= u)]

    def _others(self, kind: str) -> list[tuple[Any, Any]]:
        return [pair for (name, _), pair in self._atoms.items() if name == kind]

    def _atom(self, kind: str, argument: Any, require: Callable[[], None], axioms: Callable[[Any], list[Any]]) -> Any:
        key = (kind, z3.simplify(argument).sexpr())
        if key not in self._atoms:
            require()
            variable = self._real(f"{kind}!{len(self._atoms)}")
            self.known += axioms(variable)
            self._atoms[key] = (argument, variable)
        return self._atoms[key][1]


def check(body: Mapping[str, Any], evidence: Mapping[str, Any]) -> str | None:
    """None if the statement is proved, else the reason why not."""
    if set(evidence) - {"example"}:
        return "an smt theorem carries no evidence but an example"
    names, assumed = list(body["variables"]), list(body["assume"])
    if len(names) != len(set(names)):
        return "a variable is declared twice"
    reals = Reals(names)
    for text in assumed:
        reals.known.append(reals.term(text, "truth"))
    if reals.unproved:
        return reals.unproved[0]
    if any(calls(text, "truth") & {"exp", "log"} for text in assumed):
        if not _holds(assumed, names, evidence.get("example", {})):
            return "the example does not certainly satisfy the assumptions"
    elif not reals.consistent():
        return "no values were found that satisfy the assumptions"
    goal = reals.term(body["goal"], "truth")
    if reals.unproved:
        return reals.unproved[0]
    return None if reals.proves(goal) else "z3 does not refute the negation"


def _holds(assumed: list[str], names: list[str], example: Mapping[str, str]) -> bool:
    """Are all assumptions certainly true at the example? (No implies, no iff: their negations are not told.)"""
    if set(example) != set(names):
        return False
    functions: dict[str, Callable[..., Any]] = {
        "and": lambda *parts: all(parts),
        "or": lambda *parts: any(parts),
        "abs": abs,
        "max": lambda a, b: a.max(b),
        "min": lambda a, b: a.min(b),
    }
    with balls.precision(EXAMPLE_BITS):
        at = {name: balls.ball(balls.rational(text)) for name, text in example.items()}
        return all(balls.value(text, at, functions, "truth") for text in assumed)

"""The formal statements of the squareplus claims."""

from __future__ import annotations

from scaleproof.certify.kernel.certificate import Statement

SP = "(x + sqrt(x**2 + b))/2"
GAP = f"({SP} - max(x, 0))"
SOFTPLUS = "log(1 + exp(x))"
FAMILY = f"{SP} - {SOFTPLUS}"
FORMATS = ("float16", "bfloat16")
#: bounds that the ball statements assert: 4 log(2)², and b*, x* and the error of the minimax claim
THRESHOLD = [
    "1.92181205567280569866841010530665988692221180637817",
    "1.92181205567280569866841010530665988692221180637819",
]
MINIMAX = {
    "b": ["1.5238210325187506641935602286397579289062537720", "1.5238210325187506641935602286397579289062537722"],
    "x": ["3.5646210379963037644855229939622253858226040", "3.5646210379963037644855229939622253858226042"],
    "error": ["0.07593144993596998910334052896820886392320874", "0.07593144993596998910334052896820886392320876"],
}
#: the bend of the module whose tables the exhaustive statements are about
TABLE_B = 4


def _reals(name: str, assume: list[str], goal: str, words: str, variables: tuple[str, ...] = ("x", "b")) -> Statement:
    return Statement(name, "smt", {"variables": list(variables), "assume": assume, "goal": goal}, words)


def _identity(name: str, left: str, right: str, words: str) -> Statement:
    symbols = {"x": "real", "b": "positive"}
    return Statement(name, "symbolic", {"symbols": symbols, "left": left, "right": right}, words)


def _derivative(order: int) -> str:
    text = SP
    for _ in range(order):
        text = f"diff({text}, x)"
    return text


STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "squareplus.relu-limit": (
        _reals("zero-bend", [], "(x + sqrt(x**2))/2 == max(x, 0)", "for all real x: SP_0(x) = max(x, 0)", ("x",)),
        _reals("above-relu", ["b > 0"], f"{SP} > max(x, 0)", "for all real x and b > 0: SP_b(x) > max(x, 0)"),
    ),
    "squareplus.gap": (
        _reals(
            "bounds",
            ["b > 0"],
            f"0 < {GAP} and {GAP} <= sqrt(b)/2 and iff({GAP} == sqrt(b)/2, x == 0)",
            "for all real x and b > 0: 0 < SP_b(x) - max(x, 0) <= sqrt(b)/2, with equality if and only if x = 0",
        ),
        _reals(
            "decay",
            ["b > 0", "x != 0"],
            f"{GAP} < b/(4*abs(x)) and {GAP} > b/(4*abs(x)) - b**2/(16*abs(x)**3)",
            "for all x != 0 and b > 0: b/(4|x|) (1 - b/(4x²)) < SP_b(x) - max(x, 0) < b/(4|x|)",
        ),
    ),
    "squareplus.monotone": (
        _identity("derivative", _derivative(1), "(1 + x/sqrt(x**2 + b))/2", "SP_b'(x) = (1 + x/sqrt(x² + b))/2"),
        _reals(
            "slope-range",
            ["b > 0"],
            "0 < (1 + x/sqrt(x**2 + b))/2 and (1 + x/sqrt(x**2 + b))/2 < 1",
            "for all real x and b > 0: 0 < SP_b'(x) < 1",
        ),
        _reals(
            "between",
            ["b > 0", "x < y"],
            f"0 < (y + sqrt(y**2 + b))/2 - {SP} and (y + sqrt(y**2 + b))/2 - {SP} < y - x",
            "for all real x < y and b > 0: 0 < SP_b(y) - SP_b(x) < y - x",
            ("x", "y", "b"),
        ),
    ),
    "squareplus.convex": (
        _identity("second-derivative", _derivative(2), "b/(2*sqrt(x**2 + b)**3)", "SP_b''(x) = b/(2 (x² + b)^(3/2))"),
        _identity(
            "third-derivative", _derivative(3), "-3*b*x/(2*sqrt(x**2 + b)**5)", "SP_b'''(x) = -3 b x/(2 (x² + b)^(5/2))"
        ),
        _reals(
            "second-bound",
            ["b > 0"],
            "0 < b/(2*sqrt(x**2 + b)**3) and b/(2*sqrt(x**2 + b)**3) <= 1/(2*sqrt(b))",
            "for all real x and b > 0: 0 < SP_b''(x) <= 1/(2 sqrt(b))",
        ),
        _identity(
            "second-attained", "at(b/(2*sqrt(x**2 + b)**3), x, 0)", "1/(2*sqrt(b))", "SP_b''(0) = 1/(2 sqrt(b)): tight"
        ),
        _reals(
            "third-bound",
            ["b > 0"],
            "abs(3*b*x/(2*sqrt(x**2 + b)**5)) <= 24*sqrt(5)/(125*b)",
            "for all real x and b > 0: |SP_b'''(x)| <= 24 sqrt(5)/(125 b)",
        ),
        _identity(
            "third-attained",
            "at(-3*b*x/(2*sqrt(x**2 + b)**5), x, -sqrt(b)/2)",
            "24*sqrt(5)/(125*b)",
            "SP_b'''(-sqrt(b)/2) = 24 sqrt(5)/(125 b): tight",
        ),
    ),
    "squareplus.dominates-softplus": (
        Statement(
            "threshold",
            "ball",
            {
                "kind": "threshold",
                "variable": "x",
                "parameter": "b",
                "family": FAMILY,
                "threshold": "4*log(2)**2",
                "bounds": {"b": THRESHOLD},
            },
            "for all b > 0: (SP_b(x) >= log(1 + exp(x)) for all real x) if and only if b >= 4 log(2)²; and 4 log(2)² "
            "is inside the bounds",
        ),
    ),
    "squareplus.minimax": (
        Statement(
            "minimax",
            "ball",
            {"kind": "minimax", "variable": "x", "parameter": "b", "family": FAMILY, "bounds": MINIMAX},
            "exactly one b* > 0 minimises the supremum over all real x of |SP_b(x) - log(1 + exp(x))|; at b* the "
            "supremum is attained at 0, where SP is the smaller, and at +-x*, where it is the larger; b*, x* and "
            "the supremum are inside the bounds",
        ),
    ),
    "squareplus.floats": tuple(
        Statement(
            f"all-of-{name}",
            "exhaustive",
            {"format": name, "b": TABLE_B, "properties": ["finite", "not-below-relu", "non-decreasing", "faithful"]},
            f"for all finite {name} x <= y, f the module's table for b = {TABLE_B}: f(x) is finite, f(x) >= max(x, 0), "
            "f(x) <= f(y), and |f(x) - SP_b(x)| < 1 ulp",
        )
        for name in FORMATS
    ),
}

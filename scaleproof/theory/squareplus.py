"""SquarePlus in closed form: constants with enclosures, derivatives, and exact values at points.

SP_b(x) = (x + sqrt(x² + b))/2 (Barron 2021, eq. 1; kexue.fm/archives/8833, eq. 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath
from flint import arb

from scaleproof.theory.enclosure import Enclosure, precision, twice_checked

Ball = Any


def minimax_at(t: Ball) -> tuple[Ball, Ball, Ball, Ball]:
    """The equioscillation equation and what follows from its root, at t = x/2 > 0.

    With x = 2t, SP_b(x) - softplus(x) = sqrt(t² + b/4) - log(2 cosh t). Its peak is where t/sqrt(t² + b/4) =
    tanh t, so sqrt(b)/2 = t/sinh t and the peak is t coth t - log(2 cosh t). It equals the error at 0,
    log 2 - sqrt(b)/2, where G(t) = t coth(t/2) - log(4 cosh t) = 0; G decreases from 2 - log 4 to -log 2.

    Returns (G(t), b = 4 t²/sinh² t, x = 2t, error = log 2 - t/sinh t).
    """
    half_root = t / t.sinh()
    equation = t * (t / 2).coth() - (4 * t.cosh()).log()
    return equation, 4 * half_root**2, 2 * t, arb(2).log() - half_root


def minimax() -> dict[str, Enclosure]:
    """Enclosures of b*, x* > 0 (the positive error's peak) and the minimax error, checked from the definition.

    mpmath solves the two conditions in b and x themselves (slope 0 at x, opposite errors at 0 and x),
    not the equation in t.
    """
    with precision(300):
        lo, hi = arb("1.7"), arb("1.9")
        for _ in range(250):
            middle = ((lo + hi) / 2).mid()
            lo, hi = (middle, hi) if minimax_at(middle)[0] > 0 else (lo, middle)
        t = lo.union(hi)
        if not (minimax_at(lo)[0] > 0 and minimax_at(hi)[0] < 0):
            raise ArithmeticError("the minimax equation changes no sign between the bounds")
        _, b, x, error = minimax_at(t)

    def definition() -> list[Any]:
        def difference(b: Any, x: Any) -> Any:
            return (x + mpmath.sqrt(x * x + b)) / 2 - mpmath.log1p(mpmath.exp(x))

        def conditions(b: Any, x: Any) -> list[Any]:
            slope = (1 + x / mpmath.sqrt(x * x + b)) / 2 - 1 / (1 + mpmath.exp(-x))
            return [slope, difference(b, x) + difference(b, mpmath.mpf(0))]

        b, x = mpmath.findroot(conditions, (mpmath.mpf("1.5"), mpmath.mpf("3.5")))
        return [b, x, -difference(b, mpmath.mpf(0))]

    values = twice_checked({"b": b, "x": x, "error": error}, definition, digits=60)
    return dict(zip(("b", "x", "error"), values, strict=True))


def dominance_threshold() -> Enclosure:
    """4 log²2: SP_b(0) = sqrt(b)/2 reaches softplus(0) = log 2 (kexue.fm/archives/8833, eq. 5)."""
    with precision(300):
        threshold = 4 * arb(2).log() ** 2
    (value,) = twice_checked({"b": threshold}, lambda: [4 * mpmath.log(2) ** 2], digits=60)
    return value


def derivative_suprema(b: float) -> dict[str, Enclosure]:
    """sup SP_b'' = 1/(2 sqrt(b)), at 0, and sup abs(SP_b''') = 24 sqrt(5)/(125 b), at +-sqrt(b)/2, for this b."""
    with precision(300):
        second = 1 / (2 * arb(b).sqrt())
        third = 24 * arb(5).sqrt() / (125 * arb(b))

    def definition() -> list[Any]:
        def f(x: Any) -> Any:
            return (x + mpmath.sqrt(x * x + mpmath.mpf(b))) / 2

        at = -mpmath.sqrt(mpmath.mpf(b)) / 2
        return [mpmath.diff(f, 0, 2), mpmath.diff(f, at, 3)]

    values = twice_checked({"second": second, "third": third}, definition, digits=30)
    return dict(zip(("second", "third"), values, strict=True))


def derivatives(x: float, b: float, order: int) -> list[Ball]:
    """Balls of SP_b(x) and its first `order` <= 3 derivatives at a float64 x, without cancellation (200 bits).

    SP = (x + r)/2 or (b/2)/(r - x); SP' = SP/r; SP'' = b/(2r³); SP''' = -3bx/(2r⁵), with r = sqrt(x² + b).
    """
    with precision(200):
        point, bend = arb(x), arb(b)
        r = (point * point + bend).sqrt()
        value = (point + r) / 2 if x >= 0 else bend / (2 * (r - point))
        return [value, value / r, bend / (2 * r**3), -3 * bend * point / (2 * r**5)][: order + 1]


def gap(x: float, b: float) -> Ball:
    """SP_b(x) - max(x, 0) = b/(2 (r + abs(x))) as a ball (200 bits)."""
    with precision(200):
        point, bend = arb(x), arb(b)
        return bend / (2 * ((point * point + bend).sqrt() + abs(point)))


def sup_error(b: Ball) -> Ball:
    """sup over x of abs(SP_b - softplus) for 0 < b < 4 log²2: max(log 2 - sqrt(b)/2, the peak's error), as a ball.

    The peak is at t/sinh t = sqrt(b)/2; the left side decreases from 1, so t is found by bisection.
    """
    with precision(200):
        half_root = arb(b).sqrt() / 2
        lo, hi = arb("1e-3"), arb(50)
        for _ in range(150):
            middle = ((lo + hi) / 2).mid()
            lo, hi = (middle, hi) if middle / middle.sinh() > half_root else (lo, middle)
        t = lo.union(hi)
        peak = t * t.coth() - (2 * t.cosh()).log()
        return peak.max(arb(2).log() - half_root)


def float64_points(count: int = 120) -> Sequence[float]:
    """Points for float64 checks: both signs, 10^-300 to 10^300, with the ends of the range, subnormals and zeros.

    They are dense where squares are subnormal, and lose digits.
    """
    sizes = [10.0 ** (-300 + 600 * k / (count - 1)) for k in range(count)]
    near = [0.05 * k for k in range(1, 161)] + [10.0 ** (-162 + k / 8) for k in range(72)]
    ends = [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308]
    return sorted([s * v for v in sizes + near + ends for s in (-1.0, 1.0)] + [0.0])

"""Jets over Arb balls: f, f' and f'' of elementary functions on a ball of inputs, with the chain rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flint import arb


class NotEnclosed(Exception):
    """The graph has an operation, or a switch, that cannot be enclosed."""


@dataclass(frozen=True)
class Jet:
    """Balls around f, f' and f'' on a piece; `d2` is None where f' may jump inside."""

    f: Any
    d1: Any
    d2: Any


def constant(value: float) -> Jet:
    return Jet(arb(value), arb(0), arb(0))


def plus(a: Jet, b: Jet) -> Jet:
    return Jet(a.f + b.f, a.d1 + b.d1, None if a.d2 is None or b.d2 is None else a.d2 + b.d2)


def times(a: Jet, b: Jet) -> Jet:
    second = None if a.d2 is None or b.d2 is None else a.d2 * b.f + 2 * a.d1 * b.d1 + a.f * b.d2
    return Jet(a.f * b.f, a.d1 * b.f + a.f * b.d1, second)


def chain(u: Jet, g: Any, g1: Any, g2: Any) -> Jet:
    """g(u): g' u', and g'' u'² + g' u''."""
    return Jet(g, g1 * u.d1, None if u.d2 is None else g2 * u.d1 * u.d1 + g1 * u.d2)


def negated(a: Jet) -> Jet:
    return Jet(-a.f, -a.d1, None if a.d2 is None else -a.d2)


def larger(a: Jet, b: Jet, first: bool | None) -> Jet:
    """max(a, b): the one that `first` or the balls decide for; else the union of both, whose f' may jump."""
    if first is None:
        difference = a.f - b.f
        first = True if difference >= 0 else False if difference <= 0 else None
    if first is not None:
        return a if first else b
    return Jet(a.f.max(b.f), a.d1.union(b.d1), None)


def power(u: Jet, exponent: Any) -> Jet:
    if not isinstance(exponent, int | float):
        raise NotEnclosed("a variable exponent")
    if float(exponent).is_integer() and 0 <= exponent <= 16:
        n = int(exponent)
        f = u.f
        lower = [arb(0) if n < k else (f ** (n - k) if n - k else arb(1)) for k in (0, 1, 2)]
        return chain(u, lower[0], n * lower[1], n * (n - 1) * lower[2])
    p = arb(exponent)
    if not u.f > 0:
        raise NotEnclosed("a fractional power near 0")
    return chain(u, u.f**p, p * u.f ** (p - 1), p * (p - 1) * u.f ** (p - 2))


def reciprocal(f: Any) -> tuple[Any, Any, Any]:
    r = 1 / f
    return r, -r * r, 2 * r * r * r


def _tanh(f: Any) -> tuple[Any, Any, Any]:
    t = _ends(lambda v: v.tanh(), f)
    near, far = f.abs_lower(), f.abs_upper()  # 1 - tanh² falls with abs(f); arb's abs does not cut at 0
    c = _within_unit((1 - near.tanh() ** 2).union(1 - far.tanh() ** 2))
    return t, c, -2 * t * c


def _sigmoid(f: Any) -> tuple[Any, Any, Any]:
    s, o = _ends(lambda v: 1 / (1 + (-v).exp()), f), _ends(lambda v: 1 / (1 + v.exp()), f)
    return s, s * o, s * o * (o - s)


def _ends(g: Callable[[Any], Any], f: Any) -> Any:
    """The range of a monotone g on the ball f: from its values at both ends."""
    return g(f) if f.is_exact() else g(f.lower()).union(g(f.upper()))


def _within_unit(s: Any) -> Any:
    """The ball cut to [0, 1], where the sigmoid lies."""
    try:
        return s.intersection(arb(0.5, 0.5))
    except ValueError:  # no finite ball
        return arb(0.5, 0.5)


def _sqrt(f: Any) -> tuple[Any, Any, Any]:
    r = f.sqrt()
    return r, 1 / (2 * r), -1 / (4 * r * f)


def _erf(f: Any) -> tuple[Any, Any, Any]:
    bell = 2 / arb.pi().sqrt() * (-(f * f)).exp()
    return f.erf(), bell, -2 * f * bell


def _erfc(f: Any) -> tuple[Any, Any, Any]:
    bell = 2 / arb.pi().sqrt() * (-(f * f)).exp()
    return f.erfc(), -bell, 2 * f * bell


def _atan(f: Any) -> tuple[Any, Any, Any]:
    r = 1 / (1 + f * f)
    return f.atan(), r, -2 * f * r * r


def _asinh(f: Any) -> tuple[Any, Any, Any]:
    r = 1 / (1 + f * f).sqrt()
    return f.asinh(), r, -f * r * r * r


def _rsqrt(f: Any) -> tuple[Any, Any, Any]:
    r = 1 / f.sqrt()
    return r, -r / (2 * f), 3 * r / (4 * f * f)


UNARY: dict[str, Callable[[Any], tuple[Any, Any, Any]]] = {
    "neg": lambda f: (-f, arb(-1), arb(0)),
    "exp": lambda f: (f.exp(), f.exp(), f.exp()),
    "expm1": lambda f: (f.expm1(), f.exp(), f.exp()),
    "log": lambda f: (f.log(), 1 / f, -1 / (f * f)),
    "log1p": lambda f: (f.log1p(), 1 / (1 + f), -1 / ((1 + f) * (1 + f))),
    "sin": lambda f: (f.sin(), f.cos(), -f.sin()),
    "cos": lambda f: (f.cos(), -f.sin(), -f.cos()),
    "sinh": lambda f: (f.sinh(), f.cosh(), f.sinh()),
    "cosh": lambda f: (f.cosh(), f.sinh(), f.cosh()),
    "square": lambda f: (f * f, 2 * f, arb(2)),
    "reciprocal": reciprocal,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "sqrt": _sqrt,
    "rsqrt": _rsqrt,
    "erf": _erf,
    "erfc": _erfc,
    "atan": _atan,
    "asinh": _asinh,
}

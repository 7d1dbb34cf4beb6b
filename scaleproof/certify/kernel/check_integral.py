"""Trusted: enclosures of Gaussian means E f(g)^k, g ~ N(0, 1), by Arb's quadrature and a bound of the tails.

body: {"variable": x, "function": text f, "power": k (1 or 2), "lo": text, "hi": text}: lo <= E f(g)^k <= hi.
evidence: {"reach": R, an integer, "precision": bits}.

The integral over [-R, R] is a ball of acb.integral, whose integrand is meromorphic (arithmetic and exp only). z3 proves
abs(f(x)) <= abs(x) over the reals, so that for R >= 2 the two tails together are at most
2 integral_R^oo x^k exp(-x²/2) dx <= 4 R^(k-1) exp(-R²/2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flint import acb, arb

from scaleproof.certify.kernel import check_smt
from scaleproof.certify.kernel.balls import ball, precision, rational
from scaleproof.certify.kernel.language import evaluate


def check(body: Mapping[str, Any], evidence: Mapping[str, Any]) -> str | None:
    """None if the enclosure is proved, else the reason why not."""
    variable, text, power = body["variable"], body["function"], body["power"]
    reach, bits = evidence["reach"], evidence["precision"]
    if not isinstance(power, int) or power not in (1, 2) or not (isinstance(reach, int) and 2 <= reach <= 1000):
        return "the power is 1 or 2, the reach an integer from 2 to 1000"
    if not (isinstance(bits, int) and 53 <= bits <= 4000):
        return "the precision is an integer from 53 to 4000 bits"
    growth = {"variables": [variable], "assume": [], "goal": f"abs({text}) <= abs({variable})"}
    reason = check_smt.check(growth, {})
    if reason:
        return f"the growth is not bounded: {reason}"

    def integrand(x: Any, _analytic: bool) -> Any:
        value = evaluate(text, {variable: x}, acb, {"exp": lambda e: e.exp()})
        return value**power * (-x * x / 2).exp()

    with precision(bits):
        inside = acb.integral(integrand, -reach, reach).real
        tail = tail_bound(reach, power)
        mean = (inside + tail.union(-tail)) / (2 * arb.pi()).sqrt()
        if mean >= ball(rational(body["lo"])) and mean <= ball(rational(body["hi"])):
            return None
        return f"the mean {mean} is not certainly between {body['lo']} and {body['hi']}"


def tail_bound(reach: int, power: int) -> Any:
    """At least 2 integral_R^oo x^power exp(-x²/2) dx, as a ball, for R >= 2 and power 1 or 2."""
    return 4 * arb(reach) ** (power - 1) * (-(arb(reach) ** 2) / 2).exp()

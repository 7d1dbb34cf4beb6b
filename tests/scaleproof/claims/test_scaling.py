"""What the scaling claims take from a probe of real steps."""

from __future__ import annotations

from scaleproof.claims.deepnet.scaling import _steps
from torchcheck.probes.deepnet.increments import increments


def test_a_step_is_held_against_first_order_and_not_against_the_article() -> None:
    subject = {"target": "torchcheck.modules:scaled_transformer", "options": {"scaling": "lamb", "heads": 1}}
    found = increments(subject, "lamb", [1e-4], [2], width=16, seeds=2)
    (kept,) = _steps(found)
    assert len(found) == 2
    assert kept.value is not None
    assert abs(kept.value - 1) < 0.05
    (other,) = [m for m in found if m is not kept]
    assert other.value is not None
    assert abs(other.value - 1) > 0.5, "LAMB's step is no |W| |g|_1"

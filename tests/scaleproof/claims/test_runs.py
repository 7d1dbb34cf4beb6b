"""Training runs at several seeds as one measurement."""

from __future__ import annotations

import math
from dataclasses import replace

from scaleproof.claim import Prediction
from scaleproof.claims.shared.runs import over_runs
from scaleproof.suite.judge import compare
from torchcheck.data import Evidence, Measurement, Series


def _run(value: float) -> Measurement:
    return Measurement("loss", value, evidence=Evidence.SINGLE)


def test_the_interval_is_the_range_of_the_runs() -> None:
    joint = over_runs("q", [_run(1.0), _run(4.0), _run(2.5)], "three")
    assert (joint.name, joint.value, joint.lo, joint.hi, joint.samples) == ("q", 2.5, 1.0, 4.0, 3)
    assert joint.note == "three; the range over 3 runs"
    assert (joint.evidence, joint.level) == (Evidence.SAMPLED, None), "no confidence is claimed of a range"
    curve = Series("first", "x", "y", [1.0], [2.0])
    assert over_runs("q", [replace(_run(1.0), series=(curve,)), _run(2.0)], "").series == (curve,)


def test_a_run_that_could_not_be_made_counts() -> None:
    joint = over_runs("q", [_run(-1.0), Measurement("loss", None, note="no CUDA device")], "")
    assert math.isnan(joint.value)


def test_every_run_has_to_lie_where_the_prediction_does() -> None:
    learns = Prediction("q", "-inf", "0")
    assert compare(learns, over_runs("q", [_run(-1.0), _run(-0.5)], "")) == "inside"
    assert compare(learns, over_runs("q", [_run(-1.0), _run(0.5)], "")) == "open"
    assert compare(learns, over_runs("q", [_run(-1.0), _run(float("nan"))], "")) == "outside"

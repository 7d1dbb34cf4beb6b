"""The probes against slow, obviously right twins, and against faults."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from flint import arb

from scaleproof.theory.enclosure import precision
from torchcheck.measure import ulp
from torchcheck.probes.squareplus.pointwise import derivatives
from torchcheck.probes.squareplus.speed import speedups
from torchcheck.run.subjects import DeviceError

MODULE = {"target": "torchcheck.modules:SquarePlus", "options": {"b": 4.0}}
ARTICLE = {"target": "torchcheck.modules:ArticleSquarePlus", "options": {"b": 4.0}}
REFERENCE = {"target": "torchcheck.measure.references:squareplus_reference", "options": {"b": 4.0}}


def _by_name(measurements: Any) -> dict[str, Any]:
    return {m.name: m for m in measurements}


def _slow_audit(target: dict[str, Any], dtype: str, start: int, stop: int) -> dict[str, float]:
    """The audit one input at a time, with exact values from Arb and spacings from fractions."""
    from torchcheck.run.subjects import Subject, build

    fmt = ulp.FORMATS[dtype]
    module = build(Subject.from_json(target))
    xs = ulp.from_ordinals(torch.arange(start, stop), fmt)
    ys = module(xs).double().tolist()
    counts = dict.fromkeys(("order.decreasing", "order.flat", "relu.below", "relu.equal", "finite.lost"), 0.0)
    worst = 0.0
    with precision(200):
        for i, (x, y) in enumerate(zip(xs.double().tolist(), ys, strict=True)):
            point = arb(x)
            root = (point * point + 4).sqrt()
            exact = (point + root) / 2 if x >= 0 else 2 / (root - point)
            middle = float(exact.mid())
            exponent = max(math.frexp(middle)[1] - 1, fmt.e_min)
            if not math.isfinite(y):
                counts["finite.lost"] += 1
                worst = math.inf
            else:
                spacing = Fraction(2) ** (exponent - fmt.mantissa)
                worst = max(worst, float(abs(exact - y).mid()) / float(spacing))
            counts["relu.below"] += y < max(x, 0)
            counts["relu.equal"] += y == max(x, 0)
            if i and float(xs[i]) > float(xs[i - 1]):
                counts["order.decreasing"] += y < ys[i - 1]
                counts["order.flat"] += y == ys[i - 1]
    return {"ulp.worst": worst, **counts}


@pytest.mark.parametrize("target", [MODULE, ARTICLE], ids=["module", "article"])
@pytest.mark.parametrize(
    ("dtype", "start", "stop"),
    [
        ("float16", -600, 600),
        ("float16", 20_000, 20_900),
        ("float16", -31_744, -31_000),
        ("bfloat16", -17_500, -16_900),
    ],
)
def test_audit_agrees_with_its_slow_twin(target: dict[str, Any], dtype: str, start: int, stop: int) -> None:
    fast = _by_name(ulp.audit(target, REFERENCE, dtype, start=start, stop=stop))
    slow = _slow_audit(target, dtype, start, stop)
    assert fast["ulp.worst"].value == pytest.approx(slow.pop("ulp.worst"), rel=1e-9)
    # the fast audit also looks at the step into its first input, the slow one does not
    for name, value in slow.items():
        assert abs(fast[name].value - value) <= (name.startswith("order") and start > -31_744)


@pytest.mark.parametrize("cuts", [[], [1], [7, 65_000], [31_744, 31_745, 31_746]])
def test_parts_of_an_audit_merge_to_the_whole(cuts: list[int]) -> None:
    whole = ulp.audit(MODULE, REFERENCE, "float16")
    edges = [-31_744, *(c - 31_744 for c in cuts if c < 63_488), 31_744]
    parts = [ulp.audit(MODULE, REFERENCE, "float16", start=a, stop=b) for a, b in itertools.pairwise(edges)]
    merged = _by_name(ulp.merge(parts, 63_488))
    for m in whole:
        assert merged[m.name].value == pytest.approx(m.value, rel=1e-12), m.name
        assert merged[m.name].samples == 63_488
        assert merged[m.name].evidence == "exhaustive"
    if cuts:
        assert ulp.merge(parts[:1], 63_488)[0].evidence == "sampled"


def test_audit_block_size_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ulp.audit(ARTICLE, REFERENCE, "bfloat16", table=True)
    monkeypatch.setattr(ulp, "BLOCK", 1000)
    pieces = ulp.audit(ARTICLE, REFERENCE, "bfloat16", table=True)
    assert [(m.name, m.witness) for m in whole] == [(m.name, m.witness) for m in pieces]
    assert [m.value for m in whole] == pytest.approx([m.value for m in pieces])
    assert whole[0].data == pieces[0].data


def test_ordinals_are_in_order_and_complete() -> None:
    for name, fmt in ulp.FORMATS.items():
        if name == "float32":
            ordinals = torch.tensor([-fmt.finite, -2, -1, 0, 1, fmt.finite - 1])
        else:
            ordinals = torch.arange(-fmt.finite, fmt.finite)
            assert len(ordinals) == {"float16": 63_488, "bfloat16": 65_280}[name]
        values = ulp.from_ordinals(ordinals, fmt).double()
        assert bool((values.diff() >= 0).all())
        assert bool(values.isfinite().all())
        largest = torch.finfo(fmt.dtype).max
        assert (values[0].item(), values[-1].item()) == (-largest, largest)


def test_a_sample_is_in_every_binade_and_repeats() -> None:
    first = ulp.audit(MODULE, REFERENCE, "float32", per_binade=8, seed=5)
    again = ulp.audit(MODULE, REFERENCE, "float32", per_binade=8, seed=5)
    other = ulp.audit(MODULE, REFERENCE, "float32", per_binade=8, seed=6)
    assert [m.value for m in first] == [m.value for m in again]
    assert [m.value for m in first] != [m.value for m in other]
    assert len(first[0].series[0].x) == 2 * 255
    assert all(m.evidence == "sampled" for m in first)


def test_derivatives_of_a_known_function() -> None:
    (found,) = derivatives({"target": "torch.nn:Tanh", "options": {}}, [0.0, 0.5], order=3)
    t = math.tanh(0.5)
    values = np.array(found.data["values"])
    s = 1 - t * t
    expected = [[0, t], [1, s], [0, -2 * t * s], [-2, -2 * s * s + 4 * t * t * s]]
    np.testing.assert_allclose(values, expected, rtol=1e-14, atol=1e-15)
    (flat,) = derivatives({"target": "torch.nn:Identity", "options": {}}, [1.0], order=2)
    assert flat.data["values"][2] == [0.0]
    (empty,) = derivatives(MODULE, [], order=1)
    assert empty.data["values"] == [[], []]


def test_speedups_are_ratios_with_intervals() -> None:
    same = {"target": "torch.nn:SiLU", "options": {}}
    (found,) = speedups([same], same, {"tiny": 16}, repeats=41)
    assert found.name == "speedup.eager.tiny"
    assert 0 < (found.lo or 0) <= (found.value or 0) <= (found.hi or 0)
    assert found.level == 1 - 1e-8


def test_compile_failures_are_told_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> Any:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch, "compile", broken)
    (found,) = speedups([MODULE], MODULE, {"tiny": 16}, mode="compiled")
    assert found.value is None
    assert "torch.compile does not work here" in found.note


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_missing_device_is_said() -> None:
    with pytest.raises(DeviceError, match="no CUDA device"):
        derivatives(MODULE, [0.0], device="cuda")


@pytest.mark.gpu
def test_audit_on_the_gpu_agrees_with_the_cpu() -> None:
    on_gpu = _by_name(ulp.audit(MODULE, REFERENCE, "float16", device="cuda"))
    for name in ("relu.below", "order.decreasing", "finite.lost", "zero.flushed"):
        assert on_gpu[name].value == 0

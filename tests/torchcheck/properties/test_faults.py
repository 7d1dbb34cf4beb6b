"""The catalogue of seeded faults: every certain one is noticed by the property that it names; healthy ones pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn

from tests.faults import FAULTS, SeededFault
from tests.faults.attention import Cached, CausalAttention
from tests.faults.blocks import NormedFeedForward
from tests.faults.losses import DistillLoss, FocalLoss, Huber
from tests.faults.optimizers import Plain, SlowWeights, adam
from tests.faults.state import Attention, Block, ScaledDecoder
from torchcheck import CheckResult, check
from torchcheck.modules import ExponentiatedGradient, SquarePlus, multilabel_loss
from torchcheck.properties.finding import base
from torchcheck.properties.registry import REGISTRY

SMALL: dict[str, dict[str, Any]] = {
    "block": {"width": 32, "seq_len": 8, "depths": (2, 4, 8, 16, 32, 64)},
    "model": {"width": 32, "seq_len": 8, "depths": (2, 4, 8, 16, 32)},
    "attention": {"width": 32, "seq_len": 12},
}


@cache
def run(words: str) -> CheckResult:
    """The check of the fault with these words, by the properties that are to notice it; each once a session."""
    fault = next(f for f in FAULTS if f.words == words)
    asked = [base(name) for name in fault.noticed_by]
    return check(fault.subject, fault.kind, select=asked, **{**SMALL.get(fault.kind, {}), **fault.options})


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.certain], ids=lambda f: f.words.replace(" ", "-"))
def test_a_certain_fault_is_noticed(fault: SeededFault) -> None:
    result = run(fault.words)
    failed = {f.name for f in result.failed}
    assert failed & set(fault.noticed_by), result


def test_detection_rate(record_property: Callable[[str, object], None]) -> None:
    found = {f.words: any(x.name in f.noticed_by for x in run(f.words).failed) for f in FAULTS}
    record_property("seeded faults", len(found))
    record_property("seeded faults detected", sum(found.values()))
    missed = [words for words, noticed in found.items() if not noticed]
    print(f"detected {sum(found.values())} of {len(found)} seeded faults; missed: {missed or 'none'}")
    assert not set(missed) & {f.words for f in FAULTS if f.certain}


def test_the_catalogue_is_large_enough() -> None:
    kinds = Counter(f.kind for f in FAULTS)
    assert len(FAULTS) >= 40
    assert set(kinds) == {"activation", "block", "attention", "layer", "optimizer", "loss", "model"}


@pytest.mark.parametrize("kind", REGISTRY)
def test_every_threshold_has_a_fault_that_breaks_it(kind: str) -> None:
    judged = {name for name, prop in REGISTRY[kind].properties.items() if prop.threshold is not None}
    same = (
        {"block", "model"}
        if kind in ("block", "model")
        else {"layer", "attention", "block"}
        if kind == "layer"
        else {kind}
    )
    assert not judged - {base(name) for f in FAULTS if f.kind in same for name in f.noticed_by}


def pre_norm_encoder(width: int, depth: int) -> nn.Module:
    layers = [nn.TransformerEncoderLayer(width, 2, 2 * width, batch_first=True, norm_first=True) for _ in range(depth)]
    return nn.Sequential(*layers, nn.LayerNorm(width))


#: healthy subjects, how often each is checked with a fresh seed, and sizes that keep a check short
HEALTHY: tuple[tuple[str, Any, int, dict[str, Any]], ...] = (
    ("activation", nn.GELU, 180, {}),
    ("activation", nn.SiLU, 150, {}),
    ("activation", SquarePlus, 60, {}),
    ("loss", nn.CrossEntropyLoss, 90, {}),
    ("loss", multilabel_loss, 120, {}),
    ("loss", Huber, 20, {}),
    ("loss", DistillLoss, 20, {}),
    ("loss", FocalLoss, 20, {}),
    ("optimizer", torch.optim.Adam, 120, {}),
    ("optimizer", Plain, 60, {}),
    ("optimizer", adam(), 40, {}),
    ("optimizer", SlowWeights, 20, {}),
    ("optimizer", ExponentiatedGradient, 60, {}),
    ("attention", CausalAttention, 50, {"width": 16, "seq_len": 10}),
    ("attention", Cached, 20, {"width": 16, "seq_len": 10}),
    ("block", NormedFeedForward, 60, {"width": 16, "seq_len": 4, "depths": (2, 4, 8, 16)}),
    ("attention", Attention, 20, {"width": 16, "seq_len": 10}),
    ("block", Block, 20, {"width": 16, "seq_len": 4, "depths": (2, 4, 8, 16)}),
    ("model", ScaledDecoder, 10, {"width": 16, "seq_len": 4, "depths": (2, 4, 8, 16)}),
    ("model", pre_norm_encoder, 10, {"width": 16, "seq_len": 4, "depths": (2, 4, 8, 16)}),
)


#: of the thousand checks so many parts, one of which is no `long` test
PARTS = 5


def test_a_thousand_checks_are_planned() -> None:
    assert sum(times for _, _, times, _ in HEALTHY) >= 1000


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, *(pytest.param(k, marks=pytest.mark.long) for k in range(1, PARTS))])
@pytest.mark.parametrize(("kind", "subject", "times", "sizes"), HEALTHY, ids=lambda v: getattr(v, "__name__", None))
def test_healthy_subjects_give_no_false_alarm(
    kind: str, subject: Any, times: int, sizes: dict[str, Any], first: int
) -> None:
    for seed in range(first, times, PARTS):
        result = check(subject, kind, seed=1000 + seed, skip=SLOW_PARTS[kind], **sizes)
        assert result, f"seed {1000 + seed}: {result!r}"


#: properties that are timings or the same for every seed; the first check of each subject has them all
SLOW_PARTS: dict[str, tuple[str, ...]] = {
    "activation": ("lipschitz", "smoothness", "monotone", "convex", "relu-gap"),
    "loss": (),
    "optimizer": ("step-cost",),
    "attention": ("cost-time", "cost-memory", "cost-operations"),
    "block": ("first-lr",),
    "model": ("first-lr",),
}


@pytest.mark.parametrize(("kind", "subject", "times", "sizes"), HEALTHY, ids=lambda v: getattr(v, "__name__", None))
def test_healthy_subjects_pass(kind: str, subject: Any, times: int, sizes: dict[str, Any]) -> None:
    assert times > 1
    result = check(subject, kind, **sizes)
    assert result, repr(result)
    assert all(f.status != "error" for f in result)

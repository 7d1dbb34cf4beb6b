"""`check_block`, `check_activation` and their kin: what `scaleproof check` measures, as functions that return results.

    from torchcheck import check_block
    assert check_block(MyBlock, width=128, optimizer="adam")

A subject is a class, a factory, an instance, or a name "file.py:Name". It runs in this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from torchcheck.properties.against import parting
from torchcheck.properties.engine import Budget, Notify, answers_of
from torchcheck.properties.engine import check as run
from torchcheck.properties.finding import CheckResult, Finding, Parting, Threshold
from torchcheck.properties.module.depth import EXPONENTS, STABLE
from torchcheck.properties.plan import Request, Step
from torchcheck.properties.registry import REGISTRY
from torchcheck.properties.subject.variant import CheckSettings, Variant
from torchcheck.properties.suggest import Suggestion, suggest
from torchcheck.properties.suggest_width import JUDGED, WidthSuggestion, suggest_width
from torchcheck.properties.training import check_training
from torchcheck.run.execute import Here

__all__ = [
    "CheckResult",
    "Finding",
    "Threshold",
    "check",
    "check_activation",
    "check_attention",
    "check_block",
    "check_layer",
    "check_loss",
    "check_model",
    "check_optimizer",
    "check_training",
    "depth_stable",
]

#: the depths of a quick check in a test suite
QUICK = (2, 4, 8, 16, 32)


def check(
    subject: Any,
    kind: str | None = None,
    *,
    settings: CheckSettings | None = None,
    options: Mapping[str, Any] | None = None,
    example_inputs: Callable[..., Any] | None = None,
    loss: Callable[[Any], Any] | None = None,
    thresholds: Mapping[str, Threshold] | None = None,
    select: Sequence[str] = (),
    skip: Sequence[str] = (),
    suppress: Mapping[str, str] | None = None,
    shared: Set[str] = frozenset(),
    suggestion: bool = False,
    budget: float | None = None,
    executor: Executor | None = None,
    notify: Notify = lambda *_: None,
    **sizes: Any,
) -> CheckResult:
    """Checks any subject; `kind` None infers it from the signature.

    `options` are keyword arguments of the subject's class or factory; `sizes` replace fields of CheckSettings (width,
    seq_len, batch, depths, optimizer, lr, dtypes, device, seeds, seed, causal, certify). `example_inputs(batch,
    generator)` gives what the subject takes, `loss(output)` a scalar. `select` and `skip` name properties, or groups of
    them; `suppress` maps those whose failure is known to the reason why it is borne; names that are `shared` may be
    those of other kinds. `suggestion` asks, for a block or
    model that is not depth-stable, for scalings that make it so. Raises torchcheck.run.subjects.SubjectError where the
    subject cannot be loaded, UnknownProperty (a ValueError) for an unknown property, TypeError for an unknown size.
    """
    chosen = replace(settings or CheckSettings(), **sizes)
    variant = Variant(subject, kind, options or {}, example_inputs, loss)
    request = Request(thresholds or {}, select, skip, suppress or {}, shared)
    where = executor or Here()
    seconds = Budget() if budget is None else Budget(budget)
    began = time.monotonic()
    result = run(variant, chosen, where, REGISTRY, request, seconds, notify)
    if not suggestion:
        return result
    variant, properties = replace(variant, kind=result.kind), REGISTRY[result.kind].properties
    found: list[Suggestion | WidthSuggestion] = []
    if result.kind in ("block", "model") and not depth_stable(result):
        found.append(suggest(variant, chosen, where, properties, seconds, notify))
    if any(f.name in JUDGED and not f for f in result):
        found.append(suggest_width(variant, chosen, where, properties, seconds))
    texts = ["\n".join([s.words, *(f"# {f}" for f in s.findings), s.code]).strip() for s in found]
    return replace(result, suggestion="\n\n".join(texts), seconds=time.monotonic() - began)


def against(
    new: Any, old: Any, result: CheckResult, settings: CheckSettings, executor: Executor | None = None, **given: Any
) -> list[Parting]:
    """Where two blocks, attention layers or models part, in each dtype; `result` is the new one's check.

    `given` are the fields of Variant that both share (options, inputs, loss). Empty for other kinds.
    """
    if result.kind not in ("block", "layer", "attention", "model"):
        return []
    variant, other = (Variant(s, result.kind, **given) for s in (new, old))
    depth = settings.depths[0] if result.kind == "model" else None
    steps = [Step(parting, (), {"other": other, "dtype": d, "depth": depth}) for d in settings.dtypes]
    answers = answers_of(steps, variant, settings, executor or Here(), Budget())
    partings = {p.dtype: p for a in answers for p in a.measured if isinstance(p, Parting)}
    failed = {a.step.params["dtype"]: a.failure.message for a in answers if a.failure}
    return [partings.get(d) or Parting(d, note=failed.get(d, "nothing came of it")) for d in settings.dtypes]


def depth_stable(result: CheckResult) -> bool:
    """Whether growth and gradient passed, and the first update grows more slowly than depth^0.75."""
    return all(f.status == "ok" for f in result if f.name in EXPONENTS) and all(
        f.hi is not None and f.hi <= STABLE for f in result if f.name == "increment"
    )


def check_activation(subject: Any, **options: Any) -> CheckResult:
    """Smoothness, shape, Gaussian moments, accuracy and range per dtype, gradient: see `check`."""
    return check(subject, "activation", **options)


def check_block(subject: Any, *, depths: Sequence[int] = QUICK, **options: Any) -> CheckResult:
    """A block f(width), stacked: growth, gradients, first update, overflow, determinism: see `check`."""
    return check(subject, "block", depths=tuple(depths), **options)


def check_model(subject: Any, *, depths: Sequence[int] = QUICK, **options: Any) -> CheckResult:
    """A model f(depth) or f(width, depth): as check_block; an instance has one depth and is checked at that."""
    return check(subject, "model", depths=tuple(depths), **options)


def check_layer(subject: Any, **options: Any) -> CheckResult:
    """A layer f(width) without a skip connection, alone: all that every module is asked: see `check`."""
    return check(subject, "layer", **options)


def check_attention(subject: Any, **options: Any) -> CheckResult:
    """Leaks, padding, order of tokens, cost in the sequence's length, range: see `check`."""
    return check(subject, "attention", **options)


def check_optimizer(subject: Any, **options: Any) -> CheckResult:
    """Descent, checkpoints, foreach, odd gradients, closed forms, cost: see `check`."""
    return check(subject, "optimizer", **options)


def check_loss(subject: Any, **options: Any) -> CheckResult:
    """Gradient, extreme scores, permutations, dense and sparse targets, accuracy: see `check`."""
    return check(subject, "loss", **options)

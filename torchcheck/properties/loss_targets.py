"""Losses and their targets: ignored ones, empty ones, perfect scores, pairs, reductions, and second derivatives."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchcheck.data import Measurement
from torchcheck.properties.engine import Step
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.loss_inputs import CLASSES, function_of, inputs_of
from torchcheck.properties.modes import PROPERTIES as MODES
from torchcheck.properties.modes import compared
from torchcheck.properties.variant import Loaded, Settings, build

#: names of parameters and attributes that hold the target which is to be ignored
IGNORE = re.compile(r"ignore|pad", re.IGNORECASE)
#: losses that compare two samples, not pairs
UNPAIRED = re.compile(r"mmd|coral|wasserstein|sinkhorn|energy|discrepancy|gan|adversarial", re.IGNORECASE)
#: size of perfect scores: right, and not so sure that smoothed labels would mind
SURE = 3.0

PROPERTIES: dict[str, Property] = {
    "ignored": Property(
        "targets that are to be ignored change neither value nor gradient of the others (relative change)",
        Threshold(hi=1e-5),
        "divide by the number of targets that count, not by all",
        better="less",
    ),
    "all-ignored": Property(
        "with nothing but ignored targets, value and gradient are finite (number of dtypes in which they are not)",
        Threshold(0, 0),
        "a mean over none is 0/0: divide by max(count, 1), and do not multiply large sums by 0",
        better="less",
    ),
    "perfect": Property(
        "right scores have a smaller loss than random and wrong ones, and wrong ones a gradient (number of failures)",
        Threshold(0, 0),
        "the loss does not reward what it should: check signs, the arguments' order, and logits against probabilities",
        better="less",
    ),
    "empty-target": Property(
        "where no class is present, scores that say so have the smaller loss, and others a gradient (failures)",
        Threshold(0, 0),
        "smooth numerator and denominator alike, so that an empty target is no constant",
        better="less",
    ),
    "pairing": Property(
        "other targets for the same scores give another loss (relative change)",
        Threshold(lo=1e-9),
        "scores and targets are not compared one by one: look for broadcasting of (N, 1) against (N,), and for a mean "
        "taken too early",
        better="none",
    ),
    "reductions": Property(
        "reduction='sum' and 'mean' are the sum and the mean of reduction='none' (relative difference)",
        Threshold(hi=1e-5),
        "the reductions compute different things",
        better="less",
    ),
    "second-derivative": MODES["second-derivative"],
}
Loss = Callable[[Tensor, Any], Tensor]


def steps() -> list[Step]:
    place = "torchcheck.properties.loss_targets"
    return [
        Step(f"{place}:ignored", ("ignored", "all-ignored")),
        Step(f"{place}:rewards", ("perfect", "empty-target", "pairing")),
        Step(f"{place}:reductions", ("reductions",)),
        Step(f"{place}:curvature", ("second-derivative",)),
    ]


def ignored(loaded: Loaded, settings: Settings) -> list[Measurement]:
    """Ignored targets added to others, and alone, also many of them in half precision."""
    measured = partial(Measurement, device=settings.device)
    f = function_of(loaded, settings)
    (scores, targets), form = inputs_of(loaded, settings, settings.seed)
    value = next((v for v in _sentinels(loaded) if form == "index" and _ignores(f, scores, targets, v)), None)
    if value is None:
        return [measured(n, None, note="no target is known to be ignored") for n in ("ignored", "all-ignored")]
    more, none = torch.randn_like(scores), torch.full_like(targets, value)
    with torch.no_grad():
        before = float(f(scores, targets))
        after = float(f(torch.cat([scores, more]), torch.cat([targets, none])))
    raw = loaded.found(scores, targets) if not isinstance(loaded.found, type) else None
    own = abs(after - before) / max(abs(before), 1e-6)
    found = [measured("ignored", own if math.isfinite(own) else math.inf, note=f"target {value}")]
    if isinstance(raw, Tensor) and raw.numel() > 1:
        found = [measured("ignored", None, note="it gives a loss for every example")]
    if value == -100 and not _declared(loaded):
        return [*found, measured("all-ignored", None, note="-100 is torch's own; a mean of none is documented as NaN")]
    bad = []
    for dtype in (torch.float64, torch.float32, torch.float16):
        rows = 4096 if dtype is torch.float16 else 4
        leaf = (torch.ones(rows, CLASSES, device=scores.device, dtype=dtype) * 10).requires_grad_()
        try:
            out = f(leaf, torch.full((rows,), value, device=scores.device))
            (g,) = torch.autograd.grad(out, leaf, allow_unused=True) if out.requires_grad else (None,)
        except (RuntimeError, NotImplementedError):
            continue  # it does not take this dtype
        if not bool(out.isfinite()) or (g is not None and not bool(g.isfinite().all())):
            bad.append(str(dtype).removeprefix("torch."))
    return [*found, measured("all-ignored", float(len(bad)), unit="dtypes", witness=", ".join(bad))]


def rewards(loaded: Loaded, settings: Settings) -> list[Measurement]:
    """Right, random and wrong scores; targets without any class; and targets that belong to other examples."""
    measured = partial(Measurement, device=settings.device)
    f = function_of(loaded, settings)
    (scores, targets), form = inputs_of(loaded, settings, settings.seed)
    found = [_pairing(loaded, f, scores, targets, measured)]
    if form not in ("index", "one-hot", "many-hot") or _is_of_embeddings(f, scores, targets):
        note = "its scores are not one a class"
        return [*found, measured("perfect", None, note=note), measured("empty-target", None, note=note)]
    hot = torch.eye(CLASSES, device=scores.device)[targets] if form == "index" else targets.double().clamp(min=0)
    right = SURE * (2 * hot.double() - 1)
    if not all(math.isfinite(_value(f, s, targets)) for s in (right, -right)):
        right = (right > 0).double() * 0.96 + 0.02  # it takes probabilities
    wrong = 1 - right if float(right.min()) > 0 else -right
    least = _value(f, right, targets)
    failures = {
        "random scores have a smaller loss than right ones": _value(f, scores, targets) < least,
        "wrong scores have no larger loss than right ones": _value(f, wrong, targets) <= least,
        "wrong scores have no gradient": not _learns(f, wrong, targets),
    }
    problems = [words for words, failed in failures.items() if failed]
    found.append(measured("perfect", float(len(problems)), unit="failures", witness="; ".join(problems)))
    if form == "many-hot" and not _is_shift_invariant(f, scores, targets):
        return [*found, _empty(f, right, targets, measured)]
    return [*found, measured("empty-target", None, note="every target has a class")]


def reductions(loaded: Loaded, settings: Settings) -> list[Measurement]:
    """The three reductions of the same scores."""
    measured = partial(Measurement, device=settings.device)
    if "reduction" not in _signature(loaded.found) or loaded.is_instance:
        return [measured("reductions", None, note="it takes no reduction")]
    (scores, targets), _ = inputs_of(loaded, settings, settings.seed)
    given = {}
    for name in ("none", "sum", "mean"):
        try:
            if isinstance(loaded.found, type):
                options = {**loaded.options, "reduction": name}
                own = build(Loaded(**{**vars(loaded), "options": options}), settings.width, None, settings.seed)
                given[name] = own(scores, targets).detach()
            else:
                given[name] = loaded.found(scores, targets, **{**loaded.options, "reduction": name}).detach()
        except Exception as error:
            return [measured("reductions", None, note=f"reduction='{name}': {str(error).splitlines()[0][:60]}")]
    each = given["none"].double()
    size = float(each.abs().sum()) or 1.0
    apart = abs(float(given["sum"]) - float(each.sum())) / size
    apart = max(apart, abs(float(given["mean"]) - float(each.mean())) / (size / max(1, each.numel())))
    return [measured("reductions", apart, samples=3)]


def curvature(loaded: Loaded, settings: Settings) -> list[Measurement]:
    """The second derivative with respect to the scores, along random directions."""
    f = function_of(loaded, settings)
    (scores, targets), _ = inputs_of(loaded, settings, settings.seed, scale=1.0)
    leaf = scores.clone().requires_grad_()
    _, second = compared(lambda: f(leaf.clone(), targets), [leaf], settings.seed)
    return [second.measurement(partial(Measurement, device=settings.device, level=0.0), "second-derivative")]


def _pairing(loaded: Loaded, f: Loss, scores: Tensor, targets: Any, measured: Any) -> Measurement:
    name = getattr(loaded.found, "__name__", type(loaded.found).__name__)
    if UNPAIRED.search(name) or not isinstance(targets, Tensor):
        skipped: Measurement = measured("pairing", None, note="it compares samples, not pairs")
        return skipped
    before = _value(f, scores, targets)
    apart = max(abs(_value(f, scores, targets.roll(k, 0)) - before) for k in range(1, min(4, len(targets))))
    found: Measurement = measured("pairing", apart / max(abs(before), 1e-6), samples=3)
    return found


def _empty(f: Loss, right: Tensor, targets: Tensor, measured: Any) -> Measurement:
    """All labels 0: scores that say so, scores that deny it, and a gradient between."""
    empty = torch.zeros_like(targets)
    low, high = torch.full_like(right, float(right.min())), torch.full_like(right, float(right.max()))
    least, most = _value(f, low, empty), _value(f, high, empty)
    problems = []
    if not least < most:
        problems.append(f"the loss is {least:.4g} where nothing is found, and {most:.4g} where all is")
    if not _learns(f, (low + high) / 2, empty):
        problems.append("no gradient")
    found: Measurement = measured("empty-target", float(len(problems)), unit="failures", witness="; ".join(problems))
    return found


def _value(f: Loss, scores: Tensor, targets: Any) -> float:
    try:
        with torch.no_grad():
            return float(f(scores.clone(), targets))
    except (RuntimeError, ValueError):
        return math.nan


def _learns(f: Loss, scores: Tensor, targets: Any) -> bool:
    leaf = scores.clone().requires_grad_()
    out = f(leaf, targets)
    g = torch.autograd.grad(out, leaf, allow_unused=True)[0] if out.requires_grad else None
    return g is not None and bool(g.isfinite().all()) and float(g.abs().max()) > 1e-12


def _is_of_embeddings(f: Loss, scores: Tensor, targets: Any) -> bool:
    """Features in another order give the same loss: they are no scores of classes."""
    order = torch.randperm(scores.shape[-1], generator=torch.Generator().manual_seed(3)).to(scores.device)
    before = _value(f, scores, targets)
    return abs(_value(f, scores[..., order], targets) - before) <= 1e-9 * max(1.0, abs(before))


def _is_shift_invariant(f: Loss, scores: Tensor, targets: Any) -> bool:
    """A softmax: without a class there is nothing to learn from."""
    before = _value(f, scores, targets)
    return abs(_value(f, scores + 1, targets) - before) <= 1e-9 * max(1.0, abs(before))


def _ignores(f: Loss, scores: Tensor, targets: Tensor, value: int) -> bool:
    """Is a row with this target left out: no error, and no gradient?"""
    marked = targets.clone()
    marked[0] = value
    leaf = scores.clone().requires_grad_()
    try:
        out = f(leaf, marked)
        (g,) = torch.autograd.grad(out, leaf, allow_unused=True) if out.requires_grad else (None,)
    except (RuntimeError, IndexError, ValueError):
        return False
    if g is None or not bool(g.isfinite().all()):
        return False
    return float(g[0].abs().max()) == 0 and float(g[1:].abs().max()) > 0


def _sentinels(loaded: Loaded) -> Iterator[int]:
    """What the subject's signature or attributes name first, then what is usual."""
    yield from dict.fromkeys([*_declared(loaded), -1, -100])


def _declared(loaded: Loaded) -> list[int]:
    own = {n: p.default for n, p in _signature(loaded.found).items()}
    forward = getattr(loaded.found, "forward", None)
    own |= {n: p.default for n, p in _signature(forward).items()} if forward is not None else {}
    own |= vars(loaded.found) if loaded.is_instance else {}
    own |= dict(loaded.options)
    return [v for n, v in own.items() if IGNORE.search(n) and type(v) is int and not _is_torchs(loaded)]


def _is_torchs(loaded: Loaded) -> bool:
    module = getattr(loaded.found, "__module__", None) or type(loaded.found).__module__
    return module.startswith("torch.")


def _signature(found: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(found).parameters)
    except (TypeError, ValueError):
        return {}

"""Losses and their targets: those to be ignored, reductions, and second derivatives."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Question, Threshold
from torchcheck.properties.loss.inputs import LossFunction, function_of, inputs_of
from torchcheck.properties.module.modes import MODES, compared
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.signatures import signature_of
from torchcheck.properties.subject.sizes import CLASSES
from torchcheck.properties.subject.variant import CheckSettings, Loaded, build

#: names of parameters and attributes that hold the target which is to be ignored
IGNORE = re.compile(
    r"ignored?(_?(index|idx|label|id|target|value|class))?$|pad(ding)?(_?(index|idx|id|token|token_id|value))?$",
    re.IGNORECASE,
)

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
    "reductions": Property(
        "reduction='sum' and 'mean' are the sum and the mean of reduction='none' (relative difference)",
        Threshold(hi=1e-5),
        "the reductions compute different things",
        better="less",
    ),
    "second-derivative": MODES.properties["second-derivative"],
}

Measured = Callable[..., Measurement]


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [
        Step(ignored, ("ignored", "all-ignored")),
        Step(reductions, ("reductions",)),
        Step(curvature, ("second-derivative",)),
    ]


def ignored(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Ignored targets added to others, and alone, also many of them in half precision."""
    measured = partial(Measurement, device=settings.device)
    f = function_of(loaded, settings)
    (scores, targets), form = inputs_of(loaded, settings, f, settings.seed)
    if f.masks >= 0:
        return [*_masked(f, scores, targets, measured), measured("all-ignored", None, note="a mask says what counts")]
    named = _declared(loaded) if form in ("index", "many-hot", "real") and targets.dtype is not torch.bool else []
    kept = next((v for v in named if _share(f, scores, targets, v) > 0), None)
    if kept is not None:
        return [
            measured("ignored", _share(f, scores, targets, kept), witness=f"target {kept} has a gradient"),
            measured("all-ignored", None, note="nothing is ignored"),
        ]
    sentinels = dict.fromkeys([*named, *((-1, -100) if form == "index" else ())])
    value = next((v for v in sentinels if _share(f, scores, targets, v) == 0), None)
    if value is None:
        return [measured(n, None, note="no target is known to be ignored") for n in ("ignored", "all-ignored")]
    more, none = torch.randn_like(scores), torch.full_like(targets, value)
    with torch.no_grad():
        before = float(f(scores, targets))
        after = float(f(torch.cat([scores, more]), torch.cat([targets, none])))
    raw = loaded.subject(scores, targets) if not isinstance(loaded.subject, type) else None
    own = abs(after - before) / max(abs(before), 1e-6)
    measurements = [measured("ignored", own if math.isfinite(own) else math.inf, note=f"target {value}")]
    if isinstance(raw, Tensor) and raw.numel() > 1:
        measurements = [measured("ignored", None, note="it gives a loss for every example")]
    if value == -100 and not _declared(loaded):
        if own > 1e-5 and measurements[0].value is not None:
            note = (
                "targets of -100, which torch's cross-entropy ignores, count in its mean; if none comes, --skip ignored"
            )
            measurements = [Question.of(measured("ignored", None, note=note))]
        return [
            *measurements,
            measured("all-ignored", None, note="-100 is torch's own; a mean of none is documented as NaN"),
        ]
    bad = []
    for dtype in (torch.float64, torch.float32, torch.float16):
        rows = 4096 if dtype is torch.float16 else 4
        alike = torch.full((rows, CLASSES), 10.0, device=scores.device, dtype=dtype)
        try:
            out, g = f.slope(alike, none[:1].expand(rows, *none.shape[1:]))
        except (RuntimeError, NotImplementedError):
            continue  # it does not take this dtype
        if not bool(out.isfinite()) or (g is not None and not bool(g.isfinite().all())):
            bad.append(str(dtype).removeprefix("torch."))
    return [*measurements, measured("all-ignored", float(len(bad)), unit="dtypes", witness=", ".join(bad))]


def _masked(
    f: LossFunction, scores: Tensor, targets: Tensor, measured: Callable[..., Measurement]
) -> list[Measurement]:
    """Rows that the loss's mask leaves out, of random scores and targets, beside those that count."""
    more, others = (torch.cat([t, t.flip(0)]) for t in (scores, targets))
    with torch.no_grad():
        before, after = float(f(scores, targets)), float(f(more, others, keep=len(scores)))
    own = abs(after - before) / max(abs(before), 1e-6)
    return [measured("ignored", own if math.isfinite(own) else math.inf, note="rows that the mask leaves out")]


def reductions(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The three reductions of the same scores."""
    measured = partial(Measurement, device=settings.device)
    if "reduction" not in signature_of(loaded.subject) or loaded.is_instance:
        return [measured("reductions", None, note="it takes no reduction")]
    (scores, targets), _ = inputs_of(loaded, settings, function_of(loaded, settings), settings.seed)
    given = {}
    for name in ("none", "sum", "mean"):
        try:
            if isinstance(loaded.subject, type):
                options = {**loaded.options, "reduction": name}
                own = build(Loaded(**{**vars(loaded), "options": options}), settings.width, None, settings.seed)
                given[name] = own(scores, targets).detach()
            else:
                given[name] = loaded.subject(scores, targets, **{**loaded.options, "reduction": name}).detach()
        except Exception as error:
            return [measured("reductions", None, note=f"reduction='{name}': {str(error).splitlines()[0][:60]}")]
    each = given["none"].double()
    size = float(each.abs().sum()) or 1.0
    apart = abs(float(given["sum"]) - float(each.sum())) / size
    apart = max(apart, abs(float(given["mean"]) - float(each.mean())) / (size / max(1, each.numel())))
    return [measured("reductions", apart, samples=3)]


def curvature(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The second derivative with respect to the scores, along random directions."""
    f = function_of(loaded, settings)
    (scores, targets), _ = inputs_of(loaded, settings, f, settings.seed, scale=1.0)
    leaf = scores.clone().requires_grad_()
    _, second = compared(lambda: f(leaf.clone(), targets), [leaf], settings.seed)
    return [second.measurement(partial(Measurement, device=settings.device), "second-derivative")]


def _share(f: LossFunction, scores: Tensor, targets: Tensor, value: int) -> float:
    """The largest entry of a row's gradient whose target is this one, over the others'; NaN where that cannot be."""
    marked = targets.clone()
    marked[0] = value
    try:
        _, g = f.slope(scores, marked)
    except (RuntimeError, IndexError, ValueError):
        return math.nan
    if g is None or not bool(g.isfinite().all()) or float(g[1:].abs().max()) == 0:
        return math.nan
    return float(g[0].abs().max() / g[1:].abs().max())


def _declared(loaded: Loaded) -> list[int]:
    """What the subject's signature, attributes or options name as the target to be ignored."""
    own = {n: p.default for n, p in signature_of(loaded.subject).items()}
    forward = getattr(loaded.subject, "forward", None)
    own |= {n: p.default for n, p in signature_of(forward).items()} if forward is not None else {}
    own |= vars(loaded.subject) if loaded.is_instance else {}
    own |= dict(loaded.options)
    return [v for n, v in own.items() if IGNORE.search(n) and type(v) is int and not _is_torchs(loaded)]


def _is_torchs(loaded: Loaded) -> bool:
    module = getattr(loaded.subject, "__module__", None) or type(loaded.subject).__module__
    return module.startswith("torch.")


LOSS_TARGETS = Group("targets", PROPERTIES, steps)

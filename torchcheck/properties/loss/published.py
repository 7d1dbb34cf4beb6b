"""Losses that have the name of a published one: a constant times that function."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.loss.inputs import LossFunction, Takes, function_of, inputs_of
from torchcheck.properties.loss.several import DRAWS, SEVERAL, Several, apart, multiple
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.kinds import lineage
from torchcheck.properties.subject.signatures import signature_of
from torchcheck.properties.subject.variant import CheckSettings, Loaded, build
from torchcheck.run.subjects import find_device

#: (scores, targets as the loss takes them, own: the loss's numbers by name) -> value
Reference = Callable[..., Tensor]
#: what names add to a loss's
SUFFIX = re.compile(
    r"^(my|custom|sigmoid|softmax|binary(?!cross)|multiclass)|(with)?(logits)?(loss|criterion)?$|_", re.IGNORECASE
)
#: scales of the scores at which it is compared, and numbers of a loss that change it by no more than rounding
SCALES, SMALL = (0.3, 1.0, 3.0, 10.0), 1e-4
PROPERTIES: dict[str, Property] = {
    "as-published": Property(
        "a loss named like a published one has its gradient, times a constant (relative difference)",
        Threshold(hi=0.01),
        "compare terms, exponents, branches and reductions with the publication, or give it a name of its own",
        better="less",
        compared="factor",
    )
}


@dataclass(frozen=True)
class Published:
    """The functions that go by a name, and what authors call the numbers that they have."""

    references: tuple[Reference, ...]
    numbers: tuple[str, ...] = ()


def _huber(error: Tensor, delta: float) -> Tensor:
    """Huber (1964): quadratic up to delta, then linear with the slope that it has there."""
    size = error.abs()
    return torch.where(size <= delta, size.square() / 2, delta * (size - delta / 2)).mean()


def _errors(f: Callable[[Tensor, Mapping[str, float]], Tensor]) -> tuple[Reference, ...]:
    """A function of the errors alone."""
    return (lambda scores, targets, own: f(scores - targets, own),)


def _first(own: Mapping[str, float], *names: str, default: float = 1.0) -> float:
    return next((own[n] for n in names if n in own), default)


def _likelihood(scores: Tensor, targets: Tensor, own: Mapping[str, float]) -> Tensor:
    del own
    return F.cross_entropy(scores, targets)


def _binary(scores: Tensor, targets: Tensor, own: Mapping[str, float]) -> Tensor:
    del own
    return F.binary_cross_entropy_with_logits(scores, _hot(scores, targets))


def _weighted(scores: Tensor, targets: Tensor, own: Mapping[str, float]) -> Tensor:
    """What is there counts pos_weight times."""
    weight = torch.tensor(own["pos_weight"]).to(scores)
    return F.binary_cross_entropy_with_logits(scores, _hot(scores, targets), pos_weight=weight)


def _hot(scores: Tensor, targets: Tensor) -> Tensor:
    return (F.one_hot(targets, scores.shape[1]) if targets.dim() == 1 else targets).to(scores)


def _focal(scores: Tensor, targets: Tensor, own: Mapping[str, float]) -> Tensor:
    """Lin et al. (2017), eq. 4, of classes that exclude each other."""
    log = scores.log_softmax(-1)
    each = -((1 - log.exp()) ** _first(own, "gamma", default=2.0)) * log
    return (each * _hot(scores, targets)).sum(-1).mean()


def _binary_focal(scores: Tensor, targets: Tensor, own: Mapping[str, float], *, balanced: bool) -> Tensor:
    """Lin et al. (2017), eq. 4, or with alpha for what is there and 1 - alpha for what is not, eq. 5."""
    hot = _hot(scores, targets)
    entropy = F.binary_cross_entropy_with_logits(scores, hot, reduction="none")
    each = (1 - (-entropy).exp()) ** _first(own, "gamma", default=2.0) * entropy
    alpha = _first(own, "alpha", default=0.25)
    return (each * torch.where(hot > 0.5, alpha, 1 - alpha) if balanced else each).mean()


def _smoothed(scores: Tensor, targets: Tensor, own: Mapping[str, float], *, others: bool) -> Tensor:
    """Szegedy et al. (2016), section 7: what is taken goes to all classes, or to the others alone."""
    rate = _first(own, "smoothing", "label_smoothing", "epsilon", "eps", "alpha", default=0.1)
    classes = scores.shape[-1]
    return F.cross_entropy(scores, targets, label_smoothing=rate * classes / (classes - 1) if others else rate)


def _poly(scores: Tensor, targets: Tensor, own: Mapping[str, float]) -> Tensor:
    """Leng et al. (2022), eq. 6: cross-entropy + epsilon (1 - p)."""
    p = (scores.softmax(-1) * _hot(scores, targets)).sum(-1)
    return F.cross_entropy(scores, targets) + _first(own, "epsilon", "eps", "epsilon1") * (1 - p).mean()


def _poisson(scores: Tensor, targets: Tensor, own: Mapping[str, float]) -> Tensor:
    """The negative logarithm of Poisson's probability, of the logarithm of its rate, without its constant."""
    del own
    return (scores.exp() - targets * scores).mean()


def _quantile(error: Tensor, own: Mapping[str, float]) -> Tensor:
    """Koenker and Bassett (1978): the weight q where the target is above, 1 - q where it is below."""
    q = _first(own, "quantile", "q", "tau", "alpha", default=0.5)
    return torch.maximum(-q * error, (1 - q) * error).mean()


#: names in lower case without "loss" and the like; of several functions under one name, the nearest counts
PUBLISHED: dict[str, Published] = {
    "mse": Published(_errors(lambda e, _: e.square().mean())),
    "l2": Published((*_errors(lambda e, _: e.square().mean()), *_errors(lambda e, _: e.square().mean().sqrt()))),
    "rmse": Published(_errors(lambda e, _: e.square().mean().sqrt())),
    "mae": Published(_errors(lambda e, _: e.abs().mean())),
    "l1": Published(_errors(lambda e, _: e.abs().mean())),
    "huber": Published(_errors(lambda e, own: _huber(e, _first(own, "delta", "beta"))), ("delta", "beta")),
    "smoothl1": Published(_errors(lambda e, own: _huber(e, _first(own, "beta", "delta"))), ("delta", "beta")),
    "logcosh": Published(_errors(lambda e, _: (e.abs() + F.softplus(-2 * e.abs()) - math.log(2)).mean())),
    "pseudohuber": Published(
        _errors(lambda e, own: ((1 + (e / _first(own, "delta")) ** 2).sqrt() - 1).mean()), ("delta",)
    ),
    "quantile": Published(_errors(_quantile), ("quantile", "q", "tau", "alpha")),
    "pinball": Published(_errors(_quantile), ("quantile", "q", "tau", "alpha")),
    "crossentropy": Published((_likelihood,)),
    "bce": Published((_binary,)),
    "binarycrossentropy": Published((_binary,)),
    "weightedbce": Published((_weighted,), ("pos_weight",)),
    "labelsmoothingcrossentropy": Published(
        (partial(_smoothed, others=False), partial(_smoothed, others=True)),
        ("smoothing", "label_smoothing", "epsilon", "eps", "alpha", "confidence"),
    ),
    "focal": Published(
        (_focal, partial(_binary_focal, balanced=False), partial(_binary_focal, balanced=True)), ("gamma", "alpha")
    ),
    "poly1crossentropy": Published((_poly,), ("epsilon", "eps", "epsilon1")),
    "poisson": Published((_poisson,)),
    "poissonnll": Published((_poisson,)),
    "hinge": Published((lambda scores, signs, **_: (1 - signs * scores).relu().mean(),)),
    "squaredhinge": Published((lambda scores, signs, **_: (1 - signs * scores).relu().square().mean(),)),
}


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [Step(published, tuple(PROPERTIES))]


def published(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Its gradients for scores of several sizes beside those of its name: one number times these, at every size."""
    measured = partial(Measurement, "as-published", device=settings.device)
    name = SUFFIX.sub("", lineage(loaded.subject)[0].replace("_", "")).lower()
    if (several := SEVERAL.get(name)) and (finding := _of_several(several, loaded, settings, measured)):
        return [finding]
    known = PUBLISHED.get(name)
    if known is None:
        return [measured(None, note="its name is none of those known here")]
    f = function_of(loaded, settings)
    own = dict(_numbers(f.function, loaded))
    more = [n for n, v in own.items() if n not in known.numbers and v not in (0, 1) and abs(v) > SMALL]
    if more or f.extras or f.takes is Takes.COSINES:
        return [measured(None, note=f"it has more to say than its name: {', '.join(more) or 'further arguments'}")]
    # probabilities of larger scores are rounded to 0 and 1, and clamped
    scales = SCALES[:2] if f.takes is Takes.PROBABILITIES else SCALES
    made = [inputs_of(loaded, settings, f, settings.seed, scale)[0] for scale in scales]
    best = math.inf
    for reference in known.references:
        try:
            best = min(best, _apart(f, LossFunction(partial(reference, own=own)), made))
        except (RuntimeError, ValueError, IndexError):  # targets of another form
            continue
    if math.isinf(best):
        return [measured(None, note="it takes targets of another form")]
    return [measured(best, samples=len(made))]


def _of_several(
    known: Several, loaded: Loaded, settings: CheckSettings, measured: Callable[..., Measurement]
) -> Measurement | None:
    """The distance of a loss of several arguments; None where it has others, or more numbers than its name."""
    function = loaded.subject
    if isinstance(function, type | nn.Module):
        function = build(loaded, settings.width, None, settings.seed)
    own = dict(_numbers(function, loaded))
    if any(n not in known.numbers and v not in (0, 1) and abs(v) > SMALL for n, v in own.items()):
        return None
    value = apart(known, function, own, settings.seed, find_device(settings.device))
    return None if value is None else measured(value, samples=DRAWS, note="by the names of its arguments")


def _apart(f: LossFunction, reference: LossFunction, made: Sequence[tuple[Tensor, Any]]) -> float:
    """How far f's gradients are from one positive multiple of the other's; 1 where one has none."""
    gradients = [[loss.slope(scores, targets)[1] for loss in (f, reference)] for scores, targets in made]
    pairs = [(g, known) for g, known in gradients if g is not None and known is not None]
    return multiple(pairs) if len(pairs) == len(made) else 1.0


def _numbers(function: Any, loaded: Loaded) -> Iterator[tuple[str, float]]:
    """Numbers that it was built with, or has as attributes, by name in lower case; no indices of targets."""
    given: dict[str, Any] = {n: p.default for n, p in signature_of(loaded.subject).items()} | dict(loaded.options)
    if isinstance(function, nn.Module):
        given |= {n: v for n, v in vars(function).items() if not n.startswith("_")}
    for name, value in given.items():
        if type(value) in (int, float) and not re.search("index|reduction|dim|axis|class|training", name):
            yield name.lower(), float(value)


LOSS_PUBLISHED = Group("published", PROPERTIES, steps)

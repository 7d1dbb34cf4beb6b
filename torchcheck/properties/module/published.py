"""Activations and norms that have the name of a published one: they compute that function."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck.data import Measurement, Series
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.module.modes import exact
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.activation_function import function_of
from torchcheck.properties.subject.calling import call, tensor_of
from torchcheck.properties.subject.kinds import lineage
from torchcheck.properties.subject.signatures import signature_of
from torchcheck.properties.subject.training_mode import has_batch_statistics
from torchcheck.properties.subject.variant import CheckSettings, Loaded

Function = Callable[[Tensor], Tensor]
T = TypeVar("T")
#: approximations that go by the name of what they approximate stay below this
APART = 0.03
PROPERTIES: dict[str, Property] = {
    "as-published": Property(
        "what is named like a published activation or norm is that one (largest difference, over max(1, abs(value)))",
        Threshold(hi=APART),
        "compare constants, signs and axes with the publication, or give it a name of its own",
        better="less",
        compared="factor",
    )
}
#: names in lower case, without "activation", "layer" and the like -> every function that goes by it
ACTIVATIONS: dict[str, tuple[Function, ...]] = {
    "relu": (F.relu,),
    "relu6": (F.relu6,),
    "elu": (F.elu,),
    "celu": (F.celu,),
    "selu": (F.selu,),
    "gelu": (F.gelu,),
    "newgelu": (F.gelu,),
    "fastgelu": (F.gelu, lambda x: x * torch.sigmoid(1.702 * x)),
    "quickgelu": (lambda x: x * torch.sigmoid(1.702 * x),),
    "silu": (F.silu,),
    "swish": (F.silu,),
    "mish": (F.mish,),
    "softplus": (F.softplus,),
    "softsign": (F.softsign,),
    "tanhshrink": (F.tanhshrink,),
    "logsigmoid": (F.logsigmoid,),
    "hardswish": (F.hardswish,),
    "hswish": (F.hardswish,),
    "hardsigmoid": (F.hardsigmoid, lambda x: (0.2 * x + 0.5).clamp(0, 1)),
    "hsigmoid": (F.hardsigmoid, lambda x: (0.2 * x + 0.5).clamp(0, 1)),
    "hardtanh": (F.hardtanh,),
    "squaredrelu": (lambda x: F.relu(x).square(),),
    "relusquared": (lambda x: F.relu(x).square(),),
}
#: torch's own with numbers that shape them: those that the subject has too are compared, as they are and doubled
SHAPED: dict[str, type[nn.Module]] = {
    "elu": nn.ELU,
    "celu": nn.CELU,
    "leakyrelu": nn.LeakyReLU,
    "softplus": nn.Softplus,
    "hardtanh": nn.Hardtanh,
    "softshrink": nn.Softshrink,
    "hardshrink": nn.Hardshrink,
}
NORMS: dict[str, tuple[Function, ...]] = {
    "layernorm": (lambda x: F.layer_norm(x, x.shape[-1:]),),
    "rmsnorm": (lambda x: F.rms_norm(x, x.shape[-1:]),),
    "scalenorm": (lambda x: x.shape[-1] ** 0.5 * F.normalize(x, dim=-1), lambda x: F.normalize(x, dim=-1)),
    "l2norm": (lambda x: F.normalize(x, dim=-1),),
    "batchnorm": (lambda x: _batch_norm(x),),
    "batchnorm1d": (lambda x: _batch_norm(x),),
}
#: those of maps (batch, channels, height, width)
MAP_NORMS: dict[str, tuple[Function, ...]] = {
    "instancenorm": (F.instance_norm,),
    "instancenorm2d": (F.instance_norm,),
    "layernorm2d": (
        lambda x: F.layer_norm(x.movedim(1, -1), x.shape[1:2]).movedim(-1, 1),
        lambda x: F.layer_norm(x, x.shape[1:]),
    ),
    "batchnorm2d": (lambda x: _batch_norm(x.movedim(1, -1)).movedim(-1, 1),),
}
#: batches after which running statistics are compared
BATCHES = 3
#: what names add to a function's
SUFFIX = re.compile(
    r"^(my|custom|pytorch)|(activation|act|func|function|layer|module|(?<=gelu)_?tanh|approx(imation)?|_)$|_",
    re.IGNORECASE,
)


def _activation_steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [Step(activation, ("as-published",))]


def _norm_steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [Step(norm, ("as-published",))]


def activation(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The function on [-8, 8] beside those of its name, where it has no parameters that change it."""
    measured = partial(Measurement, "as-published", device=settings.device)
    x = torch.linspace(-8, 8, 1601, dtype=torch.float64)
    found = []
    for shaped, theirs, own in _known(loaded):
        y = function_of(shaped, settings)(x).detach().cpu()
        found.append(_nearest(x, y, theirs, measured, partial(_words, x, y, own)))
    none = measured(None, note="its name is none of those known here, or it has parameters")
    return [max(found, key=lambda m: m.value or 0.0, default=none)]


def _words(x: Tensor, y: Tensor, own: Mapping[str, float], k: int) -> str:
    """What the function is at the k-th point, with these numbers of its own."""
    return "; ".join([*(f"{n}={v:g}" for n, v in own.items()), f"f({float(x[k]):.3g}) = {float(y[k]):.6g}"])


def _known(loaded: Loaded) -> Iterator[tuple[Loaded, tuple[Function, ...], Mapping[str, float]]]:
    """The subject with numbers of its own, beside the functions that have its name, with the same."""
    theirs, shaped = _named(loaded, ACTIVATIONS), _named(loaded, SHAPED)
    if theirs and not loaded.options and not _has_shape(loaded):
        yield loaded, theirs, {}
    if shaped is None or loaded.is_instance or not isinstance(loaded.subject, type):
        return
    own = {n: p.default for n, p in signature_of(loaded.subject).items()} | dict(loaded.options)
    numbers = {n: float(v) for n, v in own.items() if type(v) in (int, float)}
    if not numbers or not {*numbers} <= {*signature_of(shaped)}:
        return
    for name in ("", *(n for n, v in numbers.items() if v)):
        changed = numbers | ({name: 2 * numbers[name]} if name else {})
        yield replace(loaded, options={**loaded.options, **changed}), (shaped(**changed),), changed


def norm(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Its output for tokens that have a mean and sizes of their own, beside those of its name."""
    measured = partial(Measurement, "as-published", device=settings.device)
    if not (_named(loaded, NORMS) or _named(loaded, MAP_NORMS)):
        return [measured(None, note="its name is none of those known here")]
    model, x, _ = exact(loaded, settings, None)
    maps = isinstance(x, Tensor) and x.dim() == 4
    theirs = _named(loaded, MAP_NORMS if maps else NORMS)
    if not isinstance(x, Tensor) or theirs is None or x.dim() not in (3, 4):
        return [measured(None, note="its input is no tensor of tokens, nor a map")]
    sizes = torch.linspace(0.5, 3.0, x.shape[1]).to(x)  # of tokens, or of channels
    x = sizes.reshape(-1, *[1] * (x.dim() - 2)) * (x + 1)
    with torch.no_grad():
        if has_batch_statistics(model):
            for _ in range(BATCHES):
                call(model.train(), x.clone())
        y = tensor_of(call(model.eval(), x.clone()))
    if y.shape != x.shape:
        return [measured(None, note="its output has another shape")]
    return [_nearest(x, y, theirs, measured, lambda k: f"an entry of {float(y.flatten()[k]):.6g}")]


def _batch_norm(x: Tensor) -> Tensor:
    """That of torch, with its momentum, after some batches."""
    known = nn.BatchNorm1d(x.shape[-1]).to(x)
    tokens = x.flatten(0, -2)
    for _ in range(BATCHES):
        known(tokens)
    out: Tensor = known.eval()(tokens).reshape(x.shape)
    return out


def _curve(name: str, x: Tensor, y: Tensor) -> Series:
    return Series(name, "x", "f(x)", x[::16].tolist(), y[::16].tolist())


def _nearest(
    x: Tensor, y: Tensor, theirs: Sequence[Function], measured: Callable[..., Measurement], words: Callable[[int], str]
) -> Measurement:
    """How far y is from the nearest of the functions, and where."""
    best: tuple[float, str] = (math.inf, "")
    series: tuple[Series, ...] = ()
    for f in theirs:
        known = f(x)
        apart = ((y - known).abs() / known.abs().clamp(min=1)).flatten().nan_to_num(math.inf)
        k = int(apart.argmax())
        witness = f"{words(k)}, where {float(known.flatten()[k]):.6g} was expected"
        if float(apart[k]) < best[0]:
            best = float(apart[k]), witness
            series = (_curve("as it is", x, y), _curve("as published", x, known)) if x.dim() == 1 else ()
    return measured(best[0], witness=best[1] if best[0] > APART else "", samples=x.numel(), series=series)


def _named(loaded: Loaded, known: Mapping[str, T]) -> T | None:
    if loaded.subject.__class__.__module__.startswith("torch.nn"):
        return None
    return known.get(SUFFIX.sub("", lineage(loaded.subject)[0]).lower())


def _has_shape(loaded: Loaded) -> bool:
    """Whether numbers among its arguments, but 1, change the function."""
    if loaded.is_instance:
        return any(isinstance(v, float) and v != 1 for v in vars(loaded.subject).values())
    try:
        parameters = inspect.signature(loaded.subject).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(type(p.default) in (int, float) and p.default != 1 for p in parameters)


PUBLISHED_ACTIVATION = Group("published", PROPERTIES, _activation_steps)
PUBLISHED_NORM = Group("published", PROPERTIES, _norm_steps)

"""Optimizers that have the name of a published one: the same gradients give the same steps."""

from __future__ import annotations

import inspect
import itertools
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.optimizer.problem import make
from torchcheck.properties.optimizer.references import (
    AdaBelief,
    Lion,
    Momentum,
    NAdam,
    NAdamOfOneCorrection,
    RAdam,
    RMSpropFromOne,
)
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.signatures import signature_of
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import find_device

PROPERTIES: dict[str, Property] = {
    "as-published": Property(
        "an optimizer named like a published one takes its steps (relative difference after 10 random gradients)",
        Threshold(hi=0.02),
        "compare the moments, their bias corrections and the order of decay and update with the publication",
        better="less",
        compared="factor",
    ),
    "norm-ratio": Property(
        "steps of LAMB and LARS grow with the parameter's norm (relative steps at 8 times a norm over those at it)",
        Threshold(0.8, 1.25),
        "the trust ratio is the parameter's norm over the update's, not the reverse",
        better="none",
    ),
}


Optimizer = Callable[..., torch.optim.Optimizer]
#: what SGD is called where a momentum belongs to it
WITH_MOMENTUM = (torch.optim.SGD, Momentum)
#: name in lower case -> those that go by it, of which the nearest counts
PUBLISHED: dict[str, tuple[Optimizer, ...]] = {
    "sgd": (torch.optim.SGD,),
    "adam": (torch.optim.Adam,),
    "adamw": (torch.optim.AdamW,),
    "adadelta": (torch.optim.Adadelta,),
    "adagrad": (torch.optim.Adagrad,),
    "adamax": (torch.optim.Adamax,),
    "rprop": (torch.optim.Rprop,),
    "lion": (Lion,),
    "rmsprop": (torch.optim.RMSprop, RMSpropFromOne),
    "adabelief": (AdaBelief,),
    "radam": (torch.optim.RAdam, RAdam, partial(RAdam, rests=True), partial(RAdam, above=5.0, rests=True)),
    "nadam": (torch.optim.NAdam, NAdam, NAdamOfOneCorrection),
    **dict.fromkeys(("momentum", "momentumsgd", "sgdmomentum", "sgdwithmomentum", "heavyball"), WITH_MOMENTUM),
    **dict.fromkeys(("gradientdescentwithmomentum", "gradientdescentmomentum"), WITH_MOMENTUM),
}
#: what names add to an optimizer's
BESIDE = re.compile("^(my|custom|simple|naive|own|vanilla|plain)|(custom|from_?scratch|optimi[sz]er)$", re.IGNORECASE)
#: those whose decay is decoupled, and part of what their name says
DECOUPLED = ("adamw", "lion")
#: names of optimizers that have a trust ratio
TRUSTS = re.compile("^(Fused)?(LAMB|LARS)$", re.IGNORECASE)
#: hyperparameters that both sides are given, where the subject has them
SHARED = (
    *("lr", "betas", "momentum", "dampening", "nesterov", "amsgrad", "lr_decay", "initial_accumulator_value"),
    *("alpha", "rho", "centered", "momentum_decay", "etas", "step_sizes"),
)
#: what has to be known of both sides: a start at 0 is as large as eps, and averages have no usual rate
NEEDED = {"adadelta": ("rho", "eps"), "rmsprop": ("alpha",), "adabelief": ("eps",)} | {
    name: ("momentum",) for name, those in PUBLISHED.items() if those is WITH_MOMENTUM
}
#: variants that are compared where both sides have the options
SWITCHED: tuple[dict[str, Any], ...] = ({}, {"momentum": 0.9, "nesterov": True}, {"centered": True})
COUNT = 10
#: those whose eps is added to a root, and, beside gradients as small as its root, is seen where it is added before that
WITH_EPS, SMALL, EPS = ("adam", "adamw"), 1e-4, 1e-8


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [Step(published, ("as-published",)), Step(norm_ratio, ("norm-ratio",))]


def published(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Ten steps under random gradients: without decay, and, where it is decoupled, with it."""
    measured = partial(Measurement, "as-published", device=settings.device, dtype="float64", samples=COUNT)
    name = BESIDE.sub("", str(getattr(loaded.subject, "__name__", ""))).replace("_", "").lower()
    theirs = PUBLISHED.get(name)
    if theirs is None:
        return [measured(None, note="its name is none of those known here")]
    if loaded.subject in theirs:
        return [measured(None, note="it is torch's own")]
    taken, known = _options_of(loaded.subject), _options_of(theirs[0])
    if missing := [n for n in NEEDED.get(name, ()) if n not in taken]:
        return [measured(None, note=f"it has no option '{missing[0]}'")]
    decays = (0.0, 0.1) if name in DECOUPLED else (0.0,)
    switched = [w for w in SWITCHED if {*w} <= taken & known]
    largest, witness = 0.0, ""
    sizes = (1.0, SMALL) if name in WITH_EPS and "eps" in taken else (1.0,)
    for decay, switches, size in itertools.product(decays, switched, sizes):
        wanted = {"lr": 0.01, "weight_decay": decay}
        own: dict[str, Any] = {k: v for k, v in wanted.items() if k in taken} | switches
        own |= {"eps": EPS} if size < 1 else {}
        try:
            apart = _apart(name, own, loaded, settings, size)
        except Exception as error:
            return [measured(None, note=f"not run on plain tensors: {str(error).splitlines()[0][:60]}")]
        if apart > largest:
            under = [f"gradients of {size:g}"] if size < 1 else []
            largest, witness = apart, ", ".join([*(f"{k}={v}" for k, v in own.items()), *under])
    whose = f"{theirs[0].__module__.partition('.')[0]}'s {getattr(theirs[0], '__name__', name)}"
    return [measured(largest, witness=witness if largest > 1e-6 else "", note=whose)]


def _apart(name: str, own: dict[str, Any], loaded: Loaded, settings: CheckSettings, size: float = 1.0) -> float:
    """How far its end is from the nearest of those that have its name, over their way; under gradients of that size."""
    where = find_device(settings.device)
    group, start, end = _ends(partial(make, loaded, **own), settings, where, size)
    group = {n: p.default for n, p in signature_of(loaded.subject).items() if p.default is not p.empty} | group
    apart = []
    for theirs in PUBLISHED[name]:
        known = _options_of(theirs)
        shared = {k: group[k] for k in (*SHARED, *NEEDED.get(name, ())) if k in group and k in known}
        if "betas" in known and {"beta1", "beta2"} <= {*group}:
            shared["betas"] = (group["beta1"], group["beta2"])
        shared |= {"weight_decay": own.get("weight_decay", 0.0)} if "weight_decay" in known else {}
        _, _, other = _ends(partial(theirs, **shared), settings, where, size)
        distance = float((end - other).norm() / (other - start).norm())
        apart.append(distance if math.isfinite(distance) else math.inf)
    return min(apart)


def norm_ratio(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """One step of a matrix of norm 0.5, and of one of norm 4, under one gradient, with next to no decay."""
    measured = partial(Measurement, "norm-ratio", device=settings.device, dtype="float64")
    if not TRUSTS.search(str(getattr(loaded.subject, "__name__", ""))):
        return [measured(None, note="its name is none of those with a trust ratio")]
    g = torch.Generator().manual_seed(settings.seed)
    start, gradient = (torch.randn(8, 4, generator=g, dtype=torch.float64) for _ in range(2))
    # some take the ratio only where there is decay
    decays = {"weight_decay": 1e-3} if "weight_decay" in _options_of(loaded.subject) else {}
    moves = []
    for norm in (0.5, 4.0):
        p = nn.Parameter((norm * start / start.norm()).to(find_device(settings.device)))
        opt = make(loaded, [p], **decays)
        before, p.grad = p.detach().clone(), gradient.to(p.device)
        opt.step()
        moves.append(float((p.detach() - before).norm()) / norm)
    return [measured(moves[1] / moves[0] if moves[0] else None, note="" if moves[0] else "no step")]


def _options_of(function: Callable[..., Any]) -> set[str]:
    """The names of its parameters."""
    return {*inspect.signature(function).parameters}


def _ends(
    build: Callable[[list[nn.Parameter]], torch.optim.Optimizer],
    settings: CheckSettings,
    where: torch.device,
    size: float,
) -> tuple[dict[str, Any], Tensor, Tensor]:
    """The optimizer's first group, and the parameters before and after the steps."""
    g = torch.Generator().manual_seed(settings.seed)
    params = [nn.Parameter(torch.randn(s, generator=g, dtype=torch.float64).to(where)) for s in ((4, 3), (5,))]
    opt = build(params)
    start = torch.cat([p.detach().flatten() for p in params])
    for _ in range(COUNT):
        for p in params:
            p.grad = size * torch.randn(p.shape, generator=g, dtype=torch.float64).to(where)
        opt.step()
    return opt.param_groups[0], start, torch.cat([p.detach().flatten() for p in params])


PUBLISHED_UPDATE = Group("rules", PROPERTIES, steps)

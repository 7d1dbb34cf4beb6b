"""Optimizers that have the name of a published one: the same gradients give the same steps."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.optimizer.problem import make
from torchcheck.properties.plan import Description, Group, Step
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


class Lion(torch.optim.Optimizer):
    """Chen et al., Symbolic Discovery of Optimization Algorithms (arXiv:2302.06675), Program 1."""

    def __init__(
        self,
        params: list[nn.Parameter],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                update = torch.sign(beta1 * m + (1 - beta1) * p.grad) + group["weight_decay"] * p
                p.sub_(group["lr"] * update)
                m.mul_(beta2).add_((1 - beta2) * p.grad)


#: name in lower case -> torch's own, or ours; where papers leave a choice (RMSprop's start, ...) a name decides nothing
PUBLISHED: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adagrad": torch.optim.Adagrad,
    "adamax": torch.optim.Adamax,
    "lion": Lion,
}
#: those whose decay is decoupled, and part of what their name says
DECOUPLED = ("adamw", "lion")
#: names of optimizers that have a trust ratio
TRUSTS = re.compile("^(Fused)?(LAMB|LARS)$", re.IGNORECASE)
#: hyperparameters that both sides are given, where the subject has them
SHARED = ("lr", "betas", "momentum", "dampening", "nesterov", "amsgrad", "lr_decay", "initial_accumulator_value")
COUNT = 10


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [Step(published, ("as-published",)), Step(norm_ratio, ("norm-ratio",))]


def published(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Ten steps under random gradients: without decay, and, where it is decoupled, with it."""
    measured = partial(Measurement, "as-published", device=settings.device, dtype="float64", samples=COUNT)
    name = str(getattr(loaded.subject, "__name__", "")).lower()
    theirs = PUBLISHED.get(name)
    if theirs is None:
        return [measured(None, note="its name is none of those known here")]
    if loaded.subject is theirs:
        return [measured(None, note="it is torch's own")]
    taken = _options_of(loaded.subject)
    decays = (0.0, 0.1) if name in DECOUPLED else (0.0,)
    largest, witness = 0.0, ""
    where = find_device(settings.device)
    for decay in decays:
        own: dict[str, Any] = {k: v for k, v in {"lr": 0.01, "weight_decay": decay}.items() if k in taken}
        try:
            group, start, end = _ends(partial(make, loaded, **own), settings, where)
        except Exception as error:
            return [measured(None, note=f"not run on plain tensors: {str(error).splitlines()[0][:60]}")]
        shared: dict[str, Any] = {k: group[k] for k in SHARED if k in group and k in _options_of(theirs)}
        _, _, other = _ends(partial(theirs, **shared, weight_decay=decay), settings, where)
        apart = float((end - other).norm() / (other - start).norm())
        if apart > largest:
            largest, witness = apart, f"weight_decay={decay:g}"
    whose = f"{theirs.__module__.partition('.')[0]}'s {theirs.__name__}"
    return [measured(largest, witness=witness if largest > 1e-6 else "", note=whose)]


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
    build: Callable[[list[nn.Parameter]], torch.optim.Optimizer], settings: CheckSettings, where: torch.device
) -> tuple[dict[str, Any], Tensor, Tensor]:
    """The optimizer's first group, and the parameters before and after the steps."""
    g = torch.Generator().manual_seed(settings.seed)
    params = [nn.Parameter(torch.randn(s, generator=g, dtype=torch.float64).to(where)) for s in ((4, 3), (5,))]
    opt = build(params)
    start = torch.cat([p.detach().flatten() for p in params])
    for _ in range(COUNT):
        for p in params:
            p.grad = torch.randn(p.shape, generator=g, dtype=torch.float64).to(where)
        opt.step()
    return opt.param_groups[0], start, torch.cat([p.detach().flatten() for p in params])


PUBLISHED_UPDATE = Group("rules", PROPERTIES, steps)

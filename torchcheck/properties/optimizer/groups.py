"""What a parameter's steps depend on: its own gradients and its own group, and nothing at all where those are 0."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Question, Threshold
from torchcheck.properties.optimizer.problem import ADAPTS, OTHERS, LeastSquares, make, names_of, said_of, undecayed
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import gap
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import find_device

#: learning rates of a parameter's own group, and of the one before it
RATE, OTHER = 1e-2, 1e-3
STEPS = 12
#: relative changes above this are no rounding
SEEN = 1e-4
PROPERTIES: dict[str, Property] = {
    "neighbours": Property(
        "a parameter's steps are the same beside one of gradient 0, in its group or in one of another lr (relative "
        "difference)",
        Threshold(hi=SEEN),
        "count steps for every parameter by itself, and read lr and the rest from the parameter's own group",
        better="less",
    ),
    "own-group": Property(
        "betas, momentum and weight_decay of a parameter's own group act as they do as defaults (relative difference)",
        Threshold(hi=SEEN),
        "read hyperparameters from the parameter's own group, not from self.defaults or the first group",
        better="less",
    ),
    "stays": Property(
        "with gradients of 0 and no weight decay parameters do not fade (share lost in 20 steps)",
        Threshold(hi=0.05),
        "something pulls parameters to 0: averages and slow copies start at the parameter's value, not at 0",
        better="less",
    ),
    "closure-called": Property(
        "step(closure) calls the closure (number of calls)", advice="call it: loss = closure()", better="none"
    ),
}


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [
        Step(neighbours, ("neighbours",)),
        Step(own_group, ("own-group",)),
        Step(stays, ("stays",)),
        Step(closure_called, ("closure-called",)),
    ]


def neighbours(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """A matrix on random gradients: alone, second in its group, and in the second of two groups.

    Where the neighbour's size matters, the steps have statistics of all parameters, as Adai's: nothing is said then.
    """
    measured = partial(Measurement, "neighbours", device=settings.device, dtype="float32", samples=STEPS)
    if "lr" not in names_of(loaded) or ADAPTS.search(said_of(loaded)):
        return [measured(None, note="it takes no lr, or adapts it")]
    where = find_device(settings.device)
    start = torch.linspace(0.1, 1, 32, device=where).reshape(8, 4)

    def moved(rates: Sequence[float], width: int = 4, seed: int = 0) -> Tensor:
        """The way of the last of as many parameters as rates, those before it (8, width)."""
        params = [nn.Parameter(start[:, :width].clone()) for _ in rates[:-1]] + [nn.Parameter(start.clone())]
        groups: list[Any] = [{"params": [p], "lr": rate} for p, rate in zip(params, rates, strict=True)]
        groups = [{"params": params, "lr": RATE}] if set(rates) == {RATE} else groups
        torch.manual_seed(settings.seed + seed)
        opt = make(loaded, groups, lr=RATE, **undecayed(loaded))
        return _way(opt, params, settings.seed)

    try:
        alone, again = moved([RATE]), moved([RATE], seed=1)
        same, smaller = moved([RATE, RATE]), moved([RATE, RATE], width=1)
        other = moved([OTHER, RATE])
    except Exception as error:  # some take one group, one rate, sparse gradients alone, or a closure that works
        return [measured(None, note=f"not tried: {str(error).splitlines()[0][:80]}")]
    size = float(alone.norm())
    if gap(alone, again) > 0 or not size:
        return [measured(None, note="its steps are random" if size else "it does not move")]
    beside, rated = (float((one - alone).norm()) / size for one in (same, other))
    if beside > SEEN and float((same - smaller).norm()) / size > SEEN:
        return [measured(None, note="its steps have statistics of all parameters")]
    place = "in its group" if beside > SEEN else "in a group of another lr"
    return [measured(max(beside, rated), witness=place if max(beside, rated) > SEEN else "")]


def _way(opt: torch.optim.Optimizer, params: Sequence[nn.Parameter], seed: int) -> Tensor:
    """What random gradients make of the last parameter, (8, 4), in all steps; those of the others are 0."""
    generator, before = torch.Generator().manual_seed(seed), params[-1].detach().clone()
    for _ in range(STEPS):
        for p in params[:-1]:
            p.grad = torch.zeros_like(p)
        params[-1].grad = torch.randn(8, 4, generator=generator).to(before.device)
        opt.step(lambda: 0.0)
    return params[-1].detach() - before


def own_group(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """A matrix on random gradients, with other values of its hyperparameters: as defaults, and as those of its group.

    Before it stands a parameter of gradient 0 in a group of the defaults.
    """
    measured = partial(Measurement, "own-group", device=settings.device, dtype="float32")
    names = [n for n in OTHERS if n != "lr" and n in names_of(loaded) and n not in loaded.options]
    if ADAPTS.search(said_of(loaded)):
        return [measured(None, note="it adapts to all groups at once, as its name or documentation says")]
    where = find_device(settings.device)
    start = torch.linspace(0.1, 1, 32, device=where).reshape(8, 4)

    def moved(defaults: dict[str, Any], own: dict[str, Any], before: int = 1) -> Tensor:
        """The way of the last parameter, in a group of its own; before it are so many others."""
        params = [nn.Parameter(start.clone()) for _ in range(before + 1)]
        groups: list[Any] = [{"params": params[:-1]}] * before + [{"params": params[-1:], **own}]
        torch.manual_seed(settings.seed)
        return _way(make(loaded, groups, **defaults), params, settings.seed)

    apart: dict[str, float] = {}
    for other in ({name: OTHERS[name]} for name in names):
        try:
            usual, alone, default, grouped = moved({}, {}), moved(other, {}, 0), moved(other, {}), moved({}, other)
        except Exception:  # another value, or a group of its own, is refused
            continue
        size = float(default.norm())
        shows = size > 0 and gap(usual, default) > 0
        if shows and float((alone - default).norm()) <= SEEN * size:  # else its steps have statistics of all
            apart[next(iter(other))] = float((grouped - default).norm()) / size
    if not apart:
        return [measured(None, note="it has none that shows, or takes no groups")]
    name = max(apart, key=lambda n: apart[n])
    return [measured(apart[name], samples=len(apart), witness=name if apart[name] > SEEN else "")]


def stays(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Twenty steps on gradients of 0: the share by which parameters shrink.

    What goes to 0 at once (FTRL), or anywhere but towards 0 (a constraint, an initial velocity), is meant to.
    """
    measured = partial(Measurement, "stays", device=settings.device, dtype="float32", samples=20)
    problem = LeastSquares(loaded, settings, **undecayed(loaded))
    before = problem.values()
    try:
        for _ in range(20):
            problem.set(torch.zeros_like)
            problem.step(fixed=True)
    except Exception as error:  # no gradient in that form
        return [measured(None, note=f"not tried: {str(error).splitlines()[0][:80]}")]
    ratio = problem.values() / before
    left = float(ratio.mean())
    fades = 0 < left < 1 and float(ratio.std()) <= SEEN
    return [measured(1 - left if fades else 0.0)]


def closure_called(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """One step with a closure that counts; without one it is only a question what the optimizer is for."""
    measured = partial(Measurement, "closure-called", device=settings.device, dtype="float32", unit="calls")
    problem = LeastSquares(loaded, settings)
    if problem.sparse_only or "closure" not in inspect.signature(inspect.unwrap(type(problem.opt).step)).parameters:
        return [measured(None, note="its step takes no closure")]
    calls = 0

    def closure() -> Tensor:
        nonlocal calls
        calls += 1
        return problem.loss()

    problem.gradient()
    problem.opt.step(closure)  # type: ignore[arg-type]
    if calls:
        return [measured(float(calls))]
    return [Question.of(measured(None, note="step takes a closure and does not call it; if that is meant, --skip it"))]


PARAMETER_GROUPS = Group("rules", PROPERTIES, steps)

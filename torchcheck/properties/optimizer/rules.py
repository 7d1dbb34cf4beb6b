"""What training loops rely on: gradients that stay, decay, groups, rates that change, both forms of zero_grad."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.optimizer.problem import (
    ADAPTS,
    OTHERS,
    LeastSquares,
    make,
    names_of,
    ramp,
    said_of,
    undecayed,
)
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import gap
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import find_device

#: relative change below which float32 cannot tell a ratio
VISIBLE = 1e-5
#: weight decay that is tried, and learning rates
DECAY, RATE = 0.1, 1e-2
#: hyperparameters that are the user's and the schedulers' to change
KEPT = ("lr", "betas", "momentum", "eps", "weight_decay", "alpha", "beta1", "beta2")
PROPERTIES: dict[str, Property] = {
    "gradient-kept": Property(
        "a step leaves .grad as it was (largest difference)",
        Threshold(0, 0),
        "add weight decay and the like to a copy: other code reads .grad after the step",
        better="less",
    ),
    "zero-grad": Property(
        "zero_grad(set_to_none=False) and zero_grad() give the same steps (largest difference)",
        Threshold(hi=1e-6),
        "the state holds .grad itself: clone what is kept from one step to the next",
        better="less",
    ),
    "state-aliased": Property(
        "tensors of the state share no memory with a parameter, its gradient or one another (number that do)",
        Threshold(0, 0),
        "the state holds another tensor itself: clone what is kept from one step to the next",
        better="less",
    ),
    "decay-sign": Property(
        "with weight decay and a gradient of 0 parameters shrink (their size after a step over that before)",
        Threshold(hi=1),
        "the decay has the wrong sign",
        better="less",
    ),
    "decay-rate": Property(
        "weight decay is proportional to the learning rate (its effect at twice the rate, over twice that at once)",
        Threshold(0.9, 1.1),
        "multiply the decay by the learning rate: p <- p (1 - lr * weight_decay)",
        better="none",
    ),
    "rate-zero": Property(
        "a group with lr = 0 stays where it is while the others move (its change over theirs)",
        Threshold(hi=0.01),
        "use group['lr'] of the parameter's own group, and nothing outside of it",
        better="less",
    ),
    "rate-changed": Property(
        "a learning rate set later, as schedulers do, is used (its step over that of an optimizer made with it)",
        Threshold(0.999, 1.001),
        "read group['lr'] at every step; do not keep a copy of it",
        better="none",
    ),
    "rate-kept": Property(
        "steps leave the groups' lr, betas, momentum, eps and decay as they were (number that change)",
        Threshold(0, 0),
        "keep what the step makes of them in a variable: schedulers, and the next step, read the group's",
        better="less",
    ),
    "late-group": Property(
        "parameters added by add_param_group are trained (share that moves)",
        Threshold(lo=1e-9),
        "make the state of a parameter when its first gradient comes",
        better="more",
    ),
    "maximize": Property(
        "maximize=True does with a gradient what is done with its opposite without (relative difference)",
        Threshold(hi=1e-5),
        "negate the gradient before anything is done with it",
        better="less",
    ),
    "zero-parameter": Property(
        "parameters of norm 0 get a finite step (number of entries that are not finite)",
        Threshold(0, 0),
        "a quotient of norms is 0/0 or 0 there: fall back to 1, as LAMB and LARS do",
        better="less",
    ),
    "stuck-at-zero": Property(
        "parameters of norm 0 leave it under gradients that are not 0, where single entries do (share that stays)",
        Threshold(0, 0),
        "the step is a multiple of the parameter's norm: where that is 0, fall back to a ratio of 1",
        better="less",
    ),
    "one-element": Property(
        "parameters of one element, with one dimension or none, are trained, or refused (number that do not move)",
        Threshold(0, 0),
        "what is taken off or divided by is the element itself: leave out means and norms of single elements",
        better="less",
    ),
    "gradients-come-and-go": Property(
        "a parameter without gradient stays, and is finite later, while others move (number of entries that do not)",
        Threshold(0, 0),
        "count steps for every parameter by itself, and skip (continue, not break) those whose grad is None",
        better="less",
    ),
    "without-effect": Property(
        "lr, betas, momentum and weight_decay change the steps (number that do not)",
        Threshold(0, 0),
        "a hyperparameter is taken and not used: read it from the parameter's group",
        better="less",
    ),
    "half-precision": Property(
        "parameters in float16 stay finite under gradients of 0 and 1e-3 (share that does not)", better="less"
    ),
}


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [
        Step(gradients, ("gradient-kept", "zero-grad", "state-aliased")),
        Step(decay, ("decay-sign", "decay-rate")),
        Step(rates, ("rate-zero", "rate-changed", "rate-kept", "late-group")),
        Step(single, ("one-element",)),
        Step(maximize, ("maximize",)),
        Step(edges, ("zero-parameter", "stuck-at-zero", "gradients-come-and-go")),
        Step(effects, ("without-effect",)),
        Step(half, ("half-precision",)),
    ]


def gradients(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Gradients before and after a step; what the state holds; and ten steps with each form of zero_grad."""
    measured = partial(Measurement, device=settings.device, dtype="float32", samples=10)
    names = ("gradient-kept", "zero-grad", "state-aliased")
    decays = {"weight_decay": DECAY} if "weight_decay" in names_of(loaded) else {}
    problem = LeastSquares(loaded, settings, **decays)
    changed = 0.0
    for _ in range(3):
        problem.loss().backward()  # type: ignore[no-untyped-call]
        if problem.sparse_only:
            return [measured(n, None, note="it takes sparse gradients alone") for n in names]
        before = [p.grad.clone() for p in problem.params if p.grad is not None]
        try:
            problem.opt.step()
        except Exception as error:
            if "closure" not in str(error).lower():
                raise
            return [measured(n, None, note="its step needs a closure") for n in names]
        after = [p.grad for p in problem.params if p.grad is not None]
        changed = max([changed, *(gap(a, b) for a, b in zip(before, after, strict=True))])
        aliased = _aliased(problem)
        problem.opt.zero_grad()
    ends = [_trained(LeastSquares(loaded, settings), set_to_none=s) for s in (True, False)]
    return [
        measured("gradient-kept", changed),
        measured("zero-grad", gap(*ends)),
        measured("state-aliased", float(len(aliased)), unit="tensors", witness="; ".join(aliased)),
    ]


def _aliased(problem: LeastSquares) -> list[str]:
    """Entries of the state that begin where a parameter, a gradient or another entry does; single numbers aside."""
    names: dict[int, str] = {}
    for p in problem.params:
        names[p.data_ptr()] = "the parameter"
        if p.grad is not None:
            names[p.grad.data_ptr()] = "its gradient"
    lines = []
    for p in problem.params:
        for name, value in problem.opt.state.get(p, {}).items():
            if isinstance(value, Tensor) and value.numel() > 1:
                if value.data_ptr() in names:
                    lines.append(f"'{name}' is {names[value.data_ptr()]}")
                names.setdefault(value.data_ptr(), f"'{name}'")
    return lines


def decay(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """One step with a gradient of 0: the change that weight decay alone makes, at two learning rates."""
    measured = partial(Measurement, device=settings.device, dtype="float32")

    def skipped(note: str) -> list[Measurement]:
        return [measured(n, None, note=note) for n in ("decay-sign", "decay-rate")]

    if not {"weight_decay", "lr"} <= names_of(loaded):
        return skipped("it takes no weight_decay, or no lr")
    if not _follows_rate(loaded, settings):
        return skipped("its steps are not proportional to lr")
    changes = []
    for rate, amount in ((RATE, DECAY), (2 * RATE, DECAY), (RATE, 0.0)):
        try:
            problem = LeastSquares(loaded, settings, lr=rate, weight_decay=amount)
        except (ValueError, TypeError, RuntimeError) as error:
            return skipped(str(error).splitlines()[0][:80])
        if problem.sparse_only:
            return skipped("it takes sparse gradients alone")
        before = problem.values()
        problem.set(torch.zeros_like)
        problem.step(fixed=True)
        changes.append((float(problem.values().norm() / before.norm()), problem.values() - before))
    if float(changes[2][1].abs().max()) > 0:
        return skipped("it moves under a gradient of 0 without decay, too")
    size, moved = changes[0]
    if float(moved.norm() / before.norm()) < VISIBLE:
        return skipped("its decay moves next to nothing at a gradient of 0")
    ratio = float(changes[1][1].norm() / moved.norm()) / 2
    return [measured("decay-sign", size), measured("decay-rate", ratio)]


def rates(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Two groups, one of them with lr = 0; lr changed after a step; a group that comes late."""
    measured = partial(Measurement, device=settings.device, dtype="float32")
    names = ("rate-zero", "rate-changed", "rate-kept", "late-group")
    if "lr" not in names_of(loaded):
        return [measured(n, None, note="it takes no lr") for n in names]
    where = find_device(settings.device)

    def parameters() -> list[nn.Parameter]:
        g = torch.Generator().manual_seed(settings.seed)
        return [nn.Parameter((torch.randn(8, 4, generator=g).abs() * 0.3 + 0.1).to(where)) for _ in range(2)]

    measurements = []
    try:
        params = parameters()
        opt = make(loaded, [{"params": params[:1], "lr": 0.0}, {"params": params[1:]}], lr=RATE)  # type: ignore[list-item]
        before = [p.detach().clone() for p in params]
        _steps(opt, params, 3)
        still, moved = (gap(p.detach(), b) for p, b in zip(params, before, strict=True))
        if moved > 0 and _follows_rate(loaded, settings):
            measurements.append(measured("rate-zero", still / moved))
        else:
            measurements.append(measured("rate-zero", None, note="its steps are not proportional to lr"))
    except Exception as error:  # not every optimizer takes groups
        measurements.append(measured("rate-zero", None, note=f"it takes no groups: {str(error).splitlines()[0][:60]}"))
    sizes = []
    for first, then in ((RATE, RATE / 4), (RATE / 4, RATE / 4)):
        problem = LeastSquares(loaded, settings, lr=first)
        for group in problem.opt.param_groups:
            group["lr"] = then
        before_step = problem.values()
        problem.set(ramp)
        problem.step(fixed=True)
        sizes.append(float((problem.values() - before_step).norm()))
    ratio = sizes[0] / sizes[1] if sizes[1] > 0 else math.nan
    measurements.append(
        measured("rate-changed", ratio if math.isfinite(ratio) else None, note="no step" if not sizes[1] else "")
    )
    measurements.append(_rate_kept(loaded, settings, measured))
    try:
        params = parameters()
        opt = make(loaded, params[:1], lr=RATE)
        _steps(opt, params[:1], 2)
        opt.add_param_group({"params": params[1:]})
        before = [p.detach().clone() for p in params]
        _steps(opt, params, 20)
        share = float((params[1].detach() != before[1]).double().mean())
        measurements.append(measured("late-group", share))
    except Exception as error:  # LBFGS and others take one group
        measurements.append(
            measured("late-group", None, note=f"it takes no further group: {str(error).splitlines()[0][:60]}")
        )
    return measurements


def _rate_kept(loaded: Loaded, settings: CheckSettings, measured: Callable[..., Measurement]) -> Measurement:
    if ADAPTS.search(said_of(loaded)):
        return measured("rate-kept", None, note="it adapts its learning rate, as its name or documentation says")
    problem = LeastSquares(loaded, settings, lr=RATE)
    before = [{n: g[n] for n in KEPT if n in g} for g in problem.opt.param_groups]
    for _ in range(3):
        problem.set(ramp)
        problem.step(fixed=True)
    changed = {n for old, g in zip(before, problem.opt.param_groups, strict=True) for n in old if g[n] != old[n]}
    return measured("rate-kept", float(len(changed)), samples=3, witness=", ".join(sorted(changed)))


def single(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Twenty steps of parameters with one element, where the optimizer takes vectors at all."""
    measured = partial(Measurement, "one-element", device=settings.device, dtype="float32", samples=2)
    problem = LeastSquares(loaded, settings)
    if len(problem.params) == 1 or problem.sparse_only or _needs_closure(problem.opt):
        return [measured(None, note="it takes no vectors, sparse gradients alone, or a closure")]
    stuck = []
    for shape in ((1,), ()):
        p = nn.Parameter(torch.full(shape, 0.5, device=find_device(settings.device)))
        torch.manual_seed(settings.seed)
        try:
            _steps(make(loaded, [p]), [p], 20)
        except Exception:  # refused, as by an optimizer of matrices
            continue
        if not bool(p.isfinite()) or float(p.detach()) == 0.5:
            stuck.append(f"shape {shape} stays" if bool(p.isfinite()) else f"shape {shape} becomes {float(p.detach())}")
    return [measured(float(len(stuck)), unit="shapes", witness="; ".join(stuck))]


def maximize(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Two steps with the flag, and two without it on the opposite gradients."""
    measured = partial(Measurement, device=settings.device, dtype="float32")
    if "maximize" not in names_of(loaded):
        return [measured("maximize", None, note="it takes no maximize")]
    moves = []
    for flag in (False, True):
        problem = LeastSquares(loaded, settings, maximize=flag, **undecayed(loaded))
        before = problem.values()
        for _ in range(2):
            sign = -1 if flag else 1
            problem.set(lambda p, s=sign: s * ramp(p))  # type: ignore[misc]
            problem.step(fixed=True)
        moves.append(problem.values() - before)
    size = float(moves[0].norm())
    return [measured("maximize", float((moves[0] - moves[1]).norm()) / size if size else None)]


def edges(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Parameters that start at 0; and one of two parameters that has no gradient for three steps of nine.

    What multiplies each entry (exponentiated gradients) keeps those of 0 by intent.
    """
    measured = partial(Measurement, device=settings.device, dtype="float32")
    where = find_device(settings.device)
    problem = LeastSquares(loaded, settings)
    with torch.no_grad():
        for p in problem.params:
            p.zero_()
    values = _after(problem)
    bad = float((~values.isfinite()).sum())
    entry = LeastSquares(loaded, settings)
    with torch.no_grad():
        for p in entry.params:
            p.flatten()[0] = 0
    multiplies = bool((_after(entry) == 0).any())
    stuck = measured("stuck-at-zero", None, note="an entry of 0 stays 0 beside others, too: it multiplies")
    if not multiplies:
        stuck = measured("stuck-at-zero", float((values == 0).double().mean()))
    measurements = [measured("zero-parameter", bad, unit="entries"), stuck]
    if problem.sparse_only:
        return [*measurements, measured("gradients-come-and-go", None, note="it takes sparse gradients alone")]
    params = [nn.Parameter(torch.full((4, 4), 0.5, device=where)) for _ in range(2)]
    torch.manual_seed(settings.seed)
    opt = make(loaded, params)
    if _needs_closure(opt):  # such as LBFGS, which takes all gradients as one vector
        return [*measurements, measured("gradients-come-and-go", None, note="its step needs a closure")]
    moved = 0.0
    for k in range(9):
        before = params[1].detach().clone()
        absent = 3 <= k < 6
        params[0].grad = 0.1 * ramp(params[0])
        params[1].grad = None if absent else 0.1 * ramp(params[1])
        opt.step(lambda: 0.0)
        moved += float((params[1].detach() != before).sum()) if absent else 0.0
    before = params[1].detach().clone()
    for _ in range(3):  # the first of all, too
        params[0].grad, params[1].grad = None, 0.1 * ramp(params[1])
        opt.step(lambda: 0.0)
    moved += float((params[1].detach() == before).all()) * before.numel()
    lost = sum(float((~p.detach().isfinite()).sum()) for p in params)
    return [*measurements, measured("gradients-come-and-go", moved + lost, unit="entries")]


def _after(problem: LeastSquares) -> Tensor:
    """The parameters after some steps, more than a variance takes to be trusted (RAdam)."""
    for _ in range(20):
        problem.set(ramp)
        problem.step(fixed=True)
    return problem.values()


def effects(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Ten steps on random gradients with the values that it has, and with another one of each."""
    measured = partial(Measurement, device=settings.device, dtype="float32")
    names = [n for n in OTHERS if n in names_of(loaded) and n not in loaded.options]

    def end(**options: Any) -> Tensor:
        problem = LeastSquares(loaded, settings, **options)
        generator = torch.Generator().manual_seed(settings.seed)
        for _ in range(10):
            problem.set(lambda p: torch.randn(p.shape, generator=generator).to(p.device))
            problem.step(fixed=True)
        return problem.values()

    plain, silent = end(), []
    for name in names:
        try:
            other = end(**{name: OTHERS[name]})
        except Exception:  # another value is not allowed: it is read, then
            continue
        if gap(plain, other) == 0:
            silent.append(name)
    return [measured("without-effect", float(len(silent)), samples=len(names), witness=", ".join(silent))]


def half(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Three steps each in float16, where an eps of 1e-8 is 0. (torch.optim.Adam's own parameters become NaN.)"""
    measured = partial(Measurement, device=settings.device, dtype="float16")
    where = find_device(settings.device)
    lost, total, witness = 0, 0, ""
    for size in (0.0, 1e-3):
        params = [nn.Parameter(torch.full((4, 4), 0.5, dtype=torch.float16, device=where))]
        try:
            opt = make(loaded, params)
            for _ in range(3):
                params[0].grad = torch.full_like(params[0], size)
                opt.step(lambda: 0.0)
        except Exception as error:
            return [measured("half-precision", None, note=f"refused: {str(error).splitlines()[0][:80]}")]
        bad = int((~params[0].detach().isfinite()).sum())
        lost, total = lost + bad, total + 16
        witness = witness or (f"under gradients of {size:g}" if bad else "")
    return [measured("half-precision", lost / total, witness=witness)]


def _trained(problem: LeastSquares, set_to_none: bool) -> Tensor:
    for _ in range(10):
        problem.opt.zero_grad(set_to_none=set_to_none)
        problem.loss().backward()  # type: ignore[no-untyped-call]
        problem.opt.step()
    return problem.values()


def _steps(opt: torch.optim.Optimizer, params: Sequence[nn.Parameter], count: int) -> None:
    for _ in range(count):
        for k, p in enumerate(params):
            p.grad = (0.5 + 0.1 * k) * ramp(p)
        opt.step(lambda: 0.0)


def _follows_rate(loaded: Loaded, settings: CheckSettings) -> bool:
    """Is the first step that moves proportional to lr?"""
    sizes = []
    for rate in (RATE, 2 * RATE):
        problem = LeastSquares(loaded, settings, lr=rate, **undecayed(loaded))
        before = problem.values()
        for _ in range(20):
            problem.set(ramp)
            problem.step(fixed=True)
            if gap(before, problem.values()) > 0:
                break
        sizes.append(float((problem.values() - before).norm()))
    return sizes[0] > 0 and abs(sizes[1] / sizes[0] - 2) < 0.1


def _needs_closure(opt: torch.optim.Optimizer) -> bool:
    closure = inspect.signature(inspect.unwrap(type(opt).step)).parameters.get("closure")
    return closure is not None and closure.default is closure.empty


RULES = Group("rules", PROPERTIES, steps)

"""Optimizers: does it descend, survive a checkpoint, agree with its own fast path, and what breaks it?"""

from __future__ import annotations

import inspect
import io
import math
import re
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.optimizer.clips import CLIPPING
from torchcheck.properties.optimizer.groups import PARAMETER_GROUPS
from torchcheck.properties.optimizer.memory import MEMORY
from torchcheck.properties.optimizer.problem import ADAPTS, LeastSquares, make, said_of
from torchcheck.properties.optimizer.published import PUBLISHED_UPDATE
from torchcheck.properties.optimizer.rules import RULES
from torchcheck.properties.plan import Description, Group, Kind, Step
from torchcheck.properties.subject.calling import gap
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import find_device

#: names of optimizers whose steps are those of SGD, or divided by the gradient's own size, and by no more
FAMILIES = re.compile(
    "sgd|adam|adagrad|adafactor|rmsprop|lion|lamb|lars|momentum|nesterov|novograd|shampoo", re.IGNORECASE
)
PROPERTIES: dict[str, Property] = {
    "descends": Property(
        "100 steps on a least-squares problem lower the loss (last over first)",
        Threshold(hi=1 - 1e-6),
        "check the sign of the update and the default learning rate",
        better="less",
    ),
    "direction": Property(
        "the first step that moves goes downhill (cosine of step and negative gradient)",
        Threshold(lo=1e-6),
        "the first update points uphill or nowhere: check its sign and bias corrections",
        better="more",
    ),
    "state-dict": Property(
        "saved, loaded into a new optimizer and continued, the steps are the same (largest difference)",
        Threshold(0, 0),
        "keep all that changes in self.state or in param_groups, not in attributes of the optimizer",
        better="less",
    ),
    "deterministic": Property(
        "two runs from the same start are the same",
        Threshold(0, 0),
        "the update uses randomness or hidden global state",
        better="less",
    ),
    "foreach": Property(
        "foreach=True and the loop over parameters agree after 10 steps (relative difference)",
        Threshold(hi=1e-4),
        "the fast path computes something else: compare its operations one by one",
        better="less",
    ),
    "none-gradient": Property(
        "a parameter without gradient is left alone",
        Threshold(0, 0),
        "skip parameters whose grad is None",
        better="less",
    ),
    "zero-gradient": Property(
        "gradients of 0 from the start leave finite parameters (number that are not)",
        Threshold(0, 0),
        "a division by the gradient's size needs an eps, inside the root or beside it",
        better="less",
    ),
    "tiny-gradient": Property(
        "gradients of 1e-30 leave finite parameters (number that are not)",
        Threshold(0, 0),
        "squares of small gradients underflow: an eps has to hold there",
        better="less",
    ),
    "huge-gradient": Property(
        "gradients of 1e15 leave finite parameters (number that are not)",
        Threshold(0, 0),
        "squares or norms overflow: take them of scaled gradients",
        better="less",
    ),
    "recovers": Property(
        "the share of parameters lost after one NaN in one gradient, and three good steps", better="less"
    ),
    "infinite": Property(
        "the share of parameters lost after one infinity in one gradient, and three good steps", better="less"
    ),
    "sparse": Property("sparse gradients work (1), or are refused by a clear error (0)", better="none"),
    "non-negative": Property(
        "positive parameters stay positive under random gradients (share that does)", better="more"
    ),
    "closed-form": Property("the law of k steps under a constant gradient", better="none"),
    "scale-exponent": Property(
        "the first step of SGD, Adam and their kin grows with the gradient's size to this power (the least over "
        "parameters; below 0: it shrinks)",
        Threshold(lo=-0.3),
        "the gradient is divided by more than its own size: compare the power of what it is divided by",
        better="none",
    ),
    "step-cost": Property(
        "seconds a step over those of torch.optim.SGD(foreach=True), one million parameters",
        better="less",
        compared="shown",
    ),
}


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [
        Step(descent, ("descends", "direction", "deterministic")),
        Step(state_dict, ("state-dict",)),
        Step(foreach, ("foreach",)),
        Step(edge_cases, ("none-gradient", "zero-gradient", "tiny-gradient", "huge-gradient")),
        Step(poison, ("recovers", "infinite")),
        Step(sparse, ("sparse",)),
        Step(laws, ("non-negative", "closed-form", "scale-exponent")),
        Step(step_cost, ("step-cost",)),
    ]


def descent(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """100 steps, twice."""
    ends = []
    for run in range(2):
        problem = LeastSquares(loaded, settings)
        torch.manual_seed(settings.seed + run)  # noise of a step is told from a random start
        before = float(problem.loss())
        cosine = 0.0
        for _ in range(100):
            start, gradient = problem.values(), problem.gradient() if not cosine else None
            problem.step()
            move = problem.values() - start
            if gradient is not None and float(move.norm()) > 0:  # some wait before their first step
                cosine = -float(move @ gradient / (move.norm() * gradient.norm() + 1e-38))
        ends.append((float(problem.loss()) / before, cosine, problem.values()))
    measured = partial(Measurement, device=settings.device, dtype="float32")
    same = gap(ends[0][2], ends[1][2])
    return [
        measured("descends", ends[0][0], samples=100),
        measured("direction", ends[0][1]),
        measured("deterministic", same, samples=100),
    ]


def state_dict(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """5 steps, a checkpoint through torch.save, 5 more steps: with the old optimizer, and with a new one."""
    problem = LeastSquares(loaded, settings)
    for _ in range(5):
        problem.step()
    buffer = io.BytesIO()
    torch.save(problem.opt.state_dict(), buffer)
    buffer.seek(0)
    other = LeastSquares(loaded, settings)
    with torch.no_grad():
        for p, q in zip(other.params, problem.params, strict=True):
            p.copy_(q)
    other.opt.load_state_dict(torch.load(buffer, weights_only=False))
    for _ in range(5):
        problem.step()
        other.step()
    apart = gap(problem.values(), other.values())
    return [Measurement("state-dict", apart, samples=5, device=settings.device, dtype="float32")]


def foreach(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """10 steps with foreach=True and with foreach=False."""
    measured = partial(Measurement, device=settings.device, dtype="float32", samples=10)
    try:
        takes = "foreach" in inspect.signature(loaded.subject).parameters
    except (TypeError, ValueError):
        takes = False
    if not takes:
        return [measured("foreach", None, note="it takes no foreach")]
    measurements = []
    for value in (True, False):
        problem = LeastSquares(loaded, settings, foreach=value)
        for _ in range(10):
            problem.step()
        measurements.append(problem.values())
    size = float(measurements[1].norm()) or 1.0
    return [measured("foreach", gap(*measurements) / size)]


def edge_cases(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """No gradient, gradients of 0, of 1e-30 and of 1e15, three steps each from a fresh start."""
    measured = partial(Measurement, device=settings.device, dtype="float32", samples=3)
    measurements = []
    problem = LeastSquares(loaded, settings)
    before = problem.values()
    several = len(problem.params) > 1  # no gradient at all is nothing that training has, and some refuse it
    problem.set(lambda p: torch.ones_like(p) if several and p.dim() > 1 else None)
    problem.step(fixed=True)
    apart = gap(before[problem.params[0].numel() if several else 0 :], problem.values()[-problem.params[-1].numel() :])
    measurements.append(measured("none-gradient", apart))
    for name, size in (("zero-gradient", 0.0), ("tiny-gradient", 1e-30), ("huge-gradient", 1e15)):
        problem = LeastSquares(loaded, settings)
        for _ in range(3):
            problem.set(lambda p, size=size: torch.full_like(p, size))  # type: ignore[misc]
            problem.step(fixed=True)
        bad = ~problem.values().isfinite()
        measurements.append(measured(name, float(bad.sum()), unit="entries"))
    return measurements


def poison(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """One NaN, or one infinity, in one entry of one gradient, and then three steps with good ones."""
    measured = partial(Measurement, device=settings.device, dtype="float32")
    measurements = []
    for name, value in (("recovers", math.nan), ("infinite", math.inf)):
        problem = LeastSquares(loaded, settings)
        for k in range(4):
            problem.set(torch.ones_like)
            if k == 0:
                grad = torch.ones_like(problem.params[0])
                grad[0, 0] = value
                problem.params[0].grad = grad.to_sparse() if problem.sparse_only else grad
            try:
                problem.step(fixed=True)
            except Exception as error:  # noted, as what it does with such a gradient
                note = f"it raises {type(error).__name__}: {str(error).splitlines()[0][:60]}"
                measurements.append(measured(name, None, note=note))
                break
        else:
            measurements.append(_lost(problem, measured, name))
    return measurements


def _lost(problem: LeastSquares, measured: Callable[..., Measurement], name: str) -> Measurement:
    """How far what was not finite has spread."""
    lost = ~problem.values().isfinite()
    total = float(lost.sum())
    reached = ((0, "nothing"), (1, "that entry"), (problem.params[0].numel(), "that tensor"))
    words = next((w for most, w in reached if total <= most), "every tensor")
    return measured(name, total / lost.numel(), note=f"lost: {words}")


def sparse(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """A sparse gradient, as nn.Embedding(sparse=True) makes it."""
    measured = partial(Measurement, device=settings.device, dtype="float32")
    table = nn.Embedding(10, 4, sparse=True, _weight=torch.full((10, 4), 0.5)).to(find_device(settings.device))
    opt = make(loaded, list(table.parameters()))
    before = table.weight.detach().clone()
    table(torch.tensor([1, 3], device=before.device)).sum().backward()
    try:
        opt.step(lambda: 0.0)
    except Exception as error:  # whatever it raises is its way to refuse
        return [measured("sparse", 0.0, note=f"refused: {str(error).splitlines()[0][:80]}")]
    changed = float((table.weight.detach() != before).any(1).sum())
    return [measured("sparse", 1.0, note=f"{changed:g} of 10 rows changed, 2 had a gradient")]


def laws(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Signs under random gradients, the law of k constant gradients, and the power of the gradient in a step."""
    measured = partial(Measurement, device=settings.device, dtype="float32")
    problem = LeastSquares(loaded, settings)
    generator = torch.Generator().manual_seed(settings.seed + 1)
    for _ in range(200):
        problem.set(lambda p: torch.randn(p.shape, generator=generator).to(p.device) * 10)
        problem.step(fixed=True)
    kept = float((problem.values() > 0).double().mean())
    problem = LeastSquares(loaded, settings)
    steps = [problem.values()]
    for _ in range(20):
        problem.set(lambda p: torch.full_like(p, 0.01))
        problem.step(fixed=True)
        steps.append(problem.values())
    form = _law(steps)
    sizes = []
    for size in (1e-2, 1e-1):
        problem = LeastSquares(loaded, settings)
        before = problem.values()
        problem.set(lambda p, size=size: torch.full_like(p, size))  # type: ignore[misc]
        problem.step(fixed=True)
        moves = torch.split(problem.values() - before, [p.numel() for p in problem.params])
        sizes.append([float(move.norm()) for move in moves])
    power = min((math.log10(b / a) for a, b in zip(*sizes, strict=True) if min(a, b) > 0), default=math.nan)
    answer = [measured("non-negative", kept, samples=200), measured("closed-form", float(LAWS.index(form)), note=form)]
    if (
        math.isfinite(power)
        and FAMILIES.search(getattr(loaded.subject, "__name__", ""))
        and not ADAPTS.search(said_of(loaded))
    ):
        return [*answer, measured("scale-exponent", power)]
    note = f"{power:.3g}; Polyak's and scale-invariant steps are allowed any"
    return [*answer, measured("scale-exponent", None, note=note)]


#: neither; w_k - w_0 proportional to k; log(w_k/w_0) proportional to k
LAWS = ("none", "additive", "multiplicative")


def _law(steps: list[Tensor]) -> str:
    """Which law the trajectory under a constant gradient follows to within 1 percent."""
    w = torch.stack(steps).double()
    k = torch.arange(len(steps), dtype=torch.float64, device=w.device)[:, None] / (len(steps) - 1)
    moved = w[-1] - w[0]
    if not bool(moved.isfinite().all()) or float(moved.abs().max()) == 0:
        return "none"
    if bool(((w - w[0] - k * moved).abs() <= 0.01 * moved.abs() + 1e-6 * w[0].abs()).all()):
        ratio = moved.abs().max() / moved.abs().min().clamp(min=1e-30)
        if float(ratio) < 1.05:
            return "additive"
    if bool((w > 0).all()):
        logs = w.log()
        total = logs[-1] - logs[0]
        straight = bool(((logs - logs[0] - k * total).abs() <= 0.01 * total.abs() + 1e-6).all())
        if straight and float(total.abs().max() / total.abs().min().clamp(min=1e-30)) < 1.05:
            return "multiplicative"
    return "none"


def step_cost(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Steps over one million float32 parameters, interleaved with SGD's; the median ratio and its range."""
    where = find_device(settings.device)

    def prepared(factory: Callable[[list[nn.Parameter]], torch.optim.Optimizer]) -> Callable[[], float]:
        params = [nn.Parameter(torch.ones(1000, 100, device=where)) for _ in range(10)]
        for p in params:
            p.grad = torch.full_like(p, 1e-3)
        opt = factory(params)
        if isinstance(opt, torch.optim.SparseAdam):
            for p in params:
                p.grad = torch.full_like(p, 1e-3).to_sparse()

        def run() -> float:
            start = time.perf_counter()
            opt.step(lambda: 0.0)
            if where.type == "cuda":
                torch.cuda.synchronize()
            return time.perf_counter() - start

        run()
        return run

    mine = prepared(lambda params: make(loaded, params))
    reference = prepared(lambda params: torch.optim.SGD(params, lr=1e-3, foreach=True))
    ratios = sorted(mine() / reference() for _ in range(7))
    measured = partial(Measurement, device=settings.device, dtype="float32", samples=7)
    return [measured("step-cost", ratios[3], ratios[0], ratios[-1], unit="times SGD")]


OPTIMIZER = Kind((Group("optimizer", PROPERTIES, steps), RULES, PARAMETER_GROUPS, PUBLISHED_UPDATE, CLIPPING, MEMORY))

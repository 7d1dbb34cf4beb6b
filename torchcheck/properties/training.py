"""Your own training step: the parts fit together, before it runs for days.

from torchcheck import check_training
assert check_training(model, batch, lambda model, batch: cross_entropy(model(batch["x"]), batch["y"]), optimizer)
"""

from __future__ import annotations

import copy
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from torchcheck.data import Measurement
from torchcheck.properties.finding import CheckResult, Property, Question, Threshold, judge, with_thresholds
from torchcheck.properties.subject.calling import gap
from torchcheck.run.subjects import SubjectError

PROPERTIES: dict[str, Property] = {
    "optimized-once": Property(
        "every parameter that asks for a gradient is in the optimizer, once, and nothing else is (number that are not)",
        Threshold(0, 0),
        "make the optimizer of model.parameters() after the model has its last shape, device and tied weights",
        better="less",
    ),
    "gradients-flow": Property(
        "every parameter that asks for a gradient has one that is not zero (number that have none)",
        Threshold(0, 0),
        "the parameters named do not learn from this batch: look for detach, no_grad, a branch never taken, or freeze "
        "them",
        better="less",
    ),
    "moves": Property(
        "every parameter of the optimizer with a gradient changes (number that do not)",
        Threshold(0, 0),
        "look for a group with lr = 0, a step that is skipped, or an optimizer of another copy of the parameters",
        better="less",
    ),
    "frozen-kept": Property(
        "parameters that ask for no gradient stay as they are (number that change)",
        Threshold(0, 0),
        "weight decay moves what is frozen: leave it out of the optimizer",
        better="less",
    ),
    "finite": Property(
        "loss, gradients and parameters are finite at every step (number of steps at which they are not)",
        Threshold(0, 0),
        "lower the learning rate, warm up, clip gradients, or look at the loss for this batch",
        better="less",
    ),
    "resumed": Property(
        "saved and loaded half way, training goes on as without interruption (largest difference of a parameter)",
        Threshold(0, 0),
        "what changes is in no state_dict: register the buffer, and keep the optimizer's state in self.state",
        better="less",
    ),
    "accumulation": Property(
        "two halves of the batch, accumulated, give the gradient of the whole (relative difference, eval mode)",
        Threshold(hi=1e-3),
        "weigh each half by the number of targets that count in it",
        better="less",
    ),
    "overfits": Property("the loss on one batch after the steps, over that at the start", better="less"),
}
#: gradients this much smaller than the largest may be rounding
ROUNDING = 1e-5
#: how a training step computes its loss: from the model and the batch
Loss = Callable[[nn.Module, Any], Tensor]


@dataclass(frozen=True)
class _Run:
    """A copy of the model with its optimizer, which may be trained."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Loss

    def step(self, batch: Any) -> float:
        """One training step; the loss before it."""
        self.optimizer.zero_grad(set_to_none=True)
        value = self.loss(self.model, batch)
        if value.dim():
            raise SubjectError(f"the loss has shape {tuple(value.shape)}: a training step needs one number")
        value.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return float(value.detach())

    def copied(self) -> _Run:
        return _Run(*copy.deepcopy((self.model, self.optimizer)), self.loss)

    @property
    def named(self) -> dict[str, nn.Parameter]:
        return dict(self.model.named_parameters())

    @property
    def is_finite(self) -> bool:
        values = [*self.model.parameters(), *(p.grad for p in self.model.parameters() if p.grad is not None)]
        return all(bool(v.isfinite().all()) for v in values)


def check_training(
    model: nn.Module,
    batch: Any,
    loss: Loss,
    optimizer: torch.optim.Optimizer,
    *,
    steps: int = 20,
    seed: int = 0,
    skip: Sequence[str] = (),
    thresholds: Mapping[str, Threshold] | None = None,
) -> CheckResult:
    """Trains copies of the model and its optimizer on one batch for some steps; yours stay as they are.

    `loss(model, batch)` gives the number that is minimised, in the mode (train or eval) that the model is in; `batch`
    is whatever it takes. Needs about four times the memory of model and optimizer. Raises SubjectError where model and
    optimizer cannot be copied, or the loss is not one number; ValueError for fewer than 2 steps or an unknown property.
    """
    if steps < 2:
        raise ValueError(f"steps is at least 2, not {steps}")
    if unknown := [n for n in (*skip, *(thresholds or {})) if n not in PROPERTIES]:
        raise ValueError(f"'{unknown[0]}' is no property of training; there are: {', '.join(PROPERTIES)}")
    began = time.monotonic()
    properties = {n: p for n, p in with_thresholds(PROPERTIES, thresholds or {}).items() if n not in skip}
    try:
        start = _Run(*copy.deepcopy((model, optimizer)), loss)
    except (RuntimeError, TypeError) as error:
        raise SubjectError(f"the model and its optimizer cannot be copied: {error}") from error
    with torch.random.fork_rng(devices=[]):
        measurements = [_optimized(model, optimizer), *_trained(start, batch, steps, seed)]
        measurements += [
            _resumed(start, batch, steps, seed),
            _accumulated(start, batch, seed, properties.get("accumulation")),
        ]
    findings = tuple(judge(properties[m.name], m) for m in measurements if m.name in properties)
    order = list(properties)
    return CheckResult(
        f"{type(model).__module__}:{type(model).__qualname__}",
        "training",
        "check_training",
        tuple(sorted(findings, key=lambda f: order.index(f.name))),
        {"steps": steps, "seed": seed, "skip": tuple(skip)},
        time.monotonic() - began,
        torch.__version__,
    )


def _optimized(model: nn.Module, optimizer: torch.optim.Optimizer) -> Measurement:
    """By identity, on the user's own objects."""
    named = {id(p): n for n, p in model.named_parameters()}
    count = Counter(id(p) for group in optimizer.param_groups for p in group["params"])
    foreign = sum(i not in named for i in count)
    wrong = [f"{foreign} are not the model's"] if foreign else []
    wrong += [f"{named[i]} is there {k} times" for i, k in count.items() if k > 1 and i in named]
    wrong += [f"{n} is missing" for n, p in model.named_parameters() if p.requires_grad and not count[id(p)]]
    total = float(len(wrong) - bool(foreign) + foreign)
    return Measurement("optimized-once", total, unit="parameters", witness=_some(wrong), samples=len(named))


def _trained(start: _Run, batch: Any, steps: int, seed: int) -> list[Measurement]:
    run = start.copied()
    before = {n: p.detach().clone() for n, p in run.named.items()}
    torch.manual_seed(seed)
    losses, bad = [], 0
    largest = dict.fromkeys(before, 0.0)  # gradient entries
    for _ in range(steps):
        losses.append(run.step(batch))
        bad += not (math.isfinite(losses[-1]) and run.is_finite)
        for n, p in run.named.items():
            if p.grad is not None and p.numel():
                largest[n] = max(largest[n], float(p.grad.abs().max().nan_to_num(math.inf)))
    trainable = [n for n, p in run.named.items() if p.requires_grad]
    silent = [n for n in trainable if not largest[n]]
    own = {id(p) for group in run.optimizer.param_groups for p in group["params"]}
    rounding = ROUNDING * max(largest.values(), default=0.0)  # a bias before a batch norm has a gradient, of rounding
    still = [n for n, p in run.named.items() if id(p) in own and torch.equal(p.detach(), before[n])]
    still = [n for n in still if largest[n] > rounding]
    frozen = [n for n, p in run.named.items() if not p.requires_grad and not torch.equal(p.detach(), before[n])]
    fell = losses[-1] / losses[0] if losses[0] > 0 else math.nan
    note = f"loss {losses[0]:.4g} at the start, {losses[-1]:.4g} in step {steps}"
    return [
        Measurement("gradients-flow", float(len(silent)), unit="parameters", witness=_some(silent), samples=steps),
        Measurement("moves", float(len(still)), unit="parameters", witness=_some(still), samples=steps),
        Measurement("frozen-kept", float(len(frozen)), unit="parameters", witness=_some(frozen), samples=steps),
        Measurement("finite", float(bad), unit="steps", samples=steps),
        Measurement("overfits", None if math.isnan(fell) else fell, samples=steps, note=note),
    ]


def _resumed(start: _Run, batch: Any, steps: int, seed: int) -> Measurement:
    """Half of the steps, then the other half twice: in the same objects, and in fresh ones that load the state."""
    run, again, fresh = start.copied(), start.copied(), start.copied()
    _steps((run, again), batch, steps // 2, seed)
    saved = copy.deepcopy((run.model.state_dict(), run.optimizer.state_dict()))
    fresh.model.load_state_dict(saved[0])
    fresh.optimizer.load_state_dict(saved[1])
    _steps((run, again, fresh), batch, steps - steps // 2, seed + 1)
    (noise, _), (largest, place) = _apart(run, again), _apart(run, fresh)
    if 0 < largest <= 2 * noise:
        return Measurement("resumed", 0.0, samples=steps, note=f"two runs without interruption are {noise:.2g} apart")
    return Measurement("resumed", largest, witness=place, samples=steps)


def _steps(runs: Sequence[_Run], batch: Any, steps: int, seed: int) -> None:
    """The same steps in each, with the same random numbers."""
    for run in runs:
        torch.manual_seed(seed)
        for _ in range(steps):
            run.step(batch)


def _apart(one: _Run, other: _Run) -> tuple[float, str]:
    """The largest difference of a parameter, and its name."""
    changes = {n: gap(p.detach(), other.named[n].detach()) for n, p in one.named.items()}
    place = max(changes, key=lambda n: changes[n], default="")
    return (changes[place], place) if place and changes[place] > 0 else (0.0, "")


def _accumulated(start: _Run, batch: Any, seed: int, asked: Property | None) -> Measurement:
    """Gradients in eval mode, where no dropout and no statistics of the batch differ; halves by the leading axis."""
    sizes = {t.shape[0] for t in tree_leaves(batch) if isinstance(t, Tensor) and t.dim()}
    if len(sizes) != 1 or (count := next(iter(sizes))) < 2:
        return Measurement("accumulation", None, note="the batch has no axis of examples that all of it shares")
    run = start.copied()
    run.model.eval()

    def gradient(part: Any) -> Tensor:
        torch.manual_seed(seed)
        params = [p for p in run.model.parameters() if p.requires_grad]
        grads = torch.autograd.grad(run.loss(run.model, part), params, allow_unused=True)
        whole = (torch.zeros_like(p) if g is None else g for p, g in zip(params, grads, strict=True))
        return torch.cat([g.double().flatten() for g in whole])

    def part(first: int, last: int) -> Any:
        return tree_map(lambda t: t[first:last] if isinstance(t, Tensor) and t.dim() else t, batch)

    try:
        whole, left, right = gradient(batch), gradient(part(0, count // 2)), gradient(part(count // 2, count))
    except (RuntimeError, ValueError, IndexError) as error:
        return Measurement("accumulation", None, note=f"half a batch is not taken: {str(error).splitlines()[0][:80]}")
    share = (count // 2) / count
    mean, total = share * left + (1 - share) * right, left + right  # of a loss that is a mean, or a sum
    size = float(whole.norm()) or 1.0
    change = min(float((whole - both).norm()) for both in (mean, total)) / size
    measurement = Measurement("accumulation", change, samples=count)
    limit = None if asked is None else asked.threshold
    if limit is None or change <= limit.hi:
        return measurement
    note = f"{change:.2g} apart; right where the loss compares examples; else weigh by what counts"
    return Question.of(replace(measurement, value=None, lo=None, hi=None, note=note))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")

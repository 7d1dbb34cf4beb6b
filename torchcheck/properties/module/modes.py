"""Batches, train and eval mode, odd tokens, derivatives: what every module holds to, whatever it computes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from torchcheck.data import Measurement
from torchcheck.measure.gradients import gradients
from torchcheck.measure.leak import worst
from torchcheck.measure.operations import multiply_adds
from torchcheck.properties.finding import Property, Question, Threshold
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import (
    Stack,
    call,
    gap,
    network,
    size_of,
    subject_of,
    tensor_of,
    to,
    with_gradients,
)
from torchcheck.properties.subject.training_mode import copied, has_batch_statistics, trained, with_dropout
from torchcheck.properties.subject.variant import CheckSettings, Loaded, build
from torchcheck.run.subjects import find_device

#: relative size below which a difference is rounding (sums in another order), by dtype
ROUNDING = {torch.float64: 1e-10, torch.float32: 1e-4}
#: sequences in the batches that are taken apart
BATCH = 3
#: relative steps of the differences that derivatives are held against: so small that few kinks lie between them
STEPS = (4e-6, 2e-6, 1e-6)
#: directions that are tried, and how many of them have to settle before anything is said
DIRECTIONS, SETTLED = 8, 3
#: multiply-adds of a forward pass beyond which no differences are taken: they would take minutes
LARGE = 1e9
#: relative error beyond which autograd and differences are of different functions
MEANT = 1e-5
DERIVATIVES = ("derivative", "second-derivative", "train-derivative")
#: relative difference of two extrapolations that counts as settled
AGREED = 1e-6

#: what is added to parameters before their derivatives are looked at, relative to their size (to 1 where that is 0)
OFF_START = 0.05
#: a rate at which nothing is dropped, but by those that take it for the rate of keeping
NEXT_TO_NONE = 1e-9
PROPERTIES: dict[str, Property] = {
    "alone": Property(
        "an example gives the same alone as in a batch (largest relative change, eval mode)",
        Threshold(hi=1e-4),
        "something runs over the batch: a softmax or norm over the wrong axis, batch_first left False, statistics of "
        "the batch; for a subject that takes (tokens, batch, width), set its attribute batch_first to False",
        better="less",
    ),
    "eval-restores": Property(
        "after a forward pass in eval mode, train mode is as it was before (largest difference)",
        Threshold(0, 0),
        "eval mode changes an attribute for good: decide by self.training at every call",
        better="less",
    ),
    "train-eval": Property(
        "without dropout, train mode computes what eval mode does (largest relative difference)",
        Threshold(hi=1e-4),
        "the two modes take different paths: compare masks and scales of both",
        better="less",
    ),
    "odd-tokens": Property(
        "tokens of zeros, of one value, and all alike give finite outputs and gradients (number that do not)",
        Threshold(0, 0),
        "a norm or a quotient has no derivative at 0: put the eps inside the root, before it is taken",
        better="less",
    ),
    "derivative": Property(
        "autograd's gradient against differences in float64 (largest relative error)",
        Threshold(hi=1e-5),
        "the backward pass does not belong to the forward pass: look at the custom Function, detach, or no_grad; "
        "where that is meant (straight-through estimates), --skip derivative",
        better="less",
        compared="factor",
    ),
    "train-derivative": Property(
        "autograd's gradient in train mode, at the same random numbers, against differences (largest relative error)",
        Threshold(hi=1e-5),
        "the backward pass draws its dropout anew: a checkpoint keeps the random state unless it is told not to",
        better="less",
        compared="factor",
    ),
    "second-derivative": Property(
        "the gradient's own gradient, where autograd gives one, against differences in float64",
        Threshold(hi=1e-4),
        "a custom Function saves what depends on its input: save the input alone, or mark it once_differentiable",
        better="less",
        compared="factor",
    ),
}


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    at = {"depth": description.depth(settings)}
    return [
        Step(alone, ("alone",), at),
        Step(modes, ("eval-restores", "train-eval"), at),
        Step(odd_tokens, ("odd-tokens",), at),
        Step(derivatives, ("derivative", "second-derivative", "train-derivative"), at),
    ]


def exact(
    loaded: Loaded, settings: CheckSettings, depth: int | None, seed: int = 0
) -> tuple[nn.Module, Any, torch.dtype]:
    """The network and its inputs in float64, or in float32 where it insists on that; in eval mode."""
    where = find_device(settings.device)
    model, inputs = network(loaded, settings, depth, seed)
    double, wide = copy.deepcopy(model).to(where, torch.float64).eval(), to(inputs, where, torch.float64)
    try:
        with torch.no_grad():
            if tensor_of(call(double, wide)).dtype is torch.float64:
                return double, wide, torch.float64
    except (RuntimeError, TypeError, ValueError):
        pass
    return model.to(where).eval(), to(inputs, where), torch.float32


def alone(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """Every example of a batch by itself; of tokens also in a batch of examples of one token each."""
    settings = replace(settings, batch=BATCH)
    model, inputs, dtype = exact(loaded, settings, depth)
    measured = partial(Measurement, "alone", device=settings.device, dtype=str(dtype).split(".")[1], samples=BATCH)
    largest, words = _alone(model, inputs, dtype)
    if largest is None:
        return [measured(None, note=words)]
    if not largest and settings.seq_len > 1:
        try:
            single = exact(loaded, replace(settings, seq_len=1), depth)
            again, place = _alone(*single)
        except Exception:  # it takes longer sequences alone
            again, place = None, ""
        if again:
            largest, words = again, f"{place}, each of one token"
    return [measured(largest, witness=words)]


def _alone(model: nn.Module, inputs: Any, dtype: torch.dtype) -> tuple[float | None, str]:
    """The largest change of an example that is taken out of its batch, and of which; None, and why, where none can."""
    axis = _batch_axis(model)
    sizes = {t.shape[axis] for t in tree_leaves(inputs) if isinstance(t, Tensor) and t.dim() > axis}
    with torch.no_grad():
        whole = tensor_of(call(model, inputs))
    if (sizes != {BATCH} and axis == 0) or whole.dim() <= axis or whole.shape[axis] not in sizes:
        return None, "its output has no axis of the batch's length"
    scale = size_of(whole)
    count = whole.shape[axis]
    largest, place = 0.0, 0
    for k in range(count):
        with torch.no_grad():
            one = tensor_of(call(model, _example(inputs, k, count, axis)))
        change = worst(one.select(axis, 0) - whole.select(axis, k)) / scale
        largest, place = max((largest, place), (change, k))
    largest = 0.0 if largest <= ROUNDING[dtype] else largest
    return largest, f"example {place} of {count}" if largest else ""


def modes(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """Train mode twice, with the same random numbers, once with a pass in eval mode between; and without dropout."""
    where = find_device(settings.device)
    _, inputs = network(loaded, settings, depth, 0)
    inputs = to(inputs, where)
    depth = depth if loaded.kind == "model" else None
    model = build(loaded, settings.width, depth, settings.seed).to(
        where
    )  # not called yet, as those that inputs are for
    model = Stack([model]) if loaded.kind == "block" else model
    measured = partial(Measurement, device=settings.device, dtype="float32")
    with torch.no_grad():
        first, again = (trained(copy.deepcopy(model), inputs) for _ in range(2))
        if gap(first, again) > 0:
            return [
                measured(n, None, note="train mode is random beyond torch's seed")
                for n in ("eval-restores", "train-eval")
            ]
        between = copy.deepcopy(model).eval()
        call(between, copied(inputs))
        restored = gap(first, trained(between, inputs))
        measurements = [measured("eval-restores", restored)]
        quiet = with_dropout(copy.deepcopy(model), NEXT_TO_NONE)
        if has_batch_statistics(model):
            return [*measurements, measured("train-eval", None, note="it has statistics of the batch")]
        seen = copy.deepcopy(quiet)
        one = trained(seen, inputs)
        pairs = zip(_state(seen), _state(quiet), strict=True)
        if any(gap(a, b) > 0 for a, b in pairs):
            return [*measurements, measured("train-eval", None, note="a pass in train mode changes what it keeps")]
        if gap(one, trained(copy.deepcopy(quiet), inputs, seed=1)) > 0:
            return [*measurements, measured("train-eval", None, note="train mode is random without dropout")]
        other = tensor_of(call(quiet.eval(), copied(inputs)))
    apart = gap(one, other) / size_of(other) if one.shape == other.shape else math.inf
    return [*measurements, measured("train-eval", 0.0 if apart <= ROUNDING[torch.float32] else apart)]


def odd_tokens(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """Forward and backward with tokens that embeddings of padding, or dead layers, give."""
    where = find_device(settings.device)
    model, inputs = network(loaded, settings, depth, 0)
    model, inputs = model.to(where), to(inputs, where)
    measured = partial(Measurement, device=settings.device, dtype="float32", unit="kinds of tokens")
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point() or inputs.dim() < 2:
        return [measured("odd-tokens", None, note="its input is not a tensor of tokens")]
    zero, flat = inputs.clone(), inputs.clone()
    zero[..., -1, :], flat[..., -1, :] = 0, 1
    odd = {
        "a token of zeros": zero,
        "zeros alone": torch.zeros_like(inputs),
        "a token of ones": flat,
        "tokens all alike": inputs[..., :1, :].expand_as(inputs).contiguous(),
    }
    bad = []
    for name, x in odd.items():
        model.zero_grad()
        leaf = x.clone().requires_grad_()
        out = tensor_of(call(model, leaf))
        problem = "" if bool(out.isfinite().all()) else "the output"
        if out.requires_grad and not problem:
            (out * torch.linspace(-1, 1, out.numel(), device=out.device).reshape(out.shape)).sum().backward()  # type: ignore[no-untyped-call]
            grads = {"the input's gradient": leaf.grad, **{f"{n}.grad": p.grad for n, p in model.named_parameters()}}
            problem = next((n for n, g in grads.items() if g is not None and not bool(g.isfinite().all())), "")
        if problem:
            bad.append(f"{name}: {problem} is not finite")
    return [measured("odd-tokens", float(len(bad)), samples=len(odd), witness=bad[0] if bad else "")]


def derivatives(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """Along random directions of inputs and parameters, a fixed linear form of the output, in float64."""
    model, inputs, dtype = exact(loaded, settings, depth)
    measured = partial(Measurement, device=settings.device, dtype="float64")
    if dtype is not torch.float64:
        return [measured(n, None, note="it computes in float32") for n in DERIVATIVES]
    model = off_its_start(model, inputs, settings.seed)
    if (operations := multiply_adds(lambda: call(model, inputs))) > LARGE:
        note = f"a pass is {operations:.1g} multiply-adds, and differences take hundreds: say a smaller size"
        return [measured(n, None, note=note) for n in DERIVATIVES]
    with torch.no_grad():
        out = tensor_of(call(model, inputs))
    if not out.is_floating_point() or not bool(out.isfinite().all()):
        return [measured(n, None, note="its output is no finite number") for n in DERIVATIVES]
    form = torch.randn(out.shape, generator=torch.Generator().manual_seed(settings.seed), dtype=torch.float64)
    form = form.to(out.device)
    leaves = with_gradients(inputs)
    variables = [t for t in tree_leaves(leaves) if isinstance(t, Tensor) and t.is_floating_point()]
    padded = [m.weight for m in model.modules() if isinstance(m, nn.Embedding) and m.padding_idx is not None]
    variables += [p for p in model.parameters() if p.requires_grad and not any(p is q for q in padded)]
    if not variables:
        return [measured(n, None, note="nothing of it has a gradient") for n in DERIVATIVES]

    def value() -> Tensor:
        return (tensor_of(call(model, copied(leaves))) * form).sum()

    def at_random() -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            return value()

    first, second = compared(value, variables, settings.seed)
    measurements = [first.measurement(measured, "derivative"), second.measurement(measured, "second-derivative")]
    still = float(value())
    model.train()
    if float(at_random()) == still or first.worst is None or first.worst > MEANT:
        return [
            *measurements,
            measured("train-derivative", None, note="train mode is no other, or eval mode's is not right"),
        ]
    training, _ = compared(at_random, variables, settings.seed)
    return [*measurements, training.measurement(measured, "train-derivative", sure=True)]


def off_its_start(model: nn.Module, inputs: Any, seed: int) -> nn.Module:
    """A copy with slightly larger parameters: biases of 0 may leave values on a kink, where halves of slopes are seen.

    As it is, where it gives no finite numbers so.
    """
    generator = torch.Generator().manual_seed(seed)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for p in other.parameters():
            p.add_(OFF_START * size_of(p) * torch.randn(p.shape, generator=generator, dtype=torch.float64).abs().to(p))
        try:
            return other if bool(tensor_of(call(other, copied(inputs))).isfinite().all()) else model
        except Exception:
            return model


class Compared:
    """The worst relative error over the directions in which differences settle; None where too few do."""

    def __init__(self, custom: bool) -> None:
        self.errors: list[tuple[float, str]] = []
        self.note = ""
        self.custom = custom

    def add(self, own: float, differences: Sequence[float], floor: float) -> None:
        """`differences` at three steps: Richardson's extrapolations have to agree before they are believed."""
        rich = [(4 * b - a) / 3 for a, b in pairwise(differences)]
        scale = max(abs(rich[1]), floor)
        if math.isfinite(rich[1]) and abs(rich[1] - rich[0]) <= AGREED * scale:
            error = abs(own - rich[1]) / scale
            error = error if math.isfinite(error) else math.inf
            self.errors.append((error, f"autograd {own:.6g}, differences {rich[1]:.6g}"))

    @property
    def settled(self) -> int:
        return len(self.errors)

    @property
    def worst(self) -> float | None:
        if self.settled < SETTLED:
            self.note = self.note or f"only {self.settled} of {DIRECTIONS} directions have settled differences"
            return None
        return max(self.errors)[0]

    def measurement(self, measured: Callable[..., Measurement], name: str, sure: bool = False) -> Measurement:
        """The worst error; without a custom Function a difference comes of detach or no_grad, which may be meant.

        `sure`: nothing of that kind is.
        """
        worst = self.worst
        witness = max(self.errors)[1] if self.errors and max(self.errors)[0] > 1e-6 else ""
        if worst is not None and worst > MEANT and not (self.custom or sure):
            note = f"something is detached; if that is meant, --skip {name}: {witness}"
            return Question.of(measured(name, None, samples=self.settled, note=note))
        return measured(name, worst, samples=self.settled, witness=witness, note=self.note)


def compared(value: Callable[[], Tensor], variables: Sequence[Tensor], seed: int) -> tuple[Compared, Compared]:
    """First and second derivatives of `value` along random directions of float64 leaves, each against differences."""
    custom = _has_custom_function(value())
    first, second = Compared(custom), Compared(custom)
    starts = [v.detach().clone() for v in variables]
    for k in range(DIRECTIONS):
        generator = torch.Generator().manual_seed(1000 * seed + k)
        ways = [
            torch.randn(v.shape, generator=generator, dtype=torch.float64).to(v.device) * size_of(v) for v in starts
        ]

        def at(h: float, ways: list[Tensor] = ways) -> None:
            with torch.no_grad():
                for v, start, way in zip(variables, starts, ways, strict=True):
                    v.copy_(start + h * way)

        def slope(ways: list[Tensor] = ways, again: bool = False) -> Tensor:
            out = value()
            if not out.requires_grad:
                return out.new_zeros(())
            grads = (
                torch.autograd.grad(out, variables, create_graph=True, allow_unused=True)
                if again
                else gradients(out, variables)
            )
            return sum(((g * w).sum() for g, w in zip(grads, ways, strict=True) if g is not None), out.new_zeros(()))

        at(0.0)
        own = float(slope())
        curvature = _curvature(slope, variables, ways, second)
        values, slopes = [], []
        for h in STEPS:
            pair = []
            for sign in (1, -1):
                at(sign * h)
                pair.append((_value(value), float(slope()) if curvature is not None else 0.0))
            values.append((pair[0][0] - pair[1][0]) / (2 * h))
            slopes.append((pair[0][1] - pair[1][1]) / (2 * h))
        at(0.0)
        size = abs(_value(value))
        first.add(own, values, 1e-3 * size + 1e-6)
        if curvature is not None:
            second.add(curvature, slopes, 1e-3 * abs(own) + 1e-6)
    return first, second


def _has_custom_function(out: Tensor) -> bool:
    """Is there an autograd.Function, with a backward pass written by hand, behind this value?"""
    seen, waiting = set(), [out.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            return True
        seen.add(node)
        waiting += [n for n, _ in node.next_functions]
    return False


def _curvature(slope: Callable[..., Tensor], variables: Sequence[Tensor], ways: Any, second: Compared) -> float | None:
    """The derivative of the slope along the same direction by autograd; None, with the reason, where it refuses."""
    try:
        s = slope(again=True)
        if not s.requires_grad:
            return 0.0
        grads = torch.autograd.grad(s, variables, allow_unused=True)
    except (RuntimeError, NotImplementedError) as error:
        second.note = f"refused: {str(error).splitlines()[0][:80]}"
        return None
    return float(sum(float((g * w).sum()) for g, w in zip(grads, ways, strict=True) if g is not None))


def _value(value: Callable[[], Tensor]) -> float:
    with torch.no_grad():
        return float(value())


def _batch_axis(model: nn.Module) -> int:
    """1 for a subject that says of itself, or as torch's layers do of theirs, that the tokens come first; else 0."""
    top = subject_of(model)
    parts = top.modules() if type(top).__module__.startswith("torch.") else [top]
    return 1 if any(getattr(m, "batch_first", None) is False for m in parts) else 0


def _example(inputs: Any, k: int, count: int, axis: int) -> Any:
    def one(leaf: Any) -> Any:
        whole = isinstance(leaf, Tensor) and leaf.dim() > axis and leaf.shape[axis] == count
        return leaf.narrow(axis, k, 1) if whole else leaf

    return tree_map(one, inputs)


def _state(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]


MODES = Group("modes", PROPERTIES, steps)

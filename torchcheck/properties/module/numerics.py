"""What every module should hold to: the same answer twice, inputs left alone, parameters that learn, no overflow."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from torchcheck.data import Measurement
from torchcheck.measure.operations import Watch
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import (
    call,
    gap,
    network,
    objective_of,
    outputs_of,
    tensor_of,
    to,
    with_gradients,
)
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import DTYPES, find_device

#: what torch says where one operation meets two dtypes
MIXED = re.compile(
    r"same dtype|expected .*(dtype|scalar type)|but (found|got) (\w+\.)?(Float|Half|BFloat16|Double)|dtype mismatch",
    re.I,
)
#: what torch says of operations that it does not have in a dtype
MISSING = re.compile("Unsupported dtype|not implemented for '")
#: the deepest network that is run in half precision
HALF_DEPTH = 32

PROPERTIES: dict[str, Property] = {
    "deterministic": Property(
        "the same input gives the same output twice, bit by bit, in eval mode",
        Threshold(0, 0),
        "look for dropout or noise that ignores eval mode, or for state that a call changes",
        better="less",
    ),
    "input-kept": Property(
        "the input is left as it was",
        Threshold(0, 0),
        "replace in-place operations on the input (relu_, +=) by copies",
        better="less",
    ),
    "dead-parameters": Property(
        "every parameter tensor has a gradient that is not zero",
        Threshold(0, 0),
        "the tensors named never learn: remove them, or look for a detach, a dead activation, a branch never taken",
        better="less",
    ),
    "overflow": Property(
        "no operation or module gives NaN or infinity, forward or backward, on inputs of size 1 (number that do)",
        Threshold(0, 0),
        "start at the module named: scale before products, use float32 inside, or normalise the stream",
        better="less",
    ),
    "headroom": Property("the largest finite number over the largest module output, in bits", better="more"),
}


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    """The structural step at the smallest depth, and one for each half-precision dtype at a middle one."""
    depths = description.depths(settings)
    smallest = depths[0] if depths else None
    middle = max([d for d in depths if d <= HALF_DEPTH] or [depths[0]]) if depths else None
    serves = ("deterministic", "input-kept", "dead-parameters")
    planned = [Step(structure, serves, {"depth": smallest})]
    for dtype in settings.dtypes:
        names = (f"overflow.{dtype}", f"headroom.{dtype}")
        planned.append(Step(overflow, names, {"depth": middle, "dtype": dtype}))
    return planned


def structure(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """Determinism, the input after the call, and parameters whose gradient is exactly 0 for three random networks."""
    where = find_device(settings.device)
    silent: set[str] | None = None
    changed = 0.0
    unlike = 0.0
    for seed in range(3):
        model, inputs = network(loaded, settings, depth, seed)
        model, inputs = model.to(where), to(inputs, where)
        kept = tree_map(lambda t: t.clone() if isinstance(t, Tensor) else t, inputs)
        with torch.no_grad():
            first = tensor_of(call(model, inputs)).clone()
            pairs = zip(tree_leaves(inputs), tree_leaves(kept), strict=True)
            changed = max([changed, *(1.0 for a, b in pairs if isinstance(a, Tensor) and gap(a, b) > 0)])
            second = tensor_of(call(model, kept))
        unlike = max(unlike, 0.0 if changed else gap(first, second))
        model, inputs = network(loaded, settings, depth, seed)
        model, inputs = model.to(where), with_gradients(to(inputs, where))
        objective = objective_of(loaded, seed)
        now: set[str] = set()
        for again in (False, True):
            total = sum((objective(out) for out in outputs_of(call(model, inputs))), torch.zeros((), device=where))
            total.backward()  # type: ignore[no-untyped-call]
            silent_ones = {n for n, p in model.named_parameters() if p.requires_grad and is_silent(p)}
            now = now & silent_ones if again else silent_ones
            if not now or again:
                break
            _step(model)  # what waits for a gate that starts at 0 wakes up once that has moved
        silent = now if silent is None else silent & now
    names = sorted(silent or ())
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    measured = partial(Measurement, device=settings.device, dtype="float32", samples=3)
    return [
        measured("deterministic", unlike, note="largest difference"),
        measured("input-kept", changed, unit="inputs changed"),
        measured("dead-parameters", float(len(names)), unit="tensors", witness=shown),
    ]


def _step(model: nn.Module) -> None:
    """Moves every parameter against its gradient, by a tenth of its own size, or of 1 where that is 0."""
    with torch.no_grad():
        for p in model.parameters():
            if p.grad is not None and bool(p.grad.isfinite().all()):
                top, size = float(p.grad.abs().max()), float(p.abs().mean())
                p.sub_(p.grad, alpha=0.1 * (size or 1.0) / top if top else 0.0)
                p.grad = None


def overflow(loaded: Loaded, settings: CheckSettings, depth: int | None, dtype: str) -> list[Measurement]:
    """One network in `dtype`, forward and backward: modules whose output or gradient is not finite, in order."""
    where, kind = find_device(settings.device), DTYPES[dtype]
    model, inputs = network(loaded, settings, depth, 0)
    refused = refusal(model, inputs, where, kind)
    stored = torch.float32 if refused else kind
    model, inputs = model.to(where, stored), with_gradients(to(inputs, where, stored))
    infinities, measured = _Infinities(), partial(Measurement, device=settings.device, dtype=dtype)
    try:
        with torch.autocast(where.type, kind, enabled=bool(refused)), watched(model) as seen, infinities:
            out = call(model, inputs)
        objective_of(loaded, 0)(out).backward()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        if not MISSING.search(str(error)):
            raise
        note = f"torch cannot: {str(error).splitlines()[0][:80]}"
        return [measured(f"{n}.{dtype}", None, note=note) for n in ("overflow", "headroom")]
    bad = [f"operation {name}" for name in infinities.names]
    bad += [f"{n} (forward)" for n, ok, _ in seen["forward"] if not ok]
    bad += [f"{n} (backward)" for n, ok, _ in seen["backward"] if not ok]
    bad += [
        f"{n}.grad" for n, p in model.named_parameters() if p.grad is not None and not bool(p.grad.isfinite().all())
    ]
    largest = max((size for _, ok, size in seen["forward"] if ok), default=0.0)
    bits = math.log2(torch.finfo(kind).max / largest) if largest else math.inf
    at = "; ".join(
        [f"depth {depth}"] * bool(depth) + [f"under autocast, for it cannot be cast: {refused}"] * bool(refused)
    )
    witness = f"first {bad[0]}" if bad else ""
    return [
        measured(f"overflow.{dtype}", float(len(bad)), unit="places", witness=witness, note=at),
        measured(f"headroom.{dtype}", bits, unit="bits", note=at),
    ]


def refusal(model: nn.Module, inputs: Any, where: torch.device, kind: torch.dtype) -> str:
    """Why a network mixes dtypes when it is cast to `kind`, as modules do that are made for autocast; else empty."""
    if kind.itemsize > 2:
        return ""
    try:
        with torch.no_grad():
            call(copy.deepcopy(model).to(where, kind), to(inputs, where, kind))
    except RuntimeError as error:
        said = str(error).splitlines()[0]
        return said[:80] if MIXED.search(said) else ""
    return ""


@contextmanager
def watched(model: nn.Module) -> Iterator[dict[str, list[tuple[str, bool, float]]]]:
    """Inside, every module leaves (name, all finite, largest size) of its output, and of the gradient there."""
    seen: dict[str, list[tuple[str, bool, float]]] = {"forward": [], "backward": []}
    handles = []
    for name, module in model.named_modules():

        def after(_m: nn.Module, _args: Any, out: Any, name: str = name or type(model).__name__) -> None:
            try:
                y = tensor_of(out)
            except Exception:
                return
            size = y.detach().abs().max() if y.numel() else y.new_zeros(())
            seen["forward"].append((name, bool(size.isfinite()), float(size)))
            if y.requires_grad:
                y.register_hook(  # type: ignore[no-untyped-call]
                    lambda g: seen["backward"].append((name, bool(g.isfinite().all()), 0.0))
                )

        handles.append(module.register_forward_hook(after))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


class _Infinities(Watch):
    """Names operations that make +infinity or NaN of finite numbers; x/infinity = 0 may hide it from every module."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def seen(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        name = func.__name__.split(".")[0]
        results = [t for t in tree_leaves(out) if isinstance(t, Tensor) and t.is_floating_point()]
        # -infinity, and infinity by filling, are how masks are written; empty tensors hold anything
        if any(_explodes(t) for t in results) and not name.startswith(("empty", "full", "fill", "masked_fill", "new_")):
            entered = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor) and t.is_floating_point()]
            if entered and all(bool(t.isfinite().all()) for t in entered):
                self.names.append(name)


def _explodes(t: Tensor) -> bool:
    return bool((t == math.inf).any()) or bool(t.isnan().any())


def is_silent(p: nn.Parameter) -> bool:
    return p.grad is None or not bool(p.grad.count_nonzero())


NUMERICS = Group("numerics", PROPERTIES, steps)

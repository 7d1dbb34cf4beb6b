"""Two versions of one subject, with the same weights and inputs: where they part first, and by how much."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from torchcheck.measure.streams import first_float
from torchcheck.properties.finding import SAME, Parting
from torchcheck.properties.subject.calling import call, gap, network, objective_of, tensor_of, to, with_gradients
from torchcheck.properties.subject.variant import CheckSettings, Loaded, Variant, load
from torchcheck.run.subjects import DTYPES, find_device


def parting(
    loaded: Loaded, settings: CheckSettings, other: Variant, dtype: str, depth: int | None = None
) -> list[Parting]:
    """The subject against `other`, at one size and in one dtype, in eval mode."""
    where, kind = find_device(settings.device), DTYPES[dtype]
    ours, inputs = network(loaded, settings, depth, 0)
    theirs, _ = network(load(other), settings, depth, 0)
    if note := _share(ours, theirs):
        return [Parting(dtype, note=note)]
    runs = []
    for model in (ours.to(where, kind).eval(), theirs.to(where, kind).eval()):
        entered = with_gradients(to(inputs, where, kind))
        with _outputs(model) as seen:
            out = call(model, entered)
        value = objective_of(loaded, 0)(out)
        if value.requires_grad:
            value.backward()  # type: ignore[no-untyped-call]
        leaves = [t for t in tree_leaves(entered) if isinstance(t, Tensor)]
        grads = [(n, p.grad) for n, p in model.named_parameters()] + [("the input", t.grad) for t in leaves]
        runs.append((tensor_of(out).detach(), seen, grads))
    (mine, seen, grads), (old, before, older) = runs
    if mine.shape != old.shape:
        return [Parting(dtype, note=f"outputs of shape {tuple(mine.shape)}, and {tuple(old.shape)} before")]
    place, by = _first(seen, before, SAME * torch.finfo(kind).eps)
    steepest, gradient = "", 0.0
    named = dict(older) if {n for n, _ in grads} == {n for n, _ in older} else None
    for (name, a), (_, in_turn) in zip(grads, older, strict=True):
        apart = _relative(a, in_turn if named is None else named[name])
        if apart > gradient:
            steepest, gradient = name, apart
    return [Parting(dtype, _relative(mine, old), place, by, gradient, steepest)]


def _share(ours: nn.Module, theirs: nn.Module) -> str:
    """Gives the other one our weights, by name or, where shapes agree in their order, by place; else says why not."""
    state = ours.state_dict()
    own = theirs.state_dict()
    if {n: t.shape for n, t in state.items()} == {n: t.shape for n, t in own.items()}:
        theirs.load_state_dict(state)
    elif [t.shape for t in state.values()] == [t.shape for t in own.values()]:
        theirs.load_state_dict(dict(zip(own, state.values(), strict=True)))
    else:
        unlike = [n for n in {**state, **own} if n not in own or n not in state or state[n].shape != own[n].shape]
        return f"their weights do not fit each other: {', '.join(unlike[:4])}"
    return ""


@contextmanager
def _outputs(model: nn.Module) -> Iterator[list[tuple[str, Tensor]]]:
    """What every module gives, in the order in which they end: parts before the whole."""
    seen: list[tuple[str, Tensor]] = []

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _args: Any, out: Any) -> None:
            first = first_float(tree_leaves(out))
            if first is not None:
                seen.append((name, first.detach().clone()))

        return hook

    handles = [m.register_forward_hook(keep(name)) for name, m in model.named_modules() if name]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _first(ours: list[tuple[str, Tensor]], theirs: list[tuple[str, Tensor]], limit: float) -> tuple[str, float]:
    """The first module of both whose outputs differ by more than rounding, and by how much."""
    before: dict[str, list[Tensor]] = {}
    for name, out in theirs:
        before.setdefault(name, []).append(out)
    for name, out in ours:
        if before.get(name):
            other = before[name].pop(0)
            apart = _relative(out, other) if out.shape == other.shape else math.inf
            if apart > limit:
                return name, apart
    return "", math.nan


def _relative(a: Tensor | None, b: Tensor | None) -> float:
    """The largest difference over the largest entry of b; infinite where only one of them is there."""
    if a is None or b is None:
        return 0.0 if a is b else math.inf
    size = float(b.abs().double().nan_to_num().max()) if b.numel() else 0.0
    return gap(a, b) / (size or 1.0)

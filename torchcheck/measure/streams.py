"""The stream of a deep network: what enters each block and leaves the last one, and the gradient there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from torchcheck.measure.norms import norm, rms


@dataclass
class Stream:
    """Float64 scalars, kept as tensors until they are asked for: nothing waits for the device meanwhile.

    `_rms` at every block's input and the last one's output, `_branch` of what each block adds (where its output has its
    input's shape) and `_arrived` of the gradients, last first.
    """

    _rms: list[Tensor] = field(default_factory=list)
    _branch: list[Tensor] = field(default_factory=list)
    _arrived: list[Tensor] = field(default_factory=list)

    @property
    def rms(self) -> list[float]:
        return _floats(self._rms)

    @property
    def branch(self) -> list[float]:
        """RMS of what the last block adds to its input; empty where it cannot be told."""
        return _floats(self._branch)

    @property
    def cotangent(self) -> list[float]:
        """|dL/dx| at every block's input, and at the last one's output."""
        return _floats(self._arrived[::-1])

    def _keep(self, x: Tensor) -> None:
        self._rms.append(rms(x.detach()))
        if x.requires_grad:
            x.register_hook(lambda g: self._arrived.append(norm(g)))  # type: ignore[no-untyped-call]


@contextmanager
def watched(blocks: Sequence[nn.Module], entering: Callable[[Tensor], None] = lambda _: None) -> Iterator[Stream]:
    """Inside, calls of these blocks leave their marks in the Stream; `entering` sees each block's input, detached."""
    stream = Stream()

    def before(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        x = first_float((*args, *kwargs.values()))
        if x is not None:
            stream._keep(x)
            entering(x.detach())

    def after(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        if module is not blocks[-1]:
            return
        x, y = first_float((*args, *kwargs.values())), first_float(tree_leaves(out))
        if y is None:
            return
        if x is not None and x.shape == y.shape:
            stream._branch.append(rms(y.detach() - x.detach()))
        stream._keep(y)

    handles = [b.register_forward_pre_hook(before, with_kwargs=True) for b in blocks]
    handles += [b.register_forward_hook(after, with_kwargs=True) for b in blocks]
    try:
        yield stream
    finally:
        for handle in handles:
            handle.remove()


def first_float(values: Sequence[Any]) -> Tensor | None:
    """The first tensor of floating-point numbers."""
    return next((v for v in values if isinstance(v, Tensor) and v.is_floating_point()), None)


def _floats(values: Sequence[Tensor]) -> list[float]:
    series: list[float] = torch.stack(list(values)).tolist() if values else []
    return series

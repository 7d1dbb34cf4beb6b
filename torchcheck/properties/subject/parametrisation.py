"""Maximal update parametrisation: which powers of width the rate and the init of every tensor want.

Yang et al., Tensor Programs V (arXiv:2203.03466), table 8: by whether a tensor's inputs, its outputs, or both grow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from torchcheck.properties.subject.rescale import ending_of

#: input: its outputs alone grow with width, as a bias's do; output: its inputs alone; fixed: nothing does
Role = Literal["input", "hidden", "output", "fixed"]
#: the power of width that the learning rate wants, by optimizer and role
RATES: Mapping[str, Mapping[Role, float]] = {
    "adam": {"input": 0.0, "hidden": -1.0, "output": -1.0, "fixed": 0.0},
    "sgd": {"input": 1.0, "hidden": 0.0, "output": -1.0, "fixed": 0.0},
}
#: the power that a matrix's deviation at init wants
DEVIATIONS: Mapping[Role, float] = {"input": 0.0, "hidden": -0.5, "output": -1.0}
#: powers are multiples of this: a deviation of a few thousand draws tells them apart
GRAIN = 0.5


@dataclass(frozen=True)
class Rule:
    """Of the parameters whose names end so: what they are, and the powers of width/base on rate and init."""

    ending: str
    role: Role
    rate: float = 0.0
    gain: float = 0.0


@dataclass(frozen=True)
class Parametrisation:
    """The rules of all tensors; `base` is the width at which the learning rate was found."""

    base: int
    rules: tuple[Rule, ...]

    def apply_(self, model: nn.Module, width: int) -> None:
        """Scales a freshly initialised network in place."""
        with torch.no_grad():
            for name, p in model.named_parameters():
                p.mul_((width / self.base) ** self._of(name).gain)

    def groups(self, model: nn.Module, width: int, rate: float) -> list[dict[str, object]]:
        """A group for every parameter, with its learning rate at that width, where `rate` is that at the base."""
        return [
            {"params": [p], "lr": rate * (width / self.base) ** self._of(name).rate}
            for name, p in model.named_parameters()
        ]

    def _of(self, name: str) -> Rule:
        return next((r for r in self.rules if r.ending == ending_of(name)), Rule(name, "fixed"))

    def code(self, width: int) -> str:
        """The same as a few lines of Python for the user's own model."""
        rates = {r.ending: r.rate for r in self.rules if r.rate}
        gains = {r.ending: r.gain for r in self.rules if r.gain}
        lines = [
            f"scale = {width} / {self.base}  # your width, over the one at which lr was found",
            f"rates = {rates!r}  # powers of scale, by the name without its layer's number",
            'bare = lambda name: re.sub(r"^(?:[^.]+\\.)*?\\d+\\.", "", name)',
            "groups = [  # for your optimizer, in the place of model.parameters()",
            '    {"params": [p], "lr": lr * scale ** rates.get(bare(n), 0)} for n, p in model.named_parameters()',
            "]",
        ]
        init = [
            f"gains = {gains!r}",
            "with torch.no_grad():",
            "    for n, p in model.named_parameters():",
            "        p.mul_(scale ** gains.get(bare(n), 0))",
        ]
        return "\n".join(["import re", *lines, *(init if gains else [])])


def rules_of(narrow: Sequence[nn.Module], wide: Sequence[nn.Module], ratio: float, optimizer: str) -> Iterator[Rule]:
    """A rule for every name, from networks of two widths, `ratio` apart; several of each tell deviations better."""
    tables = _tables(narrow[0])
    small, large = ([dict(m.named_parameters()) for m in models] for models in (narrow, wide))
    seen: set[str] = set()
    for name, p in small[0].items():
        ending = ending_of(name)
        if ending in seen or name not in large[0]:
            continue
        seen.add(ending)
        role = _role(p, large[0][name], name in tables)
        gain = 0.0
        if p.dim() > 1 and role in DEVIATIONS:
            sizes = [_deviation([named[name] for named in models]) for models in (small, large)]
            gain = _missing(DEVIATIONS[role], sizes, ratio)
        yield Rule(ending, role, RATES[optimizer][role], gain)


def _tables(model: nn.Module) -> set[str]:
    """Matrices that are looked up, or added, row by row: their entries are as a bias's, whatever their shape."""
    return {
        f"{n}.{name}".removeprefix(".")
        for n, m in model.named_modules()
        if not isinstance(m, nn.Linear | nn.modules.conv._ConvNd | nn.MultiheadAttention)
        for name, _ in m.named_parameters(recurse=False)
    }


def _role(p: Tensor, big: Tensor, table: bool) -> Role:
    """What grows from the one to the other; of a table the last axis counts alone, unless another grows as well."""
    grows = [a < b for a, b in zip(p.shape, big.shape, strict=True)]
    if not any(grows):
        return "fixed"
    if p.dim() < 2 or (table and sum(grows) < 2):
        return "input"
    into, out_of = any(grows[1:]), grows[0]
    return "hidden" if into and out_of else "output" if into else "input"


def _deviation(tensors: Sequence[Tensor]) -> float:
    return math.sqrt(sum(float(t.detach().double().square().mean()) for t in tensors) / len(tensors))


def _missing(wanted: float, sizes: Sequence[float], ratio: float) -> float:
    """The power that is missing between the deviation's own power of width and the one that is wanted; 0 for zeros."""
    small, large = sizes
    if not small or not large:
        return 0.0
    return round((wanted - math.log(large / small) / math.log(ratio)) / GRAIN) * GRAIN + 0.0

"""Powers of depth on a variant's residual weight and init gain, applied to modules as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from torchcheck.measure.roles import depth_of

#: names under which blocks keep their residual weight
ALPHAS = ("alpha", "residual_weight", "residual_scale", "residual_alpha")
#: a part of a matrix is one where at least so much of it stands apart: a few units may be dead
APART = 0.2


@dataclass(frozen=True)
class Carrier:
    """Parameters that carry the size of a branch: those whose name ends so, or their rows or columns start to stop."""

    ending: str
    dim: int = 0
    start: int = 0
    stop: int | None = None

    def of(self, p: Tensor) -> Tensor:
        return p if self.stop is None else p.narrow(self.dim, self.start, self.stop - self.start)

    @property
    def code(self) -> str:
        """The part as an index, in Python."""
        part = f"{self.start}:{self.stop}" if self.stop is not None else ""
        return f"[{':, ' * self.dim}{part}]" if part else ""


@dataclass(frozen=True)
class Scaling:
    """alpha = (2N)^alpha_power on the residual, gain = (2N)^-gain_power on the init of the matrices that carry.

    Biases and the gains of norms learn at (2N)^-vector_power of the learning rate: neither constant scales their part
    of an update, which grows with the number of layers.
    """

    alpha_power: float = 0.0
    gain_power: float = 0.0
    vector_power: float = 0.0
    carriers: tuple[Carrier, ...] = ()
    alpha: str | None = None

    def apply_(self, model: nn.Module, depth: int) -> None:
        """Scales a freshly initialised network of `depth` blocks in place."""
        gain, alpha = (2.0 * depth) ** -self.gain_power, (2.0 * depth) ** self.alpha_power
        with torch.no_grad():
            for name, p in model.named_parameters():
                for carrier in self.carriers:
                    if ("." + name).endswith("." + carrier.ending):
                        carrier.of(p).mul_(gain)
        for module in model.modules():
            if self.alpha and self.alpha_power and hasattr(module, self.alpha):
                setattr(module, self.alpha, alpha)

    def rate(self, p: Tensor, depth: int) -> float:
        """The share of the learning rate at which a parameter learns."""
        return (2.0 * depth) ** -self.vector_power if p.dim() < 2 else 1.0

    @property
    def words(self) -> str:
        parts = [f"alpha = (2N)^{self.alpha_power:g}"] if self.alpha_power else []
        parts += [f"gain = (2N)^-{self.gain_power:g}"] if self.gain_power else []
        parts += [f"learning rate of biases and norms times (2N)^-{self.vector_power:g}"] if self.vector_power else []
        return ", ".join(parts)

    def code(self) -> str:
        """The same as a few lines of Python for the user's own model."""
        lines = ["N = 24  # the blocks of your model"]
        if self.gain_power:
            lines += [
                f"gain = (2 * N) ** -{self.gain_power:g}",
                "with torch.no_grad():",
                "    for name, p in model.named_parameters():",
            ]
            whole = tuple("." + c.ending for c in self.carriers if not c.code)
            if whole:
                lines += [f"        if ('.' + name).endswith({whole!r}):", "            p.mul_(gain)"]
            for c in (c for c in self.carriers if c.code):
                lines += [
                    f"        if ('.' + name).endswith({'.' + c.ending!r}):  # the values' part",
                    f"            p{c.code}.mul_(gain)",
                ]
        if self.alpha_power and self.alpha:
            lines += [
                f"alpha = (2 * N) ** {self.alpha_power:g}",
                "for module in model.modules():",
                f"    if hasattr(module, {self.alpha!r}):",
                f"        module.{self.alpha} = alpha",
            ]
        if self.vector_power:
            lines += [
                f"slow = lr * (2 * N) ** -{self.vector_power:g}  # lr: that of your optimizer",
                "groups = [",
                '    {"params": [p for p in model.parameters() if p.dim() > 1], "lr": lr},',
                '    {"params": [p for p in model.parameters() if p.dim() < 2], "lr": slow},',
                "]  # for your optimizer, in the place of model.parameters()",
            ]
        return "\n".join(lines)


def carriers_of(model: nn.Module, loss: Any) -> tuple[Carrier, ...]:
    """The matrices of the repeated layers and their biases, but what reaches the output through attention scores alone.

    Queries and keys have no part in the size of a branch (kexue.fm/archives/8978, sec. 5). They are found by what they
    do: with every softmax's input held fast, `loss` has no gradient with respect to them. torch.nn.MultiheadAttention,
    whose softmax nobody can reach, is known by its attributes. Biases that start at 0 are left out: others, as
    torch.nn.Linear's, would be all that is left of a branch whose matrices shrink.
    """
    attention = {
        f"{name}.{own}".removeprefix(".")
        for name, module in model.named_modules()
        if isinstance(module, nn.MultiheadAttention)
        for own in ("in_proj_weight", "q_proj_weight", "k_proj_weight")
    }
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    repeated = any(depth_of(n) >= 0 for n, _ in model.named_parameters())
    with _ScoresHeld():
        value = loss()
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    gradients = torch.autograd.grad(value, [p for _, p in named], allow_unused=True)
    carriers: dict[Carrier, None] = {}
    for (name, p), g in zip(named, gradients, strict=True):
        if p.dim() < 2 or g is None or id(p) in tables or (repeated and depth_of(name) < 0):
            continue
        ending = ending_of(name)
        if name in attention:
            values = [Carrier(ending, 0, p.shape[0] * 2 // 3, p.shape[0])] if name.endswith("in_proj_weight") else []
            carriers |= dict.fromkeys(values)
        else:
            carriers |= dict.fromkeys(_parts(ending, g != 0))
    return (*carriers, *_biases(model, carriers))


def _biases(model: nn.Module, matrices: Iterable[Carrier]) -> Iterator[Carrier]:
    """Of the layers that have these matrices, where they do not start at 0."""
    rows = {c.ending: c for c in matrices if c.ending.endswith("weight") and c.dim == 0}
    carriers: dict[Carrier, None] = {}
    for name, p in model.named_parameters():
        matrix = rows.get(ending_of(name).removesuffix("bias") + "weight") if name.endswith("bias") else None
        if matrix is not None and bool(p.detach().any()):
            carriers[replace(matrix, ending=ending_of(name))] = None
    yield from carriers


def _parts(ending: str, used: Tensor) -> Iterator[Carrier]:
    """The whole of a matrix, or the runs of rows or columns that are used; nothing where none is."""
    if not bool(used.any()):
        return
    for dim in (0, 1):
        lines = used.movedim(dim, 0).flatten(1).any(1)
        if float((~lines).double().mean()) < APART:
            continue
        ends = torch.nn.functional.pad(lines.int(), (1, 1)).diff().nonzero().flatten().tolist()
        yield from (Carrier(ending, dim, a, b) for a, b in list(pairwise(ends))[::2])
        return
    yield Carrier(ending)


def ending_of(name: str) -> str:
    """The name without the number of its layer: self_attn.out_proj.weight of layers.3.self_attn.out_proj.weight."""
    parts = name.split(".")
    numbers = [k for k, part in enumerate(parts) if part.isdigit()]
    return ".".join(parts[numbers[0] + 1 :] if numbers else parts)


def residual_name(module: nn.Module) -> str | None:
    """The attribute that holds a module's residual weight, if it is a plain number."""
    return next((a for a in ALPHAS if isinstance(getattr(module, a, None), int | float)), None)


class _ScoresHeld(TorchFunctionMode):
    """What a softmax takes has no gradient."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.softmax, Tensor.softmax, F.softmax):
            args = _held(args, 1)
            kwargs |= {n: t.detach() for n, t in kwargs.items() if n == "input"}
        elif func is F.scaled_dot_product_attention:
            args = _held(args, 2)
            kwargs |= {n: t.detach() for n, t in kwargs.items() if n in ("query", "key")}
        return func(*args, **kwargs)


def _held(args: Sequence[Any], count: int) -> tuple[Any, ...]:
    return (*(t.detach() for t in args[:count]), *args[count:])

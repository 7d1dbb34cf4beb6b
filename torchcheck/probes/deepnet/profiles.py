"""Gradients and signals of deep stacks, in one forward and backward: norms by role and layer, RMS, cosines, factors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.data import Evidence, Measurement, Params
from torchcheck.measure.first_order import decreases
from torchcheck.measure.norms import norm, rms
from torchcheck.measure.objectives import LOSSES
from torchcheck.measure.roles import depth_of, parts
from torchcheck.measure.streams import watched
from torchcheck.modules.transformer import Sublayer
from torchcheck.run.subjects import DTYPES, Subject, find_device, resolve

#: gradient entries that may wait for their reduction: few calls for small models, little memory for large ones
PENDING = 1 << 20


@dataclass(frozen=True)
class Gradients:
    """Sums of measure.first_order's Decrease over each part's gradient, keyed by (layer, role).

    `squares` |g|², SGD's, `l1` |g|₁, a sign step's, and `lamb` |W| |g|₁/sqrt(n), LAMB's.
    """

    squares: dict[tuple[int, str], float]
    l1: dict[tuple[int, str], float]
    lamb: dict[tuple[int, str], float]


@dataclass(frozen=True)
class Signals:
    """Per sublayer, in forward order, over all tokens.

    `stream` and `branch` RMS of the sublayer's input and of its branch's output, `cosine` the mean inner product of two
    tokens of one sequence over their mean square, at the input (NaN for one token), `cotangent` |dL/dx| at the input,
    and at the last output.
    """

    stream: list[float] = field(default_factory=list)
    branch: list[float] = field(default_factory=list)
    cosine: list[float] = field(default_factory=list)
    cotangent: list[float] = field(default_factory=list)


def profile(model: nn.Module, loss: Callable[[], Tensor]) -> tuple[float, Gradients, Signals]:
    """One forward and backward of `loss` through `model`: its value, the gradients' norms, the signals.

    Gradients are reduced and freed as they arrive, so no second copy of the model is ever held; afterwards every
    `grad` is None. Signals are those of Sublayer modules; other models have none.
    """
    with _reduced(model) as sums, _watched(model) as signals:
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
    columns = [{key: row[k] for key, row in sums.items()} for k in range(3)]
    return float(value.detach()), Gradients(*columns), signals


def profiles(
    subject: Params,
    depths: Sequence[int],
    width: int,
    tokens: int = 32,
    batch: int = 1,
    seeds: int = 8,
    loss: str = "linear",
    common: float = 0.0,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
    first: int = 0,
) -> list[Measurement]:
    """Profiles of `subject(width=..., layers=N, **options)` for every depth N, over random weights and inputs.

    The random numbers are those of `seeds` seeds from 1_000_000 * seed + first on, so that a large sample can be
    split into tasks. Inputs are normal, (batch, tokens, width), or (batch, width) for tokens = 0; `common` is the
    cosine that tokens of a sequence share. Each measurement `profile.N=...` is the mean over seeds of |grad|² of all
    parameters; its data holds, per seed, the sums by role, and, averaged over seeds, squares by role and layer and the
    signals.
    """
    where, kind = find_device(device), DTYPES[dtype]
    spec = Subject.from_json(subject)
    setting = {**spec.options, "width": width, "tokens": tokens, "batch": batch, "loss": loss, "common": common}
    measurements = []
    for depth in depths:
        rows = [
            _one(spec, depth, width, tokens, batch, loss, common, where, kind, 1_000_000 * seed + first + k)
            for k in range(seeds)
        ]
        data = {"depth": depth, "setting": setting, **_collect(rows)}
        total = [sum(v) for v in zip(*data["squares"].values(), strict=True)]
        measurements.append(
            Measurement(
                f"profile.N={depth}",
                sum(total) / seeds,
                samples=seeds,
                evidence=Evidence.SAMPLED,
                subject=spec.label,
                device=device,
                dtype=dtype,
                data=data,
            )
        )
    return measurements


def _one(
    spec: Subject,
    depth: int,
    width: int,
    tokens: int,
    batch: int,
    loss: str,
    common: float,
    where: torch.device,
    kind: torch.dtype,
    seed: int,
) -> tuple[Gradients, Signals]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = resolve(spec.target)(width=width, layers=depth, **spec.options).to(where, kind)
        x = inputs(width, tokens, batch, common).to(where, kind).requires_grad_()
        objective = LOSSES[loss](tuple(x.shape)).to(where, kind)
    _, gradients, signals = profile(model, lambda: objective(model(x)))
    return gradients, signals


def inputs(width: int, tokens: int, batch: int, common: float = 0.0) -> Tensor:
    """Normal inputs with squared entries of mean 1; tokens of a sequence have cosine `common`."""
    if tokens == 0:
        return torch.randn(batch, width)
    shared = torch.randn(batch, 1, width)
    return math.sqrt(common) * shared + math.sqrt(1 - common) * torch.randn(batch, tokens, width)


@contextmanager
def _reduced(model: nn.Module) -> Iterator[dict[tuple[int, str], list[float]]]:
    """Inside, every parameter's gradient is reduced to its norms and dropped, PENDING entries at a time."""
    sums: dict[tuple[int, str], list[float]] = {}
    pending: list[tuple[tuple[int, str], Tensor, Tensor]] = []
    roles = {name: list(parts(name, p)) for name, p in model.named_parameters()}
    waiting = 0

    def flush() -> None:
        nonlocal waiting
        each = decreases([g for _, g, _ in pending], [w for _, _, w in pending])
        for (key, _, _), d in zip(pending, each, strict=True):
            row = sums.setdefault(key, [0.0, 0.0, 0.0])
            for k, v in enumerate((d.sgd, d.adam, d.lamb)):
                row[k] += v
        pending.clear()
        waiting = 0

    def reduce(p: Tensor, name: str) -> None:
        nonlocal waiting
        assert p.grad is not None
        key = depth_of(name)
        pending.extend(((key, part.role), part.of(p.grad), part.of(p.detach())) for part in roles[name])
        waiting += p.numel()
        p.grad = None
        if waiting > PENDING:
            flush()

    handles = [
        p.register_post_accumulate_grad_hook(partial(reduce, name=name))  # type: ignore[no-untyped-call]
        for name, p in model.named_parameters()
    ]
    try:
        yield sums
        flush()
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _watched(model: nn.Module) -> Iterator[Signals]:
    """Inside, every Sublayer is watched; the Signals are filled in at the end."""
    sublayers = [m for m in model.modules() if isinstance(m, Sublayer)]
    signals, cosines, branches = Signals(), [], []
    handles = [
        m.branch.register_forward_hook(lambda _module, _args, out: branches.append(rms(out.detach())))
        for m in sublayers
    ]
    try:
        with watched(sublayers, lambda x: cosines.append(_cosine(x))) as stream:
            yield signals
    finally:
        for handle in handles:
            handle.remove()
    signals.stream.extend(stream.rms[: len(sublayers)])
    signals.branch.extend(map(float, branches))
    signals.cosine.extend(map(float, cosines))
    signals.cotangent.extend(stream.cotangent)


def _cosine(x: Tensor) -> Tensor:
    """Mean inner product of two tokens over the mean square: (|sum|²/|all|² - 1)/(T - 1), without a T x T matrix."""
    if x.dim() < 3 or x.shape[-2] < 2:
        return torch.full((), math.nan)
    return ((norm(x.sum(-2)) / norm(x)).square() - 1) / (x.shape[-2] - 1)


def _collect(rows: Sequence[tuple[Gradients, Signals]]) -> dict[str, Any]:
    """Per seed: sums by role. Averaged over seeds: squares by role and layer, and the signals."""
    roles = sorted({role for gradients, _ in rows for _, role in gradients.squares})
    by_seed = {
        kind: {role: [sum(v for (_, r), v in getattr(g, kind).items() if r == role) for g, _ in rows] for role in roles}
        for kind in ("squares", "l1", "lamb")
    }
    keys = sorted(rows[0][0].squares)
    by_layer = {role: [sum(g.squares[k] for g, _ in rows) / len(rows) for k in keys if k[1] == role] for role in roles}
    names = ("stream", "branch", "cosine", "cotangent")
    means = {n: [sum(v) / len(rows) for v in zip(*(getattr(s, n) for _, s in rows), strict=True)] for n in names}
    return {**by_seed, "layers": by_layer, "signals": means}

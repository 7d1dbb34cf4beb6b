"""Which outputs of a sequence layer depend on which inputs: by gradients, by perturbation, by cutting."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchcheck.data import Evidence, Measurement, Params, Series
from torchcheck.measure.gradients import gradients
from torchcheck.run.subjects import DTYPES, Subject, build, find_device

#: copies of the sequence in one batch
ROWS = 64


def dependence(model: Callable[[Tensor], Tensor], x: Float[Tensor, "tokens width"]) -> Float[Tensor, "tokens tokens"]:
    """(tokens, tokens): |c_i^T dy_i/dx_j|, c_i a random cotangent of output i, for one sequence x (tokens, width).

    Exactly 0 where y_i does not use x_j. The sequence is repeated along the batch, an output for each copy: ROWS rows
    rows come from one backward pass: `model` must treat the sequences of a batch apart from each other.
    """
    tokens = x.shape[0]
    cotangents = None
    rows = []
    for start in range(0, tokens, ROWS):
        places = torch.arange(start, min(start + ROWS, tokens), device=x.device)
        batch = x.detach().expand(len(places), *x.shape).clone().requires_grad_()
        out = model(batch)
        if cotangents is None:
            cotangents = torch.randn(tokens, out.shape[-1], dtype=x.dtype, device=x.device)
        picked = out[torch.arange(len(places), device=x.device), places]
        summed = (picked * cotangents[places].to(out.dtype)).sum()
        (grad,) = gradients(summed, [batch]) if summed.requires_grad else (None,)
        if grad is None:  # no output has any gradient
            return x.new_zeros(tokens, tokens)
        rows.append(torch.linalg.vector_norm(grad, dim=-1))
    return torch.cat(rows) if rows else x.new_zeros(0, 0)


def leaks(
    subject: Params, width: int, tokens: int, dtype: str = "float64", device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """How much a causal layer, `subject(width=..., **options)` on (batch, tokens, width), sees of the future.

    `leak.gradient` the largest |dy_i/dx_j| (along a random cotangent) over j > i, `leak.perturbation` the largest
    change of y_i over RMS(y) when all later inputs are replaced by others, at every i; both exactly 0 without a leak.
    `leak.length` the largest change of y_i over RMS(y) when the later inputs are cut off: roundings, unless the layer
    counts them. `unused` counts the pairs j <= i without any dependence. The data holds the picture of the dependence.
    """
    where, kind = find_device(device), DTYPES[dtype]
    spec = Subject.from_json(subject)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(Subject(spec.target, {"width": width, **spec.options})).to(where, kind)
        x, other = (torch.randn(tokens, width).to(where, kind) for _ in range(2))
        picture = dependence(model, x)
    future = torch.ones_like(picture, dtype=torch.bool).triu(1)
    worst = picture.masked_fill(~future, 0.0)
    i, j = divmod(int(worst.argmax()), tokens)
    with torch.no_grad():
        whole = model(x[None])[0]
        scale = float(whole.square().mean().sqrt())
        swapped, cut = changes(model, x, other, whole)
    witness = f"dy_{i}/dx_{j} = {float(worst[i, j]):.3g} (positions from 0)"
    measured = partial(Measurement, evidence=Evidence.SAMPLED, subject=spec.label, device=device, dtype=dtype)
    data, places = {"picture": picture.double().tolist()}, [float(k) for k in range(tokens)]
    curve = Series("leak.length", "position", "change of the output over its RMS", places, [c / scale for c in cut])
    return [
        measured("leak.gradient", float(worst.max()), samples=tokens**2, witness=witness, data=data),
        measured("leak.perturbation", max(swapped) / scale, samples=tokens),
        measured("leak.length", max(cut) / scale, samples=tokens, series=(curve,)),
        measured("unused", float((picture.eq(0) & ~future).sum()), samples=tokens**2, unit="pairs"),
    ]


def changes(
    model: nn.Module,
    x: Float[Tensor, "tokens width"],
    other: Float[Tensor, "tokens width"],
    whole: Float[Tensor, "tokens size"],
) -> tuple[list[float], list[float]]:
    """For every position i: the largest change of outputs 0 ... i when later inputs are replaced, and when cut off."""
    tokens = x.shape[0]
    swapped, cut = [], []
    later = torch.arange(tokens, device=x.device)
    for i in range(tokens):
        mixed = torch.where((later > i)[:, None], other, x)
        swapped.append(worst(model(mixed[None])[0, : i + 1] - whole[: i + 1]))
        cut.append(worst(model(x[None, : i + 1])[0] - whole[: i + 1]))
    return swapped, cut


def worst(difference: Float[Tensor, ...]) -> float:
    """The largest size; infinite where something is not a number."""
    size = float(difference.abs().max())
    return size if math.isfinite(size) else math.inf

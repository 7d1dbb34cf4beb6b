"""The true change of the loss after one step of a real optimizer, against its first-order prediction."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchcheck.data import Evidence, Measurement, Params
from torchcheck.measure.first_order import decreases
from torchcheck.measure.intervals import mean_bounds
from torchcheck.measure.objectives import LOSSES
from torchcheck.probes.deepnet.profiles import inputs
from torchcheck.run.subjects import DTYPES, Subject, find_device, resolve

#: optimizer name -> its dotted class and options; LAMB is the pytorch_optimizer package's, without weight decay
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("torch.optim:SGD", {}),
    "adam": ("torch.optim:Adam", {"eps": 1e-30}),
    "lamb": ("pytorch_optimizer:Lamb", {"eps": 1e-15, "adam_debias": True}),
}


def increments(
    subject: Params,
    optimizer: str,
    rates: Sequence[float],
    depths: Sequence[int],
    width: int,
    tokens: int = 8,
    batch: int = 2,
    seeds: int = 4,
    warm: int = 0,
    loss: str = "linear",
    over_depth: bool = False,
    dtype: str = "float64",
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """L(after a step) - L(before), over the first-order prediction, for each learning rate and depth.

    `increment.<optimizer>.N=...`: the ratio at the smallest rate, mean over seeds; its curve is the ratio against the
    rate. `article.<optimizer>.N=...`: the same change over the article's formula (kexue.fm/archives/8978):
    -rate |g|² (sgd), -rate |g|_1 (adam), -rate sum of |W| |g|_1 (lamb). The first-order prediction uses, for LAMB,
    -rate sum of |W| |g|_1/sqrt(n), n the entries with a gradient that is not 0: their signs have norm sqrt(n), and LAMB
    rescales them to |W|. `warm` steps at the smallest rate go before: then Adam's step is no sign step any more, and
    the ratio says how far from one. `over_depth` divides every rate by the depth. `changes` in the data are the true
    changes by seed and rate.
    """
    where, kind, spec = find_device(device), DTYPES[dtype], Subject.from_json(subject)
    measurements = []
    measured = partial(
        Measurement, samples=seeds, evidence=Evidence.SAMPLED, subject=spec.label, device=device, dtype=dtype
    )
    for depth in depths:
        used = [rate / depth for rate in rates] if over_depth else list(rates)
        rows = [
            _changes(spec, optimizer, used, depth, width, tokens, batch, warm, loss, where, kind, 1000 * seed + k)
            for k in range(seeds)
        ]
        for name, against, column in (("increment", "first order", 1), ("article", "article", 2)):
            ratios = [[row[r][0] / row[r][column] for r in range(len(rates))] for row in rows]
            at_smallest = [row[0] for row in ratios]
            data = {
                "depth": depth,
                "against": against,
                "ratios": ratios,
                "curve": [sum(r) / seeds for r in zip(*ratios, strict=True)],
                "rates": used,
                "changes": [[cell[0] for cell in row] for row in rows],
            }
            ends, note = (min(at_smallest), max(at_smallest)), "the interval is the range over seeds"
            mean = sum(at_smallest) / seeds
            measurements.append(measured(f"{name}.{optimizer}.N={depth}", mean, *ends, note=note, data=data))
    return measurements


def _changes(
    spec: Subject,
    optimizer: str,
    rates: Sequence[float],
    depth: int,
    width: int,
    tokens: int,
    batch: int,
    warm: int,
    loss: str,
    where: torch.device,
    kind: torch.dtype,
    seed: int,
) -> list[tuple[float, float, float]]:
    """For each rate: the true change, the first-order prediction, and the article's."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = resolve(spec.target)(width=width, layers=depth, **spec.options).to(where, kind)
        x = inputs(width, tokens, batch).to(where, kind)
        objective = LOSSES[loss](tuple(x.shape)).to(where, kind)

    def value() -> Tensor:
        out: Tensor = objective(model(x))
        return out

    for p in (p for p in model.parameters() if p.dim() < 2):
        p.requires_grad_(False)  # the statements are about matrices; a bias of 0 has no size that LAMB could scale by
    params = [p for p in model.parameters() if p.requires_grad]
    target, options = OPTIMIZERS[optimizer]
    opt = resolve(target)(params, lr=rates[0], **options)
    if optimizer == "lamb":
        opt.clamp = math.inf  # the statement knows no clamp on |W|
    for _ in range(warm):
        _backward(opt, value)
        opt.step()
    before = float(_backward(opt, value))
    start = [p.detach().clone() for p in params]
    grads = [p.grad.detach().clone() for p in params if p.grad is not None]
    state = opt.state_dict()
    moved = [int((g != 0).sum()) for g in grads]  # the sign of 0 is 0
    parts = decreases(grads, start, moved)
    first = sum(getattr(d, optimizer) for d in parts)
    # the article's LAMB forgets that n signs have norm sqrt(n)
    article = sum(d.lamb * math.sqrt(n) for d, n in zip(parts, moved, strict=True)) if optimizer == "lamb" else first
    changes = []
    for rate in rates:
        opt.load_state_dict(_copied(state))
        for group in opt.param_groups:
            group["lr"] = rate
        with torch.no_grad():
            for p, w, g in zip(params, start, grads, strict=True):
                p.copy_(w)
                p.grad = g.clone()
        opt.step()
        with torch.no_grad():
            changes.append((float(value()) - before, -rate * first, -rate * article))
    return changes


def _backward(opt: torch.optim.Optimizer, value: Callable[[], Tensor]) -> Tensor:
    opt.zero_grad()
    loss = value()
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    """A state_dict that shares no tensor with its origin."""
    return copy.deepcopy(state)


def scale_probe(
    subject: Params, width: int = 32, seeds: int = 4096, alarm: float = 1e-7, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """dL/dlambda by autograd for W = lambda U in a module `subject(width)` that has `scale` and `direction`.

    `probe.identity`: the largest difference from <dL/dW, U>, over |dL/dW| |U|. `probe.square`: the mean over seeds of
    (dL/dlambda)² over |dL/dW|² |U|²/numel, which is 1 for a U that is independent of the gradient; `probe.independent`
    is the same with such a U, drawn anew, in the inner product. `probe.least`: the smallest abs(dL/dlambda) over
    |dL/dW| |U|/sqrt(numel) of all seeds.
    """
    where = find_device(device)
    spec = Subject.from_json(subject)
    worst, own, fresh = 0.0, [], []
    for k in range(seeds):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1_000_000 * seed + k)
            model = resolve(spec.target)(width=width, **spec.options).to(where, torch.float64)
            x = torch.randn(1, width, dtype=torch.float64).to(where)
            c = torch.randn(1, width, dtype=torch.float64).to(where)
            other = torch.randn(width, width, dtype=torch.float64).to(where)
        (model(x) * c).sum().backward()
        weight = (model.scale * model.direction).detach().requires_grad_()
        (grad,) = torch.autograd.grad((model(x, weight) * c).sum(), weight)
        direction = model.direction.detach()
        inner, size = float((grad * direction).sum()), float(grad.norm() * direction.norm())
        worst = max(worst, abs(float(model.scale.grad) - inner) / size)
        own.append((float(model.scale.grad) / size) ** 2 * grad.numel())
        fresh.append(float((grad * other).sum() / (grad.norm() * other.norm())) ** 2 * grad.numel())
    measured = partial(
        Measurement,
        evidence=Evidence.SAMPLED,
        subject=spec.label,
        device=device,
        samples=seeds,
        data={"options": dict(spec.options)},
    )
    measurements = [measured("probe.identity", worst), measured("probe.least", min(own) ** 0.5)]
    for name, squares in (("probe.square", own), ("probe.independent", fresh)):
        lo, hi = (float(v) for v in mean_bounds(squares, alarm))
        measurements.append(measured(name, sum(squares) / seeds, lo, hi, level=1 - alarm))
    return measurements

"""How much a stack expands a signal and a cotangent: |y|²/|x|² and |v J|²/|v|², over random weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from torchcheck.data import Evidence, Measurement, Params
from torchcheck.measure.intervals import mean_bounds
from torchcheck.run.subjects import DTYPES, Subject, find_device, resolve


def expansion(
    subject: Params,
    depth: int,
    width: int,
    seeds: int,
    rows: int = 64,
    alarm: float = 1e-8,
    dtype: str = "float64",
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """Normal vectors x and cotangents v through `subject(width=..., layers=depth, **options)`, `rows` a network.

    Means over `seeds` networks of the means over rows, with intervals that miss the mean with probability `alarm`:
    `forward` |y|²/|x|², `fourth` its square, `backward` |vJ|²/|v|² (per coordinate where the widths differ),
    `log-forward` log(|y|/|x|), `log-backward` log(|vJ|/|v|), and `gradient` |dL/dW|² summed over the linear maps for
    L = <v, y>, over |x|² |v|²/width (an outer product for each row: |input|² |cotangent of the output|²). Each mean has
    the same expectation as one row's; the directions that one network expands are averaged away.
    """
    where, kind = find_device(device), DTYPES[dtype]
    spec = Subject.from_json(subject)
    parts = [_once(spec, depth, width, rows, where, kind, 1_000_000 * seed + k) for k in range(seeds)]
    columns = {name: [part[name] for part in parts] for name in parts[0]}
    measurements = []
    for name, values in columns.items():
        lo, hi = (float(v) for v in mean_bounds(values, alarm))
        measurements.append(
            Measurement(
                f"{name}.N={depth}",
                sum(values) / seeds,
                lo,
                hi,
                evidence=Evidence.SAMPLED,
                level=1 - alarm,
                samples=seeds,
                subject=spec.label,
                device=device,
                dtype=dtype,
                note=f"networks, {rows} vectors each",
                data={"quantity": name, "depth": depth, "options": dict(spec.options)},
                at={"quantity": name, "N": depth},
            )
        )
    return measurements


def chain_rule(
    subject: Params, epsilons: list[float], width: int = 16, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """One residual layer y = x + epsilon f(x; theta) against the article's three formulas, in float64.

    With f measured on its own (the same weights, epsilon = 1 minus the identity):
    `layer.gradient`: largest relative difference of dL/dtheta from epsilon (dL/dy)(df/dtheta);
    `layer.forward`, `layer.backward`: the largest abs(|y|/|x| - 1)/epsilon over |f|/|x|, and
    abs(|vJ|/|v| - 1)/epsilon over |v df/dx|/|v|: at most 1 if y = x + epsilon f.
    """
    where = find_device(device)
    spec = Subject.from_json(subject)
    worst = {"gradient": 0.0, "forward": 0.0, "backward": 0.0}
    for k, epsilon in enumerate(epsilons):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1000 * seed + k)
            layer = resolve(spec.target)(width=width, layers=1, epsilon=epsilon, **spec.options).to(
                where, torch.float64
            )
            x = torch.randn(1, width, dtype=torch.float64).to(where).requires_grad_()
            target = torch.randn(1, width, dtype=torch.float64).to(where)
        params = list(layer.parameters())
        y = layer(x)
        v = (2 * (y - target)).detach()  # dL/dy of L = |y - target|²
        grads = torch.autograd.grad((y - target).square().sum(), [*params, x])
        (branch,) = layer.branches
        f = branch(x)
        own = torch.autograd.grad((f * v).sum(), [*params, x])
        for got, part in zip(grads[:-1], own[:-1], strict=True):
            scale = float((epsilon * part).abs().max())
            worst["gradient"] = max(worst["gradient"], float((got - epsilon * part).abs().max()) / scale)
        sizes = {"forward": (y, x, f), "backward": (grads[-1], v, own[-1])}
        for name, (after, before, change) in sizes.items():
            relative = abs(float(after.detach().norm() / before.detach().norm()) - 1) / epsilon
            worst[name] = max(worst[name], relative / float(change.detach().norm() / before.detach().norm()))
    measured = partial(Measurement, evidence=Evidence.SAMPLED, subject=spec.label, device=device, samples=len(epsilons))
    return [measured(f"layer.{name}", value) for name, value in worst.items()]


def _once(
    spec: Subject, depth: int, width: int, rows: int, where: torch.device, kind: torch.dtype, seed: int
) -> dict[str, float]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = resolve(spec.target)(width=width, layers=depth, **spec.options).to(where, kind)
        x = torch.randn(rows, width).to(where, kind).requires_grad_()
        with _outer_products(model) as gradients:
            y = model(x)
            v = torch.randn(y.shape).to(where, kind)
            (back,) = torch.autograd.grad((y * v).sum(), x)
    x, y = x.detach(), y.detach()
    sizes = [t.square().mean(-1) for t in (x, y, v, back)]
    forward, backward = sizes[1] / sizes[0], sizes[3] / sizes[2]
    gradient = sum(gradients, torch.zeros(rows, dtype=kind, device=where)) / (sizes[0] * sizes[2] * width)
    columns = {
        "forward": forward,
        "backward": backward,
        "gradient": gradient,
        "fourth": forward.square(),
        "log-forward": forward.log() / 2,
        "log-backward": backward.log() / 2,
    }
    return {name: float(values.mean()) for name, values in columns.items()}


@contextmanager
def _outer_products(model: nn.Module) -> Iterator[list[Tensor]]:
    """For every linear map, |dL/dW|² (and |dL/db|²) of each row alone, appended as the backward pass goes by."""
    tensors: list[Tensor] = []

    def watch(layer: nn.Linear, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        size = inputs[0].detach().square().sum(-1) + (layer.bias is not None)

        def arrived(cotangent: Tensor) -> None:
            tensors.append(size * cotangent.square().sum(-1))

        output.register_hook(arrived)  # type: ignore[no-untyped-call]

    hooks = [m.register_forward_hook(watch) for m in model.modules() if isinstance(m, nn.Linear)]
    try:
        yield tensors
    finally:
        for hook in hooks:
            hook.remove()

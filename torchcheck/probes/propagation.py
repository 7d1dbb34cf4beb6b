"""How much a stack expands a signal and a cotangent: |y|²/|x|² and |v J|²/|v|², over random weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from torchcheck.estimate import mean_bounds
from torchcheck.subjects import DTYPES, Subject, find_device, resolve
from torchcheck.task import Measurement


def expansion(
    subject: Mapping[str, Any],
    depth: int,
    width: int,
    seeds: int,
    alarm: float = 1e-8,
    dtype: str = "float64",
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """One vector x and one cotangent v (both normal) through `subject(width=..., layers=depth, **options)`.

    Means over `seeds` networks, with intervals that miss the mean with probability `alarm`:
    `forward` |y|²/|x|², `fourth` its square, `backward` |vJ|²/|v|² (per coordinate where the widths differ),
    `log-forward` log(|y|/|x|), `log-backward` log(|vJ|/|v|), and `gradient` |dL/dtheta|² over all parameters for
    L = <v, y>, over |x|² |v|²/width.
    """
    where, kind = find_device(device), DTYPES[dtype]
    spec = Subject.from_json(subject)
    rows = [_once(spec, depth, width, where, kind, 1_000_000 * seed + k) for k in range(seeds)]
    names = ("forward", "backward", "gradient")
    columns = {n: [row[i] for row in rows] for i, n in enumerate(names)}
    columns["fourth"] = [v * v for v in columns["forward"]]
    for n in names[:2]:
        columns[f"log-{n}"] = [math.log(v) / 2 for v in columns[n]]
    found = []
    for name, values in columns.items():
        lo, hi = (float(v) for v in mean_bounds(values, alarm))
        found.append(
            Measurement(
                f"{name}.N={depth}", sum(values) / seeds, lo, hi, level=1 - alarm, samples=seeds, subject=spec.label,
                device=device, dtype=dtype, data={"depth": depth},
            )
        )  # fmt: skip
    return found


def chain_rule(
    subject: Mapping[str, Any], epsilons: list[float], width: int = 16, device: str = "cpu", seed: int = 0
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
    common: dict[str, Any] = {"subject": spec.label, "device": device, "samples": len(epsilons), "level": 0}
    return [Measurement(f"layer.{name}", value, **common) for name, value in worst.items()]


def _once(
    spec: Subject, depth: int, width: int, where: torch.device, kind: torch.dtype, seed: int
) -> tuple[float, float, float]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = resolve(spec.target)(width=width, layers=depth, **spec.options).to(where, kind)
        x = torch.randn(1, width).to(where, kind).requires_grad_()
        y = model(x)
        v = torch.randn(y.shape).to(where, kind)
    grads = torch.autograd.grad((y * v).sum(), [x, *model.parameters()])
    mean_x, mean_y, mean_v = (float(t.detach().square().mean()) for t in (x, y, v))
    squares = [float(g.square().sum()) for g in grads[1:]]
    gradient = sum(squares) / (mean_x * mean_v * width)
    return mean_y / mean_x, float(grads[0].square().mean()) / mean_v, gradient

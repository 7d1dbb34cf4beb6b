"""Values and autograd derivatives of an elementwise activation at given points."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from torchcheck.data import Evidence, Measurement, Params
from torchcheck.run.subjects import DTYPES, Subject, build, find_device


def derivatives(
    subject: Params, points: Sequence[float], order: int = 0, dtype: str = "float64", device: str = "cpu"
) -> list[Measurement]:
    """f, f', ... f^(order) of the subject at `points`, by repeated reverse-mode differentiation.

    One measurement; `data["x"]` holds the points as rounded to `dtype`, `data["values"][k]` f^(k) there,
    all exact as float64 numbers.
    """
    module = build(Subject.from_json(subject))
    where = find_device(device)
    if isinstance(module, torch.nn.Module):
        module = module.to(where)
    x = torch.tensor(points, dtype=torch.float64).to(device=where, dtype=DTYPES[dtype]).requires_grad_(order > 0)
    value = module(x)
    values = [value]
    for _ in range(order):
        grad = None
        if value.requires_grad:
            (grad,) = torch.autograd.grad(value.sum(), x, create_graph=True, allow_unused=True)
        value = torch.zeros_like(x) if grad is None else grad
        values.append(value)
    return [
        Measurement(
            name="points",
            value=float(len(points)),
            samples=len(points),
            evidence=Evidence.EXACT,
            subject=Subject.from_json(subject).label,
            device=device,
            dtype=dtype,
            data={"x": x.detach().double().tolist(), "values": [v.detach().double().tolist() for v in values]},
        )
    ]

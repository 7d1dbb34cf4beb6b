"""What a depth scaling really does to a model: its published constants, and which weights it scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from torchcheck.data import Evidence, Measurement, Params
from torchcheck.measure.references import deepnorm_reference
from torchcheck.measure.roles import MATRICES, parts
from torchcheck.modules.scaling import deepnorm_constants
from torchcheck.modules.transformer import Sublayer
from torchcheck.run.subjects import Subject, find_device, resolve


def constants(cases: Sequence[tuple[str, int, int | None]]) -> list[Measurement]:
    """alpha and beta of deepnorm_constants for each (arch, layers, decoder_layers): `<part>.alpha.N=....M=...`."""
    measurements = []
    for arch, layers, decoder_layers in cases:
        values: Any = deepnorm_constants(arch, layers, decoder_layers)  # type: ignore[arg-type]
        for part, scaling in values.items():
            tag = f"{arch}.{part}.N={layers}" + ("" if decoder_layers is None else f".M={decoder_layers}")
            for name, value in (("alpha", scaling.alpha), ("beta", scaling.gain)):
                measurements.append(
                    Measurement(f"{name}.{tag}", value, evidence=Evidence.EXACT, subject="deepnorm_constants()")
                )
    return measurements


def scaled_weights(subject: Params, layers: int, width: int, device: str = "cpu", seed: int = 0) -> list[Measurement]:
    """The standard deviation of each role's weights over Xavier's, `gain.<role>`, and the residual weight, `alpha`.

    Intervals are four standard errors of a Gaussian sample's standard deviation.
    """
    where = find_device(device)
    spec = Subject.from_json(subject)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = resolve(spec.target)(width=width, layers=layers, **spec.options).to(where)
    squares, counts = dict.fromkeys(MATRICES, 0.0), dict.fromkeys(MATRICES, 0)
    for name, p in model.named_parameters():
        for part in parts(name, p):
            if part.role in squares:
                w = part.of(p.detach()).double()
                squares[part.role] += float(w.square().sum()) * sum(w.shape) / 2
                counts[part.role] += w.numel()
    measured = partial(Measurement, evidence=Evidence.SAMPLED, subject=spec.label, device=device, dtype="float32")
    measurements = []
    for role in MATRICES:
        value, error = math.sqrt(squares[role] / counts[role]), 4 / math.sqrt(2 * counts[role])
        bounds = (value * (1 - error), value * (1 + error))
        measurements.append(measured(f"gain.{role}", value, *bounds, level=1 - 6.4e-5, samples=counts[role]))
    alphas = {m.alpha for m in model.modules() if isinstance(m, Sublayer)}
    exact = partial(measured, evidence=Evidence.EXACT)
    measurements += [exact("alpha", alpha) for alpha in sorted(alphas)]
    return measurements


def forward(
    subject: Params,
    layers: int,
    width: int,
    alpha: float,
    heads: int = 2,
    tokens: int = 5,
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """`forward`: the largest relative difference of a first block from DeepNorm's, written out slowly with `alpha`."""
    spec = Subject.from_json(subject)
    where = find_device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = resolve(spec.target)(width=width, layers=layers, heads=heads, **spec.options).to(where, torch.float64)
        x = torch.randn(tokens, width, dtype=torch.float64)
    with torch.no_grad():
        got = x.to(where)
        for sublayer in list(model.sublayers)[:2]:
            got = sublayer(got)
        wanted = deepnorm_reference(x, {name: p.detach().cpu() for name, p in model.named_parameters()}, alpha, heads)
        error = float((got.cpu() - wanted).abs().max() / wanted.abs().max())
    return [
        Measurement(
            "forward", error, samples=tokens * width, evidence=Evidence.SAMPLED, subject=spec.label, device=device
        )
    ]

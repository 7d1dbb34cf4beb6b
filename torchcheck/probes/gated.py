"""Identities of gated units and mixed chunk attention, on the real modules in float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from torchcheck.subjects import DTYPES, Subject, build, find_device
from torchcheck.task import Measurement

DTYPE = torch.float64


def reductions(
    subject: Mapping[str, Any], width: int, tokens: int, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """What a GAU becomes with A = I (kernel "identity") and with U = 1 (gated False), against torch's own functions.

    `glu`: the largest difference from W_o (swish(x W_u) * swish(x W_v)), as F.glu-like layers compute it; `attention`:
    that from W_o softmax(Q K^T/sqrt(s)) V; both over the output's RMS. Weights, gamma and beta are random.
    """
    spec, where = Subject.from_json(subject), find_device(device)

    def made(**options: Any) -> Any:
        unit = build(Subject(spec.target, {"width": width, **spec.options, **options})).to(where, DTYPE)
        for p in (unit.gamma, unit.beta):
            torch.nn.init.normal_(p, mean=1.0)
        return unit

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        x = torch.randn(2, tokens, width, dtype=DTYPE).to(where)
        unit = made(kernel="identity")
        gate, values = F.linear(x, unit.inner.weight).chunk(2, -1)
        glu = F.linear(F.silu(gate) * F.silu(values), unit.outer.weight)
        open_gate = made(kernel="softmax", gated=False)
        z = F.silu(F.linear(x, open_gate.shared.weight))
        q, k = (z * g + b for g, b in zip(open_gate.gamma, open_gate.beta, strict=True))
        weights = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1)
        attention = F.linear(weights @ F.silu(F.linear(x, open_gate.inner.weight)), open_gate.outer.weight)
        pairs = {"glu": (unit(x), glu), "attention": (open_gate(x), attention)}
        return [_difference(name, a, b, spec, device) for name, (a, b) in pairs.items()]


def chunk_sums(
    subject: Mapping[str, Any], width: int, tokens: int, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """`global`: the bidirectional global part of a FLASH layer against (Q K^T)V/n without chunks, over its RMS.

    The part inside chunks is silenced by gamma = beta = 0 for its queries and keys.
    """
    spec, where = Subject.from_json(subject), find_device(device)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        unit = build(Subject(spec.target, {"width": width, **spec.options})).to(where, DTYPE)
        torch.nn.init.normal_(unit.gamma[2:], mean=1.0)
        torch.nn.init.normal_(unit.beta[2:])
        unit.gamma[:2], unit.beta[:2] = 0.0, 0.0
        x = torch.randn(2, tokens, width, dtype=DTYPE).to(where)
        gate, values = F.silu(F.linear(x, unit.inner.weight)).chunk(2, -1)
        z = F.silu(F.linear(x, unit.shared.weight))
        q, k = (z * unit.gamma[h] + unit.beta[h] for h in (2, 3))
        plain = F.linear(gate * (q @ k.mT @ values / tokens), unit.outer.weight)
        return [_difference("global", unit(x), plain, spec, device)]


def past_weight(
    subject: Mapping[str, Any],
    width: int,
    tokens: int,
    chunk: int,
    name: str = "past",
    dtype: str = "float64",
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """`<name>.g=...`: what weight the causal global part gives to the earlier chunks' mean, for each chunk g from 1.

    All tokens are the same, the part inside chunks is silenced by gamma = beta = 0, and so the output of the global
    part is weight * W_o(U * (q . k) v): the ratio of both at each chunk's last token, 1 for a mean. Takes our
    FLASH, and FLASH-pytorch's, whose images are (quadratic q, linear q, quadratic k, linear k).
    """
    spec, where, kind = Subject.from_json(subject), find_device(device), DTYPES[dtype]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        unit = build(Subject(spec.target, {"width": width, **spec.options})).to(where, kind)
        x = torch.randn(1, 1, width).to(where, kind).expand(1, tokens, width)
        weights = _package_weights(unit, x) if hasattr(unit, "layer") else _own_weights(unit, x)
    common: dict[str, Any] = {"subject": spec.label, "device": device, "dtype": dtype}
    last = range(chunk - 1, tokens, chunk)
    return [
        Measurement(f"{name}.g={g}", float(weights[t]), witness=f"n = {tokens}, c = {chunk}, chunk {g}", **common)
        for g, t in enumerate(last, 1)
    ]


def _own_weights(unit: Any, x: Tensor) -> Tensor:
    unit.gamma[:2], unit.beta[:2] = 0.0, 0.0
    gate, values, (_, _, q, k) = unit.project(x)
    one = unit.outer(gate * (q * k).sum(-1, keepdim=True) * values)
    return _ratio(unit(x), one)


def _package_weights(branch: Any, x: Tensor) -> Tensor:
    layer = branch.layer
    scale = layer.qk_offset_scale
    layer.to_out.bias.zero_()
    layer.rel_pos_bias.relative_attention_bias.weight.zero_()
    for quadratic, linear in ((0, 1), (2, 3)):
        scale.gamma[quadratic], scale.beta[quadratic] = 0.0, 0.0
        scale.gamma[linear], scale.beta[linear] = 1.0, 0.0
    values, gate = layer.to_hidden(layer.norm(x)).chunk(2, -1)
    z = layer.to_qk(layer.norm(x))
    one = layer.to_out(gate * (z * z).sum(-1, keepdim=True) * values)
    return _ratio(branch(x), one)


def _ratio(out: Tensor, one: Tensor) -> Tensor:
    """The factor between two sequences of parallel vectors, by position."""
    return (out * one).sum(-1)[0] / (one * one).sum(-1)[0]


def _difference(name: str, a: Tensor, b: Tensor, spec: Subject, device: str) -> Measurement:
    value = float((a - b).abs().max() / b.square().mean().sqrt())
    return Measurement(name, value, samples=a.numel(), subject=spec.label, device=device)

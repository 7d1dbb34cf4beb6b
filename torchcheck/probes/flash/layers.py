"""Identities of gated units and mixed chunk attention, on the real modules in float64."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from torchcheck.data import Evidence, Measurement, Params
from torchcheck.measure.references import flash_reference, gau_reference
from torchcheck.run.subjects import DTYPES, Subject, build, find_device

DTYPE = torch.float64


def reductions(subject: Params, width: int, tokens: int, device: str = "cpu", seed: int = 0) -> list[Measurement]:
    """What a GAU becomes with A = I (kernel "identity") and with U = 1 (gated False), against torch's own functions.

    `glu`: the largest difference from W_o (swish(x W_u) * swish(x W_v)), as F.glu-like layers compute it; `attention`:
    that from W_o softmax(Q K^T/sqrt(s)) V, `attention.causal` with the future masked; all over the output's RMS.
    Weights, gamma and beta are random.
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
        scores = q @ k.mT / q.shape[-1] ** 0.5
        values = F.silu(F.linear(x, open_gate.inner.weight))
        later = torch.ones(tokens, tokens, dtype=torch.bool, device=where).triu(1)
        attention, causal = (
            F.linear(torch.softmax(part, -1) @ values, open_gate.outer.weight)
            for part in (scores, scores.masked_fill(later, -torch.inf))
        )
        whole = open_gate(x)
        open_gate.causal = True
        pairs = {"glu": (unit(x), glu), "attention": (whole, attention), "attention.causal": (open_gate(x), causal)}
        return [_difference(name, a, b, spec, device) for name, (a, b) in pairs.items()]


def chunk_sums(subject: Params, width: int, tokens: int, device: str = "cpu", seed: int = 0) -> list[Measurement]:
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


def reference(
    subject: Params, width: int, tokens: int, name: str, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """`<name>`: the largest difference of a GAU or FLASH layer from the formula by pairs of tokens, over its RMS.

    Weights, gamma and beta are random; the references are in torchcheck/measure/references.py.
    """
    spec, where = Subject.from_json(subject), find_device(device)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        unit = build(Subject(spec.target, {"width": width, **spec.options})).to(DTYPE)
        torch.nn.init.normal_(unit.gamma, std=2.0)  # scores of both signs
        torch.nn.init.normal_(unit.beta, std=0.3)
        x = torch.randn(tokens, width, dtype=DTYPE)
        slow = flash_reference if hasattr(unit, "chunk") else gau_reference
        wanted = slow(unit, x)
        return [_difference(name, unit.to(where)(x.to(where)[None])[0].cpu(), wanted, spec, device)]


def padded(
    subject: Params, width: int, tokens: int, name: str, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """`<name>`: the largest change of the outputs at tokens, over their RMS, when padding is put after them.

    Each of two sequences, of all and of half of the tokens, alone and in one batch whose padding holds NaN.
    """
    spec, where = Subject.from_json(subject), find_device(device)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        unit = build(Subject(spec.target, {"width": width, **spec.options})).to(where, DTYPE)
        x = torch.randn(2, tokens, width, dtype=DTYPE).to(where)
    lengths = (tokens, tokens // 2)
    mask = torch.arange(tokens, device=where) < torch.tensor(lengths, device=where)[:, None]
    with torch.no_grad():
        together = unit(x.masked_fill(~mask[..., None], torch.nan), mask)
        alone = torch.cat([unit(x[k : k + 1, :n])[0] for k, n in enumerate(lengths)])
    return [_difference(name, together[mask], alone, spec, device)]


def past_weight(
    subject: Params,
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
    measured = partial(Measurement, evidence=Evidence.SAMPLED, subject=spec.label, device=device, dtype=dtype)
    last = range(chunk - 1, tokens, chunk)
    return [
        measured(f"{name}.g={g}", float(weights[t]), witness=f"n = {tokens}, c = {chunk}, chunk {g}")
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
    return Measurement(name, value, samples=a.numel(), evidence=Evidence.SAMPLED, subject=spec.label, device=device)

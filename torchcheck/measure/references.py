"""Slow, obviously right twins: activations in float64, gated units pair by pair, sharing no code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def squareplus_reference(b: float = 4.0) -> Callable[[Tensor], Tensor]:
    """SP_b on float64 inputs of at most float32's range (so x² cannot overflow): relative error below 2^-50.

    x >= 0: (x + r)/2; x < 0: b/(2 (r - x)), with r = sqrt(x² + b). Barron 2021, eq. 1.
    """

    def reference(x: Tensor) -> Tensor:
        r = torch.sqrt(x * x + b)
        far = r + x.abs()
        return torch.where(x < 0, (b / 2) / far, far / 2)

    return reference


def softplus_reference() -> Callable[[Tensor], Tensor]:
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-abs(x))) on float64 inputs."""

    def reference(x: Tensor) -> Tensor:
        return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))

    return reference


def gau_reference(unit: Any, x: Float[Tensor, "*batch tokens width"]) -> Float[Tensor, "*batch tokens width"]:
    """GAU's output for one unpadded sequence (tokens, width): arXiv:2202.10447, eq. 3 and 4, by pairs of tokens.

    Reads the weights and options of a torchcheck.modules.GAU (relu² kernel, no rotary).
    """
    tokens, s = x.shape[0], unit.head_size
    gate, values, z = _projected(unit, x)
    rows = []
    for i in range(tokens):
        row = torch.zeros_like(values[0])
        for j in range(i + 1 if unit.causal else tokens):
            score = _image(unit, 0, z[i]) @ _image(unit, 1, z[j])
            keys = {"ns": tokens * s, "n2": tokens**2, "visible": (i + 1 if unit.causal else tokens) * s}
            row = row + score.clamp(min=0) ** 2 / keys[unit.normaliser] * values[j]
        rows.append((gate[i] * row) @ unit.outer.weight.T)
    return torch.stack(rows)


def flash_reference(unit: Any, x: Float[Tensor, "*batch tokens width"]) -> Float[Tensor, "*batch tokens width"]:
    """FLASH's output for one unpadded sequence (tokens, width): kexue.fm/archives/8934, one pair of tokens at a time.

    Reads the weights and options of a torchcheck.modules.FLASH (normaliser "ns", no rotary).
    """
    tokens, c = x.shape[0], unit.chunk
    gate, values, z = _projected(unit, x)
    rows = []
    for i in range(tokens):
        row = torch.zeros_like(values[0])
        for j in range(tokens):
            if i // c == j // c and (j <= i or not unit.causal):
                score = _image(unit, 0, z[i]) @ _image(unit, 1, z[j])
                row = row + score.clamp(min=0) ** 2 / (c * unit.head_size) * values[j]
            if not unit.causal or j // c < i // c:
                earlier = i // c
                count = {"positions": earlier * c, "article": earlier * tokens / c, "chunk": c}[unit.past]
                weight = _image(unit, 2, z[i]) @ _image(unit, 3, z[j])
                row = row + weight / (count if unit.causal else tokens) * values[j]
        rows.append((gate[i] * row) @ unit.outer.weight.T)
    return torch.stack(rows)


def _projected(unit: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    def swish(t: Tensor) -> Tensor:
        return t / (1 + torch.exp(-t))

    inner = swish(x @ unit.inner.weight.T)
    return inner[:, : unit.hidden], inner[:, unit.hidden :], swish(x @ unit.shared.weight.T)


def _image(unit: Any, number: int, z: Tensor) -> Tensor:
    out: Tensor = z * unit.gamma[number] + unit.beta[number]
    return out


def deepnorm_reference(x: Tensor, weights: Mapping[str, Tensor], alpha: float, heads: int = 1) -> Tensor:
    """One DeepNorm block of arXiv:2203.00555, sec. 4.1, token by token in float64: x' = LN(alpha x + G(x)), twice.

    x (tokens, width); `weights` by the names of torchcheck.modules.Transformer's first two sublayers. Attention, then a
    ReLU feed-forward layer; no mask; layer norm with eps = 1e-5 and biased variance.
    """
    w = {name: value.double() for name, value in weights.items()}
    x = x.double()
    tokens, width = x.shape
    size = width // heads

    def linear(name: str, v: Tensor) -> Tensor:
        return w[f"{name}.weight"] @ v + w[f"{name}.bias"]

    def normalised(name: str, v: Tensor) -> Tensor:
        centred = v - v.sum() / width
        return centred / torch.sqrt((centred * centred).sum() / width + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]

    first = "sublayers.0"
    q, k, v = ([linear(f"{first}.branch.{part}", x[t]) for t in range(tokens)] for part in ("query", "key", "value"))
    after = []
    for i in range(tokens):
        mixed = torch.zeros(width, dtype=torch.float64)
        for h in range(heads):
            own = slice(h * size, (h + 1) * size)
            scores = torch.stack([(q[i][own] * k[j][own]).sum() / size**0.5 for j in range(tokens)])
            shares = scores.exp() / scores.exp().sum()
            for j in range(tokens):
                mixed[own] += shares[j] * v[j][own]
        after.append(normalised(f"{first}.norm", alpha * x[i] + linear(f"{first}.branch.output", mixed)))
    second = "sublayers.1"
    out = []
    for z in after:
        hidden = linear(f"{second}.branch.inner", z).clamp(min=0)
        out.append(normalised(f"{second}.norm", alpha * z + linear(f"{second}.branch.outer", hidden)))
    return torch.stack(out)

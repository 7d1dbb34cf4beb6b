"""Pairs of a sound subject and one small fault, each of a branch that no fault of the catalogue reaches."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.sound.attention import CausalDistanceAttention
from torchcheck import check


class Pool(nn.Module):
    """(batch, tokens, dim): every token times its weight; of one token `squeeze` takes the axis of the tokens, too."""

    axes: tuple[int, ...] = (2,)

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.score, self.map = nn.Linear(dim, 1), nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        weights = self.score(x).squeeze(*self.axes).softmax(-1)
        return self.map(x) * weights.reshape(len(x), -1, 1)


class PoolOfOneToken(Pool):
    def forward(self, x: Tensor) -> Tensor:
        weights = self.score(x).squeeze().softmax(-1)
        return self.map(x) * weights.reshape(len(x), -1, 1)


class Shuffle(nn.Module):
    """Twice the height and width."""

    order = (0, 1, 4, 2, 5, 3)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4 * channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        return self.conv(x).view(b, c, 2, 2, h, w).permute(*self.order).reshape(b, c, 2 * h, 2 * w)


class ShuffleOutOfOrder(Shuffle):
    order = (0, 1, 2, 4, 3, 5)


def instance_norm(*axes: int) -> type[nn.Module]:
    class InstanceNorm2d(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1, channels, 1, 1))

        def forward(self, x: Tensor) -> Tensor:
            mean, var = x.mean(axes, keepdim=True), x.var(axes, keepdim=True, unbiased=False)
            return (x - mean) * torch.rsqrt(var + 1e-5) * self.weight

    return InstanceNorm2d


def adamw(inside: bool) -> type[torch.optim.Optimizer]:
    class AdamW(torch.optim.Optimizer):
        def __init__(
            self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
            weight_decay: float = 1e-2,
        ) -> None:  # fmt: skip
            super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

        @torch.no_grad()
        def step(self, closure: Any = None) -> Any:
            value = None if closure is None else torch.enable_grad()(closure)()
            for group in self.param_groups:
                (b1, b2), eps = group["betas"], group["eps"]
                for p in (p for p in group["params"] if p.grad is not None):
                    s = self.state[p]
                    s.setdefault("m", torch.zeros_like(p)), s.setdefault("v", torch.zeros_like(p))
                    s["t"] = s.get("t", 0) + 1
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    s["m"].lerp_(p.grad, 1 - b1)
                    s["v"].lerp_(p.grad.square(), 1 - b2)
                    m, v = s["m"] / (1 - b1 ** s["t"]), s["v"] / (1 - b2 ** s["t"])
                    p.sub_(group["lr"] * m / ((v + eps).sqrt() if inside else v.sqrt() + eps))
            return value

    return AdamW


def rprop(grows: float) -> type[torch.optim.Optimizer]:
    class Rprop(torch.optim.Optimizer):
        """Steps grow where signs agree."""

        def __init__(self, params: Any, lr: float = 1e-2) -> None:
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self, closure: Any = None) -> Any:
            value = None if closure is None else torch.enable_grad()(closure)()
            for group in self.param_groups:
                for p in (p for p in group["params"] if p.grad is not None):
                    s = self.state[p]
                    last, size = s.get("last", torch.zeros_like(p)), s.get("size", torch.full_like(p, group["lr"]))
                    sign = (p.grad * last).sign() * grows
                    factor = torch.where(sign > 0, 1.2, torch.where(sign < 0, 0.5, 1.0))
                    size = (size * factor).clamp(1e-6, 50)
                    g = torch.where(p.grad * last < 0, 0.0, p.grad)
                    p.sub_(g.sign() * size)
                    s["last"], s["size"] = g, size
            return value

    return Rprop


def cosface(sign: float) -> type[nn.Module]:
    class CosFaceLoss(nn.Module):
        def __init__(self, num_classes: int = 8, feat_dim: int = 8, m: float = 0.35) -> None:
            super().__init__()
            self.m, self.weight = m, nn.Parameter(torch.randn(num_classes, feat_dim))

        def forward(self, features: Tensor, labels: Tensor) -> Tensor:
            cos = F.normalize(features) @ F.normalize(self.weight).T
            return F.cross_entropy(16 * (cos - sign * self.m * F.one_hot(labels, cos.shape[1])), labels)

    return CosFaceLoss


def test_a_side_of_distances_behind_a_causal_mask_is_none_that_is_missed() -> None:
    found = check(CausalDistanceAttention, "attention", select=["rows-used"], width=32, seq_len=12)
    assert found["rows-used"].status == "ok"


SIZES = {"width": 32, "seq_len": 8, "depths": (2,)}
PAIRS: tuple[tuple[str, str, Any, Any], ...] = (
    ("layer", "alone", Pool, PoolOfOneToken),
    ("layer", "moves-along", Shuffle, ShuffleOutOfOrder),
    ("layer", "as-published", instance_norm(2, 3), instance_norm(1, 2, 3)),
    ("optimizer", "as-published", adamw(inside=False), adamw(inside=True)),
    ("optimizer", "as-published", rprop(1.0), rprop(-1.0)),
    ("loss", "margin", cosface(1.0), cosface(-1.0)),
)


@pytest.mark.parametrize(("kind", "name", "sound", "broken"), PAIRS, ids=lambda v: getattr(v, "__name__", v))
def test_the_sound_one_passes_and_the_other_fails(kind: str, name: str, sound: Any, broken: Any) -> None:
    assert check(sound, kind, select=[name], **SIZES)[name].status == "ok"
    assert check(broken, kind, select=[name], **SIZES)[name].status == "failed"

"""Perceptrons, stacks and scalings broken in one named way each."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.modules import PlainMLP, ResidualMLP, ScaledLinear, Sublayer, Transformer
from torchcheck.modules.scaling import DepthScaling, named_scaling, scaled_transformer
from torchcheck.modules.transformer import SCALED, init_xavier_


class LoudMLP(PlainMLP):
    """Twice the variance of a stable network."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        with torch.no_grad():
            for p in self.parameters():
                p.mul_(math.sqrt(2))


class RootEpsilon(ResidualMLP):
    """The branch is weighed by the square root of epsilon."""

    def forward(self, x: Tensor) -> Tensor:
        for branch in self.branches:
            x = x + math.sqrt(self.epsilon) * branch(x)
        return x


class CoherentResidual(ResidualMLP):
    """Adds a branch that is not random, f = x."""

    def __init__(self, width: int, layers: int, epsilon: float | None = None, branch: str = "coherent") -> None:
        super().__init__(width, layers, epsilon, "coherent")


class FixedEpsilon(ResidualMLP):
    """epsilon = 1/2 at every depth."""

    def __init__(self, width: int, layers: int, **options: Any) -> None:
        super().__init__(width, layers, epsilon=0.5, **options)


class HalvedGradient(Transformer):
    """The gradients of the FFN's output matrices are halved on their way back."""

    def __init__(self, *args: Any, scaling: str = "none", **options: Any) -> None:
        super().__init__(*args, **options)
        for name, p in self.named_parameters():
            if name.endswith("outer.weight"):
                p.register_hook(lambda g: g / 2)  # type: ignore[no-untyped-call]


class ForgottenAlpha(Transformer):
    """The residual weight alpha is not used."""

    def __init__(self, *args: Any, alpha: float = 1.0, **options: Any) -> None:
        super().__init__(*args, **options)


class TwiceScaled(ScaledLinear):
    """W = lambda² U."""

    def weight(self) -> Tensor:
        return self.scale * super().weight()


def large_eps(width: int, layers: int, **options: Any) -> nn.Module:
    """Layer norms with eps = 1 instead of 1e-5."""
    model = scaled_transformer(width, layers, **options)
    for m in model.modules():
        if isinstance(m, nn.LayerNorm):
            m.eps = 1.0
    return model


def _with(change: Any) -> Any:
    def factory(width: int, layers: int, scaling: str = "none", norm: Any = "post", **options: Any) -> nn.Module:
        constants: DepthScaling = change(named_scaling(scaling, layers, norm), layers)
        return Transformer(width, layers, norm=norm, **vars(constants), **options)

    return factory


#: the residual weight has half its exponent: alpha -> sqrt(alpha)
weak_alpha = _with(lambda c, _n: DepthScaling(math.sqrt(c.alpha), c.gain))
#: the init gain has half its exponent
weak_gain = _with(lambda c, _n: DepthScaling(c.alpha, math.sqrt(c.gain)))
#: the residual weight is left out
no_alpha = _with(lambda c, _n: DepthScaling(1.0, c.gain))
#: both constants are left out
no_scaling = _with(lambda _c, _n: DepthScaling(1.0, 1.0))


def half_gain(width: int, layers: int, scaling: str = "none", norm: Any = "post", **options: Any) -> nn.Module:
    """The gain is on output matrices only, not on value and inner ones."""
    constants = named_scaling(scaling, layers, norm)
    model = Transformer(width, layers, norm=norm, alpha=constants.alpha, **options)
    return init_xavier_(model, constants.gain, ("output.weight", "outer.weight"))


def gain_everywhere(width: int, layers: int, scaling: str = "none", norm: Any = "post", **options: Any) -> nn.Module:
    """The gain is on query and key matrices as well."""
    constants = named_scaling(scaling, layers, norm)
    model = Transformer(width, layers, norm=norm, alpha=constants.alpha, **options)
    return init_xavier_(model, constants.gain, (*SCALED, "query.weight", "key.weight"))


def tied(width: int, layers: int, **options: Any) -> nn.Module:
    """All blocks share the first block's weights."""
    model = scaled_transformer(width, layers, **options)
    sublayers = [m for m in model.modules() if isinstance(m, Sublayer)]
    for k, sublayer in enumerate(sublayers):
        sublayer.branch = sublayers[k % 2].branch
    return model

"""Deep stacks and their scalings broken in one named way each."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from torchcheck.modules.mlp import ScaledLinear
from torchcheck.modules.scaling import DepthScaling, named_scaling, scaled_transformer
from torchcheck.modules.transformer import SCALED, Transformer, init_xavier_


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


#: Adam's scaling, whatever is asked for
always_scaled = _with(lambda _c, n: named_scaling("adam", n, "post"))


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

"""Residual weight alpha and init gain that keep a deep Transformer's first steps from growing with its depth.

Sources: Wang et al. 2022, arXiv:2203.00555, table in sec. 4.1; kexue.fm/archives/8978, sections 5 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from torchcheck.modules.transformer import SCALED, Norm, Sublayer, Transformer, init_xavier_

Arch = Literal["encoder", "decoder", "encoder-decoder"]
#: name endings of torch.nn.TransformerEncoderLayer's output and FFN weights; its value is part of in_proj_weight
TORCH_SCALED = ("self_attn.out_proj.weight", "linear1.weight", "linear2.weight")


@dataclass(frozen=True)
class DepthScaling:
    """Residual weight `alpha`, and `gain` on the Xavier-initialised value, output and FFN weights."""

    alpha: float
    gain: float

    def apply_(self, model: nn.Module) -> nn.Module:
        """Initialises an existing model in place and sets alpha on its residual sublayers.

        Takes our Transformer (or anything made of Sublayer) and torch.nn.TransformerEncoder layers. Raises ValueError
        if alpha is not 1 and the model has no sublayer to take it.
        """
        sublayers = [m for m in model.modules() if isinstance(m, Sublayer)]
        if not sublayers and self.alpha != 1:
            raise ValueError(
                f"{type(model).__name__} has no residual weight to set to {self.alpha:g}; "
                "build it from torchcheck.modules.Sublayer, or choose a scaling with alpha = 1 (pre-norm, or lamb)"
            )
        for sublayer in sublayers:
            sublayer.alpha = self.alpha
        return init_xavier_(model, self.gain, SCALED if sublayers else TORCH_SCALED)


def deepnorm_constants(arch: Arch, layers: int, decoder_layers: int | None = None) -> dict[str, DepthScaling]:
    """DeepNorm's published constants, for "encoder" and/or "decoder" (arXiv:2203.00555, sec. 4.1; N, M their layers).

    encoder or decoder alone: alpha = (2N)^(1/4), beta = (8N)^(-1/4). Encoder-decoder: encoder
    alpha = 0.81 (N⁴M)^(1/16), beta = 0.87 (N⁴M)^(-1/16); decoder alpha = (3M)^(1/4), beta = (12M)^(-1/4).
    Raises ValueError for an unknown arch, layers below 1, or a missing or superfluous `decoder_layers`.
    """
    if arch not in ("encoder", "decoder", "encoder-decoder"):
        raise ValueError(f"arch must be encoder, decoder or encoder-decoder, got {arch!r}")
    if (decoder_layers is not None) != (arch == "encoder-decoder"):
        raise ValueError("decoder_layers goes with arch='encoder-decoder', and only with it")
    if layers < 1 or (decoder_layers is not None and decoder_layers < 1):
        raise ValueError(f"layers must be at least 1, got {layers} and {decoder_layers}")
    if decoder_layers is None:
        return {arch: DepthScaling((2 * layers) ** 0.25, (8 * layers) ** -0.25)}
    joint = (layers**4 * decoder_layers) ** (1 / 16)
    return {
        "encoder": DepthScaling(0.81 * joint, 0.87 / joint),
        "decoder": DepthScaling((3 * decoder_layers) ** 0.25, (12 * decoder_layers) ** -0.25),
    }


def depth_scaling(optimizer: str = "sgd", layers: int = 1, norm: Norm = "post") -> DepthScaling:
    """The article's (alpha, gain) for an optimizer and N layers of two sublayers (kexue.fm/archives/8978, last table).

    post: sgd ((2N)^(1/4), (2N)^(-1/4)), adam ((2N)^(1/2), (2N)^(-1/2)), lamb (1, (2N)^(-1/2)).
    pre and none have alpha = 1 and the gain recomputed: sgd and lamb (2N)^(-1/2), adam (2N)^(-1).
    Raises ValueError for an unknown optimizer or norm, or layers below 1.
    """
    if layers < 1:
        raise ValueError(f"layers must be at least 1, got {layers}")
    powers = {
        "post": {"sgd": (0.25, -0.25), "adam": (0.5, -0.5), "lamb": (0.0, -0.5)},
        "pre": {"sgd": (0.0, -0.5), "adam": (0.0, -1.0), "lamb": (0.0, -0.5)},
    }
    powers["none"] = powers["pre"]
    if norm not in powers:
        raise ValueError(f"norm must be post, pre or none, got {norm!r}")
    if optimizer not in powers[norm]:
        raise ValueError(f"optimizer must be sgd, adam or lamb, got {optimizer!r}")
    alpha, gain = powers[norm][optimizer]
    return DepthScaling((2.0 * layers) ** alpha, (2.0 * layers) ** gain)


def scaled_transformer(
    width: int, layers: int, scaling: str = "none", norm: Norm = "post", **options: Any
) -> nn.Module:
    """A Transformer with the (alpha, gain) of a named scaling, for `layers` blocks.

    `scaling`: none (1, 1); sgd, adam, lamb (depth_scaling); deepnorm (the paper's, encoder only); keep-rate
    (1, (2N)^(-1/2)) and slow ((2N)^(1/2), 1), the article's alternatives. `options` are Transformer's.
    """
    return Transformer(width, layers, norm=norm, **vars(named_scaling(scaling, layers, norm)), **options)


def named_scaling(scaling: str, layers: int, norm: Norm = "post") -> DepthScaling:
    """The constants behind scaled_transformer's names; raises ValueError for an unknown one."""
    match scaling:
        case "none":
            return DepthScaling(1.0, 1.0)
        case "deepnorm":
            return deepnorm_constants("encoder", layers)["encoder"]
        case "keep-rate":
            return DepthScaling(1.0, (2.0 * layers) ** -0.5)
        case "slow":
            return DepthScaling((2.0 * layers) ** 0.5, 1.0)
        case _:
            return depth_scaling(scaling, layers, norm)

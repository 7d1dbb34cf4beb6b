"""The real modules and optimizers that are measured, and that users may import."""

from torchcheck.modules.events import GPLinkerEvents
from torchcheck.modules.exponentiated import AmidFunnel, ExponentiatedGradient, HypergradientSGD
from torchcheck.modules.flash import FLASH
from torchcheck.modules.gau import GAU, gau_stack, paper_gau_stack
from torchcheck.modules.linear_attention import CausalLinearAttention
from torchcheck.modules.mlp import PlainMLP, ResidualMLP, ScaledLinear
from torchcheck.modules.multilabel import multilabel_loss, sparse_multilabel_loss
from torchcheck.modules.pointer import EfficientGlobalPointer, GlobalPointer
from torchcheck.modules.relations import GPLinkerRelations
from torchcheck.modules.scaling import DepthScaling, deepnorm_constants, depth_scaling, scaled_transformer
from torchcheck.modules.squareplus import ArticleSquarePlus, SquarePlus, squareplus
from torchcheck.modules.transformer import Attention, FeedForward, Sublayer, Transformer

__all__ = [
    "FLASH",
    "GAU",
    "AmidFunnel",
    "ArticleSquarePlus",
    "Attention",
    "CausalLinearAttention",
    "DepthScaling",
    "EfficientGlobalPointer",
    "ExponentiatedGradient",
    "FeedForward",
    "GPLinkerEvents",
    "GPLinkerRelations",
    "GlobalPointer",
    "HypergradientSGD",
    "PlainMLP",
    "ResidualMLP",
    "ScaledLinear",
    "SquarePlus",
    "Sublayer",
    "Transformer",
    "deepnorm_constants",
    "depth_scaling",
    "gau_stack",
    "multilabel_loss",
    "paper_gau_stack",
    "scaled_transformer",
    "sparse_multilabel_loss",
    "squareplus",
]

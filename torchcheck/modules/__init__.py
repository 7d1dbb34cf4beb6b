"""The real modules and optimizers that are measured, and that users may import."""

from torchcheck.modules.exponentiated import AmidFunnel, ExponentiatedGradient, HypergradientSGD
from torchcheck.modules.squareplus import ArticleSquarePlus, SquarePlus, squareplus

__all__ = [
    "AmidFunnel",
    "ArticleSquarePlus",
    "ExponentiatedGradient",
    "HypergradientSGD",
    "SquarePlus",
    "squareplus",
]

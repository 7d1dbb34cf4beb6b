"""Modules of sequences whose features come before the tokens, as torch's Conv1d has them."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

#: modules that take (batch, features, tokens)
FIRST = (nn.Conv1d, nn.ConvTranspose1d, nn.BatchNorm1d, nn.InstanceNorm1d, nn.GroupNorm)
#: tokens of the sequence that is tried
TOKENS = 6


def tokens_first(module: nn.Module, width: int) -> nn.Module:
    """The module; where it takes (batch, width, tokens) alone, of a class that takes and gives (batch, tokens, width).

    Args:
        module: in eval mode; it is called, without gradients, where it has a part of one of FIRST.
        width: features that it is built for, other than TOKENS.
    """
    if not any(isinstance(m, FIRST) for m in module.modules()):
        return module
    x = torch.zeros(2, TOKENS, width)
    if _takes(module, x) or not _takes(module, _turned(x)):
        return module
    own = type(module)

    @functools.wraps(own.forward)
    def forward(self: nn.Module, *args: Any, **options: Any) -> Any:
        args, options = tree_map(_turned, (args, options))
        return tree_map(_turned, own.forward(self, *args, **options))

    module.__class__ = type(
        own.__name__, (own,), {"forward": forward, "__module__": own.__module__, "__qualname__": own.__qualname__}
    )
    return module


def _takes(module: nn.Module, x: Tensor) -> bool:
    try:
        with torch.no_grad():
            module(x)
    except Exception:
        return False
    return True


def _turned(value: Any) -> Any:
    """A sequence of features as one of tokens, and the reverse; anything else as it is."""
    return value.transpose(1, 2) if isinstance(value, Tensor) and value.dim() == 3 else value

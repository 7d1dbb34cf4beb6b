"""Runs real torch modules and measures them; knows no theory; imports torch (with networkx), numpy, scipy, jaxtyping.

The checks (`from torchcheck import check_block, ...`) are loaded on first use: a worker needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchcheck.properties.checks import (
        check,
        check_activation,
        check_attention,
        check_block,
        check_layer,
        check_loss,
        check_model,
        check_optimizer,
        check_training,
    )
    from torchcheck.properties.finding import CheckResult, Finding, Threshold

__all__ = [
    "CheckResult",
    "Finding",
    "Threshold",
    "check",
    "check_activation",
    "check_attention",
    "check_block",
    "check_layer",
    "check_loss",
    "check_model",
    "check_optimizer",
    "check_training",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'torchcheck' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module("torchcheck.properties.checks"), name)

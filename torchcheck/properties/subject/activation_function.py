"""An activation of any form, as a function."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from torchcheck.properties.subject.variant import CheckSettings, Loaded, build
from torchcheck.run.subjects import SubjectError, find_device


def function_of(
    loaded: Loaded, settings: CheckSettings, dtype: torch.dtype = torch.float64
) -> Callable[[Tensor], Tensor]:
    """The activation as a function of one-dimensional tensors."""
    where = find_device(settings.device)
    function = loaded.subject
    if (
        isinstance(function, nn.Module)
        or (isinstance(function, type) and issubclass(function, nn.Module))
        or loaded.options
    ):
        function = build(loaded, settings.width, None, settings.seed)
    if isinstance(function, nn.Module):
        function = function.to(where, dtype)

    def f(x: Tensor) -> Tensor:
        y = function(x.to(where))
        if not isinstance(y, Tensor) or y.shape != x.shape:
            shape = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
            raise SubjectError(f"an activation keeps its input's shape: {tuple(x.shape)} became {shape}")
        return y

    return f

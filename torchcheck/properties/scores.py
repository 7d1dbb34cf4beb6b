"""Attention scores at init: how large they are, and whether they grow with the size of a head."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from torchcheck.data import Measurement
from torchcheck.properties.calling import call, network
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.variant import Loaded, Settings
from torchcheck.run.subjects import SubjectError, find_device

#: how much wider the second layer is
WIDER = 4
#: deviation of scores beyond which a softmax over some tens of tokens sees one of them
LARGE = 8.0
PROPERTIES: dict[str, Property] = {
    "score-growth": Property(
        "the exponent of the width in the attention scores' deviation at init (0 where they are divided by its root)",
        Threshold(hi=0.75),
        "divide the scores by the root of a head's size, and not by its inverse: they saturate the softmax",
        better="zero",
    ),
    "score-size": Property("the deviation of the attention scores at init, for inputs of size 1", better="none"),
}
_SOFTMAX = {torch.softmax, Tensor.softmax, F.softmax, torch.log_softmax, Tensor.log_softmax, F.log_softmax}


def scores(loaded: Loaded, settings: Settings, depth: int | None = None) -> list[Measurement]:
    """What enters the first softmax, at two widths."""
    measured = partial(Measurement, device=settings.device, dtype="float32", samples=2)
    sizes = []
    for width in (settings.width, WIDER * settings.width):
        try:
            sizes.append(_first_scores(loaded, replace(settings, width=width), depth))
        except (SubjectError, RuntimeError, AssertionError) as error:
            words = str(error).splitlines()[0][:60] if str(error) else type(error).__name__
            return [measured(n, None, note=f"at width {width}: {words}") for n in PROPERTIES]
    if min(sizes) <= 0 or not all(map(math.isfinite, sizes)) or loaded.is_instance:
        return [measured(n, None, note="no softmax, or one width alone") for n in PROPERTIES]
    growth = math.log(sizes[1] / sizes[0]) / math.log(WIDER)
    size = measured("score-size", sizes[0])
    if sizes[1] <= LARGE:  # of a fixed init that is small, as GPT-2's, they may grow for long
        return [measured("score-growth", None, note=f"small: {sizes[1]:.2g} at {WIDER} times the width"), size]
    return [measured("score-growth", growth, unit="exponent"), size]


def _first_scores(loaded: Loaded, settings: Settings, depth: int | None) -> float:
    where = find_device(settings.device)
    model, inputs = network(loaded, settings, depth, 0)
    seen = Scores()
    with seen:  # with gradients: without them torch's own layers take a path of their own
        call(model.to(where), inputs.to(where) if isinstance(inputs, Tensor) else inputs)
    return seen.found[0] if seen.found else 0.0


class Scores(TorchFunctionMode):
    """Keeps the deviation of every softmax's input, masked places left out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[float] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _SOFTMAX and args:
            self._keep(args[0])
        elif func is F.scaled_dot_product_attention:
            query, key = (*args, *(kwargs.get(n) for n in ("query", "key")[len(args) :]))[:2]
            scale = kwargs.get("scale")
            scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
            self._keep(query @ key.transpose(-1, -2) * scale)
        return func(*args, **kwargs)

    def _keep(self, scores: Tensor) -> None:
        finite = scores.detach()[scores.detach().isfinite() & (scores.detach() > -1e4)]
        if finite.numel() > 1:
            self.found.append(float(finite.double().std()))

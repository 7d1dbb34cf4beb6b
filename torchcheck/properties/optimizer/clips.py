"""Optimizers that cut gradients: beyond the size at which they do, a larger one makes no larger step."""

from __future__ import annotations

import re
from functools import partial

import torch
from torch import nn

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.optimizer.problem import make, names_of, ramp, undecayed
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import find_device

PROPERTIES: dict[str, Property] = {
    "clips": Property(
        "with an option for clipping, a thousand times that size makes no larger first step than a hundred (ratio)",
        Threshold(hi=1.01),
        "scale gradients by clip / norm where that is less than 1, not by its inverse",
        better="less",
    )
}
#: what optimizers call the size beyond which they cut gradients
CLIPS = re.compile(r"(max|clip)_?(grad(ient)?)?_?(norm|value|threshold)?|(grad(ient)?_?)?clip(ping)?", re.IGNORECASE)


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [Step(clips, ("clips",))]


def clips(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The first step under gradients of a hundred and a thousand times the size of clipping, in every entry."""
    measured = partial(Measurement, "clips", device=settings.device, dtype="float32", samples=2)
    name = next((n for n in names_of(loaded) if CLIPS.fullmatch(n)), None)
    if name is None:
        return [measured(None, note="it has no option that is named for clipping")]
    sizes = []
    for factor in (100.0, 1000.0):
        params = [nn.Parameter(torch.full((4, 4), 0.5, device=find_device(settings.device)))]
        try:
            opt = make(loaded, params, **{name: 1.0}, **undecayed(loaded))
            before, gradient = params[0].detach().clone(), ramp(params[0])
            params[0].grad = factor * gradient / gradient.norm()
            opt.step(lambda: 0.0)
        except Exception as error:  # it is no number
            return [measured(None, note=f"{name}=1.0 is refused: {str(error).splitlines()[0][:60]}")]
        sizes.append(float((params[0].detach() - before).norm()))
    return [measured(sizes[1] / sizes[0] if sizes[0] else None, note=f"{name}=1")]


CLIPPING = Group("clipping", PROPERTIES, steps)

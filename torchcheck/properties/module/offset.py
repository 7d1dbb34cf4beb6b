"""Norms of inputs whose mean is far larger than their spread, as images and old residual streams have."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from torchcheck.data import Measurement
from torchcheck.measure.leak import worst
from torchcheck.measure.norms import rms
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.module.modes import exact
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import call, size_of, tensor_of
from torchcheck.properties.subject.training_mode import has_batch_statistics, with_dropout
from torchcheck.properties.subject.variant import CheckSettings, Loaded

#: examples, whose deviation may be that of a batch norm: of two it would be next to nothing in some features
BATCH = 16
#: what is added to normal numbers: their mean, in standard deviations
OFFSET = 1000.0
#: relative change below which, in float64, a layer takes off what is added to all of its input
TAKEN_OFF = 1e-6
PROPERTIES: dict[str, Property] = {
    "offset": Property(
        "what takes off the mean of its input is right in float32 where that is 1000 deviations (relative error, RMS)",
        # torch's own norms, and two passes, lose 3e-5 to 6e-5 there (the mean's rounding), a difference of squares 0.05
        Threshold(hi=2e-3),
        "take the mean off before squaring: E[x²] - E[x]² cancels",
        better="less",
        compared="factor",
    )
}


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [Step(offset, ("offset",))]


def offset(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Its output in float32 beside that in float64, for the same weights and inputs; in train mode of batch norms."""
    measured = partial(Measurement, "offset", device=settings.device, dtype="float32")
    model, x, dtype = exact(loaded, replace(settings, batch=BATCH), None)
    if not isinstance(x, Tensor) or not x.is_floating_point() or dtype is not torch.float64:
        return [measured(None, note="it is no function of one tensor in float64")]
    with_dropout(model, 0.0).train(has_batch_statistics(model))
    low = copy.deepcopy(model).float()
    far = (x + OFFSET).float()
    with torch.no_grad():
        near, known = (tensor_of(call(copy.deepcopy(model), t)) for t in (far.double() - OFFSET, far.double()))
        if worst(known - near) > TAKEN_OFF * size_of(near):
            return [measured(None, note="it does not take off what is added to its input")]
        error = float(rms(tensor_of(call(low, far)).double() - known)) / size_of(known)
    return [measured(error, note=f"normal numbers + {OFFSET:g}")]


OFFSETS = Group("numerics", PROPERTIES, steps)

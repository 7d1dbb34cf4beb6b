"""Running statistics, as a batch norm keeps: at their limit, eval mode computes what train mode does."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.module.modes import exact
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import call, size_of, tensor_of
from torchcheck.properties.subject.training_mode import copied, has_batch_statistics, trained, with_dropout
from torchcheck.properties.subject.variant import CheckSettings, Loaded

#: examples in the batch: a variance of n numbers with n - 1 below it is off by 1/n, an output by 1/(2n), which adds up
#: over layers; a statistic of something else is off by its own size
BATCH = 32
#: relative change of the rate at which statistics settle that counts as none
STEADY = 1e-6
PROPERTIES: dict[str, Property] = {
    "running-statistics": Property(
        "with running statistics at the limit of one batch's, eval mode computes what train mode does (relative "
        "difference of outputs, root mean square)",
        Threshold(hi=0.2),
        "a running mean or variance is never updated, or not with the statistic that train mode uses",
        better="less",
    )
}


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    return [Step(running, tuple(PROPERTIES), {"depth": description.depth(settings)})]


def running(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """One batch of mean 1 and deviation 2, four times in train mode; the limit of the statistics; then in eval mode.

    What train mode moves by a fixed share of the way to the batch's statistic changes by a geometric sequence, whose
    limit three of its terms give (Aitken's delta-squared process); the fourth tells whether it is one.
    """
    model, inputs, dtype = exact(loaded, replace(settings, batch=BATCH), depth)
    measured = partial(Measurement, "running-statistics", device=settings.device, dtype=str(dtype).split(".")[1])
    if not has_batch_statistics(model):
        return [measured(None, note="it keeps no statistics")]
    if isinstance(inputs, Tensor) and inputs.is_floating_point():
        inputs = 2 * inputs + 1
    with_dropout(model, 0.0)
    with torch.no_grad():
        passes = [(trained(model, inputs), _statistics(model)) for _ in range(4)]
        for name, buffer in model.named_buffers():
            if buffer.is_floating_point():
                limit = _limit([kept[name] for _, kept in passes])
                if limit is None:
                    return [measured(None, note=f"{name} follows no moving average")]
                buffer.copy_(limit)
        out, other = passes[-1][0], tensor_of(call(model.eval(), copied(inputs)))
    change = float((other - out).square().mean().sqrt())
    return [measured(change / size_of(out) if math.isfinite(change) else math.inf)]


def _statistics(model: nn.Module) -> dict[str, Tensor]:
    return {n: b.detach().clone() for n, b in model.named_buffers() if b.is_floating_point()}


def _limit(terms: list[Tensor]) -> Tensor | None:
    """What a geometric sequence of four terms tends to, entry by entry; None where it is none, or does not settle."""
    one, two, three = (b - a for a, b in pairwise(terms))
    still = two.abs() <= STEADY * terms[2].abs()
    if bool((still | (three.abs() < two.abs())).logical_not().any()):
        return None
    rate = torch.where(still, 0.0, two / one)
    if not float((three - rate * two).abs().max()) <= STEADY * float(two.abs().max()):
        return None
    return torch.where(still, terms[3], terms[3] + three * rate / (1 - rate))


STATISTICS = Group("statistics", PROPERTIES, steps)

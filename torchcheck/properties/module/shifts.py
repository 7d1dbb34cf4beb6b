"""Convolutions, and attention over maps, move with their input: what comes in elsewhere comes out elsewhere."""

from __future__ import annotations

import inspect
import re
from functools import partial

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement
from torchcheck.measure.leak import worst
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.module.modes import exact
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import call, size_of, subject_of, tensor_of
from torchcheck.properties.subject.variant import CheckSettings, Loaded

#: places along the axis, those that are not 0, how far they are moved, and those that are looked at
PLACES, INSIDE, MOVED, SEEN = 64, slice(28, 36), 8, slice(16, 40)
#: size below which a parameter is a gate that starts closed
SILENT = 1e-3
#: words of what knows places, or works piece by piece, and of the past alone
ELSE = re.compile(
    r"(?<![a-z])pos(?![a-z])|(?<!trans)position|rotary|rope|alibi|relative|window|patch|causal|tri[lu]\b|chunk(s|ed|_)"
    r"|unfold|fft|scan|cum(sum|prod)|rnn|lstm|gru|stride=[^1,)]|pool|interpolate|align_corners|mixer|roll\b|arange|linspace"
    r"|meshgrid|flip",
    re.IGNORECASE,
)
PROPERTIES: dict[str, Property] = {
    "moves-along": Property(
        "a convolution, or attention over a map, gives the same for what stands elsewhere in its input, elsewhere in "
        "its output (relative change)",
        Threshold(hi=1e-4),
        "axes are exchanged by reshape or view, which tear rows apart: use transpose, permute or movedim",
        better="less",
    )
}


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [Step(moves_along, tuple(PROPERTIES))]


def moves_along(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """A few numbers among zeros, and the same 8 places on: the output around them, far from both ends."""
    measured = partial(Measurement, "moves-along", device=settings.device, dtype="float64", samples=2)
    model, x, dtype = exact(loaded, settings, None)
    if not isinstance(x, Tensor) or dtype is not torch.float64 or x.dim() not in (3, 4):
        return [measured(None, note="it is no function of one sequence or map in float64")]
    if why := _knows_places(subject_of(model), x):
        return [measured(None, note=why)]
    _wake(model, settings.seed)
    axis = 1 if x.dim() == 3 else 3
    shape = [*x.shape[:axis], PLACES, *x.shape[axis + 1 :]]
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(settings.seed), dtype=dtype).to(x.device)
    place = (slice(None),) * axis
    here = torch.zeros_like(drawn)
    here[(*place, INSIDE)] = drawn[(*place, INSIDE)]
    with torch.no_grad():
        try:
            near, far = (tensor_of(call(model, t)) for t in (here, here.roll(MOVED, axis)))
        except (RuntimeError, ValueError, AssertionError) as error:
            return [measured(None, note=f"of {PLACES} places: {str(error).splitlines()[0][:60]}")]
    times = near.shape[axis] // PLACES if near.dim() == x.dim() else 0  # those of a larger map
    if not times or near.shape[axis] != times * PLACES:
        return [measured(None, note="its output has other places than its input")]
    inner = (*place, slice(times * SEEN.start, times * SEEN.stop))
    seen, there = near[inner], far.roll(-times * MOVED, axis)[inner]
    return [measured(float(worst(there - seen)) / size_of(seen))]


def _wake(model: nn.Module, seed: int) -> None:
    """Gives numbers to what starts at 0, or next to it: behind such a gate anything could be wrong unseen."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            if p.numel() and float(p.abs().amax()) < SILENT:
                p.copy_(torch.randn(p.shape, generator=generator) / 10)


def _knows_places(module: nn.Module, x: Tensor) -> str:
    """Why it need not move with its input; empty where it has to: its parts are known, and none has a place."""
    parts = [*module.modules()]
    convolves = any(isinstance(m, nn.Conv1d | nn.Conv2d) and max(m.kernel_size) > 1 for m in parts)
    if not convolves and x.dim() == 3:
        return "it is no convolution, nor attention over a map"
    own = [m for m in parts if not type(m).__module__.startswith("torch.nn")]
    told = {type(m) for m in own} | {*type(module).__mro__[:2]}
    try:
        source = " ".join(inspect.getsource(c) for c in told if not c.__module__.startswith("torch"))
    except (OSError, TypeError):
        return "its source is not at hand"
    if (word := ELSE.search(source)) is not None:
        return f"its author speaks of '{word[0]}'"
    if any(t.dim() > 1 and t.shape[-1] > 1 for m in own for t in [*m.parameters(False), *m.buffers(False)]):
        return "it has a table of its own"
    strange = [m for m in parts if isinstance(m, nn.Embedding | nn.RNNBase | nn.modules.pooling._MaxPoolNd)]
    stepping = [m for m in parts if isinstance(m, nn.modules.conv._ConvNd) and (max(m.stride) > 1 or m.transposed)]
    return "it has places, a state, or steps" if strange or stepping else ""


SHIFTS = Group("inputs", PROPERTIES, steps)

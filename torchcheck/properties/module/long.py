"""Long sequences: does what a layer carries from token to token stay of its size?"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from torchcheck.data import Measurement
from torchcheck.measure.norms import rms
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.module.leak import layer_of
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import find_device

#: tokens of the sequence: a state that grows by 1 % a token is 160 times larger at its end
TOKENS = 512
PROPERTIES: dict[str, Property] = {
    "long": Property(
        f"outputs keep their size along {TOKENS} tokens (RMS of the last quarter over that of the first)",
        # a sum over the past gives 7, a square of that 49: what is beyond multiplies at every token
        Threshold(hi=100),
        "a state is multiplied by more than 1 at every token: exp(-dt * exp(a)) and sigmoids keep it below",
        better="none",
    )
}


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    return [Step(long, ("long",), {"depth": description.depth(settings)})]


def long(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """One sequence of normal tokens, in float32, in eval mode."""
    measured = partial(Measurement, "long", device=settings.device, dtype="float32", samples=TOKENS)
    layer, _ = layer_of(loaded, settings, torch.float32, depth)
    example = layer.example
    if not isinstance(example, Tensor) or not example.is_floating_point() or example.dim() != 3:
        return [measured(None, note="its input is no sequence of tokens")]
    generator = torch.Generator().manual_seed(settings.seed)
    x = torch.randn(1, TOKENS, example.shape[-1], generator=generator).to(find_device(settings.device))
    try:
        with torch.no_grad():
            out = layer(x)
    except (RuntimeError, ValueError, IndexError, AssertionError) as error:
        said = str(error).splitlines()
        return [measured(None, note=f"it takes no {TOKENS} tokens: {said[0][:60] if said else ''}")]
    if out.dim() != 3 or out.shape[:2] != x.shape[:2]:
        return [measured(None, note="its output is no sequence of tokens")]
    if not bool(out.isfinite().all()):
        place = int((~out.isfinite()).any(-1)[0].nonzero()[0])
        return [measured(math.inf, witness=f"not finite from token {place}")]
    first, last = (float(rms(part)) for part in (out[:, : TOKENS // 4], out[:, -TOKENS // 4 :]))
    return [measured(last / first if first else None, note="" if first else "its first outputs are 0")]


LONG = Group("future", PROPERTIES, steps)

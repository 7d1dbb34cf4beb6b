"""What an optimizer keeps of gradients that are past: its share has to fade."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.optimizer.problem import make, names_of, undecayed
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import find_device

#: steps without a gradient after the one with; a momentum of 0.99 leaves 0.02 of it
STEPS = 400
PROPERTIES: dict[str, Property] = {
    "fades": Property(
        "of steps that are linear in the gradients: after a gradient of 1, and 0 from then on, it comes to rest (its "
        f"step {STEPS} later, over its largest)",
        Threshold(hi=0.5),
        "momentum multiplies the velocity, v <- momentum * v + g: elsewhere the velocity is a sum without end",
        better="less",
    )
}


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [Step(fades, tuple(PROPERTIES))]


def fades(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The steps after one gradient, and after twice that, which has to be twice the steps: else nothing is known."""
    measured = partial(Measurement, "fades", device=settings.device, dtype="float64", samples=STEPS)
    try:
        once, twice = (_ways(loaded, settings, size) for size in (1.0, 2.0))
    except Exception as error:
        return [measured(None, note=f"not run on plain tensors: {str(error).splitlines()[0][:60]}")]
    largest = float(once.abs().amax())
    if not largest > 0 or float((twice - 2 * once).abs().amax()) > 1e-9 * largest:
        return [measured(None, note="its steps are not linear in the gradients")]
    return [measured(float(once[-1].abs().amax()) / largest)]


def _ways(loaded: Loaded, settings: CheckSettings, size: float) -> Tensor:
    """(1 + STEPS, entries): what each step adds to the parameters."""
    momentum = {"momentum": 0.9} if "momentum" in names_of(loaded) and "momentum" not in loaded.options else {}
    p = nn.Parameter(torch.zeros(4, 3, dtype=torch.float64, device=find_device(settings.device)))
    opt = make(loaded, [p], **momentum, **undecayed(loaded))
    gradient = size * torch.linspace(0.1, 1, p.numel(), dtype=torch.float64).reshape(p.shape).to(p.device)
    ways = []
    for step in range(1 + STEPS):
        before = p.detach().clone()
        p.grad = gradient.clone() if step == 0 else torch.zeros_like(gradient)
        opt.step()
        ways.append((p.detach() - before).flatten())
    return torch.stack(ways)


MEMORY = Group("rules", PROPERTIES, steps)

"""The largest first learning rate of a real optimizer: does the variant need a warmup?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from torchcheck.data import Measurement
from torchcheck.measure.first_order import first_order
from torchcheck.probes.deepnet.increments import OPTIMIZERS
from torchcheck.properties.subject.calling import call, network, objective_of, to
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import find_device, resolve

#: learning rates that people use; below them a first step needs a warmup
LEARNING_RATES = {"sgd": 0.1, "adam": 1e-3, "lamb": 1e-2}
#: a rate is usable if the loss falls by at least this part of what the first order predicts
PART = 0.5
#: halvings from the optimizer's own rate down, and doublings up
SPAN = 12


def first_rate(loaded: Loaded, settings: CheckSettings, depth: int) -> list[Measurement]:
    """The largest rate, own * 2^k, whose first step lowers the loss by half of the first-order prediction or more.

    First order: -lr sum of |g|², |g|_1 or |W| |g|_1/sqrt(n) for sgd, adam
    and lamb (kexue.fm/archives/8978; |W| is 1 where W is 0).
    """
    where = find_device(settings.device)
    own = settings.lr or LEARNING_RATES[settings.optimizer]
    model, inputs = network(loaded, settings, depth, 0)
    model, inputs = model.to(where), to(inputs, where)
    objective = objective_of(loaded, 0)
    if not any(p.requires_grad for p in model.parameters()):
        return [Measurement("first-lr", None, note="no parameters", device=settings.device)]

    def loss() -> Tensor:
        return objective(call(model, inputs))

    before, parts = first_order(model, loss)
    slope = sum(float(getattr(d, settings.optimizer)) for d in parts.values())
    loss().backward()  # type: ignore[no-untyped-call]
    params = [p for p in model.parameters() if p.grad is not None]
    start = [p.detach().clone() for p in params]
    first_step(settings.optimizer, params, own)
    way = [(p.detach() - old) / own for p, old in zip(params, start, strict=True)]

    def usable(rate: float) -> bool:
        with torch.no_grad():
            for p, old, w in zip(params, start, way, strict=True):
                p.copy_(old + rate * w)
            change = float(loss()) - before
        return math.isfinite(change) and change <= -PART * rate * slope

    downwards = (k for k in range(0, -SPAN - 1, -1) if usable(own * 2.0**k))
    power = next(downwards, None)
    measured = partial(Measurement, device=settings.device, dtype="float32")
    if power is None:
        rate = own * 2.0**-SPAN
        note = f"no usable first rate from {rate:.2g} on at depth {depth}: needs warmup"
        return [measured("first-lr", rate, 0.0, rate, note=note)]
    while 0 <= power < SPAN and usable(own * 2.0 ** (power + 1)):
        power += 1
    rate = own * 2.0**power
    need = "needs no warmup" if power >= 0 else "needs warmup"
    note = f"at depth {depth}: {need} for {settings.optimizer} at {own:g}"
    return [measured("first-lr", rate, rate, 2 * rate, note=note)]


@torch.no_grad()
def first_step(optimizer: str, params: Sequence[Tensor], rate: float) -> None:
    """The first step of a new optimizer, which is proportional to its rate.

    For sgd and adam by the functions behind torch's classes: those would load its compiler, for seconds.
    """
    weights, grads = [*params], [p.grad for p in params if p.grad is not None]
    target, options = OPTIMIZERS[optimizer]
    if optimizer == "sgd":
        rules = {"weight_decay": 0.0, "momentum": 0.0, "dampening": 0.0, "nesterov": False, "maximize": False}
        sgd(weights, grads, [None for _ in grads], lr=rate, **rules)  # type: ignore[arg-type]
    elif optimizer == "adam":
        first, second = ([torch.zeros_like(p) for p in params] for _ in range(2))
        rules = {"amsgrad": False, "beta1": 0.9, "beta2": 0.999, "weight_decay": 0.0, "maximize": False}
        adam(weights, grads, first, second, [], [torch.zeros(()) for _ in params], lr=rate, **rules, **options)  # type: ignore[arg-type]
    else:
        resolve(target)(params, lr=rate, **options).step()

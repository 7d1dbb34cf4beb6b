"""Modules in train mode: without dropout, or with all of it at one rate, and with random numbers that are put back."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from torchcheck.properties.subject.calling import call, tensor_of

#: modules that drop, what they call their rate, and what they call the chance of staying
DROPS, RATES = re.compile("drop|stochastic", re.IGNORECASE), ("p", "prob", "rate", "probability")
KEEPS = re.compile("keep_?(prob|rate|p)?$|surviv", re.IGNORECASE)


def with_dropout(model: nn.Module, rate: float) -> nn.Module:
    """Every number among attributes that is named for dropout, or stands for it in a module that is, becomes `rate`."""
    for module in model.modules():
        drops = DROPS.search(type(module).__name__)
        for name, number in vars(module).items():
            if not isinstance(number, float):
                continue
            if KEEPS.search(name):
                setattr(module, name, 1 - rate)
            elif "drop" in name.lower() or (drops and name in RATES):
                setattr(module, name, rate)
    return model


def trained(model: nn.Module, inputs: Any, seed: int = 0) -> Tensor:
    """The output in train mode, drawn from a seed of torch's generator, which is put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return tensor_of(call(model.train(), copied(inputs))).detach()


def copied(inputs: Any) -> Any:
    """The same inputs in memory of their own."""
    return tree_map(lambda t: t.clone() if isinstance(t, Tensor) else t, inputs)


@torch.no_grad()
def calibrated(model: nn.Module, inputs: Any) -> nn.Module:
    """The model, its batch norms with the statistics of these inputs: as built, they would normalise nothing."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._NormBase) and m.track_running_stats]
    momenta = [m.momentum for m in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    if norms:
        call(model, copied(inputs))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
    return model


def has_batch_statistics(model: nn.Module) -> bool:
    """Whether train mode rightly computes something else: a batch norm, of torch's or one that keeps statistics."""
    kept = any(re.search("running_|moving_", name) for name, _ in model.named_buffers())
    return kept or any(isinstance(m, nn.modules.batchnorm._NormBase) for m in model.modules())

"""The first step without torch's optimizer classes is theirs."""

from __future__ import annotations

import pytest
import torch

from torchcheck.probes.deepnet.increments import OPTIMIZERS
from torchcheck.properties.module.first_rate import first_step
from torchcheck.run.subjects import resolve


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_a_first_step_is_that_of_the_optimizer_and_proportional_to_its_rate(optimizer: str) -> None:
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(3, 4, generator=generator), torch.randn(5, generator=generator)]
    grads = [torch.randn(p.shape, generator=generator) for p in start]

    def params() -> list[torch.Tensor]:
        made = [torch.nn.Parameter(p.clone()) for p in start]
        for p, g in zip(made, grads, strict=True):
            p.grad = g.clone()
        return [*made]

    target, options = OPTIMIZERS[optimizer]
    theirs = params()
    resolve(target)(theirs, lr=0.01, **options).step()
    steps = []
    for rate in (0.01, 0.04):
        ours = params()
        first_step(optimizer, ours, rate)
        steps.append([(a - b).detach() for a, b in zip(ours, start, strict=True)])
        if rate == 0.01:
            torch.testing.assert_close([p.detach() for p in ours], [p.detach() for p in theirs])
    torch.testing.assert_close(steps[1], [4 * s for s in steps[0]], rtol=1e-4, atol=1e-6)

"""What depends on what: the picture of a layer that has no gradient at all."""

from __future__ import annotations

import torch

from torchcheck.measure.leak import dependence


def test_what_has_no_gradient_depends_on_nothing() -> None:
    table = torch.randn(4, 5)
    picture = dependence(lambda x: table[x.sum(-1).sign().long() + 1], torch.randn(3, 6))
    assert torch.equal(picture, torch.zeros(3, 3))


def test_a_running_sum_depends_on_the_past() -> None:
    picture = dependence(lambda x: x.cumsum(1), torch.randn(5, 6))
    assert torch.equal(picture > 0, torch.ones(5, 5, dtype=torch.bool).tril())

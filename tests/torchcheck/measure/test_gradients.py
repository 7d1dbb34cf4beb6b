"""Gradients by autograd, or by a backward pass where a checkpoint allows no other: the same numbers."""

from __future__ import annotations

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from torchcheck.measure.gradients import gradients


@pytest.mark.parametrize("reentrant", [False, True])
def test_both_ways_give_the_same_and_leave_grad_alone(reentrant: bool) -> None:
    x, unused = torch.linspace(-1, 1, 5, requires_grad=True), torch.ones(2, requires_grad=True)
    x.grad = torch.full((5,), 7.0)
    found, none = gradients(checkpoint(torch.sin, x, use_reentrant=reentrant).sum(), [x, unused])
    assert found is not None
    torch.testing.assert_close(found, torch.cos(x.detach()))
    assert none is None
    assert x.grad.tolist() == [7.0] * 5


def test_other_errors_are_autograds() -> None:
    x = torch.ones(2, requires_grad=True)
    value = x.square().sum()
    value.backward()  # type: ignore[no-untyped-call]
    with pytest.raises(RuntimeError, match="second time"):
        gradients(value, [x])

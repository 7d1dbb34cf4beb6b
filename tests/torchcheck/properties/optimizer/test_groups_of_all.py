"""Optimizers whose steps have statistics of all parameters: groups of their own cannot be told apart there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pytorch_optimizer import Adai, Prodigy

from torchcheck import check_optimizer


@pytest.mark.parametrize("optimizer", [Adai, Prodigy], ids=lambda c: c.__name__)
def test_nothing_is_said_of_statistics_of_all(optimizer: Any) -> None:
    assert check_optimizer(optimizer, select=["own-group"])["own-group"].status in ("skipped", "ok")


@pytest.mark.parametrize(
    "optimizer", [torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop], ids=lambda c: c.__name__
)
def test_torch_s_own_read_their_groups(optimizer: Any) -> None:
    assert check_optimizer(optimizer, select=["own-group"])["own-group"].status == "ok"

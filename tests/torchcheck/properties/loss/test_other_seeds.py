"""Sound losses whose right value depends on the draw: they pass at every seed, not at the first one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sound.losses import BarlowTwinsLoss, IPOLoss, VICRegLoss, WGANLoss
from torchcheck import check_loss


@pytest.mark.parametrize("loss", [WGANLoss, IPOLoss, BarlowTwinsLoss, VICRegLoss], ids=lambda c: c.__name__)
@pytest.mark.parametrize("seed", [1, 4, 50003, 50005, 50012])
def test_a_sound_loss_passes_at_every_seed(loss: Any, seed: int) -> None:
    result = check_loss(loss, seed=seed, select=["rewards", "extreme", "alike-targets"])
    assert result, result

"""Everyday code in which nothing is wrong passes, and nothing of it raises."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.sound import SUBJECTS
from torchcheck import check

#: the same for every seed, and timed
TIMED = ("step-cost", "cost-time")


def test_there_are_subjects() -> None:
    assert len(SUBJECTS) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: s.__name__)
def test_everyday_code_passes(subject: Any) -> None:
    torch.set_num_threads(1)
    result = check(subject, width=32, seq_len=12, depths=(2, 4, 8, 16), skip=TIMED, shared=set(TIMED))
    assert result, repr(result)
    assert all(f.status != "error" for f in result), repr(result)

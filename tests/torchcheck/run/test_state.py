"""Measurements start from one state of torch and leave none behind, in both engines."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from torchcheck.data import Evidence, Measurement, Task
from torchcheck.properties.engine import run_step
from torchcheck.properties.plan import Step
from torchcheck.properties.subject.variant import CheckSettings, Loaded, Variant
from torchcheck.run.execute import run_task
from torchcheck.run.state import fresh_state


def disturb() -> list[Measurement]:
    """Says whether TF32 is on, and changes all that there is to change."""
    on = torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.set_default_dtype(torch.float16)
    torch.set_num_threads(torch.get_num_threads() + 1)
    return [Measurement("tf32", float(on), evidence=Evidence.EXACT)]


def step(_loaded: Loaded, _settings: CheckSettings) -> list[Measurement]:
    return disturb()


def _by_task() -> tuple[Any, ...]:
    return tuple(run_task(Task(f"{__name__}:disturb")))


def _by_step() -> tuple[Any, ...]:
    return run_step(Step(step), Variant(torch.nn.ReLU), CheckSettings()).measured


def _state() -> tuple[Any, ...]:
    tf32 = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    return (*tf32, torch.get_default_dtype(), torch.get_num_threads())


@pytest.mark.parametrize("run", [_by_task, _by_step])
def test_tf32_is_off_inside_and_everything_as_it_was_afterwards(run: Any) -> None:
    before = _state()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    try:
        allowed = _state()
        (found,) = run()
        assert found.value == 0.0
        assert _state() == allowed
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before[:2]


def test_an_error_leaves_nothing_behind_either() -> None:
    def breaks() -> None:
        with fresh_state():
            disturb()
            raise ZeroDivisionError

    before = _state()
    with pytest.raises(ZeroDivisionError):
        breaks()
    assert _state() == before

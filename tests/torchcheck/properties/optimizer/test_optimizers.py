"""Sound optimizers with habits of their own pass; what a step may not touch is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import pytorch_optimizer
import torch
from torch import Tensor

from tests.faults.optimizers import Plain
from torchcheck import check, check_optimizer
from torchcheck.modules import HypergradientSGD


class Centred(torch.optim.Optimizer):
    """Gradient centralisation (arXiv:2004.01461, eq. 1): of matrices, over their columns."""

    def __init__(self, params: Any, lr: float = 1e-2) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                g = p.grad - p.grad.mean(1, keepdim=True) if p.dim() > 1 else p.grad
                p.sub_(group["lr"] * g)


class Warmed(Plain):
    """A warmup inside, that leaves the group's learning rate as it is; and no closure is called."""

    def update(self, p: torch.Tensor, state: dict[str, Any], lr: float, foreach: bool) -> torch.Tensor:
        state["step"] = state.get("step", 0) + 1
        return super().update(p, state, lr * min(1.0, state["step"] / 5), foreach)


@pytest.mark.parametrize("kind", [Centred, Warmed, pytorch_optimizer.Lion], ids=lambda k: k.__name__)
def test_a_sound_optimizer_passes(kind: Any) -> None:
    result = check_optimizer(kind)
    assert result, result


def test_a_learning_rate_of_the_optimizer_s_own_is_its_to_change() -> None:
    finding = check_optimizer(HypergradientSGD, select=["rate-kept"])["rate-kept"]
    assert finding.status == "skipped"
    assert "adapts its learning rate" in finding.note


class ClipsByNorm(torch.optim.Optimizer):
    def __init__(self, params: Any, lr: float = 0.1, clip: float | None = None) -> None:
        super().__init__(params, {"lr": lr, "clip": clip})

    def cut(self, g: Tensor, clip: float) -> Tensor:
        return g * (clip / (g.norm() + 1e-6)).clamp(max=1.0)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        del closure
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                p.sub_(group["lr"] * (p.grad if group["clip"] is None else self.cut(p.grad, group["clip"])))


class ClipsByValue(ClipsByNorm):
    def cut(self, g: Tensor, clip: float) -> Tensor:
        return g.clamp(-clip, clip)


class ClipsByHalf(ClipsByNorm):
    """Only the root of what is too much is taken off."""

    def cut(self, g: Tensor, clip: float) -> Tensor:
        return g * (clip / (g.norm() + 1e-6)).clamp(max=1.0).sqrt()


@pytest.mark.parametrize(("kind", "status"), [(ClipsByNorm, "ok"), (ClipsByValue, "ok"), (ClipsByHalf, "failed")])
def test_what_is_clipped_makes_no_larger_step(kind: Any, status: str) -> None:
    assert check(kind, "optimizer", select=["clipping"])["clips"].status == status


class TorchsRMSprop(torch.optim.RMSprop):
    """torch's own, with what it is asked under another name."""


TorchsRMSprop.__name__ = "RMSprop"


class FromOnes(torch.optim.Optimizer):
    """As in TensorFlow: the average starts at 1, and eps stands inside the root."""

    def __init__(self, params: Any, lr: float = 0.01, alpha: float = 0.9, eps: float = 1e-10) -> None:
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        del closure
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                v = self.state[p].setdefault("v", torch.ones_like(p))
                v.lerp_(p.grad**2, 1 - group["alpha"])
                p.sub_(group["lr"] * p.grad / (v + group["eps"]).sqrt())


FromOnes.__name__ = "RMSprop"


class TwoBetas(FromOnes):
    """Adam, with rates of two names."""

    def __init__(self, params: Any, lr: float = 1e-3, beta1: float = 0.8, beta2: float = 0.9) -> None:
        torch.optim.Optimizer.__init__(self, params, {"lr": lr, "beta1": beta1, "beta2": beta2})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        del closure
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                state, one, two = self.state[p], group["beta1"], group["beta2"]
                state["t"] = t = state.get("t", 0) + 1
                m = state.setdefault("m", torch.zeros_like(p)).lerp_(p.grad, 1 - one)
                v = state.setdefault("v", torch.zeros_like(p)).lerp_(p.grad**2, 1 - two)
                p.sub_(group["lr"] * m / (1 - one**t) / ((v / (1 - two**t)).sqrt() + 1e-8))


TwoBetas.__name__ = "Adam"


@pytest.mark.parametrize("kind", [TorchsRMSprop, FromOnes, TwoBetas])
def test_a_published_name_has_every_form_of_its_update(kind: Any) -> None:
    finding = check(kind, "optimizer", select=["as-published"])["as-published"]
    assert finding.status == "ok", finding


class MyAdam(TwoBetas):
    """The first step's corrections for ever."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for p in self.param_groups[0]["params"]:
            self.state[p]["t"] = 0
        super().step(closure)


class NaNAdam(TwoBetas):
    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        super().step(closure)
        for p in self.param_groups[0]["params"]:
            p.mul_(float("nan"))


NaNAdam.__name__ = "Adam"


@pytest.mark.parametrize("kind", [MyAdam, NaNAdam])
def test_another_update_under_a_published_name_fails(kind: Any) -> None:
    finding = check(kind, "optimizer", select=["as-published"])["as-published"]
    assert finding.status == "failed", finding

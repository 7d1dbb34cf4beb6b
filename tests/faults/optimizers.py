"""Optimizers with one seeded fault each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.faults.fault import Fault


class Plain(torch.optim.Optimizer):
    """A sound gradient descent with momentum, for faults to be planted in."""

    sign = -1.0

    def __init__(self, params: Any, lr: float = 1e-2, foreach: bool = False) -> None:
        super().__init__(params, {"lr": lr, "foreach": foreach})

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        assert p.grad is not None
        momentum = state.setdefault("momentum", torch.zeros_like(p))
        momentum.mul_(0.9).add_(p.grad)
        out: Tensor = self.sign * lr * momentum
        return out

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        value = None
        if closure is not None:
            with torch.enable_grad():
                value = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None or not self.skips:
                    p.add_(self.update(p, self.state[p], group["lr"], group["foreach"]))
        return value

    skips = True


class Uphill(Plain):
    sign = 1.0


class HiddenCount(Plain):
    def __init__(self, params: Any, lr: float = 1e-2) -> None:
        super().__init__(params, lr)
        self.count = 0

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        self.count += 1
        return super().update(p, state, lr / (1 + 0.1 * self.count), foreach)


class NoisyStep(Plain):
    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        return super().update(p, state, lr, foreach) + 1e-5 * torch.randn_like(p)


class OtherFastPath(Plain):
    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        return super().update(p, state, lr * (0.99 if foreach else 1.0), foreach)


class MovesWithoutGradient(Plain):
    skips = False

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        return -0.01 * p if p.grad is None else super().update(p, state, lr, foreach)


class NoEpsilon(Plain):
    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        assert p.grad is not None
        return -lr * p.grad / p.grad.square().sqrt()


class FourthPowers(Plain):
    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        assert p.grad is not None
        power = p.grad.square().square()
        return -lr * p.grad.sign() * power / (power + 1e-8)


class Standstill(Plain):
    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        return torch.zeros_like(p)


class UnderflowingSquare(Plain):
    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        assert p.grad is not None
        size = p.grad.square().sqrt()
        return torch.where(p.grad == 0, 0.0, -lr * p.grad / size)


FAULTS: tuple[Fault, ...] = (
    Fault("the update goes uphill", "optimizer", Uphill, ("descends", "direction")),
    Fault("state outside state_dict", "optimizer", HiddenCount, ("state-dict",)),
    Fault("noise in the update", "optimizer", NoisyStep, ("deterministic",)),
    Fault("another learning rate on the fast path", "optimizer", OtherFastPath, ("foreach",)),
    Fault("decay without gradient", "optimizer", MovesWithoutGradient, ("none-gradient",)),
    Fault("no eps: 0/0", "optimizer", NoEpsilon, ("zero-gradient",)),
    Fault("fourth powers overflow", "optimizer", FourthPowers, ("huge-gradient",)),
    Fault("it does not move", "optimizer", Standstill, ("descends", "direction")),
    Fault("a square that underflows", "optimizer", UnderflowingSquare, ("tiny-gradient",)),
)

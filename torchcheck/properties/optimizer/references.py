"""Published optimizers that torch has not, or has in one of their forms alone."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class Lion(torch.optim.Optimizer):
    """Chen et al., Symbolic Discovery of Optimization Algorithms (arXiv:2302.06675), Program 1."""

    def __init__(
        self,
        params: list[nn.Parameter],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002
        for group in self.param_groups:
            beta1, beta2 = map(float, group["betas"])
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                update = torch.sign(beta1 * m + (1 - beta1) * p.grad) + group["weight_decay"] * p
                p.sub_(group["lr"] * update)
                m.mul_(beta2).add_((1 - beta2) * p.grad)


class RMSpropFromOne(torch.optim.RMSprop):
    """Its average of squares starts at 1, as in TensorFlow, and not at 0, as in Tieleman and Hinton (2012)."""

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in group["params"]:
                if not self.state[p]:
                    self.state[p] = {"step": torch.zeros(()), "square_avg": torch.ones_like(p)}
                    self.state[p] |= {n: torch.zeros_like(p) for n in ("momentum_buffer", "grad_avg")}
        return super().step(closure)


class Momentum(torch.optim.SGD):
    """The velocity is a mean of the gradients, and not a sum, as in Polyak (1964)."""

    def __init__(
        self, params: list[nn.Parameter], lr: float = 1e-3, momentum: float = 0.9, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, lr, momentum=momentum, dampening=momentum, weight_decay=weight_decay)

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in group["params"]:  # torch's SGD starts with the whole first gradient
                self.state[p].setdefault("momentum_buffer", torch.zeros_like(p))
        return super().step(closure)


class Adams(torch.optim.Optimizer):
    """Adam's moments and their bias corrections; kinds of Adam make something else of them."""

    def __init__(
        self,
        params: list[nn.Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,  # part of every signature here; none of these is compared with it
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def second(self, p: Tensor, m: Tensor) -> Tensor:
        """What is averaged at the rate beta2, the first moment updated."""
        assert p.grad is not None
        del m
        return p.grad.square()

    def update(self, g: Tensor, m: Tensor, v: Tensor, t: int, group: dict[str, Any]) -> Tensor:
        """What is subtracted, over lr, after `t` steps."""
        raise NotImplementedError

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002
        for group in self.param_groups:
            beta1, beta2 = map(float, group["betas"])
            for p in group["params"]:
                s = self.state[p]
                t = s["t"] = s.get("t", 0) + 1
                m = s.setdefault("m", torch.zeros_like(p)).mul_(beta1).add_((1 - beta1) * p.grad)
                v = s.setdefault("v", torch.zeros_like(p)).mul_(beta2).add_((1 - beta2) * self.second(p, m))
                p.sub_(group["lr"] * self.update(p.grad, m, v, t, group))


class AdaBelief(Adams):
    """Zhuang et al. (arXiv:2010.07468), algorithm 2."""

    def second(self, p: Tensor, m: Tensor) -> Tensor:
        assert p.grad is not None
        return (p.grad - m).square()

    def update(self, g: Tensor, m: Tensor, v: Tensor, t: int, group: dict[str, Any]) -> Tensor:
        del g
        v.add_(group["eps"])
        beta1, beta2 = map(float, group["betas"])
        mean = m / (1 - beta1**t)
        return mean / ((v / (1 - beta2**t)).sqrt() + float(group["eps"]))


class RAdam(Adams):
    """Liu et al. (arXiv:1908.03265), algorithm 2: the variance is used where rho is `above` 4, in their code 5.

    Before that it takes steps of momentum, or, with `rests`, none (their `degenerated_to_sgd=False`).
    """

    def __init__(
        self,
        params: list[nn.Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        above: float = 4.0,
        rests: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
        self.above, self.rests = above, rests

    def update(self, g: Tensor, m: Tensor, v: Tensor, t: int, group: dict[str, Any]) -> Tensor:
        del g
        beta1, beta2 = map(float, group["betas"])
        limit = 2 / (1 - beta2) - 1
        rho = limit - 2 * t * beta2**t / (1 - beta2**t)
        mean = m / (1 - beta1**t)
        if rho <= self.above:
            return torch.zeros_like(mean) if self.rests else mean
        r = math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
        return r * mean / ((v / (1 - beta2**t)).sqrt() + float(group["eps"]))


class NAdam(Adams):
    """Dozat (2016), algorithm 8, with a constant momentum."""

    def update(self, g: Tensor, m: Tensor, v: Tensor, t: int, group: dict[str, Any]) -> Tensor:
        beta1, beta2 = map(float, group["betas"])
        ahead = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
        return ahead / ((v / (1 - beta2**t)).sqrt() + float(group["eps"]))


class NAdamOfOneCorrection(Adams):
    """Keras's, and others': both parts are corrected at the same step."""

    def update(self, g: Tensor, m: Tensor, v: Tensor, t: int, group: dict[str, Any]) -> Tensor:
        beta1, beta2 = map(float, group["betas"])
        ahead = (beta1 * m + (1 - beta1) * g) / (1 - beta1**t)
        return ahead / ((v / (1 - beta2**t)).sqrt() + float(group["eps"]))

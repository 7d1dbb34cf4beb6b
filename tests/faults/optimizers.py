"""Optimizers with one seeded fault each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.faults.fault import SeededFault


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


class Grouped(torch.optim.Optimizer):
    """Steps that are told by a parameter's group."""

    def update(self, p: Tensor, group: dict[str, Any]) -> Tensor:
        raise NotImplementedError

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        value = None
        if closure is not None:
            with torch.enable_grad():
                value = closure()
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                p.sub_(group["lr"] * self.update(p, group))
        return value


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


class Decayed(Plain):
    """Sound decoupled weight decay, for faults to be planted in."""

    def __init__(
        self, params: Any, lr: float = 1e-2, weight_decay: float = 1e-2, maximize: bool = False, foreach: bool = False
    ) -> None:
        torch.optim.Optimizer.__init__(
            self, params, {"lr": lr, "foreach": foreach, "weight_decay": weight_decay, "maximize": maximize}
        )

    def shrink(self, p: Tensor, lr: float, weight_decay: float) -> None:
        p.mul_(1 - lr * weight_decay)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        value = None
        if closure is not None:
            with torch.enable_grad():
                value = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.shrink(p, group["lr"], group["weight_decay"])
                    change = self.update(p, self.state[p], group["lr"], group["foreach"])
                    p.add_(-change if group["maximize"] else change)
        return value


class GrowsWeights(Decayed):
    def shrink(self, p: Tensor, lr: float, weight_decay: float) -> None:
        p.mul_(1 + lr * weight_decay)


class DecaysAtOnce(Decayed):
    def shrink(self, p: Tensor, lr: float, weight_decay: float) -> None:
        p.mul_(1 - weight_decay)


class AddsDecayToGradient(Decayed):
    def shrink(self, p: Tensor, lr: float, weight_decay: float) -> None:
        assert p.grad is not None
        p.grad.add_(p, alpha=weight_decay)


class MaximizesDecayAlone(Decayed):
    """The flag is looked at, and the momentum has the other sign already."""

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        return super().update(p, state, lr, foreach).abs()


class HoldsTheGradient(Plain):
    """The gradient before, by reference: the change is 0 where .grad is filled in place."""

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        assert p.grad is not None
        before = state.get("before", torch.zeros_like(p))
        state["before"] = p.grad
        return -lr * (p.grad + 0.5 * (p.grad - before))


class OneRateForAll(Plain):
    """Every group is stepped with the rate that the optimizer was made with."""

    def __init__(self, params: Any, lr: float = 1e-2, foreach: bool = False) -> None:
        super().__init__(params, lr, foreach)
        self.rate = lr

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        return super().update(p, state, self.rate, foreach)


class KnowsItsFirst(Plain):
    """Only parameters that it was made with are trained."""

    def __init__(self, params: Any, lr: float = 1e-2, foreach: bool = False) -> None:
        super().__init__(params, lr, foreach)
        self.known = {id(p) for group in self.param_groups for p in group["params"]}

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        return super().update(p, state, lr, foreach) * float(id(p) in self.known)


class DecaysByDefault(Decayed):
    """Every parameter decays as the defaults say, whatever its own group does."""

    def shrink(self, p: Tensor, lr: float, weight_decay: float) -> None:
        super().shrink(p, lr, float(self.defaults["weight_decay"]))


class RatioOfNorms(Plain):
    """LARS without a fallback: what has the norm 0 keeps it."""

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        step = super().update(p, state, lr, foreach)
        return step * float(p.norm() / step.norm().clamp(min=1e-12)) * lr


class NormRatio(Plain):
    """Steps as long as the parameter, by a quotient of norms without a way out at 0."""

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        assert p.grad is not None
        return -lr * p.grad * (p.norm() / p.norm()) / p.grad.norm()


class StepsWithoutGradient(Plain):
    """Momentum goes on where there is no gradient any more."""

    skips = False

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        momentum = state.setdefault("momentum", torch.zeros_like(p))
        momentum.mul_(0.9).add_(0 if p.grad is None else p.grad)
        out: Tensor = -lr * momentum
        return out


class TakesMomentum(Plain):
    """A momentum that nothing reads: it is always 0.9."""

    def __init__(self, params: Any, lr: float = 1e-2, momentum: float = 0.9, foreach: bool = False) -> None:
        torch.optim.Optimizer.__init__(self, params, {"lr": lr, "momentum": momentum, "foreach": foreach})


def adam(correct: bool = True, late_decay: float = 0.0, rooted: bool = True) -> type[torch.optim.Optimizer]:
    """Adam as a user writes it, with one thing wrong."""

    class Adam(torch.optim.Optimizer):
        def __init__(self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999)) -> None:
            super().__init__(params, {"lr": lr, "betas": betas, "eps": 1e-8})

        @torch.no_grad()
        def step(self, closure: Callable[[], Any] | None = None) -> Any:
            value = None
            if closure is not None:
                with torch.enable_grad():
                    value = closure()
            for group in self.param_groups:
                first, second = group["betas"]
                for p in (p for p in group["params"] if p.grad is not None):
                    state = self.state[p]
                    if not state:
                        state |= {"step": 0, "m": torch.zeros_like(p), "v": torch.zeros_like(p)}
                    state["step"] += 1
                    state["m"].mul_(first).add_(p.grad, alpha=1 - first)
                    state["v"].mul_(second).addcmul_(p.grad, p.grad, value=1 - second)
                    m, v = state["m"], state["v"]
                    if correct:
                        m, v = m / (1 - first ** state["step"]), v / (1 - second ** state["step"])
                    p.mul_(1 - late_decay).sub_(group["lr"] * m / ((v.sqrt() if rooted else v) + group["eps"]))
            return value

    return Adam


class SlowIsFast(Plain):
    """Slow weights that are the parameter itself."""

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        out = super().update(p, state, lr, foreach)
        slow = state.setdefault("slow", p.data)
        return out + 0.5 * (slow - p)


class OneMoment(Plain):
    """Two moments that are one tensor."""

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        out = super().update(p, state, lr, foreach)
        state["largest"] = state["momentum"]
        return out


class TakesTheMeanOff(Plain):
    """Gradients centred over all entries, one alone included."""

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        assert p.grad is not None
        out: Tensor = -lr * (p.grad - p.grad.mean())
        return out


class WarmsForEver(Plain):
    """A warmup that is written into the group."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for group in self.param_groups:
            group["lr"] *= 0.99
        return super().step(closure)


class SGD(Grouped):
    """Nesterov's step, from the velocity before."""

    def __init__(self, params: Any, lr: float = 0.1, momentum: float = 0.0, nesterov: bool = False) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "nesterov": nesterov})

    def update(self, p: Tensor, group: dict[str, Any]) -> Tensor:
        assert p.grad is not None
        rate, old = group["momentum"], self.state[p].get("v")
        velocity: Tensor = p.grad.clone() if old is None else rate * old + p.grad
        self.state[p]["v"] = velocity
        if not group["nesterov"]:
            return velocity
        return p.grad + rate * (velocity if old is None else old)


class RMSprop(Grouped):
    """Squares and the mean's square together, where their difference is meant."""

    def __init__(
        self, params: Any, lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8, centered: bool = False
    ) -> None:
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps, "centered": centered})

    def update(self, p: Tensor, group: dict[str, Any]) -> Tensor:
        assert p.grad is not None
        state = self.state[p]
        square, mean = (state.setdefault(n, torch.zeros_like(p)) for n in ("square", "mean"))
        square.lerp_(p.grad**2, 1 - group["alpha"])
        mean.lerp_(p.grad, 1 - group["alpha"])
        spread = square + mean.square() if group["centered"] else square
        return p.grad / (spread.sqrt() + group["eps"])


class Shampoo(Grouped):
    """Roots of both sides, where fourth roots belong (Gupta et al., 2018, algorithm 1)."""

    def __init__(self, params: Any, lr: float = 0.1, eps: float = 1e-4) -> None:
        super().__init__(params, {"lr": lr, "eps": eps})

    def update(self, p: Tensor, group: dict[str, Any]) -> Tensor:
        assert p.grad is not None
        g = p.grad if p.dim() == 2 else p.grad[:, None]
        sides = []
        for name, square in (("left", g @ g.T), ("right", g.T @ g)):
            start = group["eps"] * torch.eye(len(square), dtype=g.dtype, device=g.device)
            kept = self.state[p][name] = self.state[p].get(name, start) + square
            values, vectors = torch.linalg.eigh(kept)
            sides.append(vectors @ torch.diag(values.clamp(min=group["eps"]) ** -0.5) @ vectors.T)
        return (sides[0] @ g @ sides[1]).reshape(p.shape)


class Lion(Grouped):
    """Lion with one momentum for both of its averages."""

    def __init__(self, params: Any, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        super().__init__(params, {"lr": lr, "betas": betas})

    def update(self, p: Tensor, group: dict[str, Any]) -> Tensor:
        assert p.grad is not None
        m = self.state[p].setdefault("m", torch.zeros_like(p))
        m.mul_(group["betas"][1]).add_(p.grad, alpha=1 - group["betas"][1])
        out: Tensor = m.sign()
        return out


class OneCount(Plain):
    """The momentum's correction counts the steps of all parameters together."""

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        group = self.param_groups[0]
        group["steps"] = group.get("steps", 0) + 1
        return super().update(p, state, lr, foreach) / (1 - 0.9 ** group["steps"])


class RateOfTheFirstGroup(Plain):
    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        return super().update(p, state, self.param_groups[0]["lr"], foreach)


class SlowWeights(Plain):
    """Slow weights, pulled to every fifth step, that start where they are told."""

    from_zero = False

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        slow = state.setdefault("slow", torch.zeros_like(p) if self.from_zero else p.clone())
        state["steps"] = state.get("steps", 0) + 1
        out = super().update(p, state, lr, foreach)
        if state["steps"] % 5:
            return out
        slow.add_(p + out - slow, alpha=0.5)
        return slow - p


class SlowWeightsFromZero(SlowWeights):
    from_zero = True


class LAMB(Plain):
    """The trust ratio is turned over."""

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        update = super().update(p, state, lr, foreach)
        size = p.norm()
        return update * torch.where(size > 0, update.norm() / size, torch.ones_like(size))


class Adafactor(Plain):
    """Rows times columns of squares, which nothing divides by their mean."""

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        assert p.grad is not None
        squares = p.grad.square() + 1e-8
        if p.dim() > 1:
            squares = squares.mean(-1, keepdim=True) * squares.mean(0, keepdim=True)
        return -lr * p.grad / squares.sqrt()


class StopsAtTheFirst(Plain):
    """A parameter without a gradient hides those after it."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        value = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    break
                p.add_(self.update(p, self.state[p], group["lr"], group["foreach"]))
        return value


class Clipped(Plain):
    """Small gradients are made smaller, and large ones are left."""

    def __init__(self, params: Any, lr: float = 1e-2, max_norm: float = 1.0) -> None:
        super().__init__(params, lr)
        self.max_norm = max_norm

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        assert p.grad is not None
        share = (p.grad.norm() / self.max_norm).clamp(max=1.0)
        momentum = state.setdefault("momentum", torch.zeros_like(p))
        momentum.mul_(0.9).add_(share * p.grad)
        out: Tensor = -lr * momentum
        return out


class NeverRests(Plain):
    """Its momentum multiplies the gradient, so that the velocity is a sum of them all."""

    def update(self, p: Tensor, state: dict[str, Any], lr: float, foreach: bool) -> Tensor:
        assert p.grad is not None
        momentum = state.setdefault("momentum", torch.zeros_like(p))
        momentum.add_(0.9 * p.grad)
        out: Tensor = -lr * momentum
        return out


class AdaBelief(Grouped):
    """Its second moment is the gradient's, as Adam's, not that of what the first moment does not foresee."""

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-16
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    def update(self, p: Tensor, group: dict[str, Any]) -> Tensor:
        assert p.grad is not None
        (b1, b2), s = group["betas"], self.state[p]
        s["t"] = s.get("t", 0) + 1
        m, v = (s.setdefault(n, torch.zeros_like(p)) for n in "mv")
        m.mul_(b1).add_(p.grad, alpha=1 - b1)
        v.mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2).add_(group["eps"])
        out: Tensor = m / (1 - b1 ** s["t"]) / ((v / (1 - b2 ** s["t"])).sqrt() + group["eps"])
        return out


FAULTS: tuple[SeededFault, ...] = (
    SeededFault("the decay of the defaults for every group", "optimizer", DecaysByDefault, ("own-group",)),
    SeededFault("a quotient of norms that is 0 at 0", "optimizer", RatioOfNorms, ("stuck-at-zero",)),
    SeededFault("the update goes uphill", "optimizer", Uphill, ("descends", "direction")),
    SeededFault("state outside state_dict", "optimizer", HiddenCount, ("state-dict",)),
    SeededFault("noise in the update", "optimizer", NoisyStep, ("deterministic",)),
    SeededFault("another learning rate on the fast path", "optimizer", OtherFastPath, ("foreach",)),
    SeededFault("decay without gradient", "optimizer", MovesWithoutGradient, ("none-gradient",)),
    SeededFault("no eps: 0/0", "optimizer", NoEpsilon, ("zero-gradient",)),
    SeededFault("fourth powers overflow", "optimizer", FourthPowers, ("huge-gradient",)),
    SeededFault("it does not move", "optimizer", Standstill, ("descends", "direction")),
    SeededFault("a square that underflows", "optimizer", UnderflowingSquare, ("tiny-gradient",)),
    SeededFault("decay with the wrong sign", "optimizer", GrowsWeights, ("decay-sign",)),
    SeededFault("decay without the learning rate", "optimizer", DecaysAtOnce, ("decay-rate",)),
    SeededFault("decay is added to .grad", "optimizer", AddsDecayToGradient, ("gradient-kept",)),
    SeededFault("maximize of a size", "optimizer", MaximizesDecayAlone, ("maximize",)),
    SeededFault("the gradient before is the gradient now", "optimizer", HoldsTheGradient, ("zero-grad",)),
    SeededFault("one learning rate for all groups", "optimizer", OneRateForAll, ("rate-zero",)),
    SeededFault("the first learning rate for ever", "optimizer", OneRateForAll, ("rate-changed",)),
    SeededFault("a late group stays where it is", "optimizer", KnowsItsFirst, ("late-group",)),
    SeededFault("a quotient of norms at 0", "optimizer", NormRatio, ("zero-parameter",)),
    SeededFault("momentum without a gradient", "optimizer", StepsWithoutGradient, ("gradients-come-and-go",)),
    SeededFault("Adam without its corrections", "optimizer", adam(correct=False), ("as-published",)),
    SeededFault("Adam without its root", "optimizer", adam(rooted=False), ("as-published",)),
    SeededFault("Adam with a decay of its own", "optimizer", adam(late_decay=1e-3), ("as-published",)),
    SeededFault("a momentum that nothing reads", "optimizer", TakesMomentum, ("without-effect",)),
    SeededFault("slow weights that are the fast ones", "optimizer", SlowIsFast, ("state-aliased",)),
    SeededFault("two moments in one tensor", "optimizer", OneMoment, ("state-aliased",)),
    SeededFault("the mean of one entry is taken off", "optimizer", TakesTheMeanOff, ("one-element",)),
    SeededFault("a learning rate written back", "optimizer", WarmsForEver, ("rate-kept",)),
    SeededFault("steps counted for all parameters together", "optimizer", OneCount, ("neighbours",)),
    SeededFault("the first group's learning rate", "optimizer", RateOfTheFirstGroup, ("neighbours",)),
    SeededFault("slow weights that start at 0", "optimizer", SlowWeightsFromZero, ("stays",)),
    SeededFault("break where continue was meant", "optimizer", StopsAtTheFirst, ("gradients-come-and-go",)),
    SeededFault("a trust ratio turned over", "optimizer", LAMB, ("norm-ratio",)),
    SeededFault("a gradient divided by its square", "optimizer", Adafactor, ("scale-exponent",)),
    SeededFault("Nesterov's step from the velocity before", "optimizer", SGD, ("as-published",)),
    SeededFault("a centred average with the wrong sign", "optimizer", RMSprop, ("as-published",)),
    SeededFault("roots for fourth roots", "optimizer", Shampoo, ("scale-exponent",)),
    SeededFault("Lion with one average", "optimizer", Lion, ("as-published",)),
    SeededFault("clipping the other way round", "optimizer", Clipped, ("clips",)),
    SeededFault("a velocity that never fades", "optimizer", NeverRests, ("fades",)),
    SeededFault("AdaBelief that is Adam", "optimizer", AdaBelief, ("as-published",)),
)

"""Exponentiated-gradient optimizers: EG itself, SGD with the article's learned step size, and the paper's full variant.

Sources: kexue.fm/archives/8968; Amid, Anil, Fifty and Warmuth 2022, arXiv:2202.00145.

What happens at the edges of floating point, for all three:

- A NaN gradient makes its coordinate NaN: nothing is hidden.
- A factor exp(u) never overflows: u is limited to log of the largest finite number, so 0 * exp(u) is 0.
- exp(u) may underflow to 0, and a product may round to 0: a coordinate of EG that is 0 stays 0.
- Step sizes and gains are kept as logarithms: they recover from an underflow, and where they would
  overflow they stop at the largest finite number.
- float16 and bfloat16 parameters are stepped in float32 arithmetic and rounded once per step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT, StateDict

Group = dict[str, Any]


class _ListOptimizer(Optimizer):
    """Hands `_update` lists of parameters with gradients: one list a dtype and device, or one parameter at a time.

    `_update` sees the gradients already negated when `maximize` is set.
    """

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        for name, value in defaults.items():
            if isinstance(value, float) and not 0 <= value < math.inf:
                raise ValueError(f"{name} must be finite and not negative, got {value}")
        super().__init__(params, defaults)

    def step(self, closure: Callable[[], Tensor | float] | None = None) -> Tensor | float | None:  # type: ignore[override]
        """One step over all parameters that have a gradient; returns the closure's loss, if a closure is given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                self._step_group(group)
        return loss

    def load_state_dict(self, state_dict: StateDict) -> None:
        """As torch's, but float32 state of float16 and bfloat16 parameters keeps its dtype."""
        super().load_state_dict(state_dict)
        params = [p for group in self.param_groups for p in group["params"]]
        saved = [i for group in state_dict["param_groups"] for i in group["params"]]
        for index, p in zip(saved, params, strict=True):
            for key, value in state_dict["state"].get(index, {}).items():
                if isinstance(value, Tensor):
                    self.state[p][key] = value.to(device=p.device, copy=True)

    def _step_group(self, group: Group) -> None:
        for params in _lists(group):
            grads = [cast(Tensor, p.grad) for p in params]
            if group["maximize"]:
                grads = list(torch._foreach_neg(grads))
            self._update(group, params, grads)

    def _update(self, group: Group, params: list[Tensor], grads: list[Tensor]) -> None:
        raise NotImplementedError


class ExponentiatedGradient(_ListOptimizer):
    """EG: theta <- theta * exp(-lr * grad), elementwise, for parameters >= 0 (kexue.fm/archives/8968, eq. 2).

    Args:
        params: parameters or parameter groups; a negative entry raises ValueError.
        lr: learning rate, per unit of gradient.
        maximize: ascend instead of descend.
        foreach: one call for all parameters of a dtype (default on accelerators), or one parameter at a time
            (default on the CPU, where it keeps temporaries in cache).

    A product that would overflow stops at the largest finite number, so a non-negative start stays
    non-negative and finite for every gradient that is not NaN (an infinite one included, for lr > 0).
    """

    def __init__(
        self, params: ParamsT, lr: float = 1e-2, *, maximize: bool = False, foreach: bool | None = None
    ) -> None:
        super().__init__(params, {"lr": lr, "maximize": maximize, "foreach": foreach})

    def add_param_group(self, param_group: Group) -> None:
        super().add_param_group(param_group)
        for index, p in enumerate(self.param_groups[-1]["params"]):
            if not p.is_meta and bool((p < 0).any()):
                raise ValueError(
                    f"exponentiated gradient keeps the sign of a parameter and needs it >= 0; "
                    f"parameter {index} of group {len(self.param_groups) - 1} has negative entries"
                )

    def _update(self, group: Group, params: list[Tensor], grads: list[Tensor]) -> None:
        factors = list(torch._foreach_mul(_wide(grads), -group["lr"]))
        torch._foreach_clamp_max_(factors, _log_max(factors[0].dtype))
        torch._foreach_exp_(factors)
        torch._foreach_mul_(params, factors)
        torch._foreach_clamp_max_(params, torch.finfo(params[0].dtype).max)


class HypergradientSGD(_ListOptimizer):
    """SGD with a step size nu per coordinate that is itself learned by EG (kexue.fm/archives/8968, eq. 11).

    nu <- nu * exp(gamma * previous_grad * grad), then theta <- theta - lr * nu * grad; nu starts at 1 and
    the first step has no previous gradient. The logarithm of nu is what is kept (`state["log_nu"]`), so nu
    recovers after an underflow; it stops at the logarithm of the largest finite number.

    Args:
        params: parameters or parameter groups.
        lr: learning rate eta.
        gamma: rate of the step size's own update, per squared unit of gradient.
        maximize, foreach: as in ExponentiatedGradient.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-2,
        gamma: float = 1e-2,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
    ) -> None:
        super().__init__(params, {"lr": lr, "gamma": gamma, "maximize": maximize, "foreach": foreach})

    def step_sizes(self) -> list[Tensor]:
        """The current nu of every parameter that has been stepped, in order; shapes as the parameters'."""
        return [s["log_nu"].exp() for s in self.state.values()]

    def _update(self, group: Group, params: list[Tensor], grads: list[Tensor]) -> None:
        fresh = [p for p in params if "log_nu" not in self.state[p]]
        for p in fresh:
            self.state[p]["log_nu"] = torch.zeros_like(p, dtype=_work(p.dtype))
            self.state[p]["previous"] = torch.zeros_like(p)
        logs = [self.state[p]["log_nu"] for p in params]
        previous = [self.state[p]["previous"] for p in params]
        _accumulate_(logs, previous, grads, group["gamma"])
        torch._foreach_addcmul_(params, list(torch._foreach_exp(logs)), grads, value=-group["lr"])
        torch._foreach_copy_(previous, grads)


class AmidFunnel(_ListOptimizer):
    """The full variant of Amid et al. 2022: SGD with momentum, a global scale s and a gain p per coordinate.

    With the gradient average m, the momentum h, and all at step t (s and p start at 1, m and h at 0):

        p <- p * exp(gamma_p * m * g)        m and h are those of the step before
        s <- s * exp(gamma_s * <h, g>)       <,> over all parameters of the group
        m <- beta * m + (1 - beta) * g
        h <- mu * h + lr * p * g
        theta <- theta - s * h

    An alignment <h, g> whose products overflow with both signs (NaN) leaves s as it is.
    log p is kept per parameter (`state["log_gain"]`), log s per group (`group["log_scale"]`, float64).
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-2,
        gamma_p: float = 1e-3,
        gamma_s: float = 1e-3,
        beta: float = 0.9,
        mu: float = 0.9,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
    ) -> None:
        rates = {"lr": lr, "gamma_p": gamma_p, "gamma_s": gamma_s, "beta": beta, "mu": mu}
        super().__init__(params, {**rates, "log_scale": 0.0, "maximize": maximize, "foreach": foreach})

    def scales(self) -> list[float]:
        """The global scale s of every group; never negative."""
        return [math.exp(min(group["log_scale"], _log_max(torch.float64))) for group in self.param_groups]

    def gains(self) -> list[Tensor]:
        """The gains p of every parameter that has been stepped, in order; never negative."""
        return [s["log_gain"].exp() for s in self.state.values()]

    def _step_group(self, group: Group) -> None:
        stepped = [p for p in group["params"] if p.grad is not None and "momentum" in self.state[p]]
        products = [
            torch.dot(self.state[p]["momentum"].flatten(), _wide([p.grad])[0].flatten()).double().cpu() for p in stepped
        ]
        alignment = float(sum(products)) * (-1 if group["maximize"] else 1)
        largest = torch.finfo(torch.float64).max
        moved = group["log_scale"] + group["gamma_s"] * alignment
        if not math.isnan(moved):  # products that overflow with both signs align with nothing
            group["log_scale"] = max(-largest, min(largest, moved))
        super()._step_group(group)

    def _update(self, group: Group, params: list[Tensor], grads: list[Tensor]) -> None:
        for p in params:
            if "log_gain" not in self.state[p]:
                work = _work(p.dtype)
                for key in ("log_gain", "average", "momentum"):
                    self.state[p][key] = torch.zeros_like(p, dtype=work)
        logs, average, momentum = ([self.state[p][key] for p in params] for key in ("log_gain", "average", "momentum"))
        _accumulate_(logs, average, grads, group["gamma_p"])
        torch._foreach_lerp_(average, _wide(grads), 1 - group["beta"])
        torch._foreach_mul_(momentum, group["mu"])
        torch._foreach_addcmul_(momentum, list(torch._foreach_exp(logs)), grads, value=group["lr"])
        scale = math.exp(min(group["log_scale"], _log_max(momentum[0].dtype)))
        torch._foreach_add_(params, momentum, alpha=-scale)


def _log_max(dtype: torch.dtype) -> float:
    """A little below log of the largest finite number, so that exp of it does not overflow."""
    info = torch.finfo(dtype)
    return math.log(info.max) * (1 - 4 * info.eps)


def _work(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


def _lists(group: Group) -> Iterator[list[Tensor]]:
    """The group's parameters that have gradients, by device and dtype with `foreach`, else one by one."""
    lists: dict[Any, list[Tensor]] = {}
    for index, p in enumerate(group["params"]):
        if p.grad is None:
            continue
        if p.grad.is_sparse:
            raise RuntimeError(f"sparse gradients are not supported (parameter {index})")
        together = group["foreach"] if group["foreach"] is not None else p.device.type != "cpu"
        key = (p.device, p.dtype) if together else index
        lists.setdefault(key, []).append(p)
    yield from lists.values()


def _wide(tensors: list[Tensor]) -> list[Tensor]:
    """The tensors in the working dtype; themselves where that is theirs."""
    return [t.to(_work(t.dtype)) for t in tensors]


def _accumulate_(logs: list[Tensor], first: list[Tensor], second: list[Tensor], rate: float) -> None:
    """logs += (rate * first) * second, kept finite and low enough for a finite exp."""
    torch._foreach_addcmul_(logs, first, second, value=rate)
    info = torch.finfo(logs[0].dtype)
    for log in logs:  # one pass; there is no foreach clamp with both bounds
        log.clamp_(-info.max, _log_max(logs[0].dtype))

"""Exponentiated-gradient optimizers broken in one named way each; their claims must notice."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from torchcheck.modules.exponentiated import AmidFunnel, ExponentiatedGradient, HypergradientSGD


class LinearEG(ExponentiatedGradient):
    """Uses 1 - u, the first-order term, for exp(-u)."""

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        for p, g in zip(params, grads, strict=True):
            p.mul_(1 - group["lr"] * g)


class KeptFactorEG(ExponentiatedGradient):
    """Keeps the factor theta of the gradient by log theta."""

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        super()._update(group, params, [p * g for p, g in zip(params, grads, strict=True)])


class SameGradientSGD(HypergradientSGD):
    """Multiplies the current gradient with itself instead of the previous one."""

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        for p, g in zip(params, grads, strict=True):
            if "previous" in self.state[p]:
                self.state[p]["previous"].copy_(g)
        super()._update(group, params, grads)


class EarlyStartSGD(HypergradientSGD):
    """Takes the first gradient for the one before it (g_0 = g_1 instead of none)."""

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        for p, g in zip(params, grads, strict=True):
            if "previous" not in self.state[p]:
                self.state[p]["log_nu"] = torch.zeros_like(p)
                self.state[p]["previous"] = g.clone()
        super()._update(group, params, grads)


class WrongSignSGD(HypergradientSGD):
    """Uses -gamma for gamma."""

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        super()._update({**group, "gamma": -group["gamma"]}, params, grads)


class LinearGainFunnel(AmidFunnel):
    """Reports gains 1 + log p, the first-order term of exp(log p)."""

    def gains(self) -> list[Tensor]:
        return [1 + s["log_gain"] for s in self.state.values()]

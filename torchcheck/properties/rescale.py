"""Powers of depth on a variant's residual weight and init gain, applied to modules as they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from torchcheck.measure.roles import FUSED, parts

#: roles of matrices that carry the branch's size; queries and keys do not (kexue.fm/archives/8978, sec. 5)
CARRYING = ("value", "output", "inner", "outer", "shared")
#: names under which blocks keep their residual weight
ALPHAS = ("alpha", "residual_weight", "residual_scale", "residual_alpha")


@dataclass(frozen=True)
class Scaling:
    """alpha = (2N)^alpha_power on the residual, gain = (2N)^-gain_power on the init of the matrices that carry."""

    alpha_power: float = 0.0
    gain_power: float = 0.0

    def apply_(self, model: nn.Module, depth: int) -> None:
        """Scales a freshly initialised network of `depth` blocks in place."""
        gain, alpha = (2.0 * depth) ** -self.gain_power, (2.0 * depth) ** self.alpha_power
        carrying = set(carrying_names(model))
        with torch.no_grad():
            for name, p in model.named_parameters():
                if name in carrying:
                    for part in parts(name, p):
                        if part.role in (*CARRYING, "matrix"):
                            part.of(p).mul_(gain)
        for module in model.modules():
            attribute = residual_name(module)
            if attribute and self.alpha_power:
                setattr(module, attribute, alpha)

    def code(self, endings: Sequence[str], alpha: str | None) -> str:
        """The same as a few lines of Python for the user's own model."""
        fused = [e for e in endings if e in FUSED]
        plain = tuple(e for e in endings if e not in FUSED)
        lines = ["N = 24  # the blocks of your model"]
        if self.gain_power:
            lines += [
                f"gain = (2 * N) ** -{self.gain_power:g}",
                "with torch.no_grad():",
                "    for name, p in model.named_parameters():",
            ]
            if plain:
                lines += [f"        if name.endswith({plain!r}):", "            p.mul_(gain)"]
            for ending in fused:
                lines += [
                    f"        if name.endswith({ending!r}):  # the value's third",
                    f"            p.chunk(3, {FUSED[ending]})[2].mul_(gain)",
                ]
        if self.alpha_power and alpha:
            lines += [
                f"alpha = (2 * N) ** {self.alpha_power:g}",
                "for module in model.modules():",
                f"    if hasattr(module, {alpha!r}):",
                f"        module.{alpha} = alpha",
            ]
        return "\n".join(lines)


def carrying_names(model: nn.Module) -> list[str]:
    """Names of the parameters that a gain scales: those with a known role, or, where none has, every matrix."""
    roles = {n: {part.role for part in parts(n, p)} for n, p in model.named_parameters()}
    known = [n for n, found in roles.items() if found & set(CARRYING)]
    return known or [n for n, found in roles.items() if "matrix" in found]


def residual_name(module: nn.Module) -> str | None:
    """The attribute that holds a module's residual weight, if it is a plain number."""
    return next((a for a in ALPHAS if isinstance(getattr(module, a, None), int | float)), None)

"""A least-squares problem for an optimizer of unknown signature."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import SubjectError, find_device

#: optimizers whose learning rate is their own to change
ADAPTS = re.compile(
    r"hyper-?gradient|(adapts?|learns) (its|the) (learning|step)|line.?search|prodigy|d-?adapt|dog\b", re.IGNORECASE
)

#: other values of usual hyperparameters, by name
OTHERS: dict[str, Any] = {"lr": 3e-3, "betas": (0.5, 0.6), "momentum": 0.5, "weight_decay": 0.3}


def make(loaded: Loaded, params: list[nn.Parameter], **options: Any) -> torch.optim.Optimizer:
    """The optimizer over these parameters; a class that insists on a learning rate gets 1e-3. Raises SubjectError."""
    chosen = {**loaded.options, **options}
    try:
        needed = [
            n
            for n, p in inspect.signature(loaded.subject).parameters.items()
            if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
    except (TypeError, ValueError):
        needed = []
    if "lr" in needed:
        chosen.setdefault("lr", 1e-3)
    missing = [n for n in needed[1:] if n not in chosen]
    if missing:
        raise SubjectError(f"the optimizer needs '{missing[0]}': give --set {missing[0]}=VALUE")
    made = loaded.subject(params, **chosen)
    if not isinstance(made, torch.optim.Optimizer):
        raise SubjectError(f"the factory gave a {type(made).__name__}, not a torch.optim.Optimizer")
    return made


class LeastSquares:
    """Least squares |X W - Y|² with a matrix and, where the optimizer takes it, a bias; float32."""

    def __init__(self, loaded: Loaded, settings: CheckSettings, **options: Any) -> None:
        torch.manual_seed(settings.seed)  # some draw their start: two problems have the same one
        g = torch.Generator().manual_seed(settings.seed)
        where = find_device(settings.device)
        self.x, y = (torch.randn(32, n, generator=g).to(where) for n in (8, 4))
        self.y = y * 3
        start = [torch.randn(8, 4, generator=g).abs() * 0.3 + 0.1, torch.full((4,), 0.5)]
        self.params = [nn.Parameter(p.to(where)) for p in start]
        if not _takes_vectors(loaded, self.params, options):
            self.params = self.params[:1]
        torch.manual_seed(settings.seed)
        self.opt: torch.optim.Optimizer = make(loaded, self.params, **options)
        self.sparse_only = isinstance(self.opt, torch.optim.SparseAdam)

    def loss(self) -> Tensor:
        out = self.x @ self.params[0] + (self.params[1] if len(self.params) > 1 else 0)
        return (out - self.y).square().mean()

    def set(self, gradient: Callable[[Tensor], Tensor | None]) -> None:
        for p in self.params:
            g = gradient(p.detach())
            p.grad = None if g is None else g.to_sparse() if self.sparse_only else g

    def step(self, fixed: bool = False) -> float:
        """One step with a closure, on the loss's gradient or, `fixed`, on the gradients that are set.

        The gradient is there before: not every step calls its closure.
        """
        if not fixed:
            self._backward()

        def closure() -> Tensor:
            return self.loss().detach() if fixed else self._backward()

        return float(self.opt.step(closure) or 0.0)  # type: ignore[arg-type]

    def _backward(self) -> Tensor:
        """The loss, whose gradients are in .grad afterwards."""
        self.opt.zero_grad()
        value = self.loss()
        value.backward()  # type: ignore[no-untyped-call]
        if self.sparse_only:
            for p in self.params:
                p.grad = None if p.grad is None else p.grad.to_sparse()
        return value

    def gradient(self) -> Tensor:
        """The loss's gradient here, which is in .grad afterwards."""
        self.opt.zero_grad()
        self.loss().backward()  # type: ignore[no-untyped-call]
        return torch.cat([p.grad.flatten() for p in self.params if p.grad is not None]).clone()

    def values(self) -> Tensor:
        return torch.cat([p.detach().flatten().clone() for p in self.params])


def _takes_vectors(loaded: Loaded, params: list[nn.Parameter], options: dict[str, Any]) -> bool:
    """Optimizers of matrices refuse others when they are made, or at the first step."""
    copies = [nn.Parameter(p.detach().clone()) for p in params]
    try:
        opt = make(loaded, copies, **options)
        for p in copies:
            p.grad = torch.ones_like(p)
        opt.step(lambda: 0.0)
    except ValueError as error:
        return "2D" not in str(error) and "2-D" not in str(error)
    except Exception:  # told by the property that it concerns
        return True
    return True


def undecayed(loaded: Loaded) -> dict[str, float]:
    """The option that turns weight decay off, where there is one."""
    return {"weight_decay": 0.0} if "weight_decay" in names_of(loaded) else {}


def names_of(loaded: Loaded) -> set[str]:
    """The names of its hyperparameters."""
    try:
        return set(inspect.signature(loaded.subject).parameters)
    except (TypeError, ValueError):
        return set()


def said_of(loaded: Loaded) -> str:
    """Its name and what its documentation says."""
    return f"{getattr(loaded.subject, '__name__', '')} {inspect.getdoc(loaded.subject) or ''}"


def ramp(p: Tensor) -> Tensor:
    """A gradient of different entries: some optimizers take its mean off."""
    return torch.linspace(1, 0.1, p.numel(), device=p.device).reshape(p.shape)

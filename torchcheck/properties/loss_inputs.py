"""Scores and targets for a loss of unknown form: what it takes is found by trying."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.properties.variant import Loaded, Settings, build
from torchcheck.run.subjects import SubjectError, find_device

#: examples and classes
BATCH, CLASSES = 6, 8
Made = tuple[Tensor, Tensor]


def function_of(loaded: Loaded, settings: Settings) -> Callable[[Tensor, Any], Tensor]:
    """The loss as a function (scores, targets) -> scalar; several numbers are averaged."""
    found = loaded.found
    if isinstance(found, type | nn.Module):
        found = build(loaded, settings.width, None, settings.seed)
    elif loaded.options:
        found = partial(found, **loaded.options)

    def f(scores: Tensor, targets: Any) -> Tensor:
        value = found(scores, targets)
        if not isinstance(value, Tensor):
            raise SubjectError(f"a loss gives a tensor, this one gave a {type(value).__name__}")
        return value.mean() if value.numel() > 1 else value.reshape(())

    return f


def targets_of(name: str, generator: torch.Generator) -> Tensor:
    """Targets of a form: class indices, many-hot labels, one-hot labels, or real numbers of the scores' shape."""
    if name == "index":
        return torch.randint(CLASSES, (BATCH,), generator=generator)
    if name == "many-hot":
        labels = torch.zeros(BATCH, CLASSES)
        for row in range(BATCH):
            labels[row, torch.randperm(CLASSES, generator=generator)[: 1 + row % 3]] = 1
        return labels
    if name == "one-hot":
        return torch.eye(CLASSES)[torch.randint(CLASSES, (BATCH,), generator=generator)]
    if name == "sign":
        return torch.randint(2, (BATCH, CLASSES), generator=generator).double() * 2 - 1
    return torch.rand(BATCH, CLASSES, generator=generator, dtype=torch.float64) + 0.1


FORMS = ("index", "many-hot", "one-hot", "sign", "real")


def inputs_of(loaded: Loaded, settings: Settings, seed: int, scale: float = 3.0) -> tuple[Made, str]:
    """Scores (batch, classes) and targets of the first form that the loss takes, or the subject's example_inputs."""
    generator = torch.Generator().manual_seed(seed)
    where = find_device(settings.device)
    if loaded.example_inputs is not None:
        made = loaded.example_inputs(BATCH, generator)
        if not isinstance(made, tuple | list) or len(made) != 2:
            raise SubjectError("example_inputs of a loss gives (scores, targets)")
        return (made[0].to(where).double() * scale / 3, made[1].to(where)), "its own"
    scores = (torch.randn(BATCH, CLASSES, generator=generator, dtype=torch.float64) * scale).to(where)
    f = function_of(loaded, settings)
    problem: Exception | None = None
    for form in _likely(loaded):
        targets = targets_of(form, torch.Generator().manual_seed(seed)).to(where)
        casts = [targets.double(), targets.bool()] if form in ("many-hot", "one-hot") else [targets]
        for cast in casts:
            try:
                value = f(scores.clone(), cast.clone())
            except Exception as error:
                problem = problem or error
                continue
            if value.numel() == 1:
                return (scores, cast), form
    raise SubjectError(
        f"it takes scores ({BATCH}, {CLASSES}) with no targets known ({', '.join(FORMS)}): write "
        "example_inputs(batch, generator) beside it, giving (scores, targets)"
    ) from problem


def _likely(loaded: Loaded) -> Sequence[str]:
    """Forms in the order in which the parameter's name makes them likely."""
    forward = loaded.found.forward if hasattr(loaded.found, "forward") else loaded.found
    try:
        names = " ".join(inspect.signature(forward).parameters) + getattr(loaded.found, "__name__", "")
    except (TypeError, ValueError):
        names = ""
    name = (names + " " + type(loaded.found).__name__).lower()
    if any(word in name for word in ("bce", "multilabel", "label", "binary")) and "cross_entropy" not in name:
        return ("many-hot", "sign", "index", "one-hot", "real")
    if any(word in name for word in ("mse", "l1", "huber", "smooth", "gaussian", "poisson", "kl")):
        return ("real", "index", "many-hot", "one-hot", "sign")
    if any(word in name for word in ("hinge", "margin")) and "multi" not in name:
        return ("sign", "index", "many-hot", "one-hot", "real")
    return FORMS

"""The variant under test: loading it, telling its kind, and building it at a width, depth and seed."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn

from torchcheck.data import Certify
from torchcheck.properties.subject.kinds import KINDS, infer_kind
from torchcheck.properties.subject.layout import tokens_first
from torchcheck.properties.subject.masks import with_defaults
from torchcheck.properties.subject.signatures import axes_of, needed_of, parameters_of, signature_of
from torchcheck.properties.subject.sizes import CLASSES, DEPTH, SCORES, WIDTH, usual
from torchcheck.run.subjects import SubjectError, resolve

#: kinds that are built at a width, or a depth
SIZED = ("block", "layer", "attention", "model")


@dataclass(frozen=True)
class CheckSettings:
    """How a check is run. Sizes are in tokens and features; `lr` None is the optimizer's own in LEARNING_RATES.

    `widths` are those of the group of properties "width", which are not asked without them, nor is the group "compiler"
    without `compile`. `certify` encloses the
    extremes of an activation's graph, which are estimated without it.
    """

    width: int = 128
    seq_len: int = 32
    batch: int = 2
    depths: tuple[int, ...] = (2, 4, 8, 16, 32, 64, 128, 256)
    optimizer: str = "adam"
    lr: float | None = None
    dtypes: tuple[str, ...] = ("float32", "bfloat16", "float16")
    device: str = "cpu"
    seeds: int = 16
    seed: int = 0
    causal: bool | None = None
    widths: tuple[int, ...] = ()
    compile: bool = False
    alarm: float = 1e-6
    certify: Certify | None = None

    def to_json(self) -> dict[str, Any]:
        """All but `certify`, which is no setting of a measurement."""
        return {k: v for k, v in asdict(self).items() if k != "certify"}


@dataclass(frozen=True)
class Variant:
    """What is under test. `target` is the object itself, or its name, which lets the check run in another process.

    `tried` says whether it may be called to tell its kind.
    """

    target: Any
    kind: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: Any = None
    loss: Any = None
    tried: bool = True

    @property
    def label(self) -> str:
        if isinstance(self.target, str):
            return self.target
        name = getattr(self.target, "__qualname__", "") or type(self.target).__qualname__
        return f"{getattr(self.target, '__module__', '')}:{name}"


@dataclass(frozen=True)
class Loaded:
    """The subject, its kind and how that was told; beside it example_inputs, loss and optimizer(model)."""

    subject: Any
    kind: str
    why: str
    options: Mapping[str, Any]
    example_inputs: Callable[[int, torch.Generator], Any] | None
    loss: Callable[[Any], torch.Tensor] | None
    optimizer: Callable[[nn.Module], torch.optim.Optimizer] | None = None

    @property
    def is_instance(self) -> bool:
        return isinstance(self.subject, nn.Module | torch.optim.Optimizer)


def load(variant: Variant) -> Loaded:
    """Imports the subject and tells its kind; raises SubjectError, or whatever importing it raises."""
    subject = resolve(variant.target) if isinstance(variant.target, str) else variant.target
    beside: dict[str, Any] = {}
    if isinstance(variant.target, str):
        place = variant.target.rpartition(":")[0]
        beside = {n: resolve(f"{place}:{n}") for n in ("example_inputs", "loss", "optimizer") if _has(place, n)}
    if not callable(subject) and not isinstance(subject, torch.optim.Optimizer):
        raise SubjectError(
            f"{variant.label} is a {type(subject).__name__}: a subject is a class, a factory or an instance"
        )
    kind, why = (variant.kind, "as asked") if variant.kind else infer_kind(subject, variant.tried)
    if kind not in KINDS:
        raise SubjectError(f"unknown kind '{kind}': choose {', '.join(KINDS)}")
    loss = variant.loss or beside.get("loss")
    loss = None if loss is subject else loss
    optimizer = beside.get("optimizer")
    optimizer = optimizer if inspect.isfunction(optimizer) and optimizer is not subject else None
    inputs = variant.inputs or beside.get("example_inputs")
    return Loaded(subject, kind, why, variant.options, inputs, loss, optimizer)


def build(loaded: Loaded, width: int, depth: int | None, seed: int) -> Any:
    """One fresh, randomly initialised subject in eval mode: f(width), f(width, depth) or f(depth), a class alike.

    An instance is copied, and initialised again by its modules' reset_parameters where they have it. Raises
    SubjectError where the signature asks for more than width, depth and the options given.
    """
    subject = loaded.subject
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed takes half a millisecond to find out that there is no GPU: much, for hundreds of blocks
        (torch.manual_seed if torch.cuda.is_available() else torch.default_generator.manual_seed)(seed)
        if isinstance(subject, nn.Module):
            made = copy.deepcopy(subject)
            for part in made.modules():
                reset = getattr(part, "reset_parameters", None) or getattr(part, "_reset_parameters", None)
                if callable(reset):
                    reset()
        else:
            made = subject(**arguments_of(loaded, width, depth))
        if loaded.kind != "loss" and not isinstance(made, nn.Module):
            raise SubjectError(f"the factory gave a {type(made).__name__}, not a torch.nn.Module")
        if not isinstance(made, nn.Module):
            return made
        made.eval()
        if loaded.kind not in SIZED or loaded.example_inputs is not None:
            return made
        made = with_defaults(made)
        return made if loaded.kind == "model" else tokens_first(made, width)


def takes_depth(loaded: Loaded) -> bool:
    """Whether the subject can be built at any depth."""
    if loaded.is_instance:
        return False
    return loaded.kind == "block" or any(n in DEPTH for n in parameters_of(loaded.subject)) or _only_number(loaded)


def _only_number(loaded: Loaded) -> bool:
    """f(n) of a model: its one needed parameter, whatever its name, is the depth unless it says width."""
    needed = [n for n in needed_of(loaded.subject) if n not in loaded.options and usual(n, 1) is None]
    return loaded.kind == "model" and len(needed) == 1 and needed[0] not in WIDTH


def arguments_of(loaded: Loaded, width: int, depth: int | None) -> dict[str, Any]:
    """The keyword arguments that build the subject; raises SubjectError where some are missing or unknown."""
    names, needed = parameters_of(loaded.subject), needed_of(loaded.subject)
    chosen = dict(loaded.options)
    unknown = [n for n in chosen if n not in names] if not _has_keywords(loaded.subject) else []
    if unknown:
        raise SubjectError(f"the subject takes no '{unknown[0]}'; it takes: {', '.join(names) or 'nothing'}")
    sized = loaded.kind in SIZED
    sizes = [n for n in names if n not in axes_of(loaded.subject)]
    for group, value in ((WIDTH, width), (DEPTH, depth)) if sized else ():
        first = next((n for n in sizes if n in group), None)
        for name in (n for n in sizes if n in group and (n == first or n in needed)):
            if name not in chosen and value is not None:
                chosen[name] = value
    if sized:
        chosen |= usual_of(loaded, width)
    elif loaded.kind == "loss":
        chosen |= _sizes_of_loss(loaded)
    left = [n for n in needed if n not in chosen]
    if left and loaded.kind == "model" and depth is not None and not any(n in DEPTH for n in chosen):
        chosen[left.pop(0)] = depth
    elif left and loaded.kind in ("block", "layer", "attention") and not any(n in WIDTH for n in chosen):
        chosen[left.pop(0)] = width
    if left:
        raise SubjectError(
            f"the subject needs '{left[0]}'{' besides width and depth' if sized else ''}: "
            f"give --set {left[0]}=VALUE, or a factory {'f(width)' if sized else 'that needs nothing'}"
        )
    return chosen


def _sizes_of_loss(loaded: Loaded) -> dict[str, int]:
    """The classes and features that a loss is built for: as many as the scores that it is given have."""
    parameters = signature_of(loaded.subject)
    of_scores = [n for n in parameters if SCORES.fullmatch(n) and n not in loaded.options]
    defaults = {n: parameters[n].default for n in of_scores}
    return {n: CLASSES for n, d in defaults.items() if d is inspect.Parameter.empty or (type(d) is int and d > 1)}


def usual_of(loaded: Loaded, width: int) -> dict[str, Any]:
    """What the subject insists on besides width and depth, and is given because its name says what it is."""
    values = {n: usual(n, width) for n in needed_of(loaded.subject) if n not in (*loaded.options, *WIDTH, *DEPTH)}
    return {n: v for n, v in values.items() if v is not None}


def _has_keywords(factory: Any) -> bool:
    try:
        return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(factory).parameters.values())
    except (TypeError, ValueError):
        return True


def _has(place: str, name: str) -> bool:
    try:
        resolve(f"{place}:{name}")
    except SubjectError:
        return False
    return True

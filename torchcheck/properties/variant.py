"""The variant under test: loading it, telling its kind, and building it at a width, depth and seed."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn

from torchcheck.data import Certify
from torchcheck.run.libraries import LibraryModel, SizedModel
from torchcheck.run.subjects import SubjectError, resolve

KINDS = ("activation", "block", "attention", "optimizer", "loss", "model")
#: parameter names that say how wide or deep a subject is to be built
WIDTH = (
    "width",
    "dim",
    "d_model",
    "hidden_size",
    "embed_dim",
    "embed_size",
    "n_embd",
    "hidden",
    "features",
    "channels",
)
DEPTH = (
    "depth",
    "layers",
    "n_layers",
    "num_layers",
    "n_layer",
    "num_hidden_layers",
    "n_blocks",
    "num_blocks",
    "blocks",
)
#: names of forward's parameters for masks, and whether True (or 1) means that a position is kept
MASKS = {
    "key_padding_mask": False,
    "src_key_padding_mask": False,
    "padding_mask": False,
    "attention_mask": True,
    "mask": True,
}
#: names of losses, and of layers that have a residual stream around them
LOSS = re.compile(
    r"(Loss|CrossEntropy|Criterion|Divergence|NLL|(?-i:NCE)|NT_?Xent|SupCon|Triplet|Contrastive|_loss|_cross_entropy|_nll"
    r"|_nce)$|^loss",
    re.IGNORECASE,
)
#: losses of two embeddings
EMBEDDINGS = re.compile(
    r"(?-i:NCE)|_nce$|NT_?Xent|SupCon|Triplet|Contrastive|Cosine|Siamese|SimCLR|CLIP|Embedding|Barlow|VICReg",
    re.IGNORECASE,
)
ATTENTION = re.compile("attention", re.IGNORECASE)
BLOCK = re.compile(r"block|layer|encoder|decoder|residual|stage", re.IGNORECASE)
TARGETS = ("target", "targets", "label", "labels", "y", "positives")


@dataclass(frozen=True)
class Settings:
    """How a check is run. Sizes are in tokens and features; `lr` None is the optimizer's own in LEARNING_RATES.

    `widths` are those of the group of properties "width", which are not asked without them. `certify` encloses the
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
    alarm: float = 1e-6
    certify: Certify | None = None

    def to_json(self) -> dict[str, Any]:
        """All but `certify`, which is no setting of a measurement."""
        return {k: v for k, v in asdict(self).items() if k != "certify"}


@dataclass(frozen=True)
class Variant:
    """What is under test. `target` is the object itself, or its name, which lets the check run in another process."""

    target: Any
    kind: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: Any = None
    loss: Any = None

    @property
    def label(self) -> str:
        if isinstance(self.target, str):
            return self.target
        name = getattr(self.target, "__qualname__", "") or type(self.target).__qualname__
        return f"{getattr(self.target, '__module__', '')}:{name}"


@dataclass(frozen=True)
class Loaded:
    """The subject, its kind and how that was told; beside it example_inputs, loss and optimizer(model)."""

    found: Any
    kind: str
    why: str
    options: Mapping[str, Any]
    example_inputs: Callable[[int, torch.Generator], Any] | None
    loss: Callable[[Any], torch.Tensor] | None
    optimizer: Callable[[nn.Module], torch.optim.Optimizer] | None = None

    @property
    def is_instance(self) -> bool:
        return isinstance(self.found, nn.Module | torch.optim.Optimizer)


def load(variant: Variant) -> Loaded:
    """Imports the subject and tells its kind; raises SubjectError, or whatever importing it raises."""
    found = resolve(variant.target) if isinstance(variant.target, str) else variant.target
    beside: dict[str, Any] = {}
    if isinstance(variant.target, str):
        place = variant.target.rpartition(":")[0]
        beside = {n: resolve(f"{place}:{n}") for n in ("example_inputs", "loss", "optimizer") if _has(place, n)}
    if not callable(found) and not isinstance(found, torch.optim.Optimizer):
        raise SubjectError(
            f"{variant.label} is a {type(found).__name__}: a subject is a class, a factory or an instance"
        )
    kind, why = (variant.kind, "as asked") if variant.kind else infer_kind(found)
    if kind not in KINDS:
        raise SubjectError(f"unknown kind '{kind}': choose {', '.join(KINDS)}")
    loss = variant.loss or beside.get("loss")
    loss = None if loss is found else loss
    optimizer = beside.get("optimizer")
    optimizer = optimizer if inspect.isfunction(optimizer) and optimizer is not found else None
    inputs = variant.inputs or beside.get("example_inputs")
    return Loaded(found, kind, why, variant.options, inputs, loss, optimizer)


def infer_kind(found: Any) -> tuple[str, str]:
    """The kind of a subject, and what told it; raises SubjectError where its signature leaves that open."""
    if isinstance(found, torch.optim.Optimizer):
        raise SubjectError("an optimizer's instance is bound to its parameters: give its class, or a factory f(params)")
    if inspect.isclass(found) and issubclass(found, torch.optim.Optimizer):
        return "optimizer", "a subclass of torch.optim.Optimizer"
    if isinstance(found, LibraryModel | SizedModel):
        return "model", "a model of a library"
    module = isinstance(found, nn.Module) or (inspect.isclass(found) and issubclass(found, nn.Module))
    names = [] if isinstance(found, nn.Module) else list(_parameters(found))
    needed = [] if isinstance(found, nn.Module) else needed_of(found)
    forward = needed_of(found.forward) if module else []
    forward = [n for n in forward if n != "self"]
    name = lineage(found)[0]
    told = _by_module(found, name, names, needed, forward) if module else _by_function(name, names, needed)
    if told is not None:
        return told
    signature = ", ".join(names)
    raise SubjectError(f"the kind of {name}({signature}) is not clear from its signature: say --kind {'|'.join(KINDS)}")


def _by_module(
    found: Any, name: str, names: Sequence[str], needed: Sequence[str], forward: Sequence[str]
) -> tuple[str, str] | None:
    """The kind of a module, or of a class of them, and what told it."""
    if isinstance(found, nn.modules.loss._Loss) or _is_loss_class(found):
        return "loss", "a subclass of torch's losses"
    if len(forward) == 2 and forward[1] in TARGETS:
        return "loss", f"forward takes ({', '.join(forward)})"
    if hasattr(found, "config") and isinstance(found, nn.Module):
        return "model", "an instance with a config"
    if LOSS.search(name) and len(forward) >= 2:
        return "loss", f"its name is {name}"
    sized = _by_sizes(lineage(found), names, _parameters(found.forward))
    if sized is not None:
        return sized
    if not needed and len(forward) <= 1:
        made = found if isinstance(found, nn.Module) else found()
        if sum(p.numel() for p in made.parameters()) <= 1:
            return "activation", "a module without matrices"
        if isinstance(found, nn.Module):
            raise SubjectError("an instance with weights may be a block, an attention or a model: say --kind")
    return None


def _by_function(name: str, names: Sequence[str], needed: Sequence[str]) -> tuple[str, str] | None:
    """The kind of a function or factory, and what told it."""
    if LOSS.search(name) and len(needed) >= 2:
        return "loss", f"its name is {name}"
    sized = _by_sizes([name], names, ())
    if sized is not None:
        return sized
    if needed[:1] == ["params"]:
        return "optimizer", "it takes 'params'"
    if len(needed) == 2 and needed[1] in TARGETS:
        return "loss", f"it takes ({', '.join(needed)})"
    if len(needed) == 1 and needed[0] in ("x", "input", "z", "t", "inputs"):
        return "activation", f"a function of '{needed[0]}'"
    return None


def lineage(found: Any) -> list[str]:
    """The names of a module's classes up to torch's Module, the nearest first; of anything else its own."""
    kind = found if inspect.isclass(found) else type(found)
    if issubclass(kind, nn.Module):
        return [c.__name__ for c in kind.__mro__[: kind.__mro__.index(nn.Module)]] or [kind.__name__]
    return [str(getattr(found, "__name__", kind.__name__))]


def _by_sizes(classes: Sequence[str], names: Sequence[str], forward: Sequence[str]) -> tuple[str, str] | None:
    """The kind of what is built of a width, a depth, or both; the nearest name in its lineage that says one counts."""
    if any(n in DEPTH for n in names):
        return "model", f"it takes '{next(n for n in names if n in DEPTH)}'"
    told = next((n for n in classes if ATTENTION.search(n) or BLOCK.search(n)), "")
    if ATTENTION.search(told):
        return "attention", f"its name is {told}" if told == classes[0] else f"it is a {told}"
    width = next((n for n in names if n in WIDTH), None)
    if width is None:
        return None
    masks = [n for n in forward if n in MASKS]
    if masks and not told:
        return "attention", f"it takes '{width}', and its forward '{masks[0]}'"
    return "block", f"it takes '{width}' and no depth"


def build(loaded: Loaded, width: int, depth: int | None, seed: int) -> Any:
    """One fresh, randomly initialised subject in eval mode: f(width), f(width, depth) or f(depth), a class alike.

    An instance is copied, and initialised again by its modules' reset_parameters where they have it. Raises
    SubjectError where the signature asks for more than width, depth and the options given.
    """
    found = loaded.found
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed takes half a millisecond to find out that there is no GPU: much, for hundreds of blocks
        (torch.manual_seed if torch.cuda.is_available() else torch.default_generator.manual_seed)(seed)
        if isinstance(found, nn.Module):
            made = copy.deepcopy(found)
            for part in made.modules():
                reset = getattr(part, "reset_parameters", None) or getattr(part, "_reset_parameters", None)
                if callable(reset):
                    reset()
        else:
            made = found(**arguments_of(loaded, width, depth))
    if loaded.kind != "loss" and not isinstance(made, nn.Module):
        raise SubjectError(f"the factory gave a {type(made).__name__}, not a torch.nn.Module")
    return made.eval() if isinstance(made, nn.Module) else made


def takes_depth(loaded: Loaded) -> bool:
    """Whether the subject can be built at any depth."""
    if loaded.is_instance:
        return False
    return loaded.kind == "block" or any(n in DEPTH for n in _parameters(loaded.found)) or _only_number(loaded)


def _only_number(loaded: Loaded) -> bool:
    """f(n) of a model: its one needed parameter, whatever its name, is the depth unless it says width."""
    needed = [n for n in needed_of(loaded.found) if n not in loaded.options]
    return loaded.kind == "model" and len(needed) == 1 and needed[0] not in WIDTH


def arguments_of(loaded: Loaded, width: int, depth: int | None) -> dict[str, Any]:
    """The keyword arguments that build the subject; raises SubjectError where some are missing or unknown."""
    names, needed = _parameters(loaded.found), needed_of(loaded.found)
    chosen = dict(loaded.options)
    unknown = [n for n in chosen if n not in names] if not _has_keywords(loaded.found) else []
    if unknown:
        raise SubjectError(f"the subject takes no '{unknown[0]}'; it takes: {', '.join(names) or 'nothing'}")
    sized = loaded.kind in ("block", "attention", "model")
    for group, value in ((WIDTH, width), (DEPTH, depth)) if sized else ():
        name = next((n for n in names if n in group), None)
        if name and name not in chosen and value is not None:
            chosen[name] = value
    left = [n for n in needed if n not in chosen]
    if left and loaded.kind == "model" and depth is not None and not any(n in DEPTH for n in chosen):
        chosen[left.pop(0)] = depth
    elif left and loaded.kind in ("block", "attention") and not any(n in WIDTH for n in chosen):
        chosen[left.pop(0)] = width
    if left:
        raise SubjectError(
            f"the subject needs '{left[0]}'{' besides width and depth' if sized else ''}: "
            f"give --set {left[0]}=VALUE, or a factory {'f(width)' if sized else 'that needs nothing'}"
        )
    return chosen


def _parameters(found: Any) -> Sequence[str]:
    try:
        return [
            n for n, p in inspect.signature(found).parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
    except (TypeError, ValueError):
        return []


def needed_of(found: Any) -> list[str]:
    """The names of the parameters that have no default."""
    try:
        parameters = inspect.signature(found).parameters.items()
    except (TypeError, ValueError):
        return []
    return [n for n, p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def _has_keywords(found: Any) -> bool:
    try:
        return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(found).parameters.values())
    except (TypeError, ValueError):
        return True


def _is_loss_class(found: Any) -> bool:
    return inspect.isclass(found) and issubclass(found, nn.modules.loss._Loss)


def _has(place: str, name: str) -> bool:
    try:
        resolve(f"{place}:{name}")
    except SubjectError:
        return False
    return True

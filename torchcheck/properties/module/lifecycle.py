"""What a module goes through beside calls: it is built, moved to a device, saved and loaded; and shares weights."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import call, gap, network, size_of, tensor_of, uncalled
from torchcheck.properties.subject.training_mode import copied
from torchcheck.properties.subject.variant import CheckSettings, Loaded

#: relative differences below this are sums in another order
ROUNDING = 1e-5
#: attributes of a module, or of its config, that say that embedding and head are one
TIES = ("tie_word_embeddings", "tie_weights", "tied", "tie_embeddings", "weight_tying", "share_embeddings")
#: functions that take tensors of two devices, that move one, and that make one where it is said, or on the first
ACROSS = re.compile(r"copy_|__getitem__|__setitem__|__get__|size|dim")
MOVES = re.compile("to|type_as|cuda|cpu")
MAKES = re.compile(
    "arange|as_tensor|empty|eye|from_numpy|full|hann_window|linspace|logspace|ones|rand|randint|randn|randperm|range|tensor|"
    "tril_indices|triu_indices|zeros"
)
PROPERTIES: dict[str, Property] = {
    "filled": Property(
        "every parameter, and whatever reaches the output, has been given a value (number of tensors left as they were "
        "found in memory)",
        Threshold(0, 0),
        "torch.empty gives memory as it lies: initialise it, or use torch.zeros",
        better="less",
    ),
    "saved": Property(
        "its state_dict, loaded into a fresh one, gives the same output (relative change)",
        Threshold(hi=1e-4),
        "weights are in no state_dict: keep layers in a ModuleList, tensors in parameters and buffers, caches nowhere",
        better="less",
    ),
    "called-before": Property(
        "after a call with fewer examples and tokens it takes more, and gives what a fresh one gives (relative change)",
        Threshold(hi=1e-4),
        "something of the first call's size is kept, a mask or a table: make it anew where it is too small",
        better="less",
    ),
    "moved": Property(
        "moved to another device, it computes there (number of operations that meet a tensor left on the first one)",
        Threshold(0, 0),
        "make tensors on the device of the input (device=x.device), and register those that stay as buffers",
        better="less",
    ),
    "tied": Property(
        "weights that are shared are one parameter (number that are not)",
        Threshold(0, 0),
        "assign the parameter itself (head.weight = embedding.weight), after whatever replaces it; two that share "
        "memory are updated twice, and copies part at the first step",
        better="less",
    ),
}


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    at = {"depth": description.depth(settings)}
    return [
        Step(filled, ("filled",), at),
        Step(saved, ("saved", "tied"), at),
        Step(moved, ("moved",), at),
        Step(again, ("called-before",), at),
    ]


def filled(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """Builds and calls it where torch fills fresh memory with NaN (and the largest integers)."""
    measured = partial(Measurement, "filled", dtype="float32", unit="tensors")
    with _fresh_memory_is_nan():
        model, inputs = network(loaded, settings, depth, 0)
        bad = [n for n, p in model.named_parameters() if bool(p.isnan().any())]
        with torch.no_grad():
            out = tensor_of(call(model, copied(inputs)))
    if not bad and bool(out.isnan().any()):
        plain, inputs = network(loaded, settings, depth, 0)
        with torch.no_grad():
            bad = [] if bool(tensor_of(call(plain, copied(inputs))).isnan().any()) else ["the output"]
    return [measured(float(len(bad)), witness=", ".join(bad[:3]))]


@contextmanager
def _fresh_memory_is_nan() -> Iterator[None]:
    before = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms would import torch's compiler
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)


def saved(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """Two of different seeds, both called; then the second has the state of the first."""
    measured = partial(Measurement, dtype="float32")
    model, inputs = network(loaded, settings, depth, 0)
    other, _ = network(loaded, settings, depth, 1)
    with torch.no_grad():
        for one in (model, other):  # what is built at the first call is there now
            call(one, copied(inputs))
        tied = _tied(model, measured)
        first, again = (tensor_of(call(copy.deepcopy(model), copied(inputs))) for _ in range(2))
        if gap(first, again) > 0:
            return [measured("saved", None, note="two calls differ"), tied]
        try:
            other.load_state_dict(model.state_dict())
        except (RuntimeError, ValueError) as error:
            words = str(error).splitlines()[-1].strip()[:120]
            return [
                measured("saved", float("inf"), witness=f"another of its kind does not take its state: {words}"),
                tied,
            ]
        change = gap(first, tensor_of(call(other, copied(inputs))))
    change /= size_of(first)
    return [measured("saved", 0.0 if change <= ROUNDING else change, witness=_unseen(model) if change else ""), tied]


def _attributes(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """What modules hold beside their registered parameters, buffers and modules, with its place."""
    own = vars(nn.Module())
    for place, module in model.named_modules():
        for name, held in vars(module).items():
            if name not in own:
                yield f"{place}.{name}".lstrip("."), held


def _unseen(model: nn.Module) -> str:
    """An attribute that holds modules or parameters where torch does not look for them."""
    held = ((place, h) for place, h in _attributes(model) if isinstance(h, list | tuple | dict))
    hiding = (p for p, h in held if any(isinstance(v, nn.Module | nn.Parameter) for v in tree_leaves(h)))
    return next(hiding, "")


def _tied(model: nn.Module, measured: Callable[..., Measurement]) -> Measurement:
    """Parameters in one piece of memory, and an embedding and a head that are said to be one and are two."""
    named = [(n, p) for n, p in model.named_parameters() if p.numel() > 1]
    places: dict[tuple[int, int], str] = {}
    wrong = []
    for name, p in named:
        key = (p.data_ptr(), p.numel())
        if key in places:
            wrong.append(f"{name} and {places[key]} share memory")
        places.setdefault(key, name)
    says = next((f"{t} is True" for m in model.modules() for t in TIES if _says(m, t)), "")
    tables = [m.weight for m in model.modules() if isinstance(m, nn.Embedding)]
    heads = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    fitting = [(t, h) for t in tables for h in heads if t.shape == h.shape]
    if says and fitting and not any(t is h for t, h in fitting):
        wrong.append(f"{says}, and no linear layer has an embedding's weight")
    return measured("tied", float(len(wrong)), unit="parameters", witness="; ".join(wrong[:2]), samples=len(named))


def _says(module: nn.Module, attribute: str) -> bool:
    config = getattr(module, "config", None)
    return getattr(module, attribute, None) is True or getattr(config, attribute, None) is True


def again(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """Two with the same weights: one is called with less first, where it takes less."""
    measured = partial(Measurement, "called-before", dtype="float32", samples=2)
    _, x = network(loaded, settings, depth, 0)
    if not isinstance(x, Tensor) or x.dim() not in (2, 3):
        return [measured(None, note="its input is no sequence")]
    fresh, used = (uncalled(loaded, settings, depth, 0) for _ in range(2))
    tokens = x.dim() == 3 or not x.is_floating_point()
    less = x[:1, : x.shape[1] // 2] if tokens else x[:1]
    with torch.no_grad():
        out = tensor_of(call(fresh, x.clone()))
        try:
            call(used, less.clone())
        except Exception:
            return [measured(None, note="it takes inputs of one size alone")]
        try:
            change = gap(out, tensor_of(call(used, x.clone()))) / size_of(out)
        except Exception as error:
            words = str(error).splitlines()[0][:100]
            return [measured(float("inf"), witness=f"{tuple(x.shape)} after {tuple(less.shape)}: {words}")]
    return [measured(change)]


def moved(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """One pass in which every tensor that would be left on the first device is marked, and so is what is made of it.

    What is built at the first call, and kept, is built where the module then is.
    """
    measured = partial(Measurement, "moved", dtype="float32", unit="operations")
    model, inputs = network(loaded, settings, depth, 0)
    built = _attributes(uncalled(loaded, settings, depth, 0))
    first = {place for place, held in built if any(isinstance(v, Tensor | nn.Module) for v in tree_leaves(held))}
    left = _LeftBehind(_strays(model, first))
    with torch.no_grad(), left:
        call(model, copied(inputs))
    return [measured(float(len(left.subject)), witness="; ".join(left.subject[:2]))]


def _strays(model: nn.Module, places: Set[str]) -> list[Tensor]:
    """Tensors among the attributes of these places, or in lists and modules there, that `to` does not move."""
    registered = {id(t) for t in [*model.parameters(), *model.buffers()]}
    leaves = tree_leaves([held for place, held in _attributes(model) if place in places])
    inner = [t for v in leaves if isinstance(v, nn.Module) for t in [*v.parameters(), *v.buffers()]]
    return [t for t in [*leaves, *inner] if isinstance(t, Tensor) and id(t) not in registered]


class _LeftBehind(TorchFunctionMode):
    """Follows tensors made without a device, and strays, until `to` moves them or one that was moved meets them.

    One number may stand anywhere, and an index or a copy may come from elsewhere.
    """

    def __init__(self, strays: Sequence[Tensor]) -> None:
        super().__init__()
        self.subject: list[str] = []
        self.marked = {id(t): t for t in strays}  # held, so that no other tensor gets the same id

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        large = [t for t in tensors if t.dim()]
        behind = [t for t in large if id(t) in self.marked]
        if MOVES.fullmatch(name):
            return out.view_as(out) if isinstance(out, Tensor) and id(out) in self.marked else out  # unmarked
        if MAKES.fullmatch(name) and kwargs.get("device") is not None:
            return out
        if behind and len(behind) < len(large) and not ACROSS.fullmatch(name):
            self.subject.append(f"{name} takes a tensor of shape {tuple(behind[0].shape)} that stays behind")
        elif (MAKES.fullmatch(name) and not tensors) or (behind and len(behind) == len(large)):
            self.marked |= {id(t): t for t in tree_leaves(out) if isinstance(t, Tensor)}
        return out


LIFECYCLE = Group("state", PROPERTIES, steps)

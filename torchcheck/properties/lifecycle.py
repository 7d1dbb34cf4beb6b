"""What a module goes through beside calls: it is built, moved to a device, saved and loaded; and shares weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from torchcheck.data import Measurement
from torchcheck.measure.operations import Watch
from torchcheck.properties.calling import Stack, call, gap, network, tensor_of, to
from torchcheck.properties.engine import Step
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.training_mode import copied
from torchcheck.properties.variant import Loaded, Settings, build
from torchcheck.run.subjects import SubjectError

#: relative differences below this are sums in another order
ROUNDING = 1e-5
#: attributes of a module, or of its config, that say that embedding and head are one
TIES = ("tie_word_embeddings", "tie_weights", "tied", "tie_embeddings", "weight_tying", "share_embeddings")
#: operations that take tensors of two devices: copies, and indices
ACROSS = ("copy_", "_to_copy", "index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index")
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


def steps(depth: int | None = None) -> list[Step]:
    place, at = "torchcheck.properties.lifecycle", {"depth": depth}
    return [
        Step(f"{place}:filled", ("filled",), at),
        Step(f"{place}:saved", ("saved", "tied"), at),
        Step(f"{place}:moved", ("moved",), at),
    ]


def filled(loaded: Loaded, settings: Settings, depth: int | None) -> list[Measurement]:
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
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)  # which fills fresh memory, unless told not to
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


def saved(loaded: Loaded, settings: Settings, depth: int | None) -> list[Measurement]:
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
    change /= float(first.double().square().mean().sqrt()) or 1.0
    return [measured("saved", 0.0 if change <= ROUNDING else change, witness=_unseen(model) if change else ""), tied]


def _unseen(model: nn.Module) -> str:
    """An attribute that holds modules or parameters where torch does not look for them."""
    own = vars(nn.Module())
    for place, module in model.named_modules():
        for name, value in vars(module).items():
            if (
                name not in own
                and isinstance(value, list | tuple | dict)
                and any(isinstance(v, nn.Module | nn.Parameter) for v in tree_leaves(value))
            ):
                return f"{place}.{name} is a {type(value).__name__}".lstrip(".")
    return ""


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


def moved(loaded: Loaded, settings: Settings, depth: int | None) -> list[Measurement]:
    """On torch's device without data: whatever is made there by the input's device is, and the rest is left behind."""
    measured = partial(Measurement, "moved", dtype="float32", unit="operations")
    _, inputs = network(loaded, settings, depth, 0)
    built = build(loaded, settings.width, depth if loaded.kind == "model" else None, settings.seed)
    model = (Stack([built]) if loaded.kind == "block" else built).to("meta")
    mixed = _Mixed()
    try:
        with torch.no_grad(), mixed:
            call(model, to(inputs, torch.device("meta")))
    except SubjectError:
        raise
    except Exception as error:  # it looks at numbers, which are not there: what was seen before that counts
        if not mixed.found:
            return [measured(None, note=f"not to be followed without numbers: {str(error).splitlines()[0][:60]}")]
    return [measured(float(len(mixed.found)), witness="; ".join(mixed.found[:2]))]


class _Mixed(Watch):
    """Operations on tensors of two devices; one number may stand anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [t for t in tree_leaves((args, kwargs or {})) if isinstance(t, Tensor) and t.dim()]
        devices = {t.device.type for t in tensors}
        name = func.__name__.partition(".")[0]
        if len(devices) > 1 and name not in ACROSS:
            left = next(t for t in tensors if t.device.type == "cpu")
            self.found.append(f"{name} takes a tensor of shape {tuple(left.shape)} that stayed behind")
        return super().__torch_dispatch__(func, types, args, kwargs)

    def seen(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        """Nothing is wanted of what comes out."""

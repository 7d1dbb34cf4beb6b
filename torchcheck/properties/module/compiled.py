"""Does a module compute the same once torch.compile, or torch.export, has taken it apart?

Both trace forward and keep the operations: what Python decides there (a path taken under `is_compiling`, a value read
out of a tensor, a count kept in an attribute) may be lost, or frozen as it was.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import (
    arguments,
    call,
    gap,
    network,
    size_of,
    subject_of,
    tensor_of,
    to,
    with_gradients,
)
from torchcheck.properties.subject.training_mode import copied
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import find_device

#: float32: sums in another order, and fused; as for an example alone and in a batch
SAME = 1e-4
#: a gradient smaller than this, beside the largest, is one of rounding; and what keeps quotients finite
NEXT_TO_ZERO, TINY = 1e-3, 1e-30
#: a difference of so many times the module's own error in float32 is one of rounding
ROUNDINGS = 8.0
#: reasons for graph breaks that are shown
SHOWN = 3
PROPERTIES: dict[str, Property] = {
    "compiled": Property(
        "under torch.compile outputs and gradients are the same (largest relative difference; with --compile)",
        Threshold(hi=SAME),
        "look for what is decided in Python: a path under is_compiling, numbers read out of tensors, attributes that "
        "forward sets",
        better="less",
    ),
    "graph-breaks": Property(
        "places at which torch.compile leaves its graph and returns to Python (with --compile)", better="less"
    ),
    "exported": Property(
        "what torch.export keeps of it gives the same, for other numbers as well (largest relative difference; with "
        "--compile)",
        Threshold(hi=SAME),
        "the export has kept a number, or a choice, of the inputs that it was made with: compute it from the inputs",
        better="less",
    ),
}


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    """Nothing, unless it is asked for: a compiler takes its time."""
    if not settings.compile:
        return []
    at = {"depth": description.depth(settings)}
    return [Step(compiled, ("compiled", "graph-breaks"), at), Step(exported, ("exported",), at)]


def compiled(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """Outputs and gradients with and without, for two batches of other numbers and another size, in eval mode."""
    model, batches = _subject_and_batches(loaded, settings, depth, grown=1)
    measured = partial(Measurement, device=settings.device, dtype="float32", samples=len(batches))
    if _random(model, batches[0]):
        return [measured(n, None, note="its output is random") for n in ("compiled", "graph-breaks")]
    with _traced() as breaks:
        other, backend = copy.deepcopy(model), _backend()
        other.compile(backend=backend)
        apart, whose = max(_beyond_rounding(model, other, inputs) for inputs in batches)
        reasons = breaks()
    note = "" if backend == "inductor" else "no C++ compiler here: traced and differentiated, not compiled"
    words = "; ".join(" ".join(reason.split())[:100] for reason in list(reasons)[:SHOWN])
    return [
        measured("compiled", apart, note=note, witness=whose if apart > SAME else ""),
        measured("graph-breaks", float(sum(reasons.values())), unit="breaks", witness=words),
    ]


def exported(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """The exported program beside the module, at the numbers that it was exported with and at others."""
    model, batches = _subject_and_batches(loaded, settings, depth)
    measured = partial(Measurement, device=settings.device, dtype="float32", samples=len(batches))
    if _random(model, batches[0]):
        return [measured("exported", None, note="its output is random")]
    with _traced(), torch.no_grad():
        args, kwargs = arguments(model, batches[0])
        try:
            program = torch.export.export(copy.deepcopy(model), args, kwargs).module()
        except Exception as error:  # whatever tracing meets: it is no fault that a module cannot be exported
            return [measured("exported", None, note=f"refused: {_first_line(error)}")]
        apart = 0.0
        for inputs in batches:
            args, kwargs = arguments(model, copied(inputs))
            one, two = tensor_of(call(model, copied(inputs))), tensor_of(program(*args, **kwargs))
            apart = max(apart, gap(one, two) / size_of(one))
    return [measured("exported", apart)]


def _subject_and_batches(
    loaded: Loaded, settings: CheckSettings, depth: int | None, grown: int = 0
) -> tuple[nn.Module, list[Any]]:
    """The subject itself, in eval mode, and two batches; the second is larger by `grown` examples."""
    where = find_device(settings.device)
    model, first = network(loaded, settings, depth, 0)
    _, second = network(loaded, replace(settings, batch=settings.batch + grown), depth, 1)
    return subject_of(model).to(where).eval(), [to(inputs, where) for inputs in (first, second)]


def _random(model: nn.Module, inputs: Any) -> bool:
    with torch.no_grad():
        one, two = (tensor_of(call(copy.deepcopy(model), inputs)) for _ in range(2))
    return one.shape != two.shape or gap(one, two) > 0


#: the output, as "", and gradients by the names of parameters and inputs
Values = Mapping[str, Tensor]


def _values(model: nn.Module, inputs: Any) -> Values:
    """The output, and what a sum of its entries, with weights, has for gradients."""
    given = with_gradients(inputs)
    out = tensor_of(call(model, given))
    entered = [t for t in tree_leaves(given) if isinstance(t, Tensor) and t.requires_grad]
    leaves: dict[str, Tensor] = {n: p for n, p in model.named_parameters() if p.requires_grad}
    leaves |= {f"input {k}": t for k, t in enumerate(entered)}
    values = {"": out.detach()}
    if out.requires_grad and leaves:
        weights = torch.linspace(-1, 1, out.numel(), device=out.device, dtype=out.dtype).reshape(out.shape)
        (out * weights).sum().backward()  # type: ignore[no-untyped-call]
        values |= {n: t.grad for n, t in leaves.items() if t.grad is not None}
        for leaf in leaves.values():
            leaf.grad = None
    return values


def _beyond_rounding(model: nn.Module, other: nn.Module, inputs: Any) -> tuple[float, str]:
    """How far the two are apart, and where; 0 where the module itself is as far, in float32, from float64."""
    values = _values(model, inputs)
    apart, whose = _apart(values, _values(other, inputs))
    if apart <= SAME:
        return apart, whose
    try:
        wide = _values(copy.deepcopy(model).double(), to(inputs, values[""].device, torch.float64))
    except (RuntimeError, TypeError, ValueError):  # it insists on float32
        return apart, whose
    rounding, _ = _apart(wide, values)
    return (0.0, whose) if apart <= ROUNDINGS * rounding else (apart, whose)


def _apart(ours: Values, theirs: Values) -> tuple[float, str]:
    """The largest difference relative to a tensor's size, for gradients next to 0 the largest's, and whose it is."""
    if ours.keys() != theirs.keys():
        return math.inf, f"a gradient of {', '.join(sorted(ours.keys() ^ theirs.keys()))} with or without it alone"
    largest = max((size_of(g) for n, g in ours.items() if n and g.any()), default=1.0)
    differences = {
        n: gap(t, theirs[n]) / max(size_of(t) if t.any() else 0.0, NEXT_TO_ZERO * largest if n else 0.0, TINY)
        for n, t in ours.items()
    }
    name = max(differences, key=lambda n: differences[n])
    return differences[name], f"the gradient of {name}" if name else "the output"


@contextmanager
def _traced() -> Iterator[Callable[[], Mapping[str, int]]]:
    """Nothing traced before counts, and nothing of this stays; gives the reasons for graph breaks, and how often."""
    import torch._dynamo
    import torch._inductor.config

    torch._dynamo.reset()
    before = Counter(torch._dynamo.utils.counters["graph_break"])
    with torch._inductor.config.patch(compile_threads=1):  # no pool of processes that would outlive the step
        try:
            yield lambda: Counter(torch._dynamo.utils.counters["graph_break"]) - before
        finally:
            torch._dynamo.reset()


def _backend() -> str:
    """torch's own compiler, or, where there is no C++ compiler for it, all of its tracing."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        return "aot_eager"
    return "inductor"


def _first_line(error: BaseException) -> str:
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0][:80]}" if said else type(error).__name__


COMPILED = Group("compiler", PROPERTIES, steps, later=True)

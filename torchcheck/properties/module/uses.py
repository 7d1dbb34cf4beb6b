"""What a module makes of its inputs: all of them, however they lie in memory, in any dtype, and at equal tokens."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from torchcheck.data import Measurement
from torchcheck.measure.leak import worst
from torchcheck.measure.operations import Watch
from torchcheck.properties.finding import Property, Question, Threshold
from torchcheck.properties.module.modes import exact, off_its_start
from torchcheck.properties.module.padding import knows_places
from torchcheck.properties.module.scores import MIXERS, Scores, first_of_all
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import (
    call,
    network,
    objective_of,
    size_of,
    subject_of,
    tensor_of,
    to,
    with_gradients,
)
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import DTYPES, find_device

#: tokens at which half precision is looked at: what is counted or turned by position is large there
LONG = 512
#: features in a row without a gradient that are no dead units
LEAST_RUN = 8
#: rows to either side that are a table of distances rather than a small kernel
LEAST_SIDE = 4
#: operations that choose among numbers, or round them: a rounding may choose another
CHOOSE = (
    *("topk.default", "sort.default", "argsort.default", "max.dim", "min.dim"),
    *("argmax.default", "argmin.default", "round.default", "sign.default"),
)
#: those that put in an order, and so choose some among equal ones
ORDERS = ("topk", "sort", "argsort")
#: what is said by views of tensors that lie in memory in another order
REFUSES = re.compile("not compatible with input tensor's size and stride|contiguous")
PROPERTIES: dict[str, Property] = {
    "inputs-used": Property(
        "every feature of every input changes the output (number that do not)",
        Threshold(0, 0),
        "a part of the input goes nowhere: look for slices, chunks and splits, and for a branch never taken",
        better="less",
    ),
    "strides": Property(
        "inputs that lie in memory in another order give the same output (largest relative change)",
        Threshold(hi=1e-4),
        "use reshape or contiguous where a view assumes an order in memory",
        better="less",
    ),
    "equal-tokens": Property(
        "attention over tokens all alike gives outputs all alike (largest relative spread; softmax attention)",
        Threshold(hi=1e-4),
        "the weights do not sum to 1: mask before the softmax, and normalise by what is visible",
        better="less",
    ),
    "rows-used": Property(
        "no run of a linear layer's features, an eighth of them or more, goes nowhere, nor one side of a table of "
        "distances (number of layers and tables with one)",
        Threshold(0, 0),
        "a part of what there is is not used: look at chunk, split and slices, as of a gate and its value, and at both "
        "ends of a clamp",
        better="less",
    ),
    "layers-differ": Property(
        "no two layers start with the same random weights (number of tensors that are copies of another)",
        Threshold(0, 0),
        "every layer was copied from one: build each of them, or initialise again",
        better="less",
    ),
    "agreement": Property(
        "the relative error of a long sequence's output, of what linear layers give, and of attention scores, against "
        "float64, over the dtype's epsilon",
        Threshold(hi=6),
        "positions, counts or sums are kept in half precision: compute tables and reductions in float32",
        better="less",
        compared="factor",
    ),
}


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    at = {"depth": description.depth(settings)}
    planned = [
        Step(inputs_used, ("inputs-used", "rows-used", "layers-differ"), at),
        Step(layouts, ("strides", "equal-tokens"), at),
    ]
    half = [d for d in settings.dtypes if d in ("float16", "bfloat16")]
    return [*planned, *(Step(agreement, (f"agreement.{d}",), {**at, "dtype": d}) for d in half)]


def inputs_used(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """Gradients of a random form of the output by each feature; and copies among a model's layers."""
    where = find_device(settings.device)
    model, inputs = network(loaded, settings, depth, 0)
    model, leaves = model.to(where), with_gradients(to(inputs, where))
    measured = partial(Measurement, device=settings.device, dtype="float32")
    floats = [t for t in tree_leaves(leaves) if isinstance(t, Tensor) and t.requires_grad and t.dim() >= 2]
    moved = tree_map(lambda t: t.clone() if isinstance(t, Tensor) else t, leaves)
    objective_of(loaded, 1)(call(model, moved)).backward()  # type: ignore[no-untyped-call]
    partly = [n for n, m in model.named_modules() if isinstance(m, nn.Linear) and _has_silent_run(m)]
    if len(floats) == 1 and floats[0].dim() == 3:
        reach = floats[0].shape[1] - 1
        tables = [n for n, p in model.named_parameters() if _has_silent_side(p, reach)]
        partly += tables if tables and _sees_both_sides(model, inputs) else []
    rows = measured("rows-used", float(len(partly)), unit="layers", witness=", ".join(partly[:3]))
    measurements = [rows, _copies(model, measured)]
    if not floats:
        return [measured("inputs-used", None, note="its inputs are no numbers"), *measurements]
    silent = _silent_features(floats)
    if silent:  # behind weights that start at 0 nothing is seen
        awake, leaves = off_its_start(model, to(inputs, where), settings.seed), with_gradients(to(inputs, where))
        objective_of(loaded, 1)(call(awake, leaves)).backward()  # type: ignore[no-untyped-call]
        silent = _silent_features(
            [t for t in tree_leaves(leaves) if isinstance(t, Tensor) and t.requires_grad and t.dim() >= 2]
        )
    return [measured("inputs-used", float(silent), unit="features"), *measurements]


def _silent_features(inputs: Sequence[Tensor]) -> int:
    """The number of features without a gradient."""
    silent = 0
    for t in inputs:
        size = t.new_zeros(t.shape[-1]) if t.grad is None else t.grad.abs().flatten(0, -2).amax(0)
        silent += int((size == 0).sum())
    return silent


def _has_silent_run(layer: nn.Linear) -> bool:
    """Whether the gradients of many features in a row are exactly 0, and not those of all."""
    if layer.weight.grad is None:
        return False
    silent = (layer.weight.grad == 0).all(-1).tolist()
    longest = max((len(list(group)) for zero, group in groupby(silent) if zero), default=0)
    return max(LEAST_RUN, len(silent) // 8) <= longest < len(silent)


def _has_silent_side(table: Tensor, reach: int) -> bool:
    """Whether it has a row for every distance up to some m on either side of 0, and those of one side are silent."""
    for axis, rows in enumerate(table.shape if table.grad is not None else ()):
        half = rows // 2
        if rows % 2 and LEAST_SIDE <= half <= reach:
            silent = (table.grad.movedim(axis, 0).reshape(rows, -1) == 0).all(1)  # type: ignore[union-attr]
            sides = bool(silent[:half].all()), bool(silent[half + 1 :].all())
            if sides[0] != sides[1] and not bool(silent[half]):
                return True
    return False


def _sees_both_sides(model: nn.Module, inputs: Any) -> bool:
    """Whether the first token's output depends on the last token."""
    leaves = with_gradients(inputs)
    (x,) = (t for t in tree_leaves(leaves) if isinstance(t, Tensor) and t.requires_grad)
    out = tensor_of(call(model, leaves))
    if out.dim() != 3 or not out.requires_grad:
        return False
    return bool(torch.autograd.grad(out[:, 0].square().sum(), x)[0][:, -1].any())


def layouts(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """The same numbers with tokens and features exchanged in memory; and one token, over and over."""
    model, inputs, dtype = exact(loaded, settings, depth)
    measured = partial(Measurement, device=settings.device, dtype=str(dtype).split(".")[1])
    rounding = 1e-10 if dtype is torch.float64 else 1e-4
    if not isinstance(inputs, Tensor) or inputs.dim() != 3 or not inputs.is_floating_point():
        return [measured(n, None, note="its input is no tensor of tokens") for n in ("strides", "equal-tokens")]
    with torch.no_grad():
        whole = tensor_of(call(model, inputs.clone()))
        try:
            other = tensor_of(call(model, inputs.transpose(1, 2).contiguous().transpose(1, 2)))
            change, note = worst(other - whole) / size_of(whole), ""
        except RuntimeError as error:
            if not REFUSES.search(str(error)):
                raise
            change, note = None, "it refuses tensors that are not contiguous, in words"
    change = 0.0 if change is not None and change <= rounding else change
    measurements = [measured("strides", change, note=note)]
    seen, choices = Scores(), _Choices()
    alike = inputs[:, :1].expand_as(inputs).contiguous()
    with seen, choices:
        try:  # a length that is no multiple of a window's
            out = tensor_of(call(model, alike[:, : max(1, alike.shape[1] - 3)])).detach()
        except RuntimeError:
            out = tensor_of(call(model, alike)).detach()
    subject = subject_of(model)
    if not seen.spreads or knows_places(subject) or any(isinstance(m, MIXERS) for m in model.modules()):
        note = "it has no softmax, or knows places"
        return [*measurements, measured("equal-tokens", None, note=note)]
    if choices.made in ORDERS:
        return [*measurements, measured("equal-tokens", None, note="it chooses among tokens, and of equal ones some")]
    _, entered = first_of_all(model, alike)
    if any(worst(one - one[:, :1]) > rounding for one in entered):
        return [*measurements, measured("equal-tokens", None, note="tokens are mixed before they are scored")]
    if out.dim() != 3 or out.shape[1] < inputs.shape[1] - 3:
        return [*measurements, measured("equal-tokens", None, note="its output is no sequence of tokens")]
    spread = worst(out - out[:, :1]) / size_of(out)
    if spread > rounding and not _is_along_one_line(out[0] - out[0, :1]):
        return [*measurements, measured("equal-tokens", None, note="it knows places")]
    return [*measurements, measured("equal-tokens", 0.0 if spread <= max(rounding, 1e-8) else spread)]


def agreement(loaded: Loaded, settings: CheckSettings, depth: int | None, dtype: str) -> list[Measurement]:
    """A long sequence in half precision, and the same weights and inputs in float64."""
    name, kind, where = f"agreement.{dtype}", DTYPES[dtype], find_device(settings.device)
    measured = partial(Measurement, name, device=settings.device, dtype=dtype, unit="eps")
    model, inputs = network(loaded, settings, depth, 0)
    if not isinstance(inputs, Tensor) or inputs.dim() != 3 or not inputs.is_floating_point():
        return [measured(None, note="its input is no tensor of tokens")]
    generator = torch.Generator().manual_seed(settings.seed)
    x = torch.randn(1, LONG, inputs.shape[-1], generator=generator).to(where, kind)
    low = copy.deepcopy(model).to(where, kind)
    rounded = {n: p.double() if p.is_floating_point() else p for n, p in low.state_dict().items()}
    high = model.to(where, torch.float64)
    high.load_state_dict(rounded)
    for rounded_one, exact_one in zip(low.buffers(), high.buffers(), strict=True):
        exact_one.copy_(rounded_one)  # tables that are in no state_dict, too
    choices = _Choices()
    try:
        one = _outputs(low, x)
        with choices:
            other = _outputs(high, x.double())
    except Exception as error:  # its length or dtype is limited; other properties say so where they matter
        return [measured(None, note=f"at {LONG} tokens: {str(error).splitlines()[0][:60]}")]
    if choices.made:
        return [measured(None, note=f"{choices.made} chooses: a rounding may choose another")]
    if not all(bool(t.isfinite().all()) for outs in (one, other) for t in outs.values()):
        return [measured(None, note="not finite there")]
    errors = {n: _worst_stretch(t, other[n]) for n, t in one.items() if n in other and t.shape == other[n].shape}
    if "" not in errors:
        return [measured(None, note="its output is no sequence of tokens")]
    place = max(errors, key=lambda n: errors[n])
    note = f"the worst stretch of {LONG} tokens" + (f", in what {place} gives" if place else "")
    return [measured(errors[place] / torch.finfo(kind).eps, note=note)]


class _Choices(Watch):
    """Whether anything chooses among numbers, as routers of experts and quantizers do."""

    def __init__(self) -> None:
        super().__init__()
        self.made = ""

    def seen(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        del args, kwargs, out
        if func.__name__ in CHOOSE:
            self.made = func.__name__.partition(".")[0]


def _outputs(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """What every linear layer gives for each token, the scores, and, by the name "", what the model gives."""
    kept: dict[str, Tensor] = {}

    def keep(name: str, out: Tensor) -> None:
        if out.shape[:-1] == x.shape[:-1]:
            kept[name] = out.double()

    layers = {n: m for n, m in model.named_modules() if isinstance(m, nn.Linear)}
    hooks = [m.register_forward_hook(lambda _m, _i, out, n=n: keep(n, out)) for n, m in layers.items()]
    seen = Scores()
    try:
        with torch.no_grad(), seen:
            keep("", tensor_of(call(model, x)))
    finally:
        for hook in hooks:
            hook.remove()
    tables = (t.double().flatten()[None, :, None] for t in seen.kept)
    masked = ((t, ~(t.isfinite() & (t > -1e4))) for t in tables)
    return {**kept, **{f"score table {k + 1}": t.masked_fill(m, 0.0) for k, (t, m) in enumerate(masked)}}


def _worst_stretch(one: Tensor, other: Tensor) -> float:
    """The largest relative difference, averaged over neighbours: a single token may cancel."""
    if one.shape[-1] == 1:  # scores, in no order
        return float((one - other).norm() / other.norm().clamp(min=1e-30))
    each = (one - other)[0].norm(dim=-1) / other[0].norm(dim=-1).clamp(min=1e-30)
    return float(each.reshape(-1, LONG // 16).mean(-1).max())


def _is_along_one_line(differences: Tensor) -> bool:
    """Weights that do not sum to 1 change the size of what is added; places change its direction."""
    sizes = torch.linalg.svdvals(differences.double())
    return bool(sizes[0] > 0) and bool(sizes[1:].norm() < 1e-3 * sizes[0])


def _repeated(model: nn.Module) -> str | None:
    """A list of layers in which a module with weights stands more than once, as in [layer] * depth."""
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList | nn.Sequential):
            parts = [id(m) for m in module if m is not None and any(True for _ in m.parameters())]
            if len(parts) > len(set(parts)):
                return name or type(module).__name__
    return None


def _copies(model: nn.Module, measured: Any) -> Measurement:
    """Matrices that equal another one, but for frozen ones, and those of torch's own encoders, which copy a layer."""
    if (repeated := _repeated(model)) is not None:
        note = f"{repeated} holds one module several times; if the weights are shared by intent, --skip layers-differ"
        return Question.of(measured("layers-differ", None, note=note))
    own = (nn.TransformerEncoder, nn.TransformerDecoder)
    inside = {id(p) for m in model.modules() if isinstance(m, own) for p in m.parameters()}
    seen: dict[tuple[Any, ...], list[tuple[str, Tensor]]] = {}
    copies = []
    for name, p in model.named_parameters():
        if (
            p.dim() < 2
            or not p.requires_grad
            or id(p) in inside
            or float(p.detach().double().std()) == 0
            or not math.isfinite(float(p.sum()))
        ):
            continue
        key = (tuple(p.shape), float(p.detach().double().sum()))
        twin = next((n for n, q in seen.get(key, []) if torch.equal(p, q)), None)
        if twin is not None:
            copies.append(f"{name} is {twin}")
        seen.setdefault(key, []).append((name, p))
    measurement: Measurement = measured(
        "layers-differ", float(len(copies)), unit="tensors", witness="; ".join(copies[:2])
    )
    return measurement


USES = Group("inputs", PROPERTIES, steps)

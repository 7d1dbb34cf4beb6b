"""Padding: what stands at padded places changes nothing, and a padded sequence gives what it gives alone."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement
from torchcheck.measure.leak import worst
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.module.leak import ROUNDING, SequenceLayer, layer_of
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import forward_names, size_of, subject_of, tensor_of
from torchcheck.properties.subject.masks import COUNTS, LENGTHS, MASKS, UNCLEAR, Form, forms_of, mask_name, square
from torchcheck.properties.subject.training_mode import has_batch_statistics, with_dropout
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import find_device

#: what knows a token's absolute place, so that padding on the left rightly changes it
PLACES = re.compile(r"pos|\bpe\b|embed|wpe|alibi", re.IGNORECASE)
PROPERTIES: dict[str, Property] = {
    "padding": Property(
        "what stands at padded positions does not change the others (largest relative change)",
        Threshold(hi=1e-4),
        "apply the mask before the softmax, and to every sum over tokens",
        better="less",
    ),
    "padded-alone": Property(
        "a padded sequence gives at its own places what it gives alone (largest relative change)",
        Threshold(hi=1e-4),
        "padding reaches a state, a convolution or a mean: zero it before and after whatever mixes tokens, and divide "
        "by the number of tokens that count",
        better="less",
    ),
}
Run = Callable[[Tensor, Tensor | None], Tensor]
#: (count, length, generator) -> tokens
Tokens = Callable[[int, int, torch.Generator], Tensor]


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    return [Step(padding, tuple(PROPERTIES), {"depth": description.depth(settings)})]


def padding(loaded: Loaded, settings: CheckSettings, depth: int | None = None) -> list[Measurement]:
    """Other numbers at padded places, and every sequence by itself; right and left, one and two, in both modes."""
    layer, dtype = layer_of(loaded, settings, depth=depth)
    subject = subject_of(layer.layer)
    names = forward_names(subject)
    name = mask_name(names) or next((n for n in names[1:] if LENGTHS.search(n)), None)
    measured = partial(Measurement, device=settings.device, dtype=str(dtype).split(".")[1])

    def skipped(note: str) -> list[Measurement]:
        return [measured(n, None, note=note) for n in PROPERTIES]

    if name is None:
        return skipped(f"forward takes none of {', '.join(MASKS)}, lengths")
    tokens = _tokens_of(layer, settings, dtype)
    if tokens is None:
        return skipped("its input is not a tensor of tokens")
    if any(getattr(m, "batch_first", None) is False for m in layer.modules()):
        return skipped("its tokens come first (batch_first is False)")
    modules = [subject]
    if not has_batch_statistics(subject):
        modules.append(with_dropout(copy.deepcopy(subject), 0.0).train())
    refused: list[str] = []

    def taken(forms: Sequence[Form]) -> list[float] | None:
        """The changes with the mask in the first of the forms that is taken; None where none is."""
        for form in forms:
            try:
                with torch.no_grad():
                    each = [_changes(_runner(m, names, name, form), m, settings, tokens, form) for m in modules]
                return [max(values) for values in zip(*each, strict=True)]
            except Exception as error:  # the mask has another shape or dtype
                refused.append(f"{type(error).__name__}: {str(error).splitlines()[0][:80]}")
        return None

    limit = ROUNDING[dtype]
    forms = forms_of(MASKS[name], dtype) if name in MASKS else ([COUNTS], [], [])
    said, opposite, added = map(taken, forms)
    turned_over = opposite is not None and opposite[0] <= limit and name not in UNCLEAR
    # what means the opposite of what its name says is no sum, even where a sum would be taken
    sums = [] if _says_truths(subject, name) else [added]
    meanings = [said] if turned_over else [said, *sums, opposite if name in UNCLEAR else None]
    known = [changes for changes in meanings if changes is not None]
    if not known:
        return skipped(f"{name} is no mask (batch, tokens): {refused[0]}")
    content, by_itself = min(known, key=lambda changes: changes[0])
    return [
        measured("padding", 0.0 if content <= limit else content, note=f"with {name}"),
        measured("padded-alone", 0.0 if by_itself <= limit else by_itself, note=f"with {name}"),
    ]


def _says_truths(module: nn.Module, name: str) -> bool:
    """Whether its author says what True, or False, means in the mask: then it is nothing that is added."""
    texts = (inspect.getdoc(type(module)) or "", inspect.getdoc(module.forward) or "")
    lines = [line for text in texts for line in text.splitlines() if re.search(rf"\b{name}\b", line)]
    return any(re.search(r"\b(true|false|bool)", line, re.IGNORECASE) for line in lines)


def _runner(layer: nn.Module, names: list[str], name: str, form: Form) -> Run:
    def run(values: Tensor, keep: Tensor | None) -> Tensor:
        inputs = {n: values for n in names if n in ("query", "key", "value")} or {names[0]: values}
        mask: dict[str, Any] = {} if keep is None else {name: form.of(keep)}
        return tensor_of(layer(**inputs, **mask))

    return run


def _tokens_of(layer: SequenceLayer, settings: CheckSettings, dtype: torch.dtype) -> Tokens | None:
    """Vectors of the settings' width, or ids where the layer takes those; None where it takes neither."""
    where = find_device(settings.device)
    example = layer.example.get("input_ids") if isinstance(layer.example, dict) else layer.example
    if not isinstance(example, Tensor):
        return None
    if example.dim() == 3 and example.is_floating_point():
        return lambda count, length, g: torch.randn(count, length, settings.width, generator=g).to(dtype).to(where)
    table = next((m for m in layer.modules() if isinstance(m, nn.Embedding)), None)
    if example.dim() != 2 or example.dtype is not torch.long or table is None:
        return None
    size = table.num_embeddings  # 0 is often that of padding itself
    return lambda count, length, g: torch.randint(1, size, (count, length), generator=g).to(where)


def _changes(run: Run, layer: nn.Module, settings: CheckSettings, tokens: Tokens, form: Form) -> list[float]:
    """The largest relative changes by other content at padded places, and of each sequence alone.

    Of lengths, and an output that is one vector a sequence, for padding on the right alone: the first token may stand
    for all. Lengths are in no order; one sequence has them all, as some networks need.
    """
    n, where = settings.seq_len, find_device(settings.device)
    generator = torch.Generator().manual_seed(settings.seed)
    content = by_itself = 0.0
    lengths = [n // 2] * 3 if form.shape is square else [n // 2, n, n - n // 4]
    for count in (3,) if form is COUNTS else (3, 1):
        x, other = (tokens(count, n, generator) for _ in range(2))
        other = 30 * other if other.is_floating_point() else other
        for left in (False,) if form is COUNTS else (False, True):
            at = torch.arange(n, device=where)
            ends = torch.tensor(lengths[:count], device=where)[:, None]
            keep = at >= n - ends if left else at < ends
            out = run(x, keep)
            pooled = out.shape[:2] != x.shape[:2]
            if out.dim() == 2 and n == settings.width:
                raise ValueError(f"{n} tokens of width {n}: which its output has one number for is open")
            if pooled and (out.dim() != 2 or len(out) != count):
                raise ValueError("its output is no sequence of tokens, nor a vector of each")
            if pooled and left:
                continue
            kept = torch.ones_like(keep[:, 0]) if pooled else keep
            scale = size_of(out[kept])
            mixed = torch.where(keep.reshape(*keep.shape, *[1] * (x.dim() - 2)), x, other)
            content = max(content, worst((run(mixed, keep) - out)[kept]) / scale)
            if left and knows_places(layer):
                continue
            for row in range(count):
                single = run(x[row : row + 1, keep[row]], None)
                by_itself = max(by_itself, worst(single[0] - out[row, kept[row]]) / scale)
    return [content, by_itself]


def knows_places(layer: nn.Module) -> bool:
    """Does anything in it look like a table of positions?"""
    names = [n for n, _ in layer.named_modules()] + [n for n, _ in layer.named_parameters()]
    kinds = [type(m).__name__ for m in layer.modules()]
    return any(PLACES.search(n) for n in [*names, *(n for n, _ in layer.named_buffers()), *kinds])


PADDING = Group("masks", PROPERTIES, steps)

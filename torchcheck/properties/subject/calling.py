"""Calling modules that others wrote: finding inputs that they take, and the tensor among what they return."""

from __future__ import annotations

import copy
import inspect
import math
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from torchcheck.measure.objectives import LOSSES
from torchcheck.properties.subject.kinds import IDS
from torchcheck.properties.subject.masks import TIMES, TIMES_ALONE
from torchcheck.properties.subject.rescale import Scaling
from torchcheck.properties.subject.signatures import needed_of
from torchcheck.properties.subject.variant import CheckSettings, Loaded, build
from torchcheck.run.subjects import SubjectError

#: height and width of the maps that a block of convolutions is given
PIXELS = 4


class Stack(nn.Module):
    """Blocks one after another; each has to give back the shape that it took.

    What they give beside that, to be added up elsewhere, follows the output in a tuple.
    """

    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(blocks)

    def forward(self, x: Tensor, **further: Any) -> Any:
        beside: list[Tensor] = []
        for number, block in enumerate(self.layers):
            out = block(x, **further) if further else call(block, x)
            y = tensor_of(out)
            beside += [t for t in outputs_of(out) if isinstance(t, Tensor) and t is not y]
            if y.shape != x.shape:
                raise SubjectError(
                    f"a block must keep its input's shape: block {number} made {tuple(y.shape)} of {tuple(x.shape)}; "
                    "for a whole network say --kind model"
                )
            x = y
        return (x, *beside) if beside else x


def subject_of(module: nn.Module) -> nn.Module:
    """The subject itself, where it stands in a stack of one or more."""
    inner = module.layers[0] if isinstance(module, Stack) else module
    assert isinstance(inner, nn.Module)
    return inner


def network(
    loaded: Loaded, settings: CheckSettings, depth: int | None, seed: int, scaling: Scaling | None = None
) -> tuple[nn.Module, Any]:
    """A network of that depth with random weights, and its inputs: blocks one after another, or the model itself."""
    model = uncalled(loaded, settings, depth, seed)
    tried = Stack(list(model.layers)[:1]) if isinstance(model, Stack) else model
    if scaling is not None and depth is not None:
        scaling.apply_(model, depth)
    return model, make_inputs(loaded, tried, settings, _own(settings, depth, seed))


def uncalled(loaded: Loaded, settings: CheckSettings, depth: int | None, seed: int) -> nn.Module:
    """The network alone, as it is built."""
    seed = _own(settings, depth, seed)
    if loaded.kind != "block":
        model: nn.Module = build(loaded, settings.width, depth, seed)
        return model
    count = 1 if depth is None else depth
    return Stack([build(loaded, settings.width, None, 7919 * seed + k) for k in range(count)]).eval()


def _own(settings: CheckSettings, depth: int | None, seed: int) -> int:
    """A seed for each depth, and each run."""
    return 100_000 * settings.seed + 1000 * (depth or 0) + seed


def call(module: Any, inputs: Any) -> Any:
    """module(inputs), however it takes them."""
    args, kwargs = arguments(module, inputs)
    return module(*args, **kwargs)


def arguments(module: Any, inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A dict as keywords, a tuple as arguments, a tensor three times for forward(query, key, value)."""
    if isinstance(inputs, dict):
        return (), inputs
    if isinstance(inputs, tuple | list):
        return tuple(inputs), {}
    return (inputs,) * (3 if {"query", "key", "value"} <= set(forward_names(module)) else 1), {}


def forward_names(module: Any) -> list[str]:
    """The names of forward's parameters."""
    forward = module.forward if isinstance(module, nn.Module) else module
    try:
        return list(inspect.signature(forward).parameters)
    except (TypeError, ValueError):
        return []


def tensor_of(output: Any) -> Tensor:
    """The output itself, or the first tensor of floating point in a tuple, dict or model output."""
    if isinstance(output, Tensor):
        return output
    for leaf in tree_leaves(dict(output) if hasattr(output, "keys") else output):
        if isinstance(leaf, Tensor) and leaf.is_floating_point():
            return leaf
    raise SubjectError(f"the subject gave a {type(output).__name__} without any floating-point tensor")


def outputs_of(output: Any) -> list[Any]:
    """The tensors that it gives, by name or in a tuple, a pooled state beside the last one, say; else its output."""
    several = output.values() if hasattr(output, "keys") else output if isinstance(output, tuple) else ()
    return [v for v in several if isinstance(v, Tensor) and v.requires_grad] or [output]


def make_inputs(loaded: Loaded, module: nn.Module, settings: CheckSettings, seed: int) -> Any:
    """What the subject takes: its own example_inputs, token ids for Hugging Face models, or normal numbers.

    Without example_inputs these are tried: ids (batch, seq) where there is an embedding, (batch, seq, width), (batch,
    width), and maps (batch, width, 4, 4) where there is a convolution of such. Raises SubjectError, with the first
    error, if none is taken.
    """
    generator = torch.Generator().manual_seed(seed)
    if loaded.example_inputs is not None:
        return loaded.example_inputs(settings.batch, generator)
    b, n, d = settings.batch, settings.seq_len, settings.width
    candidates: list[Callable[[], Any]] = [
        lambda: torch.randn(b, n, d, generator=generator),
        lambda: torch.randn(b, d, generator=generator),
    ]
    embedding = next((m for m in module.modules() if isinstance(m, nn.Embedding)), None)
    if embedding is not None and loaded.kind == "model" and (several := _several_ids(module)):
        return {name: torch.randint(embedding.num_embeddings, (b, n), generator=generator) for name in several}
    further = _further_inputs(subject_of(module), (b, n, d), generator)
    if further:
        own = "x" if isinstance(module, Stack) else needed_of(module.forward)[0]
        candidates = [lambda: {own: torch.randn(b, n, d, generator=generator), **further}]
    names = forward_names(module)
    if "input_ids" in names and hasattr(module, "config"):
        vocabulary = int(module.config.vocab_size)  # type: ignore[arg-type, union-attr]
        ids: dict[str, Any] = {"input_ids": torch.randint(vocabulary, (b, n), generator=generator)}
        if "decoder_input_ids" in names:
            ids["decoder_input_ids"] = torch.randint(vocabulary, (b, n), generator=generator)
        return ids
    images = _images(module, b) if loaded.kind == "model" else []
    if images:
        candidates = [partial(_normal, shape, generator, "pixel_values" in names) for shape in images]
    elif loaded.kind in ("block", "layer"):
        candidates.append(lambda: torch.randn(b, d, PIXELS, PIXELS, generator=generator))
        if TIMES_ALONE.search(names[0] if names else ""):
            candidates.insert(0, lambda: 1000 * torch.rand(b, generator=generator))
    if embedding is not None and loaded.kind == "model":
        candidates.insert(0, lambda: torch.randint(embedding.num_embeddings, (b, n), generator=generator))
    if embedding is None and loaded.kind == "model" and names[0] in IDS:
        rows = min((p.shape[0] for p in module.parameters() if p.dim() == 2), default=1)  # a table of its own
        candidates.append(lambda: torch.randint(rows, (b, n), generator=generator))
    first: Exception | None = None
    for candidate in candidates[: 1 if loaded.kind == "attention" else None]:
        inputs = candidate()
        try:
            with torch.no_grad():
                tensor_of(call(module, inputs))
                if any("running" in n for n, _ in module.named_buffers()):  # statistics of rows, not of tokens, say
                    call(copy.deepcopy(module).train(), inputs)
        except Exception as error:
            if isinstance(error, MemoryError) or "allocate memory" in str(error):
                raise
            first = first or error
            continue
        return inputs
    raise SubjectError(
        f"it takes neither ({b}, {n}, {d}) nor ({b}, {d}) normal numbers{' nor images' if images else ''}: "
        "write example_inputs(batch, generator) beside it"
    ) from first


def _several_ids(module: nn.Module) -> list[str]:
    """The names of what a model of tokens takes, where it takes two sequences of them, one to read and one to write."""
    needed = needed_of(module.forward)
    ids = [n for n in needed if re.search("^(src|tgt|trg|source|target|x|y|enc|dec)$|ids$|tokens|_(input|seq)s?$", n)]
    return ids if len(needed) > 1 and ids == needed else []


def _normal(shape: Sequence[int], generator: torch.Generator, named: bool) -> Any:
    made = torch.randn(tuple(shape), generator=generator)
    return {"pixel_values": made} if named else made


def _images(module: nn.Module, batch: int) -> list[tuple[int, ...]]:
    """Shapes of images that a model may take, the likeliest first; none where its first map is no convolution of them.

    What its configuration says (timm's default_cfg, Hugging Face's config), else 32 and 224 pixels.
    """
    first = next((m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear | nn.Embedding)), None)
    if not isinstance(first, nn.Conv2d):
        return []
    size = (getattr(module, "default_cfg", None) or {}).get("input_size")
    if size is None:
        told = getattr(getattr(module, "config", None), "image_size", None)
        told = (told, told) if isinstance(told, int) else told
        size = None if told is None else (first.in_channels, *told)
    sizes = [size] if size else [(first.in_channels, n, n) for n in (32, 224)]
    return [(batch, *s) for s in sizes]


def completed(module: nn.Module, x: Tensor) -> Any:
    """Tokens (batch, tokens, width) with what forward needs beside them: a context, noise levels."""
    b, n, d = x.shape
    further = _further_inputs(module, (b, n, d), torch.Generator().manual_seed(0))
    if not further:
        return x
    return {needed_of(module.forward)[0]: x, **to(further, x.device, x.dtype)}


def _further_inputs(module: nn.Module, shape: tuple[int, int, int], generator: torch.Generator) -> dict[str, Any]:
    """What forward needs beside its first input, where the name says what that is; raises SubjectError elsewhere.

    Masks and places have defaults (see masks.with_defaults).
    """
    b, n, d = shape
    needed = needed_of(module.forward)[1:]
    if needed and type(module).__name__.endswith("Cell"):
        return _carried(module, needed, shape, generator)
    if {"key", "value"} <= set(needed) or (hasattr(module, "config") and "input_ids" in forward_names(module)):
        return {}
    made: dict[str, Any] = {}
    for name in needed:
        if re.search("^(c|cond(ition(ing)?)?|style|temb)$|_emb(edding)?$|^emb$", name):
            made[name] = torch.randn(b, d, generator=generator)
        elif re.search(
            "memory|context|^enc|encoder|cross|hidden|states|source|src|tgt|other|^[kvxyzs]$|key|value", name
        ):
            made[name] = torch.randn(b, n, d, generator=generator)
        elif TIMES.search(name):
            made[name] = torch.rand(b, generator=generator)
        else:
            raise SubjectError(
                f"forward needs '{name}', and its name does not say what that is: write example_inputs(batch, "
                "generator) beside the subject"
            )
    return made


def _carried(
    module: nn.Module, needed: Sequence[str], shape: tuple[int, int, int], generator: torch.Generator
) -> dict[str, Any]:
    """The state that a cell takes from the last step: a tensor for every argument, or two for its only one."""
    own = needed_of(module.forward)[0]
    drawn = {n: torch.randn(shape, generator=generator) for n in needed}
    pair = {n: (t, torch.randn(shape, generator=generator)) for n, t in drawn.items()}
    for made in (drawn, pair):
        try:
            with torch.no_grad():
                module(**{own: torch.zeros(shape)}, **made)
        except Exception:
            continue
        return made
    raise SubjectError(f"its forward takes neither one nor two tensors of state as '{needed[0]}'")


def objective_of(loaded: Loaded, seed: int) -> Callable[[Any], Tensor]:
    """The subject's own loss, or the mean over tokens, or pixels, of <c, y>/(|y| sqrt(width)) for a fixed normal c.

    The output y is divided by its RMS first, as the norm does that ends a pre-norm network, so that the loss has no
    scale of its own: what grows with depth then is the update, not the output.
    """
    made: dict[tuple[int, ...], nn.Module] = {}

    def objective(out: Any) -> Tensor:
        if loaded.loss is not None:
            return loaded.loss(out)
        y = tensor_of(out)
        if y.dim() == 0:
            return y
        if y.dim() == 4:
            y = y.movedim(1, -1)  # maps: the channels are the features
        shape = tuple(y.shape)
        if shape not in made:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                made[shape] = LOSSES["linear"](shape)
        wide = y.to(torch.promote_types(y.dtype, torch.float32))
        wide = wide / wide.detach().abs().amax(-1, keepdim=True).clamp(min=torch.finfo(wide.dtype).tiny)  # no overflow
        unit = wide / (wide.square().mean(-1, keepdim=True).sqrt() + torch.finfo(wide.dtype).tiny)
        value: Tensor = made[shape].to(wide.device, wide.dtype)(unit)
        return value

    return objective


def to(values: Any, device: torch.device, dtype: torch.dtype | None = None) -> Any:
    """Moves all tensors of a structure; floating-point ones also to `dtype`."""

    def move(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        return leaf.to(device, dtype if leaf.is_floating_point() else None)

    return tree_map(move, values)


def with_gradients(inputs: Any) -> Any:
    """The same inputs, floating-point ones as leaves that ask for a gradient."""

    def ask(leaf: Any) -> Any:
        floating = isinstance(leaf, Tensor) and leaf.is_floating_point()
        return leaf.detach().requires_grad_() if floating else leaf

    return tree_map(ask, inputs)


def size_of(t: Tensor) -> float:
    """The root mean square, to which changes are held; 1 where that is 0, or not finite (and neither are changes)."""
    size = float(t.detach().double().square().mean().sqrt()) if t.numel() else 1.0
    return size if size > 0 and math.isfinite(size) else 1.0


def gap(a: Tensor, b: Tensor) -> float:
    """The largest difference; both NaN, or the same infinity, agree; infinite where only one is NaN."""
    equal = (a == b) | (a.isnan() & b.isnan())
    return float((a.double() - b.double()).abs().nan_to_num(math.inf).masked_fill(equal, 0).max()) if a.numel() else 0.0

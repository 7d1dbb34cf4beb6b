"""Does a sequence layer, block or model see the future? By gradients, by perturbation, and by cutting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement, Series
from torchcheck.measure.leak import changes, dependence, worst
from torchcheck.properties.finding import Property, Question, Threshold
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import call, completed, network, size_of, subject_of, tensor_of
from torchcheck.properties.subject.intent import Intent, intent
from torchcheck.properties.subject.masks import filled_masks
from torchcheck.properties.subject.training_mode import has_batch_statistics
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import SubjectError, find_device

#: relative size below which a dependence is rounding (sums in another order), by dtype
ROUNDING = {torch.float64: 1e-11, torch.float32: 1e-4}


PROPERTIES: dict[str, Property] = {
    "leak": Property(
        "no output depends on later tokens (largest relative change; only of layers meant to be causal)",
        Threshold(hi=1e-4),
        "mask the scores before the softmax, shift convolutions, and normalise over the past alone",
        better="less",
    ),
    "length": Property(
        "outputs stay the same when later tokens are cut off (largest relative change; causal layers)",
        Threshold(hi=1e-4),
        "something counts the tokens that follow: divide by what is visible, not by the sequence's length",
        better="less",
    ),
    "reach": Property("how many of the pairs (output, earlier or same input) depend on each other", better="none"),
}


class SequenceLayer(nn.Module):
    """The layer as a map from (batch, tokens, width) to the first tensor that it returns."""

    def __init__(self, layer: nn.Module, example: Any = None) -> None:
        super().__init__()
        self.layer = layer
        self.example = example

    def forward(self, x: Tensor) -> Tensor:
        return tensor_of(call(self.layer, completed(self.layer, x) if x.dim() == 3 else x))


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    alone = ("reach",) if description.kind in ("layer", "attention") else ()
    return [Step(leaks, ("leak", "length", *alone), {"depth": description.depth(settings)})]


def leaks(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """What each output sees of the future: by gradients, by other tokens there, in both modes, and by cutting."""
    layer, dtype = layer_of(loaded, settings, depth=depth)
    if not isinstance(layer.example, Tensor) or not layer.example.is_floating_point():
        return _token_leaks(loaded, layer, settings)
    if layer.example.dim() != 3:
        return [Measurement(n, None, note="its input is no sequence of tokens") for n in ("leak", "length")]
    tokens = min(24, settings.seq_len)
    generator = torch.Generator().manual_seed(settings.seed)
    x, other = (torch.randn(tokens, layer.example.shape[-1], generator=generator).to(dtype) for _ in range(2))
    x, other = (t.to(find_device(settings.device)) for t in (x, other))
    try:
        with torch.no_grad():
            whole = layer(x[None])
    except RuntimeError as error:
        if settings.causal or loaded.kind in ("layer", "attention"):
            raise
        note = f"it takes no {tokens} tokens: {str(error).splitlines()[0][:60]}"
        return [Measurement(n, None, note=note) for n in ("leak", "length")]
    measured = partial(Measurement, device=settings.device, dtype=str(dtype).split(".")[1], samples=tokens)
    if whole.dim() != 3 or whole.shape[:2] != (1, tokens):
        return [measured(n, None, note="its output is no sequence of tokens") for n in ("leak", "length")]
    whole = whole[0]
    picture = dependence(layer, x)
    future = torch.ones_like(picture, dtype=torch.bool).triu(1)
    size = float(picture.max()) or 1.0
    visible = picture / size > ROUNDING[dtype]
    meant = intent(loaded, subject_of(layer.layer), settings, picture, visible)
    measurements = [measured("reach", float(visible[~future].double().mean()), note="of the pairs")]
    if meant.kind != "causal":
        return [*measurements, replace(_unasked(measured, meant), series=_rows(picture / size))]
    with torch.no_grad():
        scale = size_of(whole)
        each, shorter = changes(layer, x, other, whole)
        training = _swapped_in_training(layer, x, other) / scale
    each, shorter = each[:-1], shorter[:-1]  # nothing comes after the last
    swapped, cut = max(each, default=0.0) / scale, max(shorter, default=0.0) / scale
    place = each.index(max(each)) if each else 0
    by_gradient = float(picture.masked_fill(~future, 0.0).max()) / size
    largest = max(swapped, by_gradient, training)
    largest = 0.0 if largest <= ROUNDING[dtype] else largest
    witness = f"output {place} changes with the inputs after it"
    if by_gradient > swapped:
        witness = f"the gradient of output {_pair(picture, future)}"
    if training > max(swapped, by_gradient):
        witness = "in train mode outputs change with the inputs after them"
    shown = partial(measured, "leak", series=_rows(picture / size))
    masks = filled_masks(subject_of(layer.layer))
    if largest and masks and settings.causal is None:
        note = f"it sees the future where its {masks[-1]} hides nothing: whoever calls it has to hide that"
        return [Question.of(shown(None, note=note)), *measurements]
    cut = 0.0 if cut <= ROUNDING[dtype] else cut
    if meant.alone and (largest or cut):
        note = "no gradient comes from other tokens, and outputs change with them: by what is chosen, or detached"
        asked = [shown(None, note=f"{note}; say --causal or --no-causal"), measured("length", None, note=note)]
        return [*map(Question.of, asked), *measurements]
    leak = shown(largest, note=f"causal: {meant.why}", witness=witness if largest else "")
    return [leak, measured("length", cut), *measurements]


def _rows(picture: Tensor) -> tuple[Series, ...]:
    """How much each output depends on each input, as a row an output."""
    places = [float(j) for j in range(picture.shape[1])]
    return tuple(
        Series(f"output {i}", "input token", "output token", places, row, kind="row")
        for i, row in enumerate(picture.tolist())
    )


def _unasked(measured: Callable[..., Measurement], meant: Intent) -> Measurement:
    """What is said of a leak where the layer is not meant to be causal, or where nobody says whether it is."""
    if meant.kind == "not causal":
        return measured("leak", None, note=f"not causal: {meant.why}")
    return Question.of(measured("leak", None, note=f"it sees the future; say --causal or --no-causal: {meant.why}"))


def _swapped_in_training(layer: SequenceLayer, x: Tensor, other: Tensor) -> float:
    """The largest change of earlier outputs in train mode, with the same random numbers, where later inputs are others.

    Nothing is said (0) of layers whose train mode torch's seed does not fix, or that have statistics of the batch.
    """
    if has_batch_statistics(layer):
        return 0.0

    def run(values: Tensor) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            out: Tensor = layer(values[None])
            return out[0]

    layer.train()
    try:
        whole, again = run(x), run(x)
        if not torch.equal(whole, again):
            return 0.0
        largest = 0.0
        for i in range(0, len(x) - 1, 4):
            mixed = torch.cat([x[: i + 1], other[i + 1 :]])
            largest = max(largest, worst((run(mixed) - whole)[: i + 1]))
        return largest
    finally:
        layer.eval()


def layer_of(
    loaded: Loaded, settings: CheckSettings, dtype: torch.dtype | None = None, depth: int | None = None
) -> tuple[SequenceLayer, torch.dtype]:
    """The layer in float64, or in float32 where it insists on that."""
    where = find_device(settings.device)
    for kind in (dtype,) if dtype else (torch.float64, torch.float32):
        module, inputs = network(loaded, settings, depth, 0)
        layer = SequenceLayer(module, inputs).to(where, kind).eval()
        if kind is not torch.float64 or not isinstance(inputs, Tensor) or not inputs.is_floating_point():
            return layer, kind
        try:
            with torch.no_grad():
                few = torch.randn(1, min(4, settings.seq_len), settings.width, dtype=kind, device=where)
                layer(few if inputs.dim() == 3 else inputs.to(where, kind))
            return layer, kind
        except RuntimeError:
            continue
    raise AssertionError("float32 always returns")


def _pair(picture: Tensor, future: Tensor) -> str:
    i, j = divmod(int(picture.masked_fill(~future, 0.0).argmax()), picture.shape[1])
    return f"{i} with respect to input {j} is not 0"


def _token_leaks(loaded: Loaded, layer: SequenceLayer, settings: CheckSettings) -> list[Measurement]:
    """By perturbation alone: other token ids at later places of a model that takes ids (batch, tokens)."""
    inputs = layer.example
    ids = inputs if isinstance(inputs, Tensor) else inputs.get("input_ids") if isinstance(inputs, dict) else None
    measured = partial(Measurement, device=settings.device, dtype="float32")
    if ids is None or ids.dim() != 2 or ids.is_floating_point():
        if settings.causal:
            raise SubjectError(
                "a leak can be looked for in inputs (batch, tokens, width) or token ids (batch, tokens) alone"
            )
        return [measured(n, None, note="its input is no sequence of tokens") for n in ("leak", "length")]

    def run(values: Tensor) -> Tensor:
        return tensor_of(call(layer.layer, {**inputs, "input_ids": values} if isinstance(inputs, dict) else values))

    ids = ids[:1].to(find_device(settings.device))
    tokens = ids.shape[1]
    with torch.no_grad():
        whole = run(ids)
        if whole.dim() < 3 or whole.shape[1] != tokens:
            return [measured(n, None, note="its output is no sequence of tokens") for n in ("leak", "length")]
        scale = size_of(whole)
        changed = torch.zeros(tokens, tokens)  # output, input: the change where that one token is another
        for j in range(tokens):
            mixed = ids.clone()
            mixed[:, j] = ids[:, (j + 1) % tokens]
            changed[:, j] = (run(mixed) - whole)[0].flatten(1).abs().amax(1).cpu() / scale
        meant = intent(loaded, subject_of(layer.layer), settings, changed, changed > ROUNDING[torch.float32])
        if meant.kind != "causal":
            return [_unasked(measured, meant)]
        swapped = float(changed.triu(1).max())
        cut = max((worst(run(ids[:, : i + 1]) - whole[:, : i + 1]) / scale for i in range(tokens - 1)), default=0.0)
    limit = ROUNDING[torch.float32]
    return [
        measured(
            "leak",
            0.0 if swapped <= limit else swapped,
            samples=tokens,
            note=f"by other token ids; causal: {meant.why}",
        ),
        measured("length", 0.0 if cut <= limit else cut, samples=tokens),
    ]


LEAK = Group("future", PROPERTIES, steps)

"""Does a sequence layer, block or model see the future? By gradients, by perturbation, and by cutting."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement
from torchcheck.measure.leak import changes, dependence, worst
from torchcheck.properties.calling import call, network, tensor_of
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.variant import Loaded, Settings
from torchcheck.run.subjects import SubjectError, find_device

#: relative size below which a dependence is rounding (sums in another order), by dtype
ROUNDING = {torch.float64: 1e-11, torch.float32: 1e-4}
#: a layer most of whose future is exactly invisible is meant to be causal
MOSTLY = 0.5


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
        return tensor_of(call(self.layer, x))


def leaks(loaded: Loaded, settings: Settings, depth: int | None = None) -> list[Measurement]:
    """Gradients and perturbations, in both directions of time: what each output sees of the future."""
    layer, dtype = layer_of(loaded, settings, depth=depth)
    if not isinstance(layer.example, Tensor) or not layer.example.is_floating_point():
        return _token_leaks(layer, settings)
    tokens = min(24, settings.seq_len)
    generator = torch.Generator().manual_seed(settings.seed)
    x, other = (torch.randn(tokens, settings.width, generator=generator).to(dtype) for _ in range(2))
    x, other = (t.to(find_device(settings.device)) for t in (x, other))
    picture = dependence(layer, x)
    future = torch.ones_like(picture, dtype=torch.bool).triu(1)
    size = float(picture.max()) or 1.0
    visible = picture / size > ROUNDING[dtype]
    with torch.no_grad():
        whole = layer(x[None])[0]
        scale = float(whole.square().mean().sqrt()) or 1.0
        each, shorter = changes(layer, x, other, whole)
    each, shorter = each[:-1], shorter[:-1]  # nothing comes after the last
    swapped, cut = max(each, default=0.0) / scale, max(shorter, default=0.0) / scale
    place = each.index(max(each)) if each else 0
    ahead = float(visible[future].double().mean())
    by_gradient = float(picture.masked_fill(~future, 0.0).max()) / size
    causal, why = settings.causal, "as asked"
    if causal is None:
        causal, why = ahead < MOSTLY, f"{1 - ahead:.0%} of the pairs ahead are independent"
    measured = partial(Measurement, device=settings.device, dtype=str(dtype).split(".")[1], samples=tokens)
    reach = float(visible[~future].double().mean())
    found = [measured("reach", reach, note="of the pairs")]
    if not causal:
        return [*found, measured("leak", None, note=f"not causal: {why}")]
    largest = max(swapped, by_gradient)
    largest = 0.0 if largest <= ROUNDING[dtype] else largest
    witness = f"output {place} changes with the inputs after it"
    if by_gradient > swapped:
        witness = f"the gradient of output {_pair(picture, future)}"
    return [
        measured("leak", largest, note=f"causal, {why}", witness=witness if largest else ""),
        measured("length", 0.0 if cut <= ROUNDING[dtype] else cut),
        *found,
    ]


def layer_of(
    loaded: Loaded, settings: Settings, dtype: torch.dtype | None = None, depth: int | None = None
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
                layer(torch.randn(1, min(4, settings.seq_len), settings.width, dtype=kind, device=where))
            return layer, kind
        except RuntimeError:
            continue
    raise AssertionError("float32 always returns")


def _pair(picture: Tensor, future: Tensor) -> str:
    i, j = divmod(int(picture.masked_fill(~future, 0.0).argmax()), picture.shape[1])
    return f"{i} with respect to input {j} is not 0"


def _token_leaks(layer: SequenceLayer, settings: Settings) -> list[Measurement]:
    """By perturbation alone: other token ids at later places of a model that takes ids (batch, tokens)."""
    inputs = layer.example
    ids = inputs if isinstance(inputs, Tensor) else inputs.get("input_ids") if isinstance(inputs, dict) else None
    if ids is None or ids.dim() != 2:
        raise SubjectError(
            "a leak can be looked for in inputs (batch, tokens, width) or token ids (batch, tokens) alone"
        )

    def run(values: Tensor) -> Tensor:
        return tensor_of(call(layer.layer, {**inputs, "input_ids": values} if isinstance(inputs, dict) else values))

    ids = ids.to(find_device(settings.device))
    with torch.no_grad():
        whole = run(ids)
        scale = float(whole.square().mean().sqrt()) or 1.0
        swapped, cut = 0.0, 0.0
        later = torch.arange(ids.shape[1], device=ids.device)
        for i in range(ids.shape[1] - 1):
            mixed = torch.where(later > i, ids.flip(1), ids)
            swapped = max(swapped, worst((run(mixed) - whole)[:, : i + 1]) / scale)
            cut = max(cut, worst(run(ids[:, : i + 1]) - whole[:, : i + 1]) / scale)
    limit = ROUNDING[torch.float32]
    measured = partial(Measurement, device=settings.device, dtype="float32", samples=ids.shape[1])
    return [
        measured("leak", 0.0 if swapped <= limit else swapped, note="by other token ids"),
        measured("length", 0.0 if cut <= limit else cut),
    ]

"""What runs inside a module: attention weights and what they are multiplied with, and linear maps one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from torchcheck.data import Measurement
from torchcheck.measure.leak import ROWS, dependence
from torchcheck.measure.operations import Watch
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.module.modes import exact
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import call, tensor_of
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import SubjectError

#: sums of weights are 1 to this
ONE = 1e-3
PROPERTIES: dict[str, Property] = {
    "weights-sum": Property(
        "attention weights sum to 1 over the values that they weigh (number of products in which they do over the "
        "queries instead)",
        Threshold(0, 0),
        "the softmax runs over the queries: give it the axis of the keys, dim=-1",
        better="less",
    ),
    "heads-apart": Property(
        "where every token sees itself alone, heads give each token its own values (number of tokens that get others')",
        Threshold(0, 0),
        "heads, or q, k and v, and tokens are exchanged by view or reshape: (batch, tokens, heads, size) first, then "
        "transpose(1, 2)",
        better="less",
    ),
    "linear-pairs": Property(
        "between two linear layers with a wider middle stands something (number of pairs where nothing does)",
        Threshold(0, 0),
        "an activation is missing: two linear maps in a row are one",
        better="less",
    ),
}


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    at = {"depth": description.depth(settings)}
    return [Step(weights, ("weights-sum", "linear-pairs"), at), Step(heads, ("heads-apart",), at)]


def _at_another_length(
    loaded: Loaded, settings: CheckSettings, depth: int | None
) -> tuple[nn.Module, Any, torch.dtype]:
    """The network and inputs of a length that no head has for its size: what is square, then, is tokens by tokens.

    At the settings' own length where it takes no other.
    """
    try:
        return exact(loaded, replace(settings, seq_len=max(3, settings.seq_len - 3)), depth)
    except (SubjectError, RuntimeError):
        return exact(loaded, settings, depth)


def weights(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """One pass in eval mode, every softmax, product and linear layer of it seen."""
    model, inputs, dtype = _at_another_length(loaded, settings, depth)
    measured = partial(Measurement, device=settings.device, dtype=str(dtype).split(".")[1])
    pairs = _Pairs()
    hooks = [pairs.watch(name, m) for name, m in model.named_modules() if isinstance(m, nn.Linear)]
    try:
        with torch.no_grad(), _Products() as products:
            call(model, inputs)
    finally:
        for hook in (h for both in hooks for h in both):
            hook.remove()
    note = "" if products.seen_any else "no softmax is multiplied with anything"
    measurement = measured(
        "weights-sum", float(products.wrong) if products.seen_any else None, unit="products", note=note
    )
    words = "; ".join(pairs.subject[:2])
    return [measurement, measured("linear-pairs", float(len(pairs.subject)), unit="pairs", witness=words)]


def heads(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """Which tokens' values reach a token when its weights are 1 for itself: those that a reshape would bring, or none.

    (heads, tokens) read as (tokens, heads) brings to token i those at (i heads + c) mod tokens; read the other way
    round, as they enter, those at (c tokens + i) div heads; c counts the heads, or queries, keys and values.
    """
    model, inputs, dtype = _at_another_length(loaded, replace(settings, batch=1), depth)
    measured = partial(
        Measurement, "heads-apart", device=settings.device, dtype=str(dtype).split(".")[1], unit="tokens"
    )
    if not isinstance(inputs, Tensor) or inputs.dim() != 3 or not inputs.is_floating_point():
        return [measured(None, note="its input is no tensor of tokens")]
    tokens = inputs.shape[1]
    mode = _OneSelf(tokens)
    try:
        with sdpa_kernel(SDPBackend.MATH), mode:
            picture = dependence(lambda x: tensor_of(call(model, x)), inputs[0])
    except (RuntimeError, IndexError) as error:
        return [measured(None, note=f"not to be followed: {str(error).splitlines()[0][:60]}")]
    if mode.heads < 2 or picture.shape != (tokens, tokens):
        return [measured(None, note="it has no softmax over tokens with several heads")]
    theirs = [{j for j in range(tokens) if picture[i, j] > 0 and j != i} for i in range(tokens)]
    mixed = sum(map(bool, theirs))
    exchanged = {"heads": mode.heads, "queries, keys and values": 3, "keys and values": 2}
    with_what = next((what for what, count in exchanged.items() if _is_exchange(theirs, count)), "")
    if mixed and not with_what:
        return [measured(None, note="tokens meet outside of the weights, too")]
    return [measured(float(mixed), witness=f"{with_what} and tokens" if mixed else "")]


def _is_exchange(theirs: Sequence[set[int]], count: int) -> bool:
    """Whether these are the tokens that reading (count, tokens) as (tokens, count) brings, or the other way round."""
    tokens = len(theirs)
    leaving = all(t <= {(i * count + c) % tokens for c in range(count)} for i, t in enumerate(theirs))
    return leaving or all(t <= {(c * tokens + i) // count for c in range(count)} for i, t in enumerate(theirs))


class _OneSelf(Watch):
    """Every softmax over (tokens, tokens) is 1 for a token itself, and 0 for others; `heads` of them in a layer."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.tokens, self.heads = tokens, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        square = (self.tokens, self.tokens)
        if func.__name__.partition(".")[0] not in ("_softmax", "_safe_softmax") or out.shape[-2:] != square:
            return out
        self.heads = max(self.heads, out[..., 0, 0].numel() // min(ROWS, self.tokens))
        return torch.eye(self.tokens, dtype=out.dtype, device=out.device).expand_as(out).clone()


class _Products(Watch):
    """Counts products of weights, tokens by tokens, that sum to 1 along the axis that is kept, not the one summed."""

    def __init__(self) -> None:
        super().__init__()
        self.softmaxes: list[Tensor] = []  # held, so that no other tensor comes to lie there
        self.wrong, self.seen_any = 0, False

    def seen(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        del kwargs
        name = func.__name__.partition(".")[0]
        if name in ("_softmax", "_safe_softmax"):
            self.softmaxes.append(out)
        elif name in ("bmm", "mm"):
            for factor, summed, kept in ((args[0], -1, -2), (args[1], -2, -1)):
                known = any(s.data_ptr() == factor.data_ptr() for s in self.softmaxes)
                if known and factor.shape[-1] == factor.shape[-2] > 1:
                    self.seen_any = True
                    self.wrong += _are_one(factor.sum(kept)) and not _are_one(factor.sum(summed))


def _are_one(sums: Tensor) -> bool:
    return bool(((sums - 1).abs() <= ONE).all())


class _Pairs:
    """Linear layers whose input is another one's output as it was, with fewer features before and after it."""

    def __init__(self) -> None:
        self.outputs: list[tuple[Tensor, int, nn.Linear, str]] = []
        self.subject: list[str] = []

    def watch(self, name: str, layer: nn.Linear) -> tuple[Any, Any]:
        def before(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            del module
            for out, version, first, other in self.outputs:
                same = inputs and inputs[0].data_ptr() == out.data_ptr() and inputs[0]._version == version
                if (
                    same
                    and inputs[0].numel() == out.numel()
                    and out.shape[-1] > max(first.in_features, layer.out_features)
                ):
                    self.subject.append(f"{other}, {name}")

        def after(module: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
            del module, inputs
            self.outputs.append((out, out._version, layer, name))

        return layer.register_forward_pre_hook(before), layer.register_forward_hook(after)


WEIGHTS = Group("inputs", PROPERTIES, steps)

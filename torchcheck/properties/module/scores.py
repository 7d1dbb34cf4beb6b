"""Attention scores at init: how large they are, and whether they grow with the size of a head."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.module.modes import exact
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import call, gap, network
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import SubjectError, find_device

#: how much wider the second layer is
WIDER = 4
#: deviation of scores beyond which a softmax over some tens of tokens sees one of them
LARGE = 8.0
#: names of what gives scores a distance, and of what has a plane for its tokens, so that order is no distance
RELATIVE = re.compile(r"(?i:rotary|alibi)|inv_freq|RoPE|(?<![A-Za-z])rope")
ROTARY = re.compile(r"(?i:rotary)|inv_freq|RoPE|(?<![A-Za-z])rope")
PLANE = re.compile(r"2d|axial|vision|image|spatial|patch", re.IGNORECASE)
PROPERTIES: dict[str, Property] = {
    "score-growth": Property(
        "the exponent of the width in the attention scores' deviation at init (0 where they are divided by its root)",
        Threshold(hi=0.75),
        "divide the scores by the root of a head's size, and not by its inverse: they saturate the softmax",
        better="zero",
    ),
    "score-distance": Property(
        "of tokens all alike, scores of rotary or ALiBi attention depend on distance alone (largest relative change "
        "along a diagonal)",
        Threshold(hi=1e-3),
        "turn queries and keys alike: (a cos - b sin, b cos + a sin), by the angle of their own place",
        better="less",
    ),
    "score-places": Property(
        "of tokens all alike, scores of rotary attention differ from one distance to another (relative difference)",
        Threshold(lo=1e-6),
        "every token is turned by the same angle: the table needs a row a place",
        better="none",
    ),
    "score-pairs": Property(
        "the score of a query and a key depends on these two tokens alone (largest relative change with a third one)",
        Threshold(hi=1e-4),
        "a norm or a mean of queries or keys runs over the tokens: give it dim=-1",
        better="less",
    ),
    "score-size": Property("the deviation of the attention scores at init, for inputs of size 1", better="none"),
}
#: layers that mix tokens, and see where a sequence ends
MIXERS = (nn.Conv1d, nn.Conv2d, nn.RNNBase)
_SOFTMAX = {torch.softmax, Tensor.softmax, F.softmax, torch.log_softmax, Tensor.log_softmax, F.log_softmax}


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    at = {"depth": description.depth(settings)}
    return [
        Step(scores, ("score-growth", "score-size"), at),
        Step(distance, ("score-distance", "score-places"), at),
        Step(pairs, ("score-pairs",), at),
    ]


def distance(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """The scores of one token, over and over, in a layer whose names say that it turns them or adds a slope."""
    model, inputs, dtype = exact(loaded, settings, depth)
    measured = partial(Measurement, device=settings.device, dtype=str(dtype).split(".")[1])

    def skipped(note: str) -> list[Measurement]:
        return [measured(n, None, note=note) for n in ("score-distance", "score-places")]

    if not isinstance(inputs, Tensor) or inputs.dim() != 3 or not inputs.is_floating_point():
        return skipped("its input is no tensor of tokens")
    named = [type(m).__name__ for m in model.modules()] + [n for n, _ in model.named_buffers()]
    if not any(RELATIVE.search(n) for n in named) or any(PLANE.search(n) for n in named):
        return skipped("no name in it says rotary or ALiBi")
    seen = Scores()
    with torch.no_grad(), seen:
        call(model, inputs[:1, :1].expand(1, *inputs.shape[1:]).contiguous())
    largest = places = 0.0
    for s in (t.double() for t in seen.kept if t.shape[-1] == t.shape[-2] > 2):
        s = s.masked_fill(~(s.isfinite() & (s > -1e4)), math.nan)
        apart = (s[..., 1:, 1:] - s[..., :-1, :-1]).abs().nan_to_num(0.0)
        size = float((s - s.nanmean()).abs().nan_to_num(0.0).max())
        largest = max(largest, float(apart.max()) / size if size else 0.0)
        of_a_head = (s - s.nanmean((-2, -1), keepdim=True)).abs().nan_to_num(0.0)
        whole = float(s.abs().nan_to_num(0.0).max())
        places = max(places, float(of_a_head.max()) / whole if whole else 0.0)
    if not seen.kept:
        return skipped("no softmax")
    measurement = measured("score-distance", largest, samples=len(seen.kept))
    if not any(ROTARY.search(n) for n in named):
        return [measurement, measured("score-places", None, note="no name in it says rotary")]
    return [measurement, measured("score-places", places, samples=len(seen.kept))]


def pairs(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """The first scores of all pairs, and with another token in the middle; along each row, as a softmax sees them."""
    model, inputs, dtype = exact(loaded, settings, depth)
    measured = partial(Measurement, "score-pairs", device=settings.device, dtype=str(dtype).split(".")[1])
    if not isinstance(inputs, Tensor) or inputs.dim() != 3 or not inputs.is_floating_point():
        return [measured(None, note="its input is no tensor of tokens")]
    if any(isinstance(m, MIXERS) for m in model.modules()):
        return [measured(None, note="convolutions or recurrences mix its tokens")]
    x, k = inputs[:1], inputs.shape[1] // 2
    other = x.clone()
    other[:, k] = x[:, k].flip(-1) - 1
    (before, entered), (after, entered_then) = first_of_all(model, x), first_of_all(model, other)
    if before is None or after is None or before.shape[-2:] != (x.shape[1], x.shape[1]):
        return [measured(None, note="no softmax over all pairs of tokens")]
    rest = torch.arange(x.shape[1], device=x.device) != k
    if any(gap(one[:, rest], then[:, rest]) > 0 for one, then in zip(entered, entered_then, strict=True)):
        return [measured(None, note="tokens are mixed before they are scored")]
    visible = before.isfinite() & (before > -1e4) & rest & rest[:, None]
    apart = (after - before).masked_fill(~visible, math.nan)
    change = float((apart - apart.nanmean(-1, keepdim=True)).abs().nan_to_num(0.0).max())
    size = float(before[visible].std()) if int(visible.sum()) > 1 else 0.0
    return [measured(change / size if size else None, note="" if size else "its scores are all alike")]


def first_of_all(model: nn.Module, x: Tensor) -> tuple[Tensor | None, list[Tensor]]:
    """The first scores, and what entered linear layers before them."""
    seen, entered = Scores(), list[Tensor]()

    def keep(_layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        if not seen.kept and inputs[0].shape[:2] == x.shape[:2]:
            entered.append(inputs[0].detach())

    hooks = [m.register_forward_pre_hook(keep) for m in model.modules() if isinstance(m, nn.Linear)]
    try:
        with torch.no_grad(), seen:
            call(model, x.clone())
    finally:
        for hook in hooks:
            hook.remove()
    return (seen.kept[0].double() if seen.kept else None), entered


def scores(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """What enters the first softmax, at two widths."""
    measured = partial(Measurement, device=settings.device, dtype="float32", samples=2)
    sizes = []
    for width in (settings.width, WIDER * settings.width):
        try:
            sizes.append(_first_scores(loaded, replace(settings, width=width), depth))
        except (SubjectError, RuntimeError, AssertionError) as error:
            words = str(error).splitlines()[0][:60] if str(error) else type(error).__name__
            return [measured(n, None, note=f"at width {width}: {words}") for n in ("score-growth", "score-size")]
    if min(sizes) <= 0 or not all(map(math.isfinite, sizes)) or loaded.is_instance:
        return [measured(n, None, note="no softmax, or one width alone") for n in ("score-growth", "score-size")]
    growth = math.log(sizes[1] / sizes[0]) / math.log(WIDER)
    size = measured("score-size", sizes[0])
    if sizes[1] <= LARGE:  # of a fixed init that is small, as GPT-2's, they may grow for long
        return [measured("score-growth", None, note=f"small: {sizes[1]:.2g} at {WIDER} times the width"), size]
    return [measured("score-growth", growth, unit="exponent"), size]


def _first_scores(loaded: Loaded, settings: CheckSettings, depth: int | None) -> float:
    where = find_device(settings.device)
    model, inputs = network(loaded, settings, depth, 0)
    seen = Scores()
    with seen:  # with gradients: without them torch's own layers take a path of their own
        call(model.to(where), inputs.to(where) if isinstance(inputs, Tensor) else inputs)
    return seen.spreads[0] if seen.spreads else 0.0


class Scores(TorchFunctionMode):
    """Keeps every softmax's input, and its deviation, masked places left out."""

    def __init__(self) -> None:
        super().__init__()
        self.spreads: list[float] = []
        self.kept: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _SOFTMAX and args:
            self._keep(args[0])
        elif func is F.scaled_dot_product_attention:
            query, key = (*args, *(kwargs.get(n) for n in ("query", "key")[len(args) :]))[:2]
            scale = kwargs.get("scale")
            scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
            self._keep(query @ key.transpose(-1, -2) * scale)
        return func(*args, **kwargs)

    def _keep(self, scores: Tensor) -> None:
        finite = scores.detach()[scores.detach().isfinite() & (scores.detach() > -1e4)]
        self.kept.append(scores.detach())
        if finite.numel() > 1:
            self.spreads.append(float(finite.double().std()))


SCORES = Group("scores", PROPERTIES, steps)

"""One module, several paths: with weights returned, with a fused kernel, token by token, with dropout. All agree."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement
from torchcheck.measure.leak import worst
from torchcheck.properties.finding import Property, Question, Threshold
from torchcheck.properties.module.leak import ROUNDING, layer_of
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import call, forward_names, size_of, subject_of, tensor_of
from torchcheck.properties.subject.masks import MASKS, mask_name
from torchcheck.properties.subject.training_mode import has_batch_statistics, trained, with_dropout
from torchcheck.properties.subject.variant import CheckSettings, Loaded

PROPERTIES: dict[str, Property] = {
    "paths-agree": Property(
        "fused or not, with weights returned or not, the output is the same, masked too (largest relative change)",
        Threshold(hi=1e-4),
        "one path leaves out a mask, a scale or a dropout's rate: compare what each passes on",
        better="less",
    ),
    "cached": Property(
        "token by token, with what was kept of the past, outputs are those of the whole prefix (relative change)",
        Threshold(hi=1e-4),
        "what is kept is not that of the tokens before: append to it, and count positions on from its length",
        better="less",
    ),
    "train-mean": Property(
        "the mean of train mode's outputs is eval mode's (its coefficient, every drop rate at one half)",
        Threshold(0.55, 1.6),
        "divide what is kept by the probability of keeping it, in train mode alone",
        better="none",
    ),
}
#: flags of forward, and attributes, that choose another path to the same output
RETURNS = {
    "need_weights",
    "return_attn",
    "return_attention",
    "output_attentions",
    "return_weights",
    "return_attention_weights",
}
FUSED = {
    "flash",
    "use_flash",
    "use_flash_attn",
    "flash_attn",
    "fused",
    "use_fused",
    "fused_attn",
    "use_sdpa",
    "sdpa",
    "use_flash_attention",
    "gradient_checkpointing",
    "use_checkpoint",
}
#: what forward takes of the past
CACHES = ("past_key_value", "past_key_values", "layer_past", "kv_cache", "cache", "state", "hidden", "hx", "past")
#: passes in train mode of so many examples, and the rate at which they drop: half of a whole branch is told from 0.55
PASSES, EXAMPLES, RATE = 100, 96, 0.5
#: standard errors that a mean may be off
ERRORS = 5.0
Run = Callable[[Tensor, Tensor | None], Tensor]


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    at = {"depth": description.depth(settings)}
    return [Step(agreement, ("paths-agree",), at), Step(cached, ("cached",), at), Step(train_mean, ("train-mean",), at)]


def agreement(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """Every flag that chooses a path, turned over; without a mask and with one, in eval and train mode."""
    layer, dtype = layer_of(loaded, settings, depth=depth)
    subject = subject_of(layer.layer)
    measured = partial(Measurement, "paths-agree", device=settings.device, dtype=str(dtype).split(".")[1])
    if not isinstance(layer.example, Tensor) or layer.example.dim() != 3 or not layer.example.is_floating_point():
        return [measured(None, note="its input is not a tensor of tokens")]
    x = _tokens(settings, dtype, layer.example.device)
    mask = mask_name(forward_names(subject))
    ways = dict(_ways(subject))
    if not ways:
        return [measured(None, note="it has no flags that choose a path")]
    modes = (False,) if has_batch_statistics(subject) else (False, True)
    largest, witness = 0.0, ""
    for train in modes:
        for masked in (False, True) if mask else (False,):
            usual = _run(copy.deepcopy(subject), x, mask if masked else None, train, {})
            for words, (attribute, options) in ways.items():
                other = copy.deepcopy(subject)
                for module in other.modules() if attribute else ():
                    if isinstance(getattr(module, attribute, None), bool):
                        setattr(module, attribute, not getattr(module, attribute))
                turned = _run(other, x, mask if masked else None, train, options)
                if usual is None or turned is None or usual.shape != turned.shape:
                    continue  # this path does not take the mask, or cannot run here
                apart = worst(usual - turned) / size_of(usual)
                if apart > largest:
                    at = f"{', masked' if masked else ''}{', in train mode' if train else ''}"
                    largest, witness = apart, words + at
    largest = 0.0 if largest <= ROUNDING[dtype] else largest
    return [measured(largest, witness=witness if largest else "", note=f"paths by {', '.join(ways)}")]


def _ways(subject: nn.Module) -> Iterator[tuple[str, tuple[str, dict[str, Any]]]]:
    """Flags of forward that are not at their default, and attributes that choose."""
    parameters = inspect.signature(subject.forward).parameters
    for name in sorted(RETURNS & {*parameters}):
        default = parameters[name].default
        if isinstance(default, bool):
            yield f"{name}={not default}", ("", {name: not default})
    attributes = {n for m in subject.modules() for n, v in vars(m).items() if n in FUSED and isinstance(v, bool)}
    for name in sorted(attributes):
        yield f"{name} turned over", (name, {})


def _run(subject: nn.Module, x: Tensor, mask: str | None, train: bool, options: dict[str, Any]) -> Tensor | None:
    """The output at the places that are kept; None where this call is refused."""
    names = forward_names(subject)
    inputs: dict[str, Any] = {n: x for n in names if n in ("query", "key", "value")} or {names[0]: x}
    keep = torch.arange(x.shape[1], device=x.device) < x.shape[1] * 3 // 4
    if mask is not None:
        inputs[mask] = (keep if MASKS[mask] else ~keep).expand(x.shape[:2])
    with_dropout(subject, 0.0).train(train)
    try:
        with torch.no_grad():
            out = tensor_of(subject(**inputs, **options))
    except Exception:  # whatever a path that is not for this machine raises
        return None
    if out.shape[:2] != x.shape[:2] or not bool(out[:, keep].isfinite().all()):
        return None
    return out[:, keep] if mask is not None else out


def cached(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """One token after the other with the cache that forward returns, against every prefix as a whole."""
    layer, dtype = layer_of(loaded, settings, depth=depth)
    subject = subject_of(layer.layer).eval()
    measured = partial(Measurement, "cached", device=settings.device, dtype=str(dtype).split(".")[1])
    names = forward_names(subject)
    name = next((n for n in CACHES if n in names[1:]), None)
    if name is None:
        return [measured(None, note="forward takes nothing of the past")]
    if not isinstance(layer.example, Tensor) or layer.example.dim() != 3 or not layer.example.is_floating_point():
        return [measured(None, note="its input is not a tensor of tokens")]
    if any(getattr(m, "batch_first", None) is False for m in layer.modules()):
        return [measured(None, note="its tokens come first (batch_first is False)")]
    x = _tokens(settings, dtype, layer.example.device)[:, :8]
    options = {"use_cache": True} if "use_cache" in names else {}
    kept: Any = None
    largest, place = 0.0, 0
    try:
        with torch.no_grad():
            for t in range(x.shape[1]):
                out = subject(x[:, t : t + 1], **{name: kept}, **options)
                kept = _cache(out)
                one, whole = tensor_of(out), tensor_of(subject(x[:, : t + 1]))
                apart = worst(one[:, -1] - whole[:, -1]) / size_of(whole)
                largest, place = max((largest, place), (apart, t))
    except Exception as error:
        return [
            measured(None, note=f"not called token by token: {str(error).splitlines()[0][:60] if str(error) else ''}")
        ]
    largest = 0.0 if largest <= ROUNDING[dtype] else largest
    measurement = measured(largest, witness=f"token {place}" if largest else "", note=f"with {name}")
    if not largest and _parts_behind_a_cache(subject, x, name, options, ROUNDING[dtype]):
        note = f"right token by token; several at once behind {name} differ: if that is never done, --skip cached"
        return [Question.of(measured(None, note=note))]
    return [measurement]


def _parts_behind_a_cache(subject: nn.Module, x: Tensor, name: str, options: dict[str, Any], rounding: float) -> bool:
    """Whether the last tokens, given at once behind a cache of the first, come out as others than in one pass."""
    first = x.shape[1] // 2
    try:
        with torch.no_grad():
            kept = _cache(subject(x[:, :first], **{name: None}, **options))
            last = tensor_of(subject(x[:, first:], **{name: kept}, **options))
            whole = tensor_of(subject(x))[:, first:]
    except Exception:  # it refuses more than one token behind a cache
        return False
    return last.shape == whole.shape and worst(last - whole) > rounding * size_of(whole)


def _cache(out: Any) -> Any:
    """What a call gives beside its output: the last of several; raises TypeError where there is nothing."""
    if not isinstance(out, tuple) or len(out) < 2 or out[-1] is None:
        raise TypeError("it returns no cache")
    return out[-1]


def train_mean(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """What train mode adds to its input on average, over what eval mode adds: 1, or less behind a norm."""
    layer, _ = layer_of(loaded, settings, torch.float32, depth)
    measured = partial(Measurement, "train-mean", device=settings.device, dtype="float32", samples=PASSES)
    if not isinstance(layer.example, Tensor) or layer.example.dim() != 3 or not layer.example.is_floating_point():
        return [measured(None, note="its input is not a tensor of tokens")]
    if has_batch_statistics(layer):
        return [measured(None, note="it has statistics of the batch")]
    subject = with_dropout(layer.layer, RATE)
    x = _tokens(settings, torch.float32, layer.example.device, count=EXAMPLES, most=settings.seq_len)
    with torch.no_grad():
        try:
            still, x = tensor_of(call(subject.eval(), x[:, :4])), x[:, :4]
        except RuntimeError:  # it takes one length alone
            still = tensor_of(call(subject.eval(), x))
        if torch.equal(trained(subject, x, 0), trained(subject, x, 1)):
            return [measured(None, note="nothing in it is random")]
        if still.shape != x.shape:
            return [measured(None, note="its output is no stream of its input's shape")]
        base = x if loaded.kind == "block" else torch.zeros_like(x)
        added = (still - base).double()
        size = float(added.square().sum())
        shares = torch.tensor(
            [float(((trained(subject, x, s) - base).double() * added).sum()) / (size or 1.0) for s in range(PASSES)]
        )
    mean, error = float(shares.mean()), ERRORS * float(shares.std()) / PASSES**0.5
    return [measured(mean, mean - error, mean + error, note=f"{PASSES} passes")]


def _tokens(settings: CheckSettings, dtype: torch.dtype, where: torch.device, count: int = 2, most: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(settings.seed)
    x = torch.randn(count, min(most, settings.seq_len), settings.width, generator=generator)
    return x.to(dtype).to(where)


PATHS = Group("paths", PROPERTIES, steps)

"""Does a variant keep its sizes with width? What its layers give at init, and what optimizer steps change in that.

The coordinate check of muP (Yang et al., Tensor Programs V, arXiv:2203.03466, sec. D.1 and fig. 5), with intervals: the
RMS of a coordinate of every layer's output at init, and of its change by a few steps, as powers of width.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement, Series
from torchcheck.measure.intervals import Interval, slope_bounds
from torchcheck.probes.deepnet.increments import OPTIMIZERS
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.module.first_rate import LEARNING_RATES
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import call, network, objective_of, tensor_of, to
from torchcheck.properties.subject.parametrisation import Parametrisation
from torchcheck.properties.subject.rescale import ending_of
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import find_device, resolve

#: steps of the optimizer, and networks of each width
STEPS, SEEDS = 4, 6
#: an exponent that a doubling of width hardly shows: a factor of 1.19
STEADY = 0.25
PROPERTIES: dict[str, Property] = {
    "width-signal": Property(
        "what layers give at init does not grow with width (the largest exponent of width; with --widths)",
        Threshold(hi=STEADY),
        "draw the weights of the layer named with variance 1/fan_in",
        better="less",
    ),
    "width-update": Property(
        "what four steps change in what layers give does not grow with width (the largest exponent; with --widths)",
        Threshold(hi=STEADY),
        "a learning rate found at one width is too large at a greater: divide that of matrices by the width for Adam "
        "(muP), in an optimizer(model) beside the subject",
        better="less",
    ),
    "width-learned": Property(
        "the smallest exponent of width of what four steps change: below 0 a layer learns less the wider it is",
        better="zero",
    ),
}
#: layer -> logarithm of a coordinate's RMS
Sizes = Mapping[str, float]


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    """Nothing, unless widths are asked for."""
    depth = next(iter(description.depths(settings)), None)
    return [Step(widths, tuple(PROPERTIES), {"depth": depth})] if settings.widths else []


def widths(
    loaded: Loaded,
    settings: CheckSettings,
    depth: int | None,
    scaled: Parametrisation | None = None,
    seeds: int = SEEDS,
) -> list[Measurement]:
    """Every width with some seeds; the exponents of each layer, and the largest and smallest of them."""
    measured = partial(Measurement, device=settings.device, dtype="float32", level=1 - settings.alarm)
    if loaded.is_instance or len(settings.widths) < 2:
        note = "an instance has one width" if loaded.is_instance else "one width has no exponent"
        return [measured(n, None, note=note) for n in PROPERTIES]
    signals: dict[str, list[list[float]]] = defaultdict(list)
    changes: dict[str, list[list[float]]] = defaultdict(list)
    for width in settings.widths:
        runs = [_run(loaded, replace(settings, width=width), depth, seed, scaled) for seed in range(seeds)]
        for seen, kept in ((signals, [r[0] for r in runs]), (changes, [r[1] for r in runs])):
            lost = next((n or "the output" for k in kept for n, v in k.items() if not math.isfinite(v)), "")
            if lost:
                note = f"NaN or infinite at width {width}: {lost}"
                return [measured(n, math.inf, note=note) for n in PROPERTIES]
            for name in set.intersection(*(set(k) for k in kept)):
                seen[name].append([k[name] for k in kept])
    count = len(settings.widths)
    logs = [math.log(w) for w in settings.widths]
    whole = [{n: v for n, v in seen.items() if len(v) == count} for seen in (signals, changes)]
    if not all(whole):
        return [measured(n, None, note="its layers give nothing, or learn nothing") for n in PROPERTIES]
    made = [_extremes(seen, logs, settings) for seen in whole]
    extremes = dict(zip(PROPERTIES, (made[0][1], made[1][1], made[1][0]), strict=True))
    return [
        measured(
            name,
            e.value,
            e.lo,
            e.hi,
            unit="exponent of width",
            samples=seeds * count,
            note=f"{layer or 'the output'}; widths {settings.widths[0]} to {settings.widths[-1]}",
            series=(_curve(name, settings, whole[name != "width-signal"][layer]),),
        )
        for name, (layer, e) in extremes.items()
    ]


def _extremes(
    by_name: Mapping[str, Sequence[Sequence[float]]], logs: Sequence[float], settings: CheckSettings
) -> tuple[tuple[str, Interval], tuple[str, Interval]]:
    """The layers with the smallest and the largest exponent, and what that extreme of all layers lies between."""
    alarm = settings.alarm / len(by_name)
    fits = {name: slope_bounds(logs, groups, alarm) for name, groups in by_name.items()}
    least, most = (pick(fits, key=lambda name: fits[name].value) for pick in (min, max))
    return (
        (least, replace(fits[least], lo=min(f.lo for f in fits.values()), hi=min(f.hi for f in fits.values()))),
        (most, replace(fits[most], lo=max(f.lo for f in fits.values()), hi=max(f.hi for f in fits.values()))),
    )


def _curve(name: str, settings: CheckSettings, groups: Sequence[Sequence[float]]) -> Series:
    means = [math.exp(sum(g) / len(g)) for g in groups]
    return Series(name, "width", "RMS", [float(w) for w in settings.widths], means)


def _run(
    loaded: Loaded, settings: CheckSettings, depth: int | None, seed: int, scaled: Parametrisation | None
) -> tuple[Sizes, Sizes]:
    """One network: sizes at init, and sizes of what the steps change."""
    where = find_device(settings.device)
    model, inputs = network(loaded, settings, depth, seed)
    model, inputs, objective = model.to(where), to(inputs, where), objective_of(loaded, seed)
    if loaded.optimizer is not None:
        opt = loaded.optimizer(model)
    else:
        target, options = OPTIMIZERS[settings.optimizer]
        rate = settings.lr or LEARNING_RATES[settings.optimizer]
        chosen: Any = model.parameters()
        if scaled is not None:
            scaled.apply_(model, settings.width)
            chosen = scaled.groups(model, settings.width, rate)
        opt = resolve(target)(chosen, lr=rate, **options)
    before = _outputs(model, inputs)
    for _ in range(STEPS):
        opt.zero_grad()
        objective(call(model, inputs)).backward()  # type: ignore[no-untyped-call]
        opt.step()
    after = _outputs(model, inputs)
    return _sizes(before), _sizes({n: after[n] - y for n, y in before.items()})


def _outputs(model: nn.Module, inputs: Any) -> dict[str, Tensor]:
    """What every layer with a matrix gives, by its full name, and the network's output as ''."""
    by_name: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, given: Any, out: Any) -> None:
        del module, given
        by_name[name] = tensor_of(out).detach()

    layers = {n: m for n, m in model.named_modules() if _is_layer(m)}
    hooks = [m.register_forward_hook(partial(keep, n)) for n, m in layers.items()]
    try:
        with torch.no_grad():
            by_name[""] = tensor_of(call(model, inputs)).detach()
    finally:
        for hook in hooks:
            hook.remove()
    return by_name


def _is_layer(module: nn.Module) -> bool:
    own = any(p.dim() >= 2 for p in module.parameters(recurse=False))
    return own or isinstance(module, nn.MultiheadAttention)


def _sizes(outputs: Mapping[str, Tensor]) -> Sizes:
    """The logarithm of the RMS of each layer, of those of one name the mean; layers that give 0 are left out.

    Infinite for a layer whose output is not finite.
    """
    by_name: dict[str, list[float]] = defaultdict(list)
    for name, y in outputs.items():
        size = float(y.double().square().mean().sqrt())
        if size != 0:
            by_name[ending_of(name)].append(math.log(size) if math.isfinite(size) else math.inf)
    return {n: sum(v) / len(v) for n, v in by_name.items()}


WIDTHS = Group("width", PROPERTIES, steps)

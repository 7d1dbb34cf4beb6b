"""Which powers of depth on the residual weight and the init gain make a variant depth-stable? By measurement, twice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from torchcheck.properties.depth import EXPLOSION, EXPONENTS, STABLE, reduce
from torchcheck.properties.engine import Answer, Budget, Found, Notify, Step, answers_of
from torchcheck.properties.finding import Finding, Property, Raw, Threshold, judge, with_thresholds
from torchcheck.properties.rescale import Scaling, carrying_names, residual_name
from torchcheck.properties.variant import Loaded, Settings, Variant

#: powers of 2N tried on (residual weight, gain), the gentlest first; kexue.fm/archives/8978 has most of them
CANDIDATES = ((0.0, 0.25), (0.25, 0.25), (0.0, 0.5), (0.5, 0.5), (0.0, 1.0))
#: depths and seeds of the search; the verification takes the user's depths, and other seeds
SEARCH_DEPTH, SEARCH_SEEDS = 128, 2
VERIFY_SEEDS = (4, 8, 12)
#: an increment that grows more slowly than this power of depth needs no better scaling
GOOD = 0.3


@dataclass(frozen=True)
class Suggestion:
    """The powers found, what the second measurement says of them, and the same as code; `verified` if all is stable."""

    scaling: Scaling | None
    verified: bool
    findings: tuple[Finding, ...]
    code: str
    words: str


@dataclass(frozen=True)
class Handles(Raw):
    """What can be scaled: endings of the names of the matrices that carry, and the residual weight's attribute."""

    endings: tuple[str, ...]
    alpha: str | None


def handles(loaded: Loaded, settings: Settings) -> list[Handles]:
    from torchcheck.properties.calling import network

    depth = settings.depths[0]
    model, _ = network(loaded, settings, depth, 0)
    names = carrying_names(model)
    alpha = next((residual_name(m) for m in model.modules() if residual_name(m)), None)
    return [Handles(tuple(_endings(names)), alpha)]


def suggest(
    variant: Variant,
    settings: Settings,
    executor: Executor,
    properties: Mapping[str, Property],
    budget: Budget | None = None,
    notify: Notify = lambda *_: None,
) -> Suggestion:
    """Measures the candidates, takes the one whose first update depends least on depth, and measures that again."""
    budget = budget or Budget()
    about = answers_of([Step("torchcheck.properties.suggest:handles", ())], variant, settings, executor, budget)[0]
    if about.failure:
        return Suggestion(None, False, (), "", f"nothing can be scaled: {about.failure.message}")
    (handle,) = (h for h in about.found if isinstance(h, Handles))
    candidates = [c for c in CANDIDATES if c[0] == 0 or handle.alpha]
    shallow = [d for d in settings.depths if d <= SEARCH_DEPTH] or list(settings.depths[:3])
    grid = replace(settings, depths=tuple(shallow))
    best: tuple[float, Scaling] | None = None
    for number, powers in enumerate(candidates):
        measured = _measure(powers, variant, grid, executor, budget, range(SEARCH_SEEDS))
        notify((), number + 1, len(candidates) + 1)
        exponents = {m.name: m.value for m in reduce(grid, measured) if m.name in EXPONENTS}
        if any(v is None or not math.isfinite(v) for v in exponents.values()) or len(exponents) < len(EXPONENTS):
            continue
        unstable = any(abs(v or 0) > EXPLOSION for k, v in exponents.items() if k != "increment")
        size = abs(exponents["increment"] or 0) + (10 if unstable else 0)
        if best is None or size < best[0] - 0.05:
            best = (size, Scaling(*powers))
        if size <= GOOD:
            break
    if best is None or best[0] >= 10:
        return Suggestion(None, False, (), "", "no power of depth on alpha or gain makes it stable; " + WARM)
    chosen = best[1]
    properties = with_thresholds(properties, {"increment": Threshold(hi=STABLE)})
    fresh = replace(settings, seed=settings.seed + 1)
    found: list[Found] = []
    findings: tuple[Finding, ...] = ()
    for start, stop in zip((0, *VERIFY_SEEDS), VERIFY_SEEDS, strict=False):
        seeds = range(start, stop)
        found += _measure((chosen.alpha_power, chosen.gain_power), variant, fresh, executor, budget, seeds)
        findings = tuple(judge(properties[m.name], m) for m in reduce(fresh, found) if m.name in EXPONENTS)
        notify(findings, len(candidates) + 1, len(candidates) + 1)
        if all(f.status != "inconclusive" for f in findings):
            break
    verified = len(findings) == len(EXPONENTS) and all(f.status == "ok" for f in findings)
    verdict = "a second measurement confirms it" if verified else f"a second measurement does not confirm it; {WARM}"
    shown = f"alpha = (2N)^{chosen.alpha_power:g}, gain = (2N)^-{chosen.gain_power:g}"
    return Suggestion(chosen, verified, findings, chosen.code(handle.endings, handle.alpha), f"{shown}: {verdict}")


WARM = "warm up the learning rate, from below the rate that first-lr names"


def _measure(
    powers: Sequence[float], variant: Variant, settings: Settings, executor: Executor, budget: Budget, seeds: range
) -> list[Found]:
    steps = [
        Step("torchcheck.properties.depth:point", (), {"depth": d, "seed": s, "powers": list(powers)})
        for s in seeds
        for d in settings.depths
    ]
    answers: Sequence[Answer] = answers_of(steps, variant, settings, executor, budget)
    return [m for a in answers for m in a.found]


def _endings(names: Sequence[str]) -> list[str]:
    """The names without the number of their layer, each once: self_attn.out_proj.weight of layers.3.self_attn...."""
    found = []
    for name in names:
        parts = name.split(".")
        numbers = [k for k, part in enumerate(parts) if part.isdigit()]
        found.append(".".join(parts[numbers[0] + 1 :] if numbers else parts))
    from torchcheck.measure.roles import FUSED

    short = [next((f for f in FUSED if e.endswith(f)), e) for e in found]
    return list(dict.fromkeys(short))

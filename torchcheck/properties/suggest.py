"""Which powers of depth on the residual weight and the init gain make a variant depth-stable? By measurement, twice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from torchcheck.properties.engine import Budget, Notify, answers_of
from torchcheck.properties.finding import Finding, Property, Raw, Threshold, judge, with_thresholds
from torchcheck.properties.module.depth import EXPLOSION, EXPONENTS, STABLE, point, reduce
from torchcheck.properties.plan import Answer, Found, Step
from torchcheck.properties.subject.rescale import Carrier, Scaling
from torchcheck.properties.subject.variant import CheckSettings, Loaded, Variant

#: powers of 2N tried on (residual weight, gain, learning rate of vectors), the gentlest first; the first two are those
#: of kexue.fm/archives/8978, the third is for what these leave
CANDIDATES = (
    (0.0, 0.25, 0.0),
    (0.25, 0.25, 0.0),
    (0.0, 0.5, 0.0),
    (0.5, 0.5, 0.0),
    (0.25, 0.25, 1.0),
    (0.5, 0.5, 1.0),
    (0.0, 0.5, 1.0),
    (0.0, 1.0, 1.0),
)
#: depths and seeds of the search; the verification takes more of both, and other seeds
SEARCH_DEPTHS, SEARCH_SEEDS = (4, 16, 64), 2
VERIFY_DEPTH, VERIFY_SEEDS = 128, (4, 8)
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
    """What can be scaled: the matrices that carry, and the residual weight's attribute."""

    carriers: tuple[Carrier, ...]
    alpha: str | None


def handles(loaded: Loaded, settings: CheckSettings) -> list[Handles]:
    from torchcheck.properties.subject.calling import call, network, objective_of, with_gradients
    from torchcheck.properties.subject.rescale import carriers_of, residual_name

    model, inputs = network(loaded, settings, settings.depths[0], 0)
    inputs, objective = with_gradients(inputs), objective_of(loaded, 0)
    alpha = next((residual_name(m) for m in model.modules() if residual_name(m)), None)
    return [Handles(carriers_of(model, lambda: objective(call(model, inputs))), alpha)]


def suggest(
    variant: Variant,
    settings: CheckSettings,
    executor: Executor,
    properties: Mapping[str, Property],
    budget: Budget | None = None,
    notify: Notify = lambda *_: None,
) -> Suggestion:
    """Measures the candidates, takes the one whose first update depends least on depth, and measures that again."""
    budget = budget or Budget()
    about = answers_of([Step(handles)], variant, settings, executor, budget)[0]
    if about.failure:
        return Suggestion(None, False, (), "", f"nothing can be scaled: {about.failure.message}")
    (handle,) = (h for h in about.measured if isinstance(h, Handles))
    if not handle.carriers:
        return Suggestion(None, False, (), "", "nothing can be scaled: no matrix of its layers reaches the output")
    candidates = [c for c in CANDIDATES if c[0] == 0 or handle.alpha]
    deepest = min(VERIFY_DEPTH, max(settings.depths))
    grid = replace(settings, depths=tuple(d for d in SEARCH_DEPTHS if d < deepest))
    best: tuple[float, Scaling] | None = None
    for number, powers in enumerate(candidates):
        scaling = Scaling(*powers, handle.carriers, handle.alpha)
        measured = _measure(scaling, variant, grid, executor, budget, range(SEARCH_SEEDS))
        notify((), number + 1, len(candidates) + 1)
        exponents = {m.name: m.value for m in reduce(grid, measured) if m.name in EXPONENTS}
        if any(v is None or not math.isfinite(v) for v in exponents.values()) or len(exponents) < len(EXPONENTS):
            continue
        unstable = any(abs(v or 0) > EXPLOSION for k, v in exponents.items() if k != "increment")
        size = abs(exponents["increment"] or 0) + (10 if unstable else 0)
        if best is None or size < best[0] - 0.05:
            best = (size, scaling)
        if size <= GOOD:
            break
    if best is None or best[0] >= 10:
        return Suggestion(None, False, (), "", "no power of depth on alpha or gain makes it stable; " + WARM)
    chosen = best[1]
    properties = with_thresholds(properties, {"increment": Threshold(hi=STABLE)})
    depths = tuple(d for d in settings.depths if d <= VERIFY_DEPTH) or settings.depths
    fresh = replace(settings, seed=settings.seed + 1, depths=depths)
    measurements: list[Found] = []
    findings: tuple[Finding, ...] = ()
    for start, stop in zip((0, *VERIFY_SEEDS), VERIFY_SEEDS, strict=False):
        measurements += _measure(chosen, variant, fresh, executor, budget, range(start, stop))
        findings = tuple(judge(properties[m.name], m) for m in reduce(fresh, measurements) if m.name in EXPONENTS)
        notify(findings, len(candidates) + 1, len(candidates) + 1)
        if all(f.status != "inconclusive" for f in findings):
            break
    verified = len(findings) == len(EXPONENTS) and all(f.status == "ok" for f in findings)
    confirmed = f"a second measurement, up to depth {max(depths)}, "
    verdict = f"{confirmed}confirms it" if verified else f"{confirmed}does not confirm it; {WARM}"
    return Suggestion(chosen, verified, findings, chosen.code(), f"{chosen.words}: {verdict}")


WARM = "warm up the learning rate, from below the rate that first-lr names"


def _measure(
    scaling: Scaling, variant: Variant, settings: CheckSettings, executor: Executor, budget: Budget, seeds: range
) -> list[Found]:
    steps = [Step(point, (), {"depth": d, "seed": s, "scaling": scaling}) for s in seeds for d in settings.depths]
    answers: Sequence[Answer] = answers_of(steps, variant, settings, executor, budget)
    return [m for a in answers for m in a.measured]

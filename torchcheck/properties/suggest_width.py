"""Which powers of width every tensor's learning rate and init want, by muP's table; measured, whether that holds."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from torchcheck.data import Measurement
from torchcheck.properties.engine import Budget, answers_of, describe
from torchcheck.properties.finding import Finding, Property, Raw, judge
from torchcheck.properties.module import width
from torchcheck.properties.plan import Step
from torchcheck.properties.subject.calling import network
from torchcheck.properties.subject.parametrisation import RATES, Parametrisation, Rule, rules_of
from torchcheck.properties.subject.variant import CheckSettings, Loaded, Variant

#: networks of each width that deviations at init are measured from
SEEDS = 4
#: networks of each width in the second measurement; the larger number where the smaller leaves it open
VERIFY_SEEDS = (width.SEEDS, 4 * width.SEEDS)
#: what a second measurement decides
JUDGED = ("width-signal", "width-update")


@dataclass(frozen=True)
class WidthSuggestion:
    """The parametrisation, what the second measurement says of it, and the same in words and as code."""

    scaled: Parametrisation | None
    verified: bool
    findings: tuple[Finding, ...]
    words: str
    code: str = ""


@dataclass(frozen=True)
class Rules(Raw):
    """Those of every tensor, and the depth that they are measured at; `own`: an optimizer stands beside the subject."""

    rules: tuple[Rule, ...]
    depth: int | None
    own: bool


def rules(loaded: Loaded, settings: CheckSettings) -> list[Rules]:
    depth = next(iter(describe(loaded, settings)[0].depths(settings)), None)
    ends = settings.widths[0], settings.widths[-1]
    narrow, wide = (
        [network(loaded, replace(settings, width=w), depth, seed)[0] for seed in range(SEEDS)] for w in ends
    )
    found = rules_of(narrow, wide, ends[1] / ends[0], settings.optimizer)
    return [Rules(tuple(found), depth, loaded.optimizer is not None)]


def suggest_width(
    variant: Variant,
    settings: CheckSettings,
    executor: Executor,
    properties: Mapping[str, Property],
    budget: Budget | None = None,
) -> WidthSuggestion:
    """The rules for the tensors that there are, and the exponents that they lead to at other seeds."""
    budget = budget or Budget()
    if settings.optimizer not in RATES:
        return WidthSuggestion(None, False, (), f"width: there are rules for {' and '.join(RATES)} alone")
    about = answers_of([Step(rules)], variant, settings, executor, budget)[0]
    if about.failure:
        return WidthSuggestion(None, False, (), f"width: nothing can be scaled: {about.failure.message}")
    (found,) = (r for r in about.measured if isinstance(r, Rules))
    if found.own:
        return WidthSuggestion(
            None, False, (), "width: optimizer(model) beside the subject gives the rates: scale those"
        )
    scaled = Parametrisation(settings.widths[0], found.rules)
    fresh = replace(settings, seed=settings.seed + 1)
    findings: tuple[Finding, ...] = ()
    for count in VERIFY_SEEDS:
        again = Step(width.widths, (), {"depth": found.depth, "scaled": scaled, "seeds": count})
        answer = answers_of([again], variant, fresh, executor, budget)[0]
        measured = [m for m in answer.measured if isinstance(m, Measurement) and m.name in JUDGED]
        findings = tuple(judge(properties[m.name], m) for m in measured)
        if all(f.status != "inconclusive" for f in findings):
            break
    verified = len(findings) == len(JUDGED) and all(f.status == "ok" for f in findings)
    words = f"width: muP's powers of width/{scaled.base} for {settings.optimizer}: a second measurement " + (
        "confirms them" if verified else f"does not confirm them; {OTHERWISE}"
    )
    return WidthSuggestion(scaled, verified, findings, words, scaled.code(settings.width))


OTHERWISE = (
    "a readout tied to an embedding wants its output times base/width, and attention scores q k / d in the place of "
    "q k / sqrt(d)"
)

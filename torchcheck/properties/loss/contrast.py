"""What makes a loss harder or easier: its temperature, its margin, and others of the batch to be told from."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.loss.inputs import EMBEDDED, function_of, inputs_of
from torchcheck.properties.loss.rewards import SURE, is_of_embeddings, pair_of, right_scores, value_of
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.kinds import lineage
from torchcheck.properties.subject.signatures import signature_of
from torchcheck.properties.subject.variant import CheckSettings, Loaded

#: losses that are a softmax over pairs
CONTRAST = re.compile(r"info_?nce|nt_?xent|clip|simclr", re.IGNORECASE)
#: losses that hold every pair against the rest of the batch
OTHERS = re.compile(rf"{CONTRAST.pattern}|sig_?lip|contrastive", re.IGNORECASE)
#: the share of a temperature at which a softmax sees the largest score alone
COLD = 0.05
MARGIN = re.compile(r"^(margin|m)$", re.IGNORECASE)
TEMPERATURE = re.compile(r"^(temperature|temp|tau|t)$", re.IGNORECASE)

PROPERTIES: dict[str, Property] = {
    "cold": Property(
        "at a twentieth of the temperature, embeddings that are alike, and unlike all others, lose next to nothing (1 "
        "where they keep 0.01, and a thousandth of what random ones lose)",
        Threshold(0, 0),
        "something as near as the partner is counted among the others: mask what an example has in common with itself",
        better="less",
    ),
    "lone-pair": Property(
        "a contrast (InfoNCE, NT-Xent, CLIP) of one pair, with nothing beside it, is 0 (over that of random pairs)",
        Threshold(hi=1e-3),
        "something else is among the others, what was masked with 0 instead of -inf, say: exp(0) is 1",
        better="less",
    ),
    "unlike": Property(
        "a contrast of pairs costs more where all pairs are one than where they are apart (loss of these over those)",
        Threshold(hi=0.999),
        "the others have no part in the loss: labels of pairs that do not match are -1 beside a log-sigmoid, not 0",
        better="less",
    ),
    "temperature": Property(
        "half the temperature makes the loss of right scores, or of embeddings that are alike, smaller (ratio)",
        Threshold(hi=1),
        "divide scores by the temperature, do not multiply them by it",
        better="less",
    ),
    "margin": Property(
        "twice the margin makes the loss of classes no smaller (ratio, the least over random and right scores)",
        Threshold(lo=1 - 1e-6),
        "the margin is taken from the wrong side: it makes the right class harder, not the others",
        better="none",
    ),
}


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [
        Step(temperature, ("temperature", "cold")),
        Step(lone_pair, ("lone-pair",)),
        Step(unlike, ("unlike",)),
        Step(margin, ("margin",)),
    ]


def temperature(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The loss of right scores, or of two copies of one embedding, at the temperature that it has and at half of it.

    A temperature above 1 by default is that of a distillation, or multiplies by intent: neither says anything here.
    """
    measured = partial(Measurement, device=settings.device)

    def skipped(note: str) -> list[Measurement]:
        return [measured(n, None, note=note) for n in ("temperature", "cold")]

    parameters = signature_of(loaded.subject) if not loaded.is_instance else {}
    name = next((n for n in parameters if TEMPERATURE.search(n)), "")
    own = loaded.options.get(name, parameters[name].default) if name else None
    if not isinstance(own, int | float) or not 0 < own <= 1:
        return skipped("it takes no temperature of at most 1")
    usual, half, cold = (
        function_of(Loaded(**{**vars(loaded), "options": {**loaded.options, name: own * share}}), settings)
        for share in (1, 0.5, COLD)
    )
    (scores, targets), form = inputs_of(loaded, settings, usual, settings.seed)
    of_embeddings = form in EMBEDDED or is_of_embeddings(usual, scores, targets)
    if not of_embeddings and form not in ("index", "one-hot", "many-hot"):
        return skipped("its scores are not one a class")
    right = pair_of(usual, scores, targets) if of_embeddings else (right_scores(usual, targets, form), targets)
    at, below = value_of(usual, *right), value_of(half, *right)
    if not (math.isfinite(below) and 1e-9 < at < math.inf):
        return skipped(f"the loss of right scores is {at:.3g}, and {below:.3g} at half the temperature")
    measurements = [measured("temperature", below / at, samples=2, note=f"{name} = {own:g} and half of it")]
    if form != "pair":
        return [*measurements, measured("cold", None, note="several may be alike")]
    apart = SURE * torch.eye(scores.shape[-1])[: len(scores)].to(scores)
    least, random = value_of(cold, apart, apart.to(targets)), value_of(cold, scores, targets)
    words = f"{least:.4g}, and {random:.4g} for random ones, at {name} = {own * COLD:g}"
    bad = least > 0.01 and least >= 1e-3 * random
    return [*measurements, measured("cold", float(bad), samples=2, witness=words if bad else "")]


def lone_pair(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The loss of one pair of random embeddings, over that of several."""
    measured = partial(Measurement, "lone-pair", device=settings.device)
    f = function_of(loaded, settings)
    (scores, targets), form = inputs_of(loaded, settings, f, settings.seed)
    kept = isinstance(f.function, nn.Module) and any(b.dim() > 1 for b in f.function.buffers())
    if form != "pair" or not CONTRAST.search(lineage(loaded.subject)[0]) or kept:
        return [measured(None, note="it contrasts no pairs, or has others of its own")]
    try:
        alone, random = value_of(f, scores[:1], targets[:1]), value_of(f, scores, targets)
    except (RuntimeError, ValueError, IndexError) as error:
        return [measured(None, note=f"of one pair: {str(error).splitlines()[0][:60]}")]
    return [measured(abs(alone) / random if random > 0 else None, samples=2, note=f"loss {alone:.4g}")]


def unlike(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The loss of pairs that are alike and at right angles to all others, over that of pairs that are all the same."""
    measured = partial(Measurement, "unlike", device=settings.device, samples=2)
    f = function_of(loaded, settings)
    (scores, targets), form = inputs_of(loaded, settings, f, settings.seed)
    if form != "pair" or f.extras or not OTHERS.search(lineage(loaded.subject)[0]):
        return [measured(None, note="its name is that of no contrast with the rest of the batch")]
    apart = SURE * torch.eye(scores.shape[-1])[: len(scores)].to(scores)
    least, same = (value_of(f, e, e.to(targets)) for e in (apart, apart[:1].expand_as(apart).contiguous()))
    if not (math.isfinite(least) and math.isfinite(same) and same > 0):
        return [measured(None, note=f"the loss is {least:.4g} apart, and {same:.4g} where all are one")]
    return [measured(least / same, note=f"{least:.4g}, and {same:.4g} where all are one")]


def margin(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The loss of random and of right scores at the margin that it has, and at twice that."""
    measured = partial(Measurement, "margin", device=settings.device, samples=2)
    parameters = signature_of(loaded.subject) if not loaded.is_instance else {}
    name = next((n for n in parameters if MARGIN.search(n)), "")
    own = loaded.options.get(name, parameters[name].default) if name else None
    if not isinstance(own, int | float) or own <= 0:
        return [measured(None, note="it takes no margin")]
    usual, wide = (
        function_of(replace(loaded, options={**loaded.options, name: own * factor}), settings) for factor in (1, 2)
    )
    (scores, targets), form = inputs_of(loaded, settings, usual, settings.seed)
    if form not in ("index", "labels"):
        return [measured(None, note="its targets are no classes")]
    if form == "labels" and not usual.has_weights:
        return [measured(None, note="it compares embeddings")]
    right = pair_of(usual, scores, targets)[0] if usual.has_weights else right_scores(usual, targets, form)
    pairs = [(value_of(usual, s, targets), value_of(wide, s, targets)) for s in (scores, right)]
    ratios = [after / before for before, after in pairs if before > 1e-9]
    return [measured(min(ratios, default=None), note=f"{name} = {own:g} and twice that")]


CONTRASTS = Group("rewards", PROPERTIES, steps)

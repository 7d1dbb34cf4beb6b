"""What a loss rewards: right scores, alike embeddings, sure scores, whole overlaps; and its softmax's axis."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.loss.inputs import (
    BESIDE,
    EMBEDDED,
    OVERLAP,
    LossFunction,
    function_of,
    inputs_of,
    takes_two_logits,
)
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.kinds import lineage
from torchcheck.properties.subject.sizes import CLASSES
from torchcheck.properties.subject.variant import CheckSettings, Loaded

#: losses that compare two samples, not pairs
UNPAIRED = re.compile(
    r"mmd|coral|wasserstein|sinkhorn|energy|discrepancy|gan|adversarial|discriminator|critic", re.IGNORECASE
)
#: losses that push what they are given apart
REPELLING = re.compile(r"orthogonal|diversity|uniform|decorrelat|vicreg|difference|repuls|similarity$", re.IGNORECASE)
#: losses whose features are normed over the batch by intent
WHITENED = re.compile(r"barlow|vicreg|whiten|decorrelat|(?<!auto)correlation|cca", re.IGNORECASE)
#: losses that compare the scores of one class over the examples
RANKING = re.compile(r"rank|auc|pairwise|precision|ndcg", re.IGNORECASE)
#: losses that are one of angles, with nothing added
COSINE = re.compile(r"^(Negative|Mean)?(Cos|Cosine)_?(Sim(ilarity)?|Distance)?(Loss)?$", re.IGNORECASE)
#: what the logarithm of a variance, or its root, is called beside a mean; and those that are no logarithms
MOMENTS = re.compile(r"^(z_?)?(log_?(var(iance)?|sigma2?|std|s)|var(iance)?|sigma|std)$", re.IGNORECASE)
#: size of perfect scores: right, and not so sure that smoothed labels would mind
SURE = 3.0
#: sizes of scores that leave a softmax or a sigmoid no doubt
SURER = (60.0, 90.0)
#: the share of the loss of random scores that sure and right ones may keep
KEPT = 0.1
#: orders in which targets are set beside scores: labels that come twice can be alike in one of them
ORDERS = 8

PROPERTIES: dict[str, Property] = {
    "perfect": Property(
        "right scores have a smaller loss than random and wrong ones, and wrong ones a gradient; embeddings that are "
        "alike a smaller loss than others, and a finite gradient (number of failures)",
        Threshold(0, 0),
        "the loss does not reward what it should: check signs, the arguments' order, and logits against probabilities",
        better="less",
    ),
    "saturation": Property(
        "scores of size 60 and more: right ones lose little, or wrong ones have a gradient (1 where neither is so)",
        Threshold(0, 0),
        "the scores pass a softmax or a sigmoid twice: the loss takes logits and is given probabilities of them",
        better="less",
    ),
    "softmax-axis": Property(
        "what is added to all scores of an example, or of a class (of embeddings: what multiplies them), cancels for "
        "the example rather than for the class (1 where it cancels for the class alone; or not for a cosine)",
        Threshold(0, 0),
        "the softmax, or the norm, runs over the batch: give it dim=-1",
        better="less",
    ),
    "overlap": Property(
        "an overlap (Dice, IoU, Tversky) of sure and right scores is whole: the loss is 0, or -1 (distance from these)",
        Threshold(hi=0.01),
        "the union counts what is shared twice, or the quotient misses its 2: compare both with the definition",
        better="less",
    ),
    "empty-target": Property(
        "where no class is present, scores that say so have the smaller loss, and others a gradient (failures)",
        Threshold(0, 0),
        "smooth numerator and denominator alike, so that an empty target is no constant",
        better="less",
    ),
    "pairing": Property(
        "other targets for the same scores give another loss (relative change)",
        Threshold(lo=1e-9),
        "scores and targets are not compared one by one: look for broadcasting of (N, 1) against (N,), and for a mean "
        "taken too early",
        better="none",
    ),
}
Measured = Callable[..., Measurement]


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [
        Step(rewards, ("perfect", "saturation", "softmax-axis", "empty-target", "pairing")),
        Step(overlap, ("overlap",)),
    ]


def rewards(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Right, random and wrong scores, sure ones, shifted ones; no class; and targets that belong to other examples."""
    measured = partial(Measurement, device=settings.device)
    f = function_of(loaded, settings)
    (scores, targets), form = inputs_of(loaded, settings, f, settings.seed)
    if len(f.names) == 2 and MOMENTS.search(f.names[1]):
        return _of_moments(f, scores, f.names[1], measured)
    measurements = [_pairing(loaded, f, scores, targets, measured)]
    skipped = [measured(n, None, note="its scores are not one a class") for n in ("saturation", "empty-target")]
    if form in EMBEDDED or is_of_embeddings(f, scores, targets):
        axis = _axis_of_lengths(loaded, f, scores, targets, measured)
        return [*measurements, _alike(loaded, f, scores, targets, measured), axis, *skipped]
    if form not in ("index", "one-hot", "many-hot") or f.has_weights or takes_two_logits(f, scores, targets):
        note = "its scores are not one a class"
        axis = measured("softmax-axis", None, note=note)
        if scores.dim() == 2 and takes_two_logits(f, scores, targets):
            axis = _axis(loaded, f, scores, targets, measured)
        return [*measurements, measured("perfect", None, note=note), axis, *skipped]
    if is_of_differences(f, scores, targets):
        return [*measurements, _differences(f, scores, targets, measured), *skipped]
    right = right_scores(f, targets, form)
    wrong = 1 - right if float(right.min()) > 0 else -right
    least = value_of(f, right, targets)
    failures = {
        "random scores have a smaller loss than right ones": value_of(f, scores, targets) < least,
        "wrong scores have no larger loss than right ones": value_of(f, wrong, targets) <= least,
        "wrong scores have no gradient": not _learns(f, wrong, targets),
    }
    measurements += [
        _problems("perfect", [words for words, failed in failures.items() if failed], measured),
        _saturation(f, scores, right, targets, measured),
        _axis(loaded, f, scores, targets, measured),
    ]
    if form == "many-hot" and not _cancels(f, scores, 1.0, targets):
        return [*measurements, _empty(f, right, targets, measured)]
    return [*measurements, measured("empty-target", None, note="every target has a class")]


def overlap(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The loss of scores that leave no doubt about classes of which every one is there."""
    measured = partial(Measurement, "overlap", device=settings.device)
    if not OVERLAP.search(lineage(loaded.subject)[0]):
        return [measured(None, note="its name is that of no overlap")]
    f = function_of(loaded, settings)
    (scores, targets), form = inputs_of(loaded, settings, f, settings.seed)
    if form in ("index", "one-hot", "many-hot"):
        turned = torch.roll(scores, 1, 1), (targets + 1) % CLASSES if form == "index" else torch.roll(targets, 1, 1)
        if not _same(value_of(f, *turned), value_of(f, scores, targets)):
            return [measured(None, note="its columns are no classes: corners of boxes, say")]
        index = torch.arange(CLASSES, device=targets.device)
        hot = F.one_hot(index, CLASSES)
        targets = index if form == "index" else hot.to(targets.dtype)
    elif scores.dim() == 4:  # an image, all classes in it
        hot = targets if targets.dim() == 4 else F.one_hot(targets, CLASSES).movedim(-1, 1)
    else:
        return [measured(None, note="its targets are no classes")]
    value = value_of(f, SURER[0] * (2 * hot.double() - 1), targets)
    return [measured(min(abs(value), abs(value + 1)), note=f"loss {value:.4g}")]


def _of_moments(f: LossFunction, mean: Tensor, second: str, measured: Measured) -> list[Measurement]:
    """A distance from the standard normal distribution, of a mean and a variance or its logarithm or root."""
    neutral = torch.full_like(mean, 0.0 if second.lower().lstrip("z_").startswith("log") else 1.0)
    least = value_of(f, torch.zeros_like(mean), neutral)
    around = [(0.5 * mean, neutral), *((torch.zeros_like(mean), neutral + h) for h in (-0.5, -0.1, 0.1, 0.5))]
    bad = [f"{least:.4g} there, {v:.4g} beside it" for m, s in around if (v := value_of(f, m, s)) < least]
    words = [f"mean 0 and variance 1 have not the least loss: {bad[0]}"] if bad else []
    note = "it takes a mean and a variance"
    others = ("saturation", "softmax-axis", "empty-target", "pairing")
    return [_problems("perfect", words, measured), *(measured(n, None, note=note) for n in others)]


def right_scores(f: LossFunction, targets: Tensor, form: str) -> Tensor:
    """Scores of size 3 that say what the targets say; probabilities, where the loss takes no others."""
    hot = torch.eye(CLASSES, device=targets.device)[targets] if form == "index" else targets.double().clamp(min=0)
    right = SURE * (2 * hot.double() - 1)
    if not all(math.isfinite(value_of(f, s, targets)) for s in (right, -right)):
        right = (right > 0).double() * 0.96 + 0.02
    return right


def is_of_embeddings(f: LossFunction, scores: Tensor, targets: Any) -> bool:
    """Turned features, alone or with their partner's, give the same loss: they are no scores of classes."""
    if not isinstance(targets, Tensor):
        return False
    g = torch.Generator().manual_seed(3)
    size = scores.shape[-1]
    turn = torch.linalg.qr(torch.randn(size, size, generator=g, dtype=torch.float64))[0].to(scores)
    before = value_of(f, scores, targets)
    partners = [targets]
    if targets.shape == scores.shape and targets.is_floating_point():
        partners.append(targets.to(scores) @ turn)
    return any(abs(value_of(f, scores @ turn, t) - before) <= 1e-9 * max(1.0, abs(before)) for t in partners)


def is_of_differences(f: LossFunction, scores: Tensor, targets: Tensor) -> bool:
    """A loss of regression, whose targets are no labels.

    What is added to scores and targets alike cancels; or targets that are no truths are themselves the least, from
    which a step in no direction, or back, leads down.
    """
    if targets.shape != scores.shape or not targets.is_floating_point():
        return False
    g = torch.Generator().manual_seed(4)
    shift, *ways = (torch.randn(scores.shape, generator=g, dtype=torch.float64).to(scores) for _ in range(4))
    if _same(value_of(f, scores + 0.3 * shift, targets + 0.3 * shift.to(targets)), value_of(f, scores, targets)):
        return True
    real = 0.5 + torch.rand(scores.shape, generator=g, dtype=torch.float64).to(scores)
    least = value_of(f, real, real.to(targets))
    around = [value_of(f, real + sign * 0.1 * way, real.to(targets)) for way in ways for sign in (1, -1)]
    return math.isfinite(least) and all(least < value for value in around)


def _differences(f: LossFunction, scores: Tensor, targets: Tensor, measured: Measured) -> Measurement:
    least = value_of(f, targets.to(scores), targets)
    failures = {
        "other values have a smaller loss than the targets themselves": value_of(f, scores, targets) < least,
        "other values have no gradient": not _learns(f, scores, targets),
    }
    return _problems("perfect", [words for words, failed in failures.items() if failed], measured)


def _alike(loaded: Loaded, f: LossFunction, scores: Tensor, targets: Tensor, measured: Measured) -> Measurement:
    """Two copies of the same embeddings, or embeddings that are the same wherever labels are."""
    if REPELLING.search(lineage(loaded.subject)[0]):
        return measured("perfect", None, note="it pushes embeddings apart")
    if any(BESIDE.search(n) for n in f.names[1:2]):
        return measured("perfect", None, note=f"it holds the first against '{f.names[1]}', which need not be like it")
    embeddings, partners = pair_of(f, scores, targets)
    # of labels some say 1 for what is alike, some 0, some -1 for what is not
    ways = [f, *(f.labelled(label) for label in (0.0, -1.0))] if f.extras else [f]
    values = [(value_of(w, embeddings, partners), value_of(w, scores, targets)) for w in ways]
    least, other = min(values, key=lambda pair: pair[0] - pair[1])
    _, g = f.slope(embeddings, partners)
    failures = {
        f"the loss is {least:.4g} for embeddings that are alike, and {other:.4g} for random ones": not least < other,
        "the gradient is not finite where embeddings are alike": g is not None and not bool(g.isfinite().all()),
        "it is not finite where a label comes once": not _bears_single_labels(f, scores, targets),
    }
    return _problems("perfect", [words for words, failed in failures.items() if failed], measured)


def _bears_single_labels(f: LossFunction, scores: Tensor, targets: Tensor) -> bool:
    """Whether value and gradient stay finite where a label has no partner; True where that is refused."""
    if targets.shape == scores.shape:
        return True
    single = targets.clone()
    single[0] = targets.max() + 1
    try:
        out, g = f.slope(scores, single)
    except Exception:
        return True
    return bool(out.isfinite()) and (g is None or bool(g.isfinite().all()))


def pair_of(f: LossFunction, scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings whose partners are the same: copies of each other, or one direction for each label.

    Where the loss has a matrix of directions, one for every label, they are those (its rows, or its columns).
    """
    if targets.shape == scores.shape:
        return scores, scores.to(targets)
    labels = targets.long() % scores.shape[-1]
    matrices = f.function.parameters() if isinstance(f.function, nn.Module) else ()
    own = [p.detach().to(scores) for p in matrices if p.shape == (CLASSES, scores.shape[-1])]
    ways = [w for m in own for w in (m[labels], m.T[labels])] or [SURE * torch.eye(scores.shape[-1]).to(scores)[labels]]
    return min(ways, key=lambda way: value_of(f, way, targets)), targets


def _saturation(f: LossFunction, scores: Tensor, right: Tensor, targets: Tensor, measured: Measured) -> Measurement:
    if float(right.min()) > 0:
        return measured("saturation", None, note="it takes probabilities")
    usual = value_of(f, scores, targets)
    sure, surer = (value_of(f, right / SURE * size, targets) for size in SURER)
    denied, deniers = (value_of(f, -right / SURE * size, targets) for size in SURER)
    values = (usual, sure, surer, denied, deniers)
    stuck = all(map(math.isfinite, values)) and _same(sure, surer) and _same(denied, deniers)
    bad = stuck and sure >= KEPT * abs(usual)
    words = f"the loss is {sure:.4g} for right scores of size 60 and 90, and {denied:.4g} for wrong ones"
    return measured("saturation", float(bad), samples=len(values), witness=words if bad else "")


def _axis(loaded: Loaded, f: LossFunction, scores: Tensor, targets: Tensor, measured: Measured) -> Measurement:
    if RANKING.search(lineage(loaded.subject)[0]):
        return measured("softmax-axis", None, note="it compares the scores of one class")
    g = torch.Generator().manual_seed(7)
    rows, columns = (torch.randn(n, generator=g, dtype=torch.float64).to(scores) for n in scores.shape)
    bad = _cancels(f, scores, columns, targets) and not _cancels(f, scores, rows[:, None], targets)
    return measured("softmax-axis", float(bad), samples=2)


def _axis_of_lengths(
    loaded: Loaded, f: LossFunction, scores: Tensor, targets: Tensor, measured: Measured
) -> Measurement:
    """Lengths of embeddings cancel where they are normalised: those of features alone, along the wrong axis.

    What is called a cosine has no lengths at all.
    """
    if WHITENED.search(lineage(loaded.subject)[0]):
        return measured("softmax-axis", None, note="its features are normed over the batch, as its name says")
    g = torch.Generator().manual_seed(7)
    rows, columns = (0.5 + torch.rand(n, generator=g, dtype=torch.float64).to(scores) for n in scores.shape)
    before = value_of(f, scores, targets)
    cancels = _same(value_of(f, scores * rows[:, None], targets), before)
    named = COSINE.search(lineage(loaded.subject)[0]) is not None
    bad = not cancels and (named or _same(value_of(f, scores * columns, targets), before))
    return measured(
        "softmax-axis", float(bad), samples=2, witness="lengths matter to a cosine" if bad and named else ""
    )


def _pairing(loaded: Loaded, f: LossFunction, scores: Tensor, targets: Any, measured: Measured) -> Measurement:
    name = getattr(loaded.subject, "__name__", type(loaded.subject).__name__)
    if UNPAIRED.search(name) or not isinstance(targets, Tensor):
        return measured("pairing", None, note="it compares samples, not pairs")
    before = value_of(f, scores, targets)
    g = torch.Generator().manual_seed(8)
    others = [targets[torch.randperm(len(targets), generator=g)] for _ in range(ORDERS)]
    apart = max(abs(value_of(f, scores, other) - before) for other in others)
    return measured("pairing", apart / max(abs(before), 1e-6), samples=ORDERS)


def _empty(f: LossFunction, right: Tensor, targets: Tensor, measured: Measured) -> Measurement:
    """All labels 0: scores that say so, scores that deny it, and a gradient between."""
    empty = torch.zeros_like(targets)
    low, high = torch.full_like(right, float(right.min())), torch.full_like(right, float(right.max()))
    least, most = value_of(f, low, empty), value_of(f, high, empty)
    problems = []
    if not least < most:
        problems.append(f"the loss is {least:.4g} where nothing is found, and {most:.4g} where all is")
    if not _learns(f, (low + high) / 2, empty):
        problems.append("no gradient")
    return _problems("empty-target", problems, measured)


def _problems(name: str, problems: Sequence[str], measured: Measured) -> Measurement:
    return measured(name, float(len(problems)), unit="failures", witness="; ".join(problems))


def value_of(f: LossFunction, scores: Tensor, targets: Any) -> float:
    try:
        with torch.no_grad():
            return float(f(scores.clone(), targets))
    except (RuntimeError, ValueError):
        return math.nan


def _learns(f: LossFunction, scores: Tensor, targets: Any) -> bool:
    _, g = f.slope(scores, targets)
    return g is not None and bool(g.isfinite().all()) and float(g.abs().max()) > 1e-12


def _cancels(f: LossFunction, scores: Tensor, shift: float | Tensor, targets: Any) -> bool:
    """Whether what is added to the scores leaves the loss as it was."""
    return _same(value_of(f, scores + shift, targets), value_of(f, scores, targets))


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-9 * max(1.0, abs(b))


REWARDS = Group("rewards", PROPERTIES, steps)

"""A loss from one point to the next: no jumps, equal scores the least, one example taken, every option used."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Question, Threshold
from torchcheck.properties.loss.inputs import (
    EMBEDDED,
    GAINED,
    OVERLAP,
    Given,
    LossFunction,
    Takes,
    function_of,
    inputs_of,
    takes_two_logits,
    tried,
)
from torchcheck.properties.loss.rewards import is_of_embeddings
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.kinds import lineage
from torchcheck.properties.subject.signatures import signature_of
from torchcheck.properties.subject.sizes import CLASSES
from torchcheck.properties.subject.variant import CheckSettings, Loaded

#: points of a line, lines, halvings of its steepest piece, and the share of the values' range that is a jump
POINTS, LINES, HALVINGS, JUMP = 512, 4, 40, 1e-3
#: pairs of examples of one class
PAIRS = 3
#: options whose value shows in a loss
OPTIONS = re.compile(
    r"^(class_?|pos_?)?weights?$|^(alpha|gamma|beta|delta|margin|temperature|temp|tau|label_smoothing|smoothing|smooth)$"
)
#: names of losses that weigh an example by the others of its batch
BY_THE_BATCH = re.compile(r"GHM|OHEM|hard|mining|bootstrap|top_?k|batch|rank|balanc", re.IGNORECASE)
#: the words of a name that says cross-entropy, smoothed or not, and nothing else
PLAIN = re.compile(
    r"(my|custom|simple|manual|naive|stable|label|smooth(ing|ed)?|sparse|soft(max)?|cross|entropy|ce|loss|criterion|with|logits|_)+",
    re.IGNORECASE,
)
PROPERTIES: dict[str, Property] = {
    "continuous": Property(
        "the loss has no jumps along lines of scores (the largest, over the range of its values)",
        Threshold(hi=JUMP),
        "two branches do not meet where the condition changes: the constant of one of them is wrong",
        better="less",
    ),
    "least-at-equal": Property(
        "of two sets of logits, equal ones have the least loss (number of changes that make it smaller)",
        Threshold(0, 0),
        "both sides need the same temperature, and kl_div takes the logarithm of the first: log_softmax",
        better="less",
    ),
    "one-example": Property(
        "a batch of one example is taken (1 where it raises an error)",
        Threshold(0, 0),
        "squeeze() takes the batch's axis away where it is 1: name the axis",
        better="less",
    ),
    "batch-mean": Property(
        "the loss of two examples of one class is the mean, or the sum, of their own (largest relative difference)",
        Threshold(hi=1e-4),
        "a mean is taken before the loss is finished: keep one number an example (reduction='none') up to the end",
        better="less",
    ),
    "even-scores": Property(
        "a cross-entropy, smoothed or not, of equal scores is the logarithm of the number of classes (ratio)",
        Threshold(0.999, 1.001),
        "the weights of an example's classes do not sum to 1: share what smoothing takes among the classes",
        better="none",
    ),
    "alike-targets": Property(
        "where all targets are one number, value and gradient are finite (number that are not)",
        Threshold(0, 0),
        "a deviation, or a norm of what is centred, is 0 there: add an eps to it before it divides",
        better="less",
    ),
    "options-used": Property(
        "weight, gamma, margin, temperature and the like change the loss (number that do not)",
        Threshold(0, 0),
        "an option is taken and not used",
        better="less",
    ),
}


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [
        Step(lines, ("continuous", "least-at-equal")),
        Step(one_example, ("one-example",)),
        Step(batches, ("batch-mean", "even-scores")),
        Step(alike_targets, ("alike-targets",)),
        Step(options, ("options-used",)),
    ]


def lines(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Lines between random scores, their steepest pieces halved until a slope would have vanished; and equal logits."""
    measured = partial(Measurement, device=settings.device)
    f = function_of(loaded, settings)
    (scores, targets), form = inputs_of(loaded, settings, f, settings.seed)
    if form in EMBEDDED or is_of_embeddings(f, scores, targets):
        note = "pairs that count come and go with the embeddings"
        return [measured(n, None, note=note) for n in ("continuous", "least-at-equal")]
    measurements = [_least(f, scores, targets, measured)]
    ends = [inputs_of(loaded, settings, f, settings.seed + k)[0][0] for k in range(1, LINES + 1)]
    if any(e.shape != scores.shape for e in ends):
        return [measured("continuous", None, note="its inputs have different sizes"), *measurements]
    jumps = {"": max(_jump(f, scores, end, targets) for end in ends)}
    for name, value in _others(loaded).items():
        if isinstance(value, float):
            try:
                changed = function_of(_with(loaded, name, value), settings)
                jumps[f"at {name} = {value:g}"] = _jump(changed, scores, ends[0], targets)
            except Exception:  # another value is not allowed
                continue
    if not all(map(math.isfinite, jumps.values())):
        return [measured("continuous", None, note="not finite everywhere"), *measurements]
    at, largest = max(jumps.items(), key=lambda pair: pair[1])
    jump = measured("continuous", largest, samples=LINES * POINTS, witness=at if largest > JUMP else "")
    if largest > JUMP and not _is_separable(f, scores, ends[0], targets):
        note = "it jumps where the examples that count change; if that is meant, --skip continuous"
        jump = Question.of(measured("continuous", None, note=note))
    return [jump, *measurements]


def _jump(f: LossFunction, start: Tensor, end: Tensor, targets: Any) -> float:
    """What is left of the steepest of the pieces, over the range of the values."""

    def at(t: float) -> float:
        return float(f(start + t * (end - start), targets))

    with torch.no_grad():
        values = [at(k / POINTS) for k in range(POINTS + 1)]
        steep = max(range(POINTS), key=lambda k: abs(values[k + 1] - values[k]))
        (a, left), (b, right) = (steep / POINTS, values[steep]), ((steep + 1) / POINTS, values[steep + 1])
        for _ in range(HALVINGS):
            middle = (a + b) / 2
            value = at(middle)
            if abs(value - left) > abs(right - value):
                b, right = middle, value
            else:
                a, left = middle, value
    spread = max(values) - min(values)
    return abs(right - left) / spread if spread else 0.0


def _is_separable(f: LossFunction, scores: Tensor, other: Tensor, targets: Any) -> bool:
    """Whether examples add up: what one of them changes does not depend on another."""
    first, second, both = scores.clone(), scores.clone(), scores.clone()
    first[0] = both[0] = other[0]
    second[-1] = both[-1] = other[-1]
    with torch.no_grad():
        plain, one, two, whole = (float(f(s, targets)) for s in (scores, first, second, both))
    return abs(whole - one - two + plain) <= 1e-9 * max(1.0, abs(plain), abs(whole))


def _least(f: LossFunction, scores: Tensor, targets: Any, measured: Callable[..., Measurement]) -> Measurement:
    """Changes of the first logits, small and large, where both are the same."""
    if f.extras or not takes_two_logits(f, scores, targets):
        return measured("least-at-equal", None, note="it takes no two sets of logits")
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        least, smaller = float(f(scores, scores.to(targets))), 0
        for size in (0.01, 0.1, 1.0):
            for _ in range(8):
                way = torch.randn(scores.shape, generator=generator, dtype=torch.float64).to(scores)
                smaller += float(f(scores + size * way, scores.to(targets))) < least - 1e-9 * max(1.0, abs(least))
    witness = f"{smaller} of 24 changes make it smaller" if smaller else ""
    return measured("least-at-equal", float(smaller), samples=24, witness=witness)


def one_example(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The first example of a batch by itself."""
    measured = partial(Measurement, "one-example", device=settings.device)
    f = function_of(loaded, settings)
    (scores, targets), form = inputs_of(loaded, settings, f, settings.seed)
    if form in (*EMBEDDED, "its own") or not isinstance(targets, Tensor):
        return [measured(None, note="it compares examples")]
    try:
        value = f(scores[:1], targets[:1])
    except ValueError as error:
        return [measured(None, note=f"refused: {str(error).splitlines()[0][:80]}")]
    except Exception as error:
        return [measured(1.0, witness=f"{type(error).__name__}: {str(error).splitlines()[0][:80]}")]
    note = "" if bool(value.isfinite()) else "it is not finite there"
    return [measured(0.0, note=note)]


def batches(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Two examples of one class, together and by themselves; and scores that are all the same."""
    measured = partial(Measurement, device=settings.device)
    f, name = function_of(loaded, settings), lineage(loaded.subject)[0]
    (scores, targets), form = inputs_of(loaded, settings, f, settings.seed)
    if form != "index" or f.extras or f.has_weights:
        return [measured(n, None, note="its targets are no classes") for n in ("batch-mean", "even-scores")]
    by_batch = BY_THE_BATCH.search(name) or OVERLAP.search(name)
    note = "it weighs examples by their batch" if by_batch else ""
    together = measured("batch-mean", None if note else _apart(f, scores, targets), samples=PAIRS, note=note)
    if not PLAIN.fullmatch(name) or f.takes is Takes.PROBABILITIES:
        return [together, measured("even-scores", None, note="its name says more than cross-entropy")]
    with torch.no_grad():
        ratio = float(f(torch.zeros_like(scores), targets)) / math.log(scores.shape[-1])
    means = ratio if ratio < 1.5 else min(ratio, ratio / len(targets), key=lambda r: abs(r - 1))  # a sum over examples
    return [together, measured("even-scores", means)]


def _apart(f: LossFunction, scores: Tensor, targets: Tensor) -> float | None:
    """How far pairs are from their mean or sum, where each example by itself learns its own class, in the pair too."""
    largest = None
    for k in range(PAIRS):
        pair, label = scores.roll(-k, 0)[:2], targets[k].expand(2)
        alone = []
        for row in range(2):
            value, slope = f.slope(pair[row : row + 1], label[:1])
            if slope is None or not float(slope[0, label[0]]) < 0:
                return None
            alone.append(float(value))
        value, slope = f.slope(pair, label)
        if slope is None or not bool((slope[:, label[0]] < 0).all()):
            return None
        total = sum(alone)
        apart = min(abs(float(value) - whole) / max(abs(whole), 1e-6) for whole in (total, total / 2))
        largest = max(largest or 0.0, apart)
    return largest


def alike_targets(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Random scores beside real targets that have no spread, as rewards of a group that are all the same."""
    measured = partial(Measurement, "alike-targets", device=settings.device)
    f = function_of(loaded, settings)
    (scores, targets), _ = inputs_of(loaded, settings, f, settings.seed)
    real = isinstance(targets, Tensor) and targets.is_floating_point() and targets.shape == scores.shape
    labels = real and bool(((targets == 0) | (targets == 1)).all()) and not any(GAINED.search(n) for n in f.names)
    if not real or labels or f.takes is Takes.BOXES or loaded.example_inputs is not None:
        return [measured(None, note="its targets are no real numbers")]
    out, g = f.slope(scores, torch.full_like(targets, 0.5))
    bad = float(not bool(out.isfinite())) + float(g is not None and not bool(g.isfinite().all()))
    return [measured(bad, witness=f"the loss is {float(out):.4g}" if bad else "")]


def options(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Random scores with the value that an option has, and with another one."""
    measured = partial(Measurement, "options-used", device=settings.device)
    signature, others = {} if loaded.is_instance else signature_of(loaded.subject), _others(loaded)
    plain = tried(loaded, settings, function_of(loaded, settings), settings.seed, 3.0)
    if not others or not isinstance(plain, Given):
        return [measured(None, note="it has no option that shows")]
    silent = [n for n, value in others.items() if _is_silent(loaded, settings, n, value)]
    ways = [n for n, p in signature.items() if isinstance(p.default, str) and n != "reduction"]
    if silent and ways:
        note = f"'{silent[0]}' changes nothing with the default '{ways[0]}'; if that is meant, --skip options-used"
        return [Question.of(measured(None, note=note))]
    return [measured(float(len(silent)), unit="options", samples=len(others), witness=", ".join(silent))]


def _others(loaded: Loaded) -> dict[str, Any]:
    """Another value of every option that shows in a loss."""
    signature = {} if loaded.is_instance else signature_of(loaded.subject)
    taken = {n: p.default for n, p in signature.items() if OPTIONS.search(n) and n not in loaded.options}
    return {n: v for n, v in ((n, _other(n, default)) for n, default in taken.items()) if v is not None}


def _with(loaded: Loaded, name: str, value: Any) -> Loaded:
    return replace(loaded, options={**loaded.options, name: value})


def _other(name: str, default: Any) -> Any:
    """Another value of an option; None where its default does not say what it may be."""
    if default is None and "weight" in name:
        return torch.linspace(0.5, 2, CLASSES, dtype=torch.float64)
    if type(default) in (float, int):
        return 0.5 if default == 0 else default / 2 if default > 0 else None
    return None


def _is_silent(loaded: Loaded, settings: CheckSettings, name: str, value: Any) -> bool:
    """Whether nothing changes, at any of some sizes of the scores; no, where another value is refused."""
    changed = _with(loaded, name, value)
    try:
        f = function_of(loaded, settings)
        ways = [(f, function_of(changed, settings))]
        ways += [(a.labelled(v), b.labelled(v)) for a, b in ways if a.extras for v in (0.0, -1.0)]
        for seed, scale in enumerate((0.1, 1.0, 3.0, 10.0)):
            (scores, targets), form = inputs_of(loaded, settings, f, settings.seed + seed, scale)
            # a margin counts where partners are near each other
            near = [scores + 0.1 * targets] if form == "pair" else []
            with torch.no_grad():
                if any(float(a(scores, t)) != float(b(scores, t)) for a, b in ways for t in (targets, *near)):
                    return False
    except Exception:  # it is read, then
        return False
    return True


CONSISTENCY = Group("consistency", PROPERTIES, steps)

"""Losses: gradients, extreme logits, permutations, and whether dense and sparse targets mean the same."""

from __future__ import annotations

import math
import re
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.loss.consistency import CONSISTENCY
from torchcheck.properties.loss.contrast import CONTRASTS
from torchcheck.properties.loss.inputs import BATCH, EMBEDDED, LossFunction, Takes, function_of, inputs_of, targets_of
from torchcheck.properties.loss.published import LOSS_PUBLISHED
from torchcheck.properties.loss.rewards import REWARDS, is_of_embeddings
from torchcheck.properties.loss.several import SPREAD
from torchcheck.properties.loss.targets import LOSS_TARGETS
from torchcheck.properties.plan import Description, Group, Kind, Step
from torchcheck.properties.subject.kinds import lineage
from torchcheck.properties.subject.sizes import CLASSES
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import DTYPES, resolve

#: sizes of logits at which value and gradient have to be finite
EXTREMES = (0.0, 30.0, 100.0, 1000.0, 10000.0)
#: losses of a rate whose logarithm they are given
POISSON = re.compile("poisson", re.IGNORECASE)
#: those of embeddings whose norm float16 holds, as does torch.nn.functional.normalize
MODERATE = (30.0, 100.0, 1000.0)
ROUNDED = "it takes probabilities, which half precision rounds to 0 and 1"

PROPERTIES: dict[str, Property] = {
    "gradient": Property(
        "autograd's gradient against finite differences in float64 (largest relative error)",
        Threshold(hi=1e-5),
        "the backward pass does not belong to the forward pass: look at the custom Function, detach, or no_grad",
        better="less",
        compared="factor",
    ),
    "scores-learn": Property(
        "the loss has a gradient with respect to the scores (share of entries that are not 0)",
        Threshold(lo=1e-9),
        "something detaches the scores: argmax, rounding, .data, or no_grad",
        better="more",
    ),
    "extreme": Property(
        "value and gradient are finite for scores of size up to 10000 (number of sizes at which they are not)",
        Threshold(0, 0),
        "use logsumexp, logsigmoid or softplus instead of log(exp(...)), and masks instead of products with infinity",
        better="less",
    ),
    "batch-order": Property(
        "examples in another order give the same loss (relative change)",
        Threshold(hi=1e-6),
        "the loss depends on the place in the batch",
        better="less",
    ),
    "class-order": Property(
        "classes in another order, scores and targets alike, give the same loss (relative change)",
        Threshold(hi=1e-6),
        "some class has a part of its own: an ignored index, a weight, an off-by-one",
        better="less",
    ),
    "dense-sparse": Property(
        "dense and sparse targets give the same loss (relative difference)",
        Threshold(hi=1e-5),
        "the two forms compute different things: compare them at one example",
        better="less",
    ),
    "deterministic": Property(
        "the same input gives the same loss twice", Threshold(0, 0), "remove the randomness", better="less"
    ),
    "input-kept": Property(
        "scores and targets are left as they were", Threshold(0, 0), "copy before changing them", better="less"
    ),
    "sign": Property("the smallest loss seen (not negative: it is a distance or a likelihood)", better="sign"),
    "gradient-bound": Property(
        "the largest size of a gradient entry per example, for scores up to 10000", better="less"
    ),
    "accuracy": Property(
        "the relative error against float64, over machine epsilon, for scores of size 3",
        Threshold(hi=64),
        "sums in half precision lose digits: reduce in float32",
        better="less",
        compared="factor",
    ),
}


def steps(settings: CheckSettings, _description: Description) -> list[Step]:
    return [
        Step(
            structure, ("deterministic", "input-kept", "batch-order", "class-order", "sign", "scores-learn"), gate=True
        ),
        Step(gradient, ("gradient",)),
        *[Step(extreme, (f"extreme.{d}", f"gradient-bound.{d}"), {"dtype": d}) for d in settings.dtypes],
        Step(forms, ("dense-sparse",)),
        *[Step(accuracy, (f"accuracy.{d}",), {"dtype": d}) for d in settings.dtypes if d != "float64"],
    ]


def structure(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The same loss twice, inputs left alone, and permutations of examples and classes."""
    f = function_of(loaded, settings)
    (scores, targets), form = inputs_of(loaded, settings, f, settings.seed)
    kept = (scores.clone(), targets.clone())
    with torch.no_grad():
        value = float(f(scores, targets))
        changed = float(not (torch.equal(scores, kept[0]) and torch.equal(targets, kept[1])))
        scores, targets = kept[0].clone(), kept[1].clone()
        again = float(f(scores.clone(), targets.clone()))
        order = torch.randperm(scores.shape[0], generator=torch.Generator().manual_seed(1)).to(scores.device)
        moved = float(f(scores[order], targets[order]))
        smallest = min(value, moved)
        for seed in range(1, 20):
            (s, t), _ = inputs_of(loaded, settings, f, settings.seed + seed, scale=float(seed))
            smallest = min(smallest, float(f(s, t)))
    size = max(abs(value), 1e-6)
    measured = partial(Measurement, device=settings.device, note=f"targets: {form}")
    measurements = [
        measured("deterministic", _off(value, again)),
        measured("input-kept", changed),
        measured("batch-order", _off(value, moved) / size),
        measured("sign", smallest, samples=20),
    ]
    of_classes = f.takes not in (Takes.LOGARITHMS, Takes.BOXES) and not f.has_weights
    if scores.dim() == 2 and form != "its own" and of_classes:
        classes = torch.randperm(scores.shape[1], generator=torch.Generator().manual_seed(2)).to(scores.device)
        back = torch.argsort(classes)
        other = targets[:, classes] if targets.dim() == 2 else back[targets]
        with torch.no_grad():
            renamed = float(f(scores[:, classes], other))
        measurements.append(measured("class-order", _off(value, renamed) / size))
    _, g = f.slope(scores, targets.clone())
    measurements.append(measured("scores-learn", 0.0 if g is None else float((g != 0).double().mean())))
    return measurements


def gradient(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Directional derivatives against Richardson's extrapolation of central differences, where those settle.

    A loss that computes in float32 whatever it is given has differences that settle at larger steps, and to 1e-3; then
    only an error above 1e-2 is one.
    """
    f = function_of(loaded, settings)
    measured = partial(Measurement, "gradient", device=settings.device)
    for step, settled, least in ((1e-3, 1e-6, 0.0), (2e-2, 1e-3, 1e-2)):
        errors = [e for e in (_slope_error(f, loaded, settings, seed, step, settled) for seed in range(30)) if e]
        if len(errors) < 10:
            continue
        worst, witness = max(errors)
        if worst < least:
            break
        return [measured(worst, samples=len(errors), witness=witness if worst else "")]
    else:
        note = f"only {len(errors)} of 30 directions have settled differences"
        return [measured(math.nan, samples=len(errors), note=note)]
    return [measured(None, samples=len(errors), note="it computes in float32: right to 1e-2, finer is not seen")]


def _slope_error(
    f: LossFunction, loaded: Loaded, settings: CheckSettings, seed: int, step: float, settled: float
) -> tuple[float, str] | None:
    """The relative error of autograd's slope along a random direction, and both slopes; None where none settles."""
    (scores, targets), _ = inputs_of(loaded, settings, f, settings.seed + seed, scale=(0.3, 1.0, 3.0)[seed % 3])
    _, g = f.slope(scores, targets)
    g = torch.zeros_like(scores) if g is None else g
    v = torch.randn(scores.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(scores.device)
    v = v / v.norm()
    with torch.no_grad():
        d = [
            (float(f(scores + h * v, targets)) - float(f(scores - h * v, targets))) / (2 * h)
            for h in (4 * step, 2 * step, step)
        ]
    rich = [(4 * b - a) / 3 for a, b in pairwise(d)]
    scale = max(abs(rich[1]), 1e-3 * float(g.norm()), 1e-6)
    if not math.isfinite(rich[1]) or abs(rich[1] - rich[0]) > settled * scale:
        return None
    slope = float((g * v).sum())
    error = abs(slope - rich[1]) / scale
    words = f"seed {seed}: autograd {slope:.6g}, differences {rich[1]:.6g}"
    return error if math.isfinite(error) else math.inf, words


def extreme(loaded: Loaded, settings: CheckSettings, dtype: str) -> list[Measurement]:
    """Scores of growing size, of either sign, right and wrong, and all the same."""
    f = function_of(loaded, settings)
    kind = DTYPES[dtype]
    if POISSON.search(lineage(loaded.subject)[0]):
        note = "the exponential of the score is what it is about"
        return [Measurement(f"{n}.{dtype}", None, note=note) for n in ("extreme", "gradient-bound")]
    (scores, targets), form = inputs_of(loaded, settings, f, settings.seed)
    if form == "images":
        note = "images have values between 0 and 1"
        return [Measurement(f"{n}.{dtype}", None, note=note) for n in ("extreme", "gradient-bound")]
    divides = any(SPREAD.search(n) for n in f.names[1:]) and kind is torch.float16
    if divides or (f.takes is Takes.PROBABILITIES and kind.itemsize < 4):
        note = "squares over a small variance are beyond float16" if divides else ROUNDED
        return [Measurement(f"{n}.{dtype}", None, note=note) for n in ("extreme", "gradient-bound")]
    bad: list[str] = []
    largest = 0.0
    sizes: tuple[float, ...] = EXTREMES
    if kind is torch.float16 and f.takes is Takes.BOXES:
        sizes = MODERATE[:2]  # areas
    elif kind is torch.float16 and (form in EMBEDDED or is_of_embeddings(f, scores, targets)):
        sizes = MODERATE
    for size in sizes:
        for pattern in range(3):
            (scores, targets), _ = inputs_of(loaded, settings, f, settings.seed + pattern)
            targets = targets.to(kind) if targets.is_floating_point() else targets
            shaped = [scores.sign() * size, torch.full_like(scores, size), torch.full_like(scores, -size)][pattern]
            out, g = f.slope(shaped.to(kind), targets)
            if not bool(out.isfinite()) or (g is not None and not bool(g.isfinite().all())):
                bad += [] if _beyond(f, shaped, targets, out) else [f"{size:g}"]
            elif g is not None:
                largest = max(largest, float(g.abs().max()) * BATCH)
    names = list(dict.fromkeys(bad))
    measured = partial(Measurement, device=settings.device, dtype=dtype)
    witness = f"not finite for scores of size {', '.join(names)}" if names else ""
    return [
        measured(f"extreme.{dtype}", float(len(names)), unit="sizes", samples=15, witness=witness),
        measured(f"gradient-bound.{dtype}", largest, samples=15),
    ]


def _beyond(f: LossFunction, scores: Tensor, targets: Tensor, out: Tensor) -> bool:
    """Whether a loss, or its gradient, leaves the dtype rightly: in float64 it is beyond the dtype's largest number.

    Or it is infinite where a sum of squares is.
    """
    largest = torch.finfo(out.dtype).max
    if bool(out == math.inf) and float(scores.double().square().sum()) > largest:
        return True
    exact, g = f.slope(scores.double(), targets.double() if targets.is_floating_point() else targets)
    return max(abs(float(exact)), 0.0 if g is None else float(g.abs().max())) > largest


def form_of(loaded: Loaded, settings: CheckSettings) -> torch.dtype:
    """The dtype of many-hot labels that the loss takes."""
    (_, targets), _ = inputs_of(loaded, settings, function_of(loaded, settings), settings.seed)
    return targets.dtype


def forms(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Dense against sparse: index against one-hot targets, or the function sparse_NAME(scores, positives) beside it."""
    f = function_of(loaded, settings)
    measured = partial(Measurement, device=settings.device)
    name = getattr(loaded.subject, "__name__", "")
    module = getattr(loaded.subject, "__module__", "")
    twin = None
    for candidate in (f"sparse_{name}", f"{name}_sparse"):
        try:
            twin = twin or resolve(f"{module}:{candidate}")
        except Exception:  # the subject has no twin
            continue
    worst = -1.0
    _, form = inputs_of(loaded, settings, f, settings.seed)
    for seed in range(5 if twin is not None or form in ("index", "one-hot") else 0):
        generator = torch.Generator().manual_seed(settings.seed + seed)
        scores = torch.randn(BATCH, CLASSES, generator=generator, dtype=torch.float64) * 3
        if twin is not None and loaded.example_inputs is None:
            labels = targets_of("many-hot", generator).to(form_of(loaded, settings))
            most = int(labels.sum(1).max())
            positives = torch.full((BATCH, most), -1)
            for row in range(BATCH):
                places = labels[row].nonzero().flatten()
                positives[row, : len(places)] = places
            worst = max(worst, _relative(_mean(f(scores, labels)), _mean(twin(scores, positives))))
            continue
        try:
            index = targets_of("index", generator)
            a, b = float(f(scores, index)), float(f(scores, torch.eye(CLASSES, dtype=torch.float64)[index]))
        except Exception:  # it takes one of the forms only
            break
        worst = max(worst, _relative(a, b))
    if worst < 0:
        return [measured("dense-sparse", None, note="it takes one form of targets, and no sparse_ twin is beside it")]
    note = "with its sparse twin" if twin is not None else "one-hot and index targets"
    return [measured("dense-sparse", worst, samples=5, note=note)]


def accuracy(loaded: Loaded, settings: CheckSettings, dtype: str) -> list[Measurement]:
    """The same loss in lower precision, over 20 draws."""
    f = function_of(loaded, settings)
    kind, worst = DTYPES[dtype], 0.0
    if f.takes is Takes.PROBABILITIES and kind.itemsize < 4:
        return [Measurement(f"accuracy.{dtype}", None, note=ROUNDED)]
    if POISSON.search(lineage(loaded.subject)[0]) and kind is torch.float16:
        return [Measurement(f"accuracy.{dtype}", None, note="exponentials of usual scores are beyond float16")]
    for seed in range(20):
        (scores, targets), form = inputs_of(loaded, settings, f, settings.seed + seed)
        # a temperature divides the rounding of cosines, whatever the loss has come down to
        least = 1.0 if form in EMBEDDED else 1e-3
        floating = targets.is_floating_point()
        low, low_targets = scores.to(kind), targets.to(kind) if floating else targets
        exact = float(f(low.double(), low_targets.double() if floating else targets))
        error = abs(float(f(low, low_targets)) - exact) / max(abs(exact), least) / torch.finfo(kind).eps
        worst = max(worst, error if math.isfinite(error) else math.inf)
    measured = partial(Measurement, unit="eps", samples=20, device=settings.device, dtype=dtype)
    return [measured(f"accuracy.{dtype}", worst)]


def _mean(value: Tensor) -> float:
    return float(value.mean())


def _off(a: float, b: float) -> float:
    return 0.0 if a == b or (math.isnan(a) and math.isnan(b)) else abs(a - b) if math.isfinite(a - b) else math.inf


def _relative(a: float, b: float) -> float:
    return _off(a, b) / max(abs(a), abs(b), 1e-6)


LOSS = Kind((Group("loss", PROPERTIES, steps), REWARDS, CONTRASTS, LOSS_TARGETS, CONSISTENCY, LOSS_PUBLISHED))

"""Scores and targets for a loss of unknown form: what it takes is found by trying."""

from __future__ import annotations

import copy
import inspect
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck.properties.subject.kinds import EMBEDDINGS, TARGETS
from torchcheck.properties.subject.signatures import needed_of, parameters_of
from torchcheck.properties.subject.sizes import CLASSES
from torchcheck.properties.subject.variant import CheckSettings, Loaded, build
from torchcheck.run.subjects import SubjectError, find_device

#: examples, and classes or features
BATCH = 6
Made = tuple[Tensor, Tensor]
#: parameters that hold a mask: True where a row counts
MASK = re.compile("mask|valid|keep", re.IGNORECASE)
#: losses that are the share of what is there in what is said
OVERLAP = re.compile(r"dice|jaccard|tversky|(?<![gdc])iou", re.IGNORECASE)
#: parameters that hold numbers beside which the first is held: another policy's, or of what is worse
BESIDE = re.compile(r"^(ref|old|behavio)|reject|(^|_)(neg|fake|los)")
#: parameters that hold what is gained, whose mean may cancel without a softmax
GAINED = re.compile("adv|return|reward")
#: parameters that hold one of two embeddings, and losses that compare two
PAIRED = re.compile(
    r"query|anchor|embed|positive_key|features?$|^(z|h|x|e|emb|out|input|view|proj|text|image|p)_?[12ijab]$|^[ab]$"
)


class Takes(StrEnum):
    """What a loss takes in the place of scores."""

    SCORES = "scores"
    PROBABILITIES = "probabilities"
    LOGARITHMS = "logarithms of probabilities"
    COSINES = "cosines"
    BOXES = "boxes"


#: how it is made of scores
GIVEN: dict[Takes, Callable[[Tensor], Tensor]] = {
    Takes.SCORES: lambda scores: scores,
    Takes.PROBABILITIES: torch.sigmoid,
    Takes.LOGARITHMS: F.logsigmoid,
    Takes.COSINES: lambda scores: 0.9 * scores.tanh(),
    Takes.BOXES: lambda scores: _boxes(scores),
}


def _boxes(scores: Tensor) -> Tensor:
    """Left, top, right and bottom of four scores each: all positive, so that they are boxes by centre and size too."""
    corner, size = scores[:, :2].clamp(-9, 9) + 10, F.softplus(scores[:, 2:4]) + 0.5
    return torch.cat((corner, corner + size), 1)


@dataclass(frozen=True)
class LossFunction:
    """A loss as a function (scores, targets) -> scalar; several numbers are averaged.

    `extras` make the further arguments that it insists on, of the scores: the same for every example. `masks` is the
    place of a mask among them, -1 where there is none. `takes` says what it is given in the place of scores: a loss
    that refuses all but probabilities takes those of the scores. One that is `cast` has matrices of its own, which take
    scores of their own dtype alone, and goes by that of the scores.
    """

    function: Callable[..., Any]
    extras: tuple[Callable[[Tensor], Tensor], ...] = ()
    masks: int = -1
    takes: Takes = Takes.SCORES
    cast: bool = False

    @property
    def names(self) -> list[str]:
        """What its parameters are called."""
        return [n for n in parameters_of(getattr(self.function, "forward", self.function)) if n != "self"]

    @property
    def has_weights(self) -> bool:
        """Whether it has a matrix of its own, class centres, say: what it is given are features, no scores."""
        return isinstance(self.function, nn.Module) and any(p.dim() > 1 for p in self.function.parameters())

    def labelled(self, label: float) -> LossFunction:
        """The loss with another label in the place of its further arguments, which are 1."""

        def fill(make: Callable[[Tensor], Tensor], scores: Tensor) -> Tensor:
            return torch.full_like(make(scores), label)

        return replace(self, extras=tuple(partial(fill, make) for make in self.extras))

    def __call__(self, scores: Tensor, targets: Any, keep: int | None = None) -> Tensor:
        """The loss; with `keep`, of the first so many rows alone, as the mask says."""
        further = [make(scores) for make in self.extras]
        if keep is not None:
            further[self.masks][keep:] = 0
        function = self.function
        if self.cast and isinstance(function, nn.Module):
            function = copy.deepcopy(function).to(scores.dtype)
        value = function(GIVEN[self.takes](scores), targets, *further)
        if not isinstance(value, Tensor):
            raise SubjectError(f"a loss gives a tensor, this one gave a {type(value).__name__}")
        return value.mean() if value.numel() > 1 else value.reshape(())

    def slope(self, scores: Tensor, targets: Any) -> tuple[Tensor, Tensor | None]:
        """The loss, and its gradient with respect to the scores; None where it does not depend on them."""
        leaf = scores.detach().clone().requires_grad_()
        out = self(leaf, targets)
        return out, torch.autograd.grad(out, leaf, allow_unused=True)[0] if out.requires_grad else None


def function_of(loaded: Loaded, settings: CheckSettings) -> LossFunction:
    """The loss with every argument but scores and targets filled in; raises SubjectError where one has no known use."""
    function = loaded.subject
    if isinstance(function, type | nn.Module):
        function = build(loaded, settings.width, None, settings.seed)
    elif loaded.options:
        function = partial(function, **loaded.options)
    names = needed_of(getattr(function, "forward", function))[2:]
    if loaded.example_inputs is not None:
        return LossFunction(function)
    fallback: LossFunction | None = None
    parameters = LossFunction(function).names
    first = parameters[0] if parameters else ""
    masks = next((i for i, n in enumerate(names) if MASK.search(n)), -1)
    documented = _says_probabilities(function, first)
    ways = [Takes.SCORES, Takes.PROBABILITIES]
    if _of_boxes(loaded.subject, parameters):
        ways = [Takes.BOXES]
    elif first.lower().startswith("cos"):
        ways = [Takes.COSINES, Takes.PROBABILITIES]
    elif re.search("log_?p", first) and any(BESIDE.search(n) for n in parameters):
        ways = [Takes.LOGARITHMS]  # ratios of policies
    elif documented:
        ways.reverse()
    casts = (False, True) if LossFunction(function).has_weights else (False,)
    for extras in itertools.product(*(_fillings(n) for n in names)):
        for takes, cast in itertools.product(ways, casts):
            f = LossFunction(function, extras, masks, takes, cast)
            given = tried(loaded, settings, f, settings.seed, 3.0)
            if isinstance(given, Given):
                fallback = fallback or f
                if not documented and _wants_probabilities(f, given):
                    continue
                if not names or _learns(f, given):
                    return f
                break  # it takes scores as they are
    if fallback is not None or not names:
        return fallback or LossFunction(function)
    raise SubjectError(
        f"the loss needs '{', '.join(names)}' besides scores and targets, and took nothing that was tried: write "
        "example_inputs(batch, generator) beside it, giving (scores, targets), and a loss of these two"
    )


def _of_boxes(subject: Any, parameters: Sequence[str]) -> bool:
    """Whether it compares boxes, by what its author writes: the name, the parameters, or four edges in an overlap."""
    name = getattr(subject, "__name__", type(subject).__name__)
    if re.search("b?box", " ".join([name, *parameters]), re.IGNORECASE) or re.search("[GDCES]IoU", name):
        return True
    if not OVERLAP.search(name):
        return False
    try:
        source = inspect.getsource(subject if isinstance(subject, type | FunctionType) else type(subject))
    except (TypeError, OSError):
        return False
    return re.search(r"\bx1\b|xyxy|b?box|left.*top", source) is not None


def _says_probabilities(function: Any, first: str) -> bool:
    """Whether its first parameter is named for probabilities, or a line about it in the documentation says so."""
    texts = (inspect.getdoc(function) or "", inspect.getdoc(getattr(function, "forward", None)) or "")
    lines = (line for text in texts for line in text.splitlines() if re.search(rf"\b{re.escape(first)}\b", line))
    said = any(re.search(r"(?<!log[- ])probabilit", line, re.IGNORECASE) for line in lines)
    return said or re.fullmatch(r"p|probs?|probabilit(y|ies)", first) is not None


def _wants_probabilities(f: LossFunction, given: Given) -> bool:
    """Whether it is not finite, as logarithms of scores are not, or has a gradient between 0 and 1 alone: it clamps."""
    value, g = f.slope(given.scores, given.targets)
    inside = (given.scores > 0) & (given.scores < 1)
    clamps = g is not None and not bool(g[~inside].any()) and bool(g[inside].any())
    return not bool(value.isfinite()) or clamps


def _fillings(name: str) -> list[Callable[[Tensor], Tensor]]:
    """What an argument of this name may be, the likeliest first; nothing where its use is not known."""
    if MASK.search(name):
        return [partial(_ones, places=n, dtype=d) for n in (1, 2) for d in (torch.bool, None)]
    if re.search("^(ref|old|sft|base|behavio)", name):
        return [torch.zeros_like]
    if GAINED.search(name):
        return [_in_turn]
    if re.search("neg", name):
        return [torch.ones_like]
    if name in TARGETS or re.search("label|target|same|similar|flag|weight|var|sigma|scale", name):
        return [_ones, _zeros, partial(_ones, dtype=torch.long), torch.ones_like]
    return []


def _ones(scores: Tensor, places: int = 1, dtype: torch.dtype | None = None) -> Tensor:
    """1 for every example, or for every score."""
    return torch.ones(scores.shape[:places], dtype=dtype or scores.dtype, device=scores.device)


def _zeros(scores: Tensor) -> Tensor:
    return torch.zeros_like(_ones(scores))


def _in_turn(scores: Tensor) -> Tensor:
    """1 and -1, one after the other."""
    return torch.ones_like(scores) * (1 - 2 * (torch.arange(scores.shape[1], device=scores.device) % 2))


def _learns(f: LossFunction, given: Given) -> bool:
    """Whether the scores of most examples have a gradient: of some labels a margin may be kept already."""
    _, g = f.slope(given.scores, given.targets)
    return g is not None and 2 * int((g != 0).any(-1).sum()) > len(g)


def targets_of(name: str, generator: torch.Generator) -> Tensor:
    """Targets of a form: class indices, many-hot labels, one-hot labels, or real numbers of the scores' shape.

    Of embeddings: partners, or labels of which every one comes twice.
    """
    if name == "index":
        return torch.randint(CLASSES, (BATCH,), generator=generator)
    if name == "many-hot":
        labels = torch.zeros(BATCH, CLASSES)
        for row in range(BATCH):
            labels[row, torch.randperm(CLASSES, generator=generator)[: 1 + row % 3]] = 1
        return labels
    if name == "one-hot":
        return torch.eye(CLASSES)[torch.randint(CLASSES, (BATCH,), generator=generator)]
    if name == "sign":
        return torch.randint(2, (BATCH, CLASSES), generator=generator).double() * 2 - 1
    if name == "labels":
        return torch.randperm(BATCH, generator=generator) // 2
    if name == "pair":
        return torch.randn(BATCH, CLASSES, generator=generator, dtype=torch.float64)
    if name == "boxes":
        return _boxes(torch.randn(BATCH, CLASSES, generator=generator, dtype=torch.float64))
    return torch.rand(BATCH, CLASSES, generator=generator, dtype=torch.float64) + 0.1


FORMS = ("index", "many-hot", "one-hot", "sign", "real")
#: shapes of scores that are no (batch, classes), and the axis of the classes: images, sequences of labels
MAPS = (((BATCH, CLASSES, 4, 4), 1), ((BATCH, 5, CLASSES), 2), ((BATCH, CLASSES, 5), 1))
#: shapes of two images with values between 0 and 1, where nothing else is taken
IMAGES = ((BATCH, 3, 16, 16),)
#: forms of targets that go with embeddings
EMBEDDED = ("pair", "labels")


def inputs_of(
    loaded: Loaded, settings: CheckSettings, f: LossFunction, seed: int, scale: float = 3.0
) -> tuple[Made, str]:
    """Scores (batch, classes) and targets of the first form that the loss takes, or the subject's example_inputs."""
    if loaded.example_inputs is not None:
        where = find_device(settings.device)
        made = loaded.example_inputs(BATCH, torch.Generator().manual_seed(seed))
        if not isinstance(made, tuple | list) or len(made) != 2:
            raise SubjectError("example_inputs of a loss gives (scores, targets)")
        return (made[0].to(where).double() * scale / 3, made[1].to(where)), "its own"
    given = tried(loaded, settings, f, seed, scale)
    if isinstance(given, Given):
        return (given.scores, given.targets), given.form
    raise SubjectError(
        f"it takes scores ({BATCH}, {CLASSES}) with no targets known ({', '.join(FORMS)}): write "
        "example_inputs(batch, generator) beside it, giving (scores, targets)"
    ) from given


@dataclass(frozen=True)
class Given:
    """Scores and targets that a loss takes, and the form of these."""

    scores: Tensor
    targets: Tensor
    form: str


def tried(
    loaded: Loaded, settings: CheckSettings, f: LossFunction, seed: int, scale: float
) -> Given | Exception | None:
    """The first form that `f` takes, or what it raised at the likeliest."""
    problem: Exception | None = None
    doubtful: Given | None = None  # taken, but for no number
    where = find_device(settings.device)
    generator = torch.Generator().manual_seed(seed)
    scores = (torch.randn(BATCH, CLASSES, generator=generator, dtype=torch.float64) * scale).to(where)
    for form in ("boxes",) if f.takes is Takes.BOXES else _likely(loaded):
        # the targets of a pair are no copy of the scores
        targets = targets_of(form, torch.Generator().manual_seed(seed + (form in ("pair", "boxes")))).to(where)
        casts = [targets.double(), targets.bool()] if form in ("many-hot", "one-hot") else [targets]
        for cast in casts:
            try:
                value = f(scores.clone(), cast.clone())
            except Exception as error:
                problem = problem or error
                continue
            if value.numel() == 1:
                given = Given(scores, cast, form)
                if bool(value.isfinite()):
                    return given
                doubtful = doubtful or given
    if doubtful is not None:
        return doubtful
    for shape, axis in MAPS:
        drawn = (torch.randn(shape, generator=generator, dtype=torch.float64) * scale).to(where)
        index = torch.randint(CLASSES, shape, generator=generator).select(axis, 0).to(where)
        for targets in (index, F.one_hot(index, CLASSES).movedim(-1, axis).to(drawn)):
            try:
                if f(drawn.clone(), targets.clone()).numel() == 1:
                    return Given(drawn, targets, "its own")
            except Exception as error:
                problem = problem or error
    for shape in IMAGES:
        drawn, targets = (torch.rand(shape, generator=generator, dtype=torch.float64).to(where) for _ in range(2))
        try:
            if f(drawn.clone(), targets.clone()).numel() == 1:
                return Given(drawn, targets, "images")
        except Exception as error:
            problem = problem or error
    return problem


def _likely(loaded: Loaded) -> Sequence[str]:
    """Forms in the order in which the parameters' names make them likely."""
    forward = loaded.subject.forward if hasattr(loaded.subject, "forward") else loaded.subject
    try:
        taken = [n for n in inspect.signature(forward).parameters if n != "self"]
    except (TypeError, ValueError):
        taken = []
    own = getattr(loaded.subject, "__name__", type(loaded.subject).__name__)
    name = " ".join([*taken, own]).lower()
    second = taken[1].lower() if len(taken) > 1 else ""
    if any(word in name for word in ("hinge", "margin")) and "multi" not in name and "triplet" not in name:
        return ("sign", "index", "many-hot", "one-hot", "real")
    if PAIRED.search(second) or BESIDE.search(second) or (EMBEDDINGS.search(own) and second not in TARGETS[:5]):
        return ("pair", *FORMS)
    if EMBEDDINGS.search(own) or re.search("embed|features", taken[0] if taken else "", re.IGNORECASE):
        return ("labels", "pair", "sign", "real")
    if OVERLAP.search(own):
        return ("many-hot", "index", "one-hot", "sign", "real")
    if any(word in name for word in ("bce", "multilabel", "label", "binary")) and "cross_entropy" not in name:
        return ("many-hot", "sign", "index", "one-hot", "real")
    if any(
        word in name
        for word in ("mse", "l1", "huber", "smooth", "gaussian", "poisson", "kl", "correlation", "pearson", "regress")
    ):
        return ("real", "index", "many-hot", "one-hot", "sign")
    return FORMS


def takes_two_logits(f: LossFunction, scores: Tensor, targets: Any) -> bool:
    """Both pass a softmax: what is added to all of an example's cancels on either side."""
    if not isinstance(targets, Tensor) or targets.shape != scores.shape or not targets.is_floating_point():
        return False
    if any(GAINED.search(n) for n in f.names):
        return False
    try:
        with torch.no_grad():
            plain = float(f(scores, targets))
            shifted = [float(f(scores + 1, targets)), float(f(scores, targets + 1))]
    except (RuntimeError, ValueError):  # labels, or probabilities
        return False
    return all(abs(s - plain) <= 1e-9 * max(1.0, abs(plain)) for s in shifted)

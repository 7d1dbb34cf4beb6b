"""Published losses of several arguments, each told by its name: preferences, ratios of policies, pairs, variances."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from torchcheck.properties.loss.inputs import BATCH
from torchcheck.properties.subject.signatures import needed_of
from torchcheck.properties.subject.sizes import CLASSES

#: numbers that a loss has, by name in lower case
Numbers = Mapping[str, float]
Maker = Callable[[torch.Generator], Tensor]
Reference = Callable[[Sequence[Tensor], Numbers, Sequence[str]], Tensor]
#: a variance's parameter: its logarithm or not, a variance or its root
SPREAD = re.compile(r"^(?P<log>log_?)?(?P<kind>var(iance)?|sigma(2|_sq)?|std|scale)$")


def _normal(g: torch.Generator) -> Tensor:
    return torch.randn(BATCH, generator=g, dtype=torch.float64)


def _vectors(g: torch.Generator) -> Tensor:
    return torch.randn(BATCH, CLASSES, generator=g, dtype=torch.float64)


def _signs(g: torch.Generator) -> Tensor:
    """Both, and in no order."""
    return torch.tensor([1.0, -1, -1, 1, 1, -1], dtype=torch.float64)[torch.randperm(BATCH, generator=g)]


def _spread(g: torch.Generator) -> Tensor:
    return 0.5 + torch.rand(BATCH, generator=g, dtype=torch.float64)


@dataclass(frozen=True)
class Several:
    """The losses that go by a name, and their arguments.

    Every argument is told by the first of the patterns of `roles` that its name has; those of the places `learned` have
    gradients. A reference takes the tensors in the order of `roles`, the loss's numbers, and the arguments' names.
    """

    roles: tuple[tuple[str, Maker], ...]
    learned: tuple[int, ...]
    references: tuple[Reference, ...]
    numbers: tuple[str, ...] = ()

    def order(self, names: Sequence[str]) -> list[int] | None:
        """The place of every role's argument among the names; None where one is missing, or a name has no role."""
        told = [next((i for i, (words, _) in enumerate(self.roles) if re.search(words, n)), -1) for n in names]
        return [told.index(i) for i in range(len(self.roles))] if sorted(told) == [*range(len(self.roles))] else None


def _number(own: Numbers, names: Sequence[str], default: float) -> float:
    return next((own[n] for n in names if n in own), default)


def _dpo(t: Sequence[Tensor], own: Numbers, _names: Sequence[str]) -> Tensor:
    """Rafailov et al. (2023), eq. 7."""
    ref_chosen, ref_rejected, rejected, chosen = t
    return -F.logsigmoid(own.get("beta", 0.1) * (chosen - rejected - ref_chosen + ref_rejected)).mean()


def _bpr(t: Sequence[Tensor], _own: Numbers, _names: Sequence[str]) -> Tensor:
    """Rendle et al. (2009), section 4."""
    return -F.logsigmoid(t[1] - t[0]).mean()


CLIPS = ("clip", "clip_eps", "eps", "epsilon", "clip_ratio", "clip_param", "clip_range", "eps_clip")


def _ppo(t: Sequence[Tensor], own: Numbers, _names: Sequence[str]) -> Tensor:
    """Schulman et al. (2017), eq. 7."""
    old, advantages, new = t
    ratio, clip = (new - old).exp(), _number(own, CLIPS, 0.2)
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages).mean()


def _hinge(t: Sequence[Tensor], _own: Numbers, _names: Sequence[str]) -> Tensor:
    """Lim and Ye (2017), eq. 10: the loss of a discriminator."""
    fake, real = t
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def _ranking(t: Sequence[Tensor], own: Numbers, _names: Sequence[str]) -> Tensor:
    return F.margin_ranking_loss(t[0], t[1], t[2], margin=own.get("margin", 0.0))


def _cosine(t: Sequence[Tensor], own: Numbers, _names: Sequence[str]) -> Tensor:
    return F.cosine_embedding_loss(t[0], t[1], t[2], margin=own.get("margin", 0.0))


def _active(x: Tensor) -> Tensor:
    """The mean of what is kept by a margin, over those that are not kept yet."""
    return F.relu(x).sum() / (x > 0).sum().clamp(min=1)


def _triplet(distance: Callable[[Tensor, Tensor], Tensor], mean: Callable[[Tensor], Tensor]) -> Reference:
    """Schroff et al. (2015), eq. 3, with their squared distances or others, over all triplets or those that learn."""

    def loss(t: Sequence[Tensor], own: Numbers, _names: Sequence[str]) -> Tensor:
        anchor, negative, positive = t
        margin = _number(own, ("margin", "alpha", "m"), 1.0)
        return mean(distance(anchor, positive) - distance(anchor, negative) + margin)

    return loss


def _gaussian(t: Sequence[Tensor], _own: Numbers, names: Sequence[str]) -> Tensor:
    """Nix and Weigend (1994), eq. 3: the logarithm of a normal density, without its constant."""
    spread, target, mean = t
    told = SPREAD.search(names[0])
    assert told is not None
    logarithm = (spread if told["log"] else spread.log()) * (2 if told["kind"] in ("std", "sigma", "scale") else 1)
    return (0.5 * logarithm + 0.5 * (target - mean).square() * (-logarithm).exp()).mean()


DISTANCES: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    lambda a, b: (a - b).norm(dim=-1),
    lambda a, b: (a - b).square().sum(-1),
    lambda a, b: 1 - F.cosine_similarity(a, b),
)
MEANS: tuple[Callable[[Tensor], Tensor], ...] = (lambda x: F.relu(x).mean(), _active, lambda x: F.softplus(x).mean())
_SIDES = ((r"neg|fake|reject|los|worse", _normal), (r"pos|real|chosen|win|better", _normal))
_TRIPLET = Several(
    ((r"^a$|anchor|query", _vectors), (r"^n$|neg", _vectors), (r"^p$|pos", _vectors)),
    (0, 1, 2),
    tuple(_triplet(distance, mean) for distance in DISTANCES for mean in MEANS),
    ("margin", "alpha", "m"),
)
_PPO = Several(((r"old|behavio|ref", _normal), (r"adv", _normal), (r"log_?p", _normal)), (2,), (_ppo,), CLIPS)
_PAIR = (
    r"^(input|x|score|s|out|output|emb|embedding|z)_?(1|a|i)$",
    r"^(input|x|score|s|out|output|emb|embedding|z)_?(2|b|j)$",
)
_SIGN = (r"^y$|target|label|sign", _signs)
_HINGE = Several(_SIDES, (0, 1), (_hinge,))
_GAUSSIAN = Several(
    ((SPREAD.pattern, _spread), (r"^(y|t)(_true)?$|target|label|true", _normal), (r".", _normal)), (0, 2), (_gaussian,)
)
#: names in lower case without "loss" and the like
SEVERAL: dict[str, Several] = {
    "dpo": Several(
        (
            (r"^(ref|sft|base).*(chosen|win)", _normal),
            (r"^(ref|sft|base).*(reject|los)", _normal),
            (r"reject|los", _normal),
            (r"chosen|win", _normal),
        ),
        (2, 3),
        (_dpo,),
        ("beta",),
    ),
    "ppo": _PPO,
    "clippedppo": _PPO,
    "ppoclip": _PPO,
    "clippedsurrogate": _PPO,
    "bpr": Several(_SIDES, (0, 1), (_bpr,)),
    "hingediscriminator": _HINGE,
    "discriminatorhinge": _HINGE,
    "hingegan": _HINGE,
    "marginranking": Several(((_PAIR[0], _normal), (_PAIR[1], _normal), _SIGN), (0, 1), (_ranking,), ("margin",)),
    "cosineembedding": Several(((_PAIR[0], _vectors), (_PAIR[1], _vectors), _SIGN), (0, 1), (_cosine,), ("margin",)),
    "triplet": _TRIPLET,
    "tripletmargin": _TRIPLET,
    "gaussiannll": _GAUSSIAN,
    "gaussiannegativeloglikelihood": _GAUSSIAN,
    "heteroscedastic": _GAUSSIAN,
}
#: draws at which gradients are compared
DRAWS = 4


def apart(known: Several, function: Callable[..., Any], own: Numbers, seed: int, where: torch.device) -> float | None:
    """How far its gradients, for all that is learned, are from a positive multiple of the nearest reference's.

    Over their size, the largest of some draws; or by how much the multiples differ. None where its arguments' names do
    not tell them, or what it gives is no tensor.
    """
    names = needed_of(getattr(function, "forward", function))
    order = known.order(names)
    if order is None:
        return None
    named = [names[k] for k in order]

    def ours(t: Sequence[Tensor]) -> Any:
        return function(**dict(zip(named, t, strict=True)))

    made = []
    for draw in range(DRAWS):
        g = torch.Generator().manual_seed(DRAWS * seed + draw)
        made.append([make(g).to(where) for _, make in known.roles])
    gradients = [_gradient(ours, t, known.learned) for t in made]
    found = [g for g in gradients if g is not None]
    if len(found) < DRAWS:
        return None
    best = math.inf
    for reference in known.references:
        theirs = [_gradient(lambda t, r=reference: r(t, own, named), t, known.learned) for t in made]  # type: ignore[misc]
        best = min(best, multiple([(a, b) for a, b in zip(found, theirs, strict=True) if b is not None]))
    return best


def _gradient(f: Callable[[Sequence[Tensor]], Any], made: Sequence[Tensor], learned: Sequence[int]) -> Tensor | None:
    """The gradients for what is learned, one after another; None where the result is no tensor that depends on them."""
    leaves = [t.clone().requires_grad_(i in learned) for i, t in enumerate(made)]
    out = f(leaves)
    if not isinstance(out, Tensor) or not out.requires_grad:
        return None
    wanted = [leaves[i] for i in learned]
    grads = torch.autograd.grad(out.mean(), wanted, allow_unused=True, materialize_grads=True)
    return torch.cat([g.flatten() for g in grads])


def multiple(pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    """How far the first of each pair is from one positive multiple of the second, over its size; 1 where it is none."""
    factors, largest = [], 0.0
    for g, known in pairs:
        if not bool(g.any()) and not bool(known.any()):
            continue
        if not (bool(g.isfinite().all()) and bool(g.any()) and bool(known.any())):
            return 1.0
        factors.append(float((g * known).sum() / known.square().sum()))
        largest = max(largest, float((g - factors[-1] * known).norm() / g.norm()))
    if min(factors, default=0.0) <= 0:
        return 1.0
    return max(largest, max(factors) / min(factors) - 1)

"""Masks, lengths, places and graphs that a forward insists on: their names, and the module with defaults for them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from torchcheck.properties.subject.signatures import needed_of

#: names of forward's parameters for masks of tokens, the clearest first, and whether True (or 1) means that one is kept
MASKS = {
    "key_padding_mask": False,
    "src_key_padding_mask": False,
    "padding_mask": False,
    "attention_mask": True,
    "mask": True,
    "src_mask": True,
    "attn_mask": True,
}
#: names of masks that do not say what True means: both are tried
UNCLEAR = ("mask", "padding_mask", "src_mask", "attn_mask")
#: names of the numbers of tokens, of each example, that count
LENGTHS = re.compile("^((x|src|seq|input|token)_?)?(lens?|lengths?)$")
#: names of the tokens' places
PLACES = re.compile("^(pos|pos_ids|positions?|position_ids|input_pos)$")
#: names of times, of noise levels: a number an example
TIMES = re.compile("^t$|time|step|sigma|noise")
#: names of them that mean nothing else, a series in time, say
TIMES_ALONE = re.compile("^(t|ts|times?|time_?steps?|sigmas?|noise_levels?)$")
#: names of the matrix that says which tokens are neighbours
GRAPH = re.compile("^(A|adj.*)$|laplacian")
#: (batch, tokens) of truths -> the shapes in which modules take it: as it is, before heads and queries, before queries
SHAPES: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda keep: keep,
    lambda keep: keep[:, None, None, :],
    lambda keep: keep[:, None, :],
)
#: truths -> what is added to scores; not exactly 0 where a token is kept, so that what only asks for zeros fails
ADDED = {True: 1e-6, False: -1e9}


def count(keep: Tensor) -> Tensor:
    """(batch,) of (batch, tokens) truths: how many are kept, the first ones."""
    return keep.sum(-1)


def square(keep: Tensor) -> Tensor:
    """(tokens, tokens) of (batch, tokens) truths that are alike for all examples."""
    return keep[:1].expand(keep.shape[1], -1)


@dataclass(frozen=True)
class Form:
    """A way in which a module may take a mask: what True means, in which shape, and as what numbers."""

    kept: bool
    shape: Callable[[Tensor], Tensor]
    dtype: torch.dtype = torch.bool
    added: bool = False

    def of(self, keep: Tensor) -> Tensor:
        """The mask of (batch, tokens) truths, True where a token is kept."""
        if self.added:
            low, high = (torch.full_like(keep, ADDED[k], dtype=self.dtype) for k in (False, True))
            return self.shape(torch.where(keep, high, low))
        return self.shape((keep if self.kept else ~keep).to(self.dtype))


#: the number of tokens that count, in the place of a mask
COUNTS = Form(True, count, torch.long)


def forms_of(kept: bool, dtype: torch.dtype) -> tuple[list[Form], list[Form], list[Form]]:
    """As truths of which True means that a token is `kept`, or not; as the opposite; as what is added. To be tried."""
    shapes = (*SHAPES, square)
    said, opposite = (
        [Form(way, shape, kind) for kind in (torch.bool, dtype) for shape in shapes] for way in (kept, not kept)
    )
    return said, opposite, [Form(True, shape, dtype, added=True) for shape in shapes]


def mask_name(names: Sequence[str]) -> str | None:
    """The clearest name of a mask of tokens among these."""
    return next((n for n in MASKS if n in names), None)


def with_defaults(module: nn.Module) -> nn.Module:
    """The module; where forward insists on masks, lengths, places or a graph, of a class that has defaults for them.

    The default of a mask keeps every token: None where forward takes that, else truths in the first of SHAPES, or
    (tokens, tokens), that it takes; so do lengths; places count the tokens; a graph is a random one, with rows that
    sum to 1.
    """
    names = (LENGTHS, PLACES, GRAPH)
    filled = [n for n in needed_of(module.forward)[1:] if n.endswith("mask") or any(p.search(n) for p in names)]
    if not filled:
        return module
    own = type(module)
    signature = inspect.signature(own.forward)

    def forward(self: nn.Module, *args: Any, **options: Any) -> Any:
        given = signature.bind_partial(self, *args, **options).arguments
        left = [n for n in filled if n not in given]
        tokens = next(t for t in tree_leaves([v for n, v in given.items() if n != "self"]) if isinstance(t, Tensor))
        where = vars(self).get("_form")
        drawn, refused = torch.get_rng_state(), list[Exception]()
        for form in range(len(SHAPES) + 2) if where is None else (where,):
            try:
                out = own.forward(self, *args, **options, **{n: _default(n, tokens, form) for n in left})
            except Exception as error:
                refused.append(error)
                torch.set_rng_state(drawn)  # what was refused has drawn nothing
                continue
            vars(self)["_form"] = form
            return out
        raise refused[min(1, len(refused) - 1)]

    forward.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=sorted(
            (p.replace(default=None) if n in filled else p for n, p in signature.parameters.items()),
            key=lambda p: (p.kind, p.default is not p.empty),
        )
    )
    body = {"forward": forward, "filled": tuple(filled), "__module__": own.__module__, "__qualname__": own.__qualname__}
    module.__class__ = type(own.__name__, (own,), body)
    return module


def filled_masks(module: nn.Module) -> list[str]:
    """The names of the masks that forward insists on, and that are given only by `with_defaults`."""
    return [n for n in getattr(module, "filled", ()) if n.endswith("mask")]


def _default(name: str, tokens: Tensor, form: int) -> Tensor | None:
    """What an argument is given; of a mask, form 0 is None, the next are the SHAPES, the last is a square."""
    b, n = tokens.shape[:2]
    if LENGTHS.search(name):
        return torch.full((b,), n, device=tokens.device)
    if PLACES.search(name):
        return torch.arange(n, device=tokens.device).expand(b, n)
    if GRAPH.search(name):
        near = (torch.rand(n, n, generator=torch.Generator().manual_seed(n)) < 0.3).to(tokens) + torch.eye(n).to(tokens)
        return near / near.sum(-1, keepdim=True)
    if form == 0:
        return None
    kept = MASKS.get(name, True)
    if form <= len(SHAPES):
        return SHAPES[form - 1](torch.full((b, n), kept, device=tokens.device))
    return torch.full((n, n), kept, device=tokens.device)

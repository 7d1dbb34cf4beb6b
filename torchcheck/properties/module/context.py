"""The mask of a context, a memory or an encoder's states: what it hides has no part in what attends to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

import torch

from torchcheck.data import Measurement
from torchcheck.measure.leak import worst
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.module.leak import ROUNDING, layer_of
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import forward_names, size_of, subject_of, tensor_of
from torchcheck.properties.subject.kinds import ATTENTION
from torchcheck.properties.subject.masks import Form, forms_of
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import find_device

#: names of what is attended to, and of its mask
STATES = re.compile(r"^(context|memory|encoder_hidden_states|enc(oder)?_(out(put)?s?|states?))$")
MASKS = re.compile(r"^(context|memory|enc(oder)?|cross)_?(key_)?(padding_|attention_|attn_)?mask$")
PROPERTIES: dict[str, Property] = {
    "context-padding": Property(
        "what stands at masked places of a context does not change what attends to it (largest relative change)",
        Threshold(hi=1e-4),
        "apply the context's mask to the scores, and use what masked_fill returns",
        better="less",
    ),
    "context-length": Property(
        "a context may be longer than what attends to it (1 where it raises an error)",
        Threshold(0, 0),
        "keys and values come from the context, queries alone from the input: look at what each projection is given",
        better="less",
    ),
}


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    at = {"depth": description.depth(settings)}
    return [Step(context, ("context-padding",), at), Step(longer, ("context-length",), at)]


def longer(loaded: Loaded, settings: CheckSettings, depth: int | None = None) -> list[Measurement]:
    """A context of as many tokens as the input, and of three more."""
    measured = partial(Measurement, "context-length", device=settings.device)
    layer, dtype = layer_of(loaded, settings, depth=depth)
    subject = subject_of(layer.layer).eval()
    names = forward_names(subject)
    states = next((n for n in names[1:] if STATES.search(n)), "")
    if not states or not any(ATTENTION.search(type(m).__name__) for m in subject.modules()):
        return [measured(None, note="it attends to no context")]
    where = find_device(settings.device)
    g = torch.Generator().manual_seed(settings.seed)
    n, d = settings.seq_len, settings.width
    x, far = (torch.randn(2, k, d, generator=g).to(where, dtype) for k in (n, n + 3))
    with torch.no_grad():
        try:
            subject(**{names[0]: x, states: far[:, :n]})
        except Exception:  # it needs more, or another form
            return [measured(None, note="it takes more than a context of tokens")]
        try:
            subject(**{names[0]: x, states: far})
        except Exception as error:
            said = str(error).splitlines()
            return [measured(1.0, witness=f"{type(error).__name__}: {said[0][:80] if said else ''}")]
    return [measured(0.0, note=states)]


def context(loaded: Loaded, settings: CheckSettings, depth: int | None = None) -> list[Measurement]:
    """Other numbers at masked places of the context, with the mask in every form that is taken."""
    layer, dtype = layer_of(loaded, settings, depth=depth)
    subject = subject_of(layer.layer).eval()
    names = forward_names(subject)
    states = next((n for n in names[1:] if STATES.search(n)), "")
    # of two masks that of padding is of tokens, the other of pairs
    mask = next((n for n in sorted(names, key=lambda n: "padding" not in n) if MASKS.search(n)), "")
    measured = partial(Measurement, "context-padding", device=settings.device, dtype=str(dtype).split(".")[1])
    if not (states and mask):
        return [measured(None, note="forward takes no context with a mask")]
    where = next((p.device for p in subject.parameters()), torch.device(settings.device))
    g = torch.Generator().manual_seed(settings.seed)
    n = settings.seq_len
    x, given, other = (torch.randn(2, n, settings.width, generator=g).to(where, dtype) for _ in range(3))
    keep = torch.arange(n, device=where) < torch.tensor([[n - n // 4], [n // 2]], device=where)
    mixed = torch.where(keep[..., None], given, 30 * other)

    def change(form: Form) -> float:
        with torch.no_grad():
            one, two = (
                tensor_of(subject(**{names[0]: x, states: values, mask: form.of(keep)})) for values in (given, mixed)
            )
        return worst(two - one) / size_of(one)

    # what True means is for the author to say; a mask that is right in one way is right
    changes = [c for forms in forms_of("padding" not in mask, dtype) if (c := _first(change, forms)) is not None]
    if not changes:
        return [measured(None, note=f"{mask} is no mask of tokens")]
    least = min(changes)
    return [measured(0.0 if least <= ROUNDING[dtype] else least, note=f"{states} with {mask}")]


def _first(change: Callable[[Form], float], forms: Sequence[Form]) -> float | None:
    """The change with the mask in the first of the forms that is taken; None where none is."""
    for form in forms:
        try:
            return change(form)
        except Exception:  # the mask has another shape or dtype
            continue
    return None


CONTEXT = Group("masks", PROPERTIES, steps)

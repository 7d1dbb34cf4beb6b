"""Layers that can be undone, as flows and reversible networks are: the inverse, and what they say of volume."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement
from torchcheck.measure.leak import worst
from torchcheck.properties.finding import Property, Threshold
from torchcheck.properties.module.modes import exact
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import size_of, subject_of, tensor_of
from torchcheck.properties.subject.kinds import lineage
from torchcheck.properties.subject.signatures import needed_of, signature_of
from torchcheck.properties.subject.variant import CheckSettings, Loaded

#: what undoes forward is a method of such a name, or forward itself with such a flag
METHODS, FLAGS = re.compile("^(inverse|invert|inv)$"), re.compile("^(inverse|invert|inv|reverse|rev)$")
#: a flag `reverse` may be the direction of time: it undoes what says of itself that it can be undone
UNDONE = re.compile("flow|coupling|reversib|invertib|biject|glow|nvp|actnorm", re.IGNORECASE)
#: float64: what a chain of exponentials and divisions loses is far smaller
ERROR = 1e-6
PROPERTIES: dict[str, Property] = {
    "inverse": Property(
        "what undoes forward gives its input back (largest relative change)",
        Threshold(hi=ERROR),
        "compare both ways term by term: the order of steps, signs, what is divided and what is taken off",
        better="less",
    ),
    "log-determinant": Property(
        "what forward gives beside its output is the logarithm of its Jacobian's determinant (relative difference)",
        Threshold(hi=ERROR),
        "log|det dy/dx| of the way forward: sum the logarithms of the scales over features, with their sign",
        better="less",
    ),
}


def steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [Step(undone, tuple(PROPERTIES))]


def undone(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The input beside what comes back of it, and of one token the determinant of the Jacobian that autograd gives."""
    measured = partial(Measurement, device=settings.device, dtype="float64")
    model, x, dtype = exact(loaded, settings, None)
    back = _inverse_of(loaded, subject_of(model))
    if back is None or not isinstance(x, Tensor) or dtype is not torch.float64:
        return [measured(n, None, note="it has no inverse, or not of one tensor in float64") for n in PROPERTIES]
    way, again = back
    with torch.no_grad():
        change = worst(tensor_of(again(tensor_of(way(x)))) - x) / size_of(x)
    one = x.flatten(0, -2)[:1].reshape(*[1] * (x.dim() - 1), -1)
    try:
        with torch.no_grad():
            volume = _volume(way(one))
        jacobian = torch.func.jacrev(lambda t: tensor_of(way(t)))(one).reshape(one.numel(), -1)
    except RuntimeError as error:
        volume, note = None, f"of one token: {str(error).splitlines()[0][:60]}"
    else:
        note = "of one token" if volume is not None else "forward gives no number beside its output"
    undo = measured("inverse", change)
    if volume is None:
        return [undo, measured("log-determinant", None, note=note)]
    known = float(torch.linalg.slogdet(jacobian)[1])
    off = abs(volume - known) / max(1.0, abs(known))
    words = f"{volume:.6g}, where autograd gives {known:.6g}"
    return [undo, measured("log-determinant", off, note=note, witness=words if off > ERROR else "")]


def _inverse_of(loaded: Loaded, layer: nn.Module) -> tuple[Callable[[Tensor], Any], Callable[[Tensor], Any]] | None:
    """Forward, and what undoes it; None where nothing is named for that."""
    flag = next((n for n in signature_of(layer.forward) if FLAGS.search(n)), "")
    said = UNDONE.search(f"{' '.join(lineage(loaded.subject))} {inspect.getdoc(loaded.subject) or ''}")
    if flag and (said or not flag.startswith("rev")):
        return layer, lambda y: layer(y, **{flag: True})
    name = next((n for n in dir(type(layer)) if METHODS.search(n)), "")
    method = getattr(layer, name, None)
    return (layer, method) if inspect.ismethod(method) and len(needed_of(method)) == 1 else None


def _volume(out: Any) -> float | None:
    """The one number beside the output of one token."""
    second = out[1] if isinstance(out, tuple) and len(out) > 1 else None
    return float(second) if isinstance(second, Tensor) and second.numel() == 1 else None


INVERSE = Group("reversible", PROPERTIES, steps)

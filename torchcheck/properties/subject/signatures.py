"""The names of what a class, a function or a module takes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any


def parameters_of(subject: Any) -> Sequence[str]:
    """The names of all parameters but *args and **kwargs."""
    try:
        return [
            n
            for n, p in inspect.signature(subject).parameters.items()
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
    except (TypeError, ValueError):
        return []


def needed_of(subject: Any) -> list[str]:
    """The names of the parameters that have no default."""
    try:
        parameters = inspect.signature(subject).parameters.items()
    except (TypeError, ValueError):
        return []
    return [n for n, p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def axes_of(subject: Any) -> list[str]:
    """The names of parameters that are -1 or the like by default: `dim` may be an axis, and is no width then."""
    return [n for n, p in signature_of(subject).items() if type(p.default) is int and p.default < 0]


def signature_of(subject: Any) -> dict[str, inspect.Parameter]:
    """The parameters by name; none where Python cannot tell them."""
    try:
        return dict(inspect.signature(subject).parameters)
    except (TypeError, ValueError):
        return {}

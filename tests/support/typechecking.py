"""How annotations are checked, at every call, in what tests/conftest.py hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype

#: an int serves as a float, as in PEP 484
_checked: Any = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, its annotations checked if they speak of tensors: what takes names refuses them in its own words."""
    return _checked(function) if "Tensor" in str(function.__annotations__) else function  # type: ignore[no-any-return]

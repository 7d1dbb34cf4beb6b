"""What a seeded fault says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SeededFault:
    """A broken variant: its kind, the properties of which one has to fail, and what is wrong in words."""

    words: str
    kind: str
    subject: Any
    noticed_by: tuple[str, ...]
    certain: bool = True
    options: dict[str, Any] = field(default_factory=dict)

"""How a checker is asked: whatever it answers or raises but None is a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Accepts = Callable[..., bool]


@pytest.fixture
def accepts() -> Accepts:
    """Does the checker accept the body, with the evidence?"""

    def ask(checker: Any, body: dict[str, Any], evidence: dict[str, Any] | None = None) -> bool:
        try:
            return checker.check(body, evidence or {}) is None
        except Exception:  # as in certificate.check: whatever goes wrong, nothing is proved
            return False

    return ask

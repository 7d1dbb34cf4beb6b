"""Is a sequence layer meant to see the past alone? What its author says, and, failing that, how it behaves."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from torchcheck.properties.subject.kinds import lineage
from torchcheck.properties.subject.variant import CheckSettings, Loaded

#: words in a name or docstring that say it, and that deny it
CAUSAL = re.compile(r"causal|autoregressive|auto_regressive|\bGPT|unidirectional|left_to_right", re.IGNORECASE)
NOT_CAUSAL = re.compile(
    r"(non|not|un)[-_ ]?causal|bidirectional|both sides|encoder|cross|vision|image|patch|bert", re.IGNORECASE
)
BACKWARD = re.compile(r"backward|reverse|right_?to_?left", re.IGNORECASE)
#: norms of a token's features
NORM = re.compile(r"(layer|rms|scale|l2|power)_?norm", re.IGNORECASE)
#: the visible share of the future over that of the past below which a layer behaves as if it were meant to be causal
LOPSIDED = 0.5
#: the same for the mean sizes of dependences
FAINT = 0.2


@dataclass(frozen=True)
class Intent:
    """What a layer is meant to be, and what tells; "open" where it sees the future and nobody says whether it may.

    `alone`: nobody says so, but no gradient comes from another token, before or after.
    """

    kind: Literal["causal", "not causal", "open"]
    why: str
    alone: bool = False


def intent(
    loaded: Loaded, module: nn.Module, settings: CheckSettings, picture: Tensor | None, visible: Tensor
) -> Intent:
    """From the flag, the name, the attributes and the docstring; else from the (outputs, inputs) pairs that depend.

    `picture` holds the sizes of the dependences, `visible` which of them are more than rounding; without sizes, counts
    alone decide.
    """
    if settings.causal is not None:
        return Intent("causal" if settings.causal else "not causal", "as asked")
    said = _said(loaded, module)
    if said is not None:
        return said
    ahead, behind = _shares(visible.double())
    if ahead == 0:
        return Intent("causal", "no output depends on what follows", alone=behind == 0)
    if ahead < LOPSIDED * behind:
        return Intent("causal", f"{ahead:.0%} of the pairs ahead depend on each other, {behind:.0%} of those behind")
    if behind < LOPSIDED * ahead and not BACKWARD.search(_name(loaded)):
        return Intent("causal", f"it sees {ahead:.0%} of the pairs ahead and {behind:.0%} of those behind: backwards")
    if picture is not None:
        after, before = _shares(picture)
        if after < FAINT * before:
            return Intent("causal", f"dependences ahead are {after / before:.2g} times as large as those behind")
    why = f"{ahead:.0%} of the pairs ahead depend on each other, as those behind"
    denied = next(
        (text for text in (_name(loaded), *lineage(module), _docstring(loaded)) if NOT_CAUSAL.search(text)), None
    )
    return Intent("open", why) if denied is None else Intent("not causal", f"{why}, and it says '{denied[:60]}'")


def _said(loaded: Loaded, module: nn.Module) -> Intent | None:
    for attribute in ("is_causal", "causal", "is_decoder"):
        value = getattr(module, attribute, None)
        config = getattr(module, "config", None)
        value = getattr(config, attribute, None) if value is None else value
        if isinstance(value, bool) and (value or attribute != "is_decoder"):
            return Intent("causal" if value else "not causal", f"its {attribute} is {value}")
    if NORM.search(_name(loaded)):
        return Intent("causal", f"a {_name(loaded)} looks at one token")
    for name in (_name(loaded), type(module).__name__):
        if CAUSAL.search(name) and not NOT_CAUSAL.search(name):
            return Intent("causal", f"its name is {name}")
    first = _docstring(loaded)
    if CAUSAL.search(first) and not NOT_CAUSAL.search(first) and not first.startswith(("Args", "Base class")):
        return Intent("causal", "its docstring says so")
    return None


def _docstring(loaded: Loaded) -> str:
    """Its first paragraph; torch's own is inherited by those that have none."""
    return (inspect.getdoc(loaded.subject) or "").split("\n\n")[0] if loaded.subject.__doc__ else ""


def _name(loaded: Loaded) -> str:
    return lineage(loaded.subject)[0]


def _shares(values: Any) -> tuple[float, float]:
    """Means over the pairs ahead and over those behind."""
    tokens = values.shape[0]
    ahead, behind = values.triu(1), values.tril(-1)
    pairs = max(1, tokens * (tokens - 1) // 2)
    return float(ahead.sum()) / pairs, float(behind.sum()) / pairs

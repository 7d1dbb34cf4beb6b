"""docs/properties.md, made from the properties themselves (`make properties`)."""

from __future__ import annotations

from torchcheck.properties import REGISTRY
from torchcheck.properties.finding import Property

INTRODUCTION = """# What `check` asks

Made by `make properties`; kinds that are asked the same share a table. *Better* is the side that a baseline takes for
an improvement (without one any change is a drift), *compared* how two runs are. What the properties are for, and where
thresholds come from: [check.md](check.md).
"""
BETTER = {"less": "less", "more": "more", "zero": "nearer to 0", "sign": "not negative", "none": ""}
COMPARED = {"interval": "intervals", "factor": "a factor of 2", "shown": "no"}


def properties_text() -> str:
    """What `scaleproof check` asks of each kind of subject, as Markdown."""
    parts = [INTRODUCTION]
    tables: dict[str, list[str]] = {}
    for kind, asked in REGISTRY.items():
        rows = "\n".join(_row(name, prop) for name, prop in asked.properties.items())
        tables.setdefault(rows, []).append(kind)
    head = "| property | what | wanted | better | compared | where it fails |\n|:--|:--|:--|:--|:--|:--|\n"
    parts += [f"## {', '.join(kinds).capitalize()}\n\n{head}{rows}\n" for rows, kinds in tables.items()]
    return "\n".join(parts)


def _row(name: str, prop: Property) -> str:
    wanted = "noted" if prop.threshold is None else str(prop.threshold)
    return f"| `{name}` | {prop.words} | {wanted} | {BETTER[prop.better]} | {COMPARED[prop.compared]} | {prop.advice} |"

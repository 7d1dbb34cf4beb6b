"""What is asked of each kind, in words made from the properties: docs/properties.md, `scaleproof properties`."""

from __future__ import annotations

from torchcheck.properties.finding import Property, base
from torchcheck.properties.registry import REGISTRY
from torchcheck.properties.training import PROPERTIES as TRAINING

INTRODUCTION = """# What `check` asks

Made by `make properties`; kinds that are asked the same share a table. *Better* is the side that a baseline takes for
an improvement (without one any change is a drift), *compared* how two runs are. What the properties are for, and where
thresholds come from: [check.md](check.md).
"""
#: kind -> group -> properties; a training step is no subject of the command, and asked of by check_training
GROUPS = {**{kind: asked.named_groups for kind, asked in REGISTRY.items()}, "training": {"training": TRAINING}}
BETTER = {"less": "less", "more": "more", "zero": "nearer to 0", "sign": "not negative", "none": ""}
COMPARED = {"interval": "intervals", "factor": "a factor of 2", "shown": "no"}


def properties_text() -> str:
    """What `scaleproof check` asks of each kind of subject, as Markdown."""
    parts = [INTRODUCTION]
    tables: dict[str, list[str]] = {}
    for kind, groups in GROUPS.items():
        rows = "\n".join(_row(name, prop) for group in groups.values() for name, prop in group.items())
        tables.setdefault(rows, []).append(kind)
    head = "| property | what | wanted | better | compared | where it fails |\n|:--|:--|:--|:--|:--|:--|\n"
    parts += [f"## {', '.join(kinds).capitalize()}\n\n{head}{rows}\n" for rows, kinds in tables.items()]
    return "\n".join(parts)


def listed() -> str:
    """Every group with the names of its properties, and the kinds that are asked them."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for kind, asked in GROUPS.items():
        for group, members in asked.items():
            groups.setdefault((group, tuple(members)), []).append(kind)
    return "\n\n".join(
        f"{group} ({', '.join(kinds)})\n  {', '.join(members)}" for (group, members), kinds in groups.items()
    )


def explained(name: str) -> str:
    """What a property asks, of which kinds, what is wanted, what to do; of a group, of all in it. Raises KeyError."""
    table: dict[tuple[str, Property], list[str]] = {}
    for kind, groups in GROUPS.items():
        own = {n: p for group in groups.values() for n, p in group.items() if n == base(name)}
        members = groups.get(name, own)
        for member, prop in members.items():
            table.setdefault((member, prop), []).append(kind)
    if not table:
        raise KeyError(name)
    return "\n\n".join(_words(member, prop, kinds) for (member, prop), kinds in table.items())


def _words(name: str, prop: Property, kinds: list[str]) -> str:
    wanted = "nothing: it is noted, and judged against a baseline" if prop.threshold is None else str(prop.threshold)
    lines = [f"{name} ({', '.join(kinds)})", f"  what     {prop.words}", f"  wanted   {wanted}"]
    lines += [f"  to do    {prop.advice}"] if prop.advice else []
    return "\n".join([*lines, f"  compared {COMPARED[prop.compared]}; better: {BETTER[prop.better] or 'no side'}"])


def _row(name: str, prop: Property) -> str:
    wanted = "noted" if prop.threshold is None else str(prop.threshold)
    return f"| `{name}` | {prop.words} | {wanted} | {BETTER[prop.better]} | {COMPARED[prop.compared]} | {prop.advice} |"

"""The pages that are made from the code: one for every property, with a fault that it notices, and the interface."""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

from scaleproof.check.documentation import BETTER, COMPARED, GROUPS
from tests.faults import FAULTS, SeededFault
from torchcheck.properties.finding import Property, base

#: what the page of the interface shows: of some only what they define, of those that gather it what `__all__` names
INTERFACE = {
    "torchcheck.properties.checks": "",
    "torchcheck.modules": "   :imported-members:\n",
    "torchcheck.data": "",
    "scaleproof.claim": "",
}


def write(folder: Path) -> None:
    """Writes all of them, and the list of properties, as Markdown; pages of what is no more go."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "properties").mkdir(parents=True, exist_ok=True)
    rows = []
    for name, asked in sorted(_properties().items()):
        (folder / "properties" / f"{name}.md").write_text(_page(name, asked), encoding="utf-8")
        rows.append(
            f"| [{name}](properties/{name}.md) | {', '.join(sorted(asked))} | {next(iter(asked.values())).words} |"
        )
    table = "\n".join(["| property | asked of | what |", "|:--|:--|:--|", *rows])
    toctree = "```{toctree}\n:hidden:\n:glob:\n\nproperties/*\n```"
    text = f"# Every property\n\nWhat `scaleproof check` asks, one page each.\n\n{table}\n\n{toctree}\n"
    (folder / "properties.md").write_text(text, encoding="utf-8")
    (folder / "interface.md").write_text(_interface(), encoding="utf-8")


def _properties() -> dict[str, dict[str, Property]]:
    """name -> kind -> what that kind is asked."""
    asked: dict[str, dict[str, Property]] = {}
    for kind, groups in GROUPS.items():
        for group in groups.values():
            for name, prop in group.items():
                asked.setdefault(name, {})[kind] = prop
    return asked


def _page(name: str, asked: dict[str, Property]) -> str:
    parts = [f"# {name}\n"]
    for prop in dict.fromkeys(asked.values()):
        kinds = ", ".join(kind for kind, own in asked.items() if own == prop)
        wanted = "it is noted, and judged against a baseline" if prop.threshold is None else f"{prop.threshold}"
        parts.append(f"**Of {kinds}:** {prop.words}.\n")
        parts.append(f"- Wanted: {wanted}.")
        parts.append(
            f"- Two runs are compared by: {COMPARED[prop.compared]}; better: {BETTER[prop.better] or 'neither side'}."
        )
        parts += [f"- Where it fails: {prop.advice}.\n"] if prop.advice else [""]
    faults = [fault for fault in FAULTS if name in map(base, fault.noticed_by)]
    if faults:
        parts.append("## What it notices\n")
        parts += [f"- {fault.words} ({fault.kind})" for fault in faults]
        parts += ["", *_example(faults)]
    command = (
        f"scaleproof check my_model.py:MySubject --select {name}\nscaleproof check my_model.py:MySubject --skip {name}"
    )
    return "\n".join([*parts, "", "## Asking for it alone, and leaving it out\n", f"```\n{command}\n```", ""])


def _example(faults: list[SeededFault]) -> Iterator[str]:
    """The shortest of the seeded faults as code."""
    codes = [(_source(fault.subject), fault) for fault in faults]
    code, fault = min(codes, key=lambda pair: (not pair[0], len(pair[0])))
    if code:
        yield f"For example, {fault.words}:\n\n```python\n{code}\n```"


def _source(subject: object) -> str:
    try:
        return textwrap.dedent(inspect.getsource(subject)).rstrip()  # type: ignore[arg-type]
    except (OSError, TypeError):
        return ""


def _interface() -> str:
    parts = [
        "# Interface\n\n`from torchcheck import check_block, ...` gives what `torchcheck.properties.checks` has.\n"
    ]
    for module, more in INTERFACE.items():
        options = f"   :members:\n{more}   :no-index:"
        parts.append(f"## {module}\n\n```{{eval-rst}}\n.. automodule:: {module}\n{options}\n```\n")
    return "\n".join(parts)

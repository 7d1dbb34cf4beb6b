"""`[tool.scaleproof]` in pyproject.toml: defaults for the options of `check`, for all subjects and for some.

    [tool.scaleproof]
    depths = "2:64"
    skip = ["first-lr"]

    [[tool.scaleproof.subject]]
    name = "models.py:*Encoder"        # a pattern
    set = { nhead = 2 }
    suppress = { leak = "an encoder sees both sides" }

The nearest pyproject.toml counts, from the working directory upwards. What stands on the command line goes before it.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import typer

from scaleproof.cli.common import fail

#: options that belong to one run, not to a project
OWN = {
    "context",
    "subject",
    "baseline",
    "update_baseline",
    "against",
    "report",
    "junit",
    "sarif",
    "reproduce",
    "github",
    "json_",
    "quiet",
    "verbose",
}


def from_project(context: typer.Context, subject: str) -> str:
    """As the callback of the eager argument: makes the project's settings for this subject the options' defaults."""
    path = next((p for p in (d / "pyproject.toml" for d in (Path.cwd(), *Path.cwd().parents)) if p.is_file()), None)
    if path is not None and subject:
        known = {p.name.strip("_").replace("_", "-"): p.name for p in context.command.params if p.name not in OWN}
        context.default_map = defaults(path, subject, known)
    return subject


def defaults(path: Path, subject: str, known: Mapping[str, str]) -> dict[str, Any]:
    """The file's values by parameter, for a subject; `known` maps option names to parameters. Ends the command where
    the file says what no option is."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("scaleproof", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        fail(f"cannot read {path.name}: {error}")
    if not isinstance(table, dict):
        fail(f"{path.name}: tool.scaleproof is a table of options")
    tables = table.get("subject", [])
    if not isinstance(tables, list) or not all(isinstance(t, dict) and isinstance(t.get("name"), str) for t in tables):
        fail(f"{path.name}: every [[tool.scaleproof.subject]] needs a name, such as name = 'models.py:*Block'")
    merged: dict[str, Any] = {}
    for part in (table, *(t for t in tables if fnmatchcase(subject, t["name"]))):
        for key, value in part.items():
            if key == "name" or (key == "subject" and part is table):
                continue
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                fail(f"{path.name}: tool.scaleproof has no '{key}'" + (f"; '{near[0]}' is meant?" if near else ""))
            old = merged.get(known[key])
            new = _as_typed(value)
            merged[known[key]] = [*old, *new] if isinstance(old, list) and isinstance(new, list) else new
    return merged


def _as_typed(value: Any) -> Any:
    """A table as NAME=VALUE texts, as they are typed on a command line."""
    if isinstance(value, Mapping):
        return [f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in value.items()]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(v) for v in value]
    return value


def shared_names(context: typer.Context, asked: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """The names of properties that come from the project's settings, and not from the command line."""
    parameters = {"thresholds": "threshold", "select": "select", "skip": "skip", "suppress": "suppress"}
    sources = {k: context.get_parameter_source(p) for k, p in parameters.items()}
    chosen = [asked[k] for k, source in sources.items() if source is not None and source.name == "DEFAULT_MAP"]
    return frozenset(name for names in chosen for name in names)

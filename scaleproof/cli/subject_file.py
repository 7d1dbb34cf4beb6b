"""A subject that a YAML or JSON file names: `_target_` and its arguments, as Hydra instantiates them.

_target_: my_package.layers.Block    # or layers.py:Block, a file beside this one
dim: 256
heads: 8
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from scaleproof.cli.common import fail

ENDINGS = (".yaml", ".yml", ".json")
#: keys by which Hydra itself is told how to instantiate
HYDRAS = ("_partial_", "_recursive_", "_convert_")
#: what YAML 1.1 takes for text, and everybody else for a number
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")


def read(subject: str) -> tuple[str, dict[str, Any]]:
    """The subject's name, and the arguments of its class or factory where a file names it; any other as it is.

    Ends the command where the file has none.
    """
    if not subject.endswith(ENDINGS):
        return subject, {}
    import yaml  # type: ignore[import-untyped]

    path = Path(subject)
    parse = json.loads if path.suffix == ".json" else yaml.safe_load  # YAML takes no tabs
    try:
        table = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        fail(f"cannot read {path}: {error.strerror}")
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        said = " ".join(str(error).split())
        fail(f"{path} is no YAML or JSON: {said[:200]}")
    if not isinstance(table, dict) or not isinstance(table.get("_target_"), str):
        fail(f"{path} names no subject: give it _target_: package.module.Name, and the arguments beside it")
    target = table["_target_"]
    options = {str(k): _as_number(v) for k, v in table.items() if k != "_target_" and k not in HYDRAS}
    nested = next((n for n, v in options.items() if isinstance(v, dict) and "_target_" in v), None)
    if nested is not None:
        fail(f"{path}: '{nested}' is itself a _target_, which is not built here: write a factory in Python")
    place, _, name = target.rpartition(":" if ":" in target else ".")
    if not place or not name:
        fail(f"{path}: _target_ is package.module.Name or file.py:Name, not '{target}'")
    return f"{path.parent / place if place.endswith('.py') else place}:{name}", options


def _as_number(value: Any) -> Any:
    return float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else value

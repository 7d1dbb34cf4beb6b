"""Loading what is under test: a class, factory or instance named by `module:attribute` or `file.py:attribute`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from torchcheck.data import Params
from torchcheck.run.libraries import SCHEMES, LibraryError

DTYPES: dict[str, torch.dtype] = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


class SubjectError(Exception):
    """The subject's name cannot be resolved, or the subject cannot be built."""


class DeviceError(Exception):
    """The device asked for is not on this machine."""


@dataclass(frozen=True)
class Subject:
    """The name of what is under test and the keyword arguments that build it.

    >>> Subject("torchcheck.modules.squareplus:SquarePlus", {"b": 4.0}).label
    'SquarePlus(b=4.0)'
    """

    target: str
    options: Params = field(default_factory=dict)

    @property
    def label(self) -> str:
        inside = ", ".join(f"{k}={v}" for k, v in self.options.items())
        return f"{self.target.rsplit(':', 1)[-1]}({inside})"

    def to_json(self) -> dict[str, Any]:
        return {"target": self.target, "options": dict(self.options)}

    @classmethod
    def from_json(cls, raw: Params) -> Subject:
        return cls(raw["target"], dict(raw.get("options", {})))


def resolve(target: str) -> Any:
    """The object that `module:attribute` or `path/file.py:attribute` names, or a library's model, such as `hf:gpt2`.

    Raises SubjectError with what was wrong and where.
    """
    place, colon, attribute = target.rpartition(":")
    if not colon or not place or not attribute:
        raise SubjectError(f"'{target}' names no subject: write package.module:Name or file.py:Name")
    if place in SCHEMES:
        try:
            return SCHEMES[place](attribute)
        except LibraryError as error:
            raise SubjectError(str(error)) from None
    try:
        module = _from_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except ImportError as error:
        if error.name and (place == error.name or place.startswith(f"{error.name}.")):  # it is the name that is wrong
            raise SubjectError(f"cannot import '{place}': no module '{error.name}'; a file is file.py:Name") from None
        raise SubjectError(f"cannot import '{place}' for subject '{target}': {error}") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        known = ", ".join(sorted(n for n in vars(module) if not n.startswith("_")))
        raise SubjectError(f"'{place}' has no '{attribute}'; it has: {known}") from None


def build(subject: Subject) -> Any:
    """Calls the class or factory that the subject names with its options; raises SubjectError."""
    result = resolve(subject.target)
    if isinstance(result, torch.nn.Module):
        return result
    try:
        return result(**subject.options)
    except (TypeError, ValueError) as error:
        raise SubjectError(f"cannot build {subject.label}: {error}") from error


def find_device(name: str) -> torch.device:
    """`cpu`, `cuda` or `auto` (CUDA where there is one); raises DeviceError when it is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise DeviceError("no CUDA device")
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"unknown device '{name}': use cpu, cuda or auto") from error


def _from_file(path: Path) -> Any:
    if not path.is_file():
        raise SubjectError(f"no such file: {path}")
    name = f"torchcheck_subject_{abs(hash(path.resolve()))}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SubjectError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module

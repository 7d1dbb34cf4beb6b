"""What a result depends on besides its parameters: the code that it reaches, and the versions it runs on."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import grimp

from torchcheck.data import Task

PACKAGES = ("scaleproof", "torchcheck")
_TARGET = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)")
#: a source without this names no target
_NAMES = re.compile(rf"(?:{'|'.join(PACKAGES)})\.[\w.]+:[A-Za-z_]")


class Code:
    """The two packages as they are on the disk now: what a module reaches, and the hash of all that.

    A module reaches what it imports, at any place, what that imports, and what a text such as "package.module:name" in
    it names. The packages around it count by their own text, not by what they import for
    their users' convenience.
    """

    def __init__(self) -> None:
        self._digests: dict[tuple[str, ...], str] = {}
        self._next: dict[str, list[str]] = {}

    @cached_property
    def _graph(self) -> Any:
        return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)

    def digest(self, modules: Iterable[str]) -> str:
        """The hash of the texts of all that the modules reach, and of the versions of the packages beyond."""
        wanted = tuple(sorted(set(modules)))
        if wanted not in self._digests:
            names = sorted(self.reached(wanted))
            self._digests[wanted] = hashed(
                *(f"{n} {self._text(n) if self._is_ours(n) else _version(n)}" for n in names)
            )
        return self._digests[wanted]

    def reached(self, modules: Iterable[str]) -> set[str]:
        """The modules, and all that they reach, ours by full name and others' by their package's."""
        seen: set[str] = set()
        waiting = list(modules)
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            if self._is_ours(name):
                waiting += self._reached_from(name)
        seen |= {p for name in seen for p in _parents(name) if self._is_ours(p)}
        return seen - sys.stdlib_module_names

    def _reached_from(self, module: str) -> list[str]:
        """What one of our modules imports, and what the texts in it name."""
        if module not in self._next:
            source = self._text(module)
            named = _targets(_literals(source)) if _NAMES.search(source) else ()
            imported = self._graph.find_modules_directly_imported_by(module)
            self._next[module] = [*imported, *(self.module_of(t) for t in named)]
        return self._next[module]

    def module_of(self, target: str) -> str:
        """The module that defines what `package.module:name` names, also where a package's file passes it on."""
        place, _, name = target.partition(":")
        if not self._is_package(place):
            return place
        imports = [n for n in ast.walk(ast.parse(self._text(place))) if isinstance(n, ast.ImportFrom)]
        defined = {a.asname or a.name: node.module or place for node in imports for a in node.names}
        return defined.get(name, place)

    def of_task(self, task: Task) -> str:
        """The hash of the code that a task reaches: its probe's, and that of every target among its parameters."""
        targets = [task.probe, *_targets(task.params)]
        return self.digest(["torchcheck.run.execute", *(self.module_of(t) for t in targets)])

    def _is_ours(self, name: str) -> bool:
        return name in self._graph.modules and name.split(".")[0] in PACKAGES

    def _is_package(self, name: str) -> bool:
        return self._is_ours(name) and (self._roots[name.split(".")[0]] / Path(*name.split(".")[1:])).is_dir()

    def _text(self, module: str) -> str:
        """The source of one of our modules."""
        root, *rest = module.split(".")
        place = self._roots[root].joinpath(*rest)
        return (place / "__init__.py" if place.is_dir() else place.with_suffix(".py")).read_text(encoding="utf-8")

    @cached_property
    def _roots(self) -> Mapping[str, Path]:
        specs = {name: importlib.util.find_spec(name) for name in PACKAGES}
        return {name: Path(str(spec.origin)).parent for name, spec in specs.items() if spec}


def machine() -> dict[str, str]:
    """What the numbers of this machine depend on: versions, and the instructions that torch uses."""
    import numpy
    import scipy
    import torch

    versions = {"python": platform.python_version(), "torch": torch.__version__}
    versions |= {"numpy": numpy.__version__, "scipy": scipy.__version__}
    return {**versions, "cpu": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"}


def hashed(*parts: object) -> str:
    """A hash of texts and of what `repr` says of plain data."""
    return hashlib.sha256("\n".join(str(p) for p in parts).encode()).hexdigest()


def package_digest(package: str, *others: str) -> str:
    """The hash of the texts in one of our packages, and of the versions of others."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    texts = sorted(Path(spec.origin).parent.rglob("*.py"))
    return hashed(*(p.read_text(encoding="utf-8") for p in texts), *map(_version, others))


def _targets(value: Any) -> Iterator[str]:
    """Every text of the form `package.module:name` in JSON data."""
    if isinstance(value, str):
        if _TARGET.fullmatch(value):
            yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _targets(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _targets(one)


def _literals(source: str) -> list[str]:
    """The texts that stand whole in quotes in a source."""
    return [n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:k]) for k in range(1, len(parts))]


@cache
def _version(package: str) -> str:
    root = package.split(".")[0]
    for name in _distributions().get(root, [root]):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


@lru_cache(maxsize=1)
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()

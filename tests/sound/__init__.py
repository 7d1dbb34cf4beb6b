"""Subjects as people write them, untyped, with nothing wrong: whatever `check` fails on here is a false alarm."""

import importlib
import pkgutil

#: every class of every file
SUBJECTS = tuple(
    kind
    for module in pkgutil.iter_modules(__path__, "tests.sound.")
    for kind in vars(importlib.import_module(module.name)).values()
    if isinstance(kind, type) and kind.__module__ == module.name and not kind.__name__.startswith("_")
)

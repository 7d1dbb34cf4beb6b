"""What has to be the same on two machines that share a run's tasks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy
import scipy
import torch

import torchcheck


@dataclass(frozen=True)
class Version:
    """The hash of torchcheck's sources, and the versions (without builds such as +cpu) of what it computes with."""

    torchcheck: str
    torch: str
    numpy: str
    scipy: str

    def differences(self, other: Version) -> list[str]:
        """What differs, each in words; [] if nothing."""
        names = [f.name for f in fields(self)]
        return [
            f"{n} {getattr(other, n)} there, {getattr(self, n)} here"
            for n in names
            if getattr(self, n) != getattr(other, n)
        ]


def version() -> Version:
    """That of this process."""
    root = Path(torchcheck.__file__).parent
    sources = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        sources.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return Version(sources.hexdigest()[:16], torch.__version__.split("+")[0], numpy.__version__, scipy.__version__)

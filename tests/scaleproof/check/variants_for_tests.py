"""Variants as a user's file may hold them: sound ones, and those that misbehave in every way; named by tests."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

import torch
from torch import Tensor, nn


class Sound(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.inner(self.norm(x))
        return out


class Loops(Sound):
    def forward(self, x: Tensor) -> Tensor:
        while True:
            print("flood" * 1000)


class Exits(Sound):
    def forward(self, x: Tensor) -> Tensor:
        sys.exit(5)


class Dies(Sound):
    def forward(self, x: Tensor) -> Tensor:
        os._exit(7)


class Crashes(Sound):
    def forward(self, x: Tensor) -> Tensor:
        ctypes.string_at(0)
        return x


class Hungry(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.zeros(10**12)[:1]


class Floods(Sound):
    def forward(self, x: Tensor) -> Tensor:
        print("x" * 10_000_000)
        sys.stderr.write("y" * 10_000_000)
        return super().forward(x)


class Interrupts(Sound):
    def forward(self, x: Tensor) -> Tensor:
        raise KeyboardInterrupt


class Reads(Sound):
    def forward(self, x: Tensor) -> Tensor:
        input("your name? ")
        return x


class Tuples(Sound):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x), {"aux": 1}


class Empty(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x * 1.0


class FailsAtHalf(Sound):
    def forward(self, x: Tensor) -> Tensor:
        if x.dtype == torch.float16:
            raise RuntimeError("no kernel of mine for float16")
        return super().forward(x)


class CudaError(Sound):
    def forward(self, x: Tensor) -> Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


class WrongShape(Sound):
    """A block, by what it makes of wider inputs."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[..., : -1 if x.shape[-1] < 32 else None]


class Pictures(nn.Module):
    """A model of images: needs example_inputs."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.Tanh()) for _ in range(depth)))

    def forward(self, picture: Tensor) -> Tensor:
        out: Tensor = self.blocks(picture)
        return out


def deep_only(width: int, depth: int) -> nn.Module:
    if depth >= 8:
        raise ValueError("depth 8 is one too many")
    return nn.Sequential(*(Sound(width) for _ in range(depth)))


def stuck_at_depth(width: int, depth: int) -> nn.Module:
    while depth >= 8:
        pass
    return nn.Sequential(*(Sound(width) for _ in range(depth)))


def relu(x: Tensor) -> Tensor:
    return x.clamp(min=0)


instance = Sound(16)
number = 3

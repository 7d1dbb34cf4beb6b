"""Which optional packages are installed; without torch, so that planning needs none."""

from __future__ import annotations

import importlib.util


def has_transformers() -> bool:
    """Whether Hugging Face's models can be built here."""
    return importlib.util.find_spec("transformers") is not None


def has_flash_pytorch() -> bool:
    """Whether the PyPI package FLASH-pytorch is installed."""
    return importlib.util.find_spec("flash_pytorch") is not None

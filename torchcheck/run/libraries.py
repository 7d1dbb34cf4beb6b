"""Models of libraries by name, with random weights: nothing is downloaded.

`hf:NAME` is a folder with a config.json, a model type of transformers ("gpt2"), or a name in the local cache of
Hugging Face; `hf-tiny:NAME` the same of any width and depth. `timm:NAME` and `torchvision:NAME` are what those create.
torch is not imported before a model is made: the command line reads SCHEMES.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


class LibraryError(Exception):
    """The library is not installed, or has no such model."""


@dataclass(frozen=True)
class LibraryModel:
    """A factory of one model; called with options of its configuration."""

    name: str
    make: Callable[..., nn.Module]

    def __call__(self, **options: Any) -> nn.Module:
        return self.make(**options)


@dataclass(frozen=True)
class SizedModel:
    """A factory of one model at any width and number of layers."""

    name: str
    make: Callable[..., nn.Module]

    def __call__(self, width: int = 128, layers: int = 2, **options: Any) -> nn.Module:
        return self.make(width=width, layers=layers, **options)


def hugging_face(name: str) -> LibraryModel:
    """The model of a configuration, as large as that says."""
    _config(name)
    return LibraryModel(name, lambda **options: _build(name, options))


def hugging_face_tiny(name: str) -> SizedModel:
    """The model of a configuration, at the width and number of layers that are asked, with a small vocabulary."""
    config = _config(name)

    def make(width: int, layers: int, **options: Any) -> nn.Module:
        heads = math.gcd(width, max(1, width // 64))
        sizes = {
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_decoder_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": heads,
            "head_dim": width // heads,
            "intermediate_size": 4 * width,
            "n_inner": 4 * width,
            "d_ff": 4 * width,
            "vocab_size": 256,
            "pad_token_id": 0,
            "bos_token_id": 0,
            "eos_token_id": 0,
        }
        return _build(name, {k: v for k, v in sizes.items() if getattr(config, k, None) is not None} | options)

    return SizedModel(name, make)


def _config(name: str) -> Any:
    """A configuration of its own, from a folder, a model type, or the local cache; raises LibraryError."""
    hf = _import("transformers", "hf:")
    types = hf.models.auto.configuration_auto.CONFIG_MAPPING
    try:
        if name in types and not Path(name).exists():
            return types[name]()
        return hf.AutoConfig.from_pretrained(name, local_files_only=True)
    except (OSError, ValueError) as error:
        raise LibraryError(
            f"'{name}' is no folder with a config.json, no model type of transformers, and not in its local cache: "
            f"{str(error).splitlines()[0]}"
        ) from error


def _build(name: str, options: Mapping[str, Any]) -> nn.Module:
    hf = _import("transformers", "hf:")
    config = _config(name)
    for key, value in options.items():
        if not hasattr(config, key):
            raise LibraryError(f"the configuration of '{name}' has no '{key}'")
        setattr(config, key, value)
    architecture = next(iter(getattr(config, "architectures", None) or ()), "")
    made: nn.Module = (
        getattr(hf, architecture)(config) if hasattr(hf, architecture) else hf.AutoModel.from_config(config)
    )
    return made


def timm(name: str) -> LibraryModel:
    package = _import("timm", "timm:")
    if not package.is_model(name):
        near = ", ".join(package.list_models(f"*{name[:6]}*")[:5])
        raise LibraryError(f"timm has no model '{name}'" + (f"; it has: {near}" if near else ""))
    return LibraryModel(name, lambda **options: package.create_model(name, pretrained=False, **options))


def torchvision(name: str) -> LibraryModel:
    package = _import("torchvision", "torchvision:")
    if name not in package.models.list_models():
        near = ", ".join(package.models.list_models(include=f"*{name[:4]}*")[:5])
        raise LibraryError(f"torchvision has no model '{name}'" + (f"; it has: {near}" if near else ""))
    return LibraryModel(name, lambda **options: package.models.get_model(name, weights=None, **options))


def _import(package: str, scheme: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise LibraryError(f"subjects {scheme}NAME need the package {package}: pip install {package}") from error
    except Exception as error:  # a build for another torch, say
        raise LibraryError(f"the package {package} cannot be imported: {error}") from error


#: how a subject's name begins -> what finds the rest of it
SCHEMES: Mapping[str, Callable[[str], LibraryModel | SizedModel]] = {
    "hf": hugging_face,
    "hf-tiny": hugging_face_tiny,
    "timm": timm,
    "torchvision": torchvision,
}

"""The machine and the versions that a record names, and what a missing tool switches off."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
from dataclasses import dataclass

import psutil

from scaleproof.reporting.record import Environment
from torchcheck.run.machine import cores

PACKAGES = (
    "scaleproof",
    "torch",
    "numpy",
    "scipy",
    "python-flint",
    "mpmath",
    "sympy",
    "z3-solver",
    "matplotlib",
    "pytorch-optimizer",
)


@dataclass(frozen=True)
class Tool:
    """One line of `scaleproof doctor`."""

    name: str
    found: str
    switches_off: str


def environment() -> Environment:
    """What this process runs on."""
    import torch

    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=_cpu(),
        cores=cores(),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        torch=torch.__version__,
        cuda=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        packages={name: _version(name) for name in PACKAGES},
    )


def tools() -> list[Tool]:
    """Optional things, whether they are here, and what does not work without."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    browser = shutil.which("chromium") or shutil.which("google-chrome") or ""
    compiler = shutil.which("g++") or shutil.which("clang++") or shutil.which("c++") or ""
    return [
        Tool("CUDA device", gpu, "legs on --device cuda are inconclusive"),
        Tool("C++ compiler", compiler, "torch.compile legs of squareplus.speed are inconclusive"),
        Tool("pandoc", _pandoc(), "HTML and PDF reports"),
        Tool("typst", _version("typst"), "PDF reports"),
        Tool("chromium", browser, "the slow test that opens the HTML report in a browser"),
        Tool("transformers", _version("transformers"), "Hugging Face models beside the deepnet claims"),
        Tool("sollya", shutil.which("sollya") or "", "the benchmark against Sollya's infnorm"),
        Tool(
            "coqc", shutil.which("coqc") or "", "make proofs: the theorems of proofs/*.v are those that were published"
        ),
    ]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _pandoc() -> str:
    try:
        import pypandoc

        return str(pypandoc.get_pandoc_version())
    except (ImportError, OSError):
        return ""


def _cpu() -> str:
    if sys.platform == "linux":
        try:
            with open("/proc/cpuinfo", encoding="utf-8") as file:
                for line in file:
                    if line.startswith("model name"):
                        return line.split(":", 1)[1].strip()
        except OSError:
            pass
    return platform.processor() or platform.machine()

"""Checks sound subjects at fresh seeds and writes docs/false-alarms.md: python benchmarks/false_alarms.py

Everyday code of tests/sound, torch's own, and Hugging Face's at two layers, each at the same small sizes.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.progress import track

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "false-alarms.md"
SIZES = {"width": 32, "seq_len": 12, "depths": (2, 4, 8, 16)}
TORCH = (
    "torch.nn:GELU torch.nn:SiLU torch.nn:ELU torch.nn:Softplus torch.nn:Tanh torch.nn:Hardswish torch.nn:Mish "
    "torch.nn:CrossEntropyLoss torch.nn:BCEWithLogitsLoss torch.nn:MSELoss torch.nn:SmoothL1Loss torch.nn:HuberLoss "
    "torch.nn:L1Loss torch.nn:MultiMarginLoss torch.nn:TripletMarginLoss torch.nn:CosineEmbeddingLoss "
    "torch.optim:SGD torch.optim:Adam torch.optim:AdamW torch.optim:NAdam torch.optim:RAdam torch.optim:Adagrad "
    "torch.optim:Adamax torch.optim:Adadelta torch.optim:RMSprop torch.optim:Rprop torch.optim:ASGD"
).split()
MODELS = ("hf-tiny:gpt2", "hf-tiny:bert", "hf-tiny:llama", "hf-tiny:opt", "hf-tiny:t5")
#: properties that are timings: what they give is no property of the subject alone
TIMED = ("step-cost", "cost-time")


def checked(name: str, subject: Any, seed: int) -> tuple[str, str, tuple[str, ...]]:
    """The subject's name and kind, and what failed or could not be asked of it at this seed."""
    from torchcheck import check
    from torchcheck.properties.registry import REGISTRY

    torch.set_num_threads(1)
    timed = {n for kind in REGISTRY.values() for n in kind.properties if n in TIMED}
    result = check(subject, seed=seed, skip=sorted(timed), shared=timed, **SIZES)
    return name, result.kind, tuple(f.name for f in result if f.status in ("failed", "error"))


def table(
    kinds: dict[str, str], times: Counter[str], alarms: dict[str, Counter[str]], seconds: float, options: str
) -> str:
    """The page: totals, and a line for every subject."""
    total, false = sum(times.values()), sum(a["checks"] for a in alarms.values())
    lines = [
        "# False alarms",
        "",
        f"{total} checks of {len(times)} sound subjects, each at a seed of its own; {false} gave a false alarm.",
        f"`python benchmarks/false_alarms.py {options}`, {seconds / 60:.0f} minutes on {os.cpu_count()} cores",
        f"({platform.machine()}), torch {torch.__version__}, {datetime.now(UTC):%Y-%m-%d}.",
        f"Sizes: width {SIZES['width']}, {SIZES['seq_len']} tokens, depths 2 to 16; timings are left out.",
        "",
        "| subject | kind | checks | false alarms |",
        "|---|---|---|---|",
    ]
    for name in times:
        what = ", ".join(f"{n} ({k})" for n, k in alarms[name].items() if n != "checks")
        lines.append(f"| {name} | {kinds[name]} | {times[name]} | {alarms[name]['checks']} {what} |")
    return "\n".join(lines) + "\n"


def main(
    checks: Annotated[int, typer.Option(min=1, help="Checks in all.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
    minutes: Annotated[float, typer.Option(help="Stop then, and report what was done.")] = 600.0,
) -> None:
    """Checks every subject in turn until there were so many."""
    sys.path.insert(0, str(ROOT))  # and so of the processes to come
    from tests.sound import SUBJECTS

    options = f"--checks {checks} --seed {seed} --jobs {jobs} --minutes {minutes:g}"
    subjects = {f"{s.__module__}:{s.__name__}": s for s in SUBJECTS} | {n: n for n in (*TORCH, *MODELS)}
    names = [*subjects]
    kinds: dict[str, str] = {}
    times: Counter[str] = Counter(dict.fromkeys(names, 0))
    alarms: dict[str, Counter[str]] = {n: Counter() for n in names}
    began = time.monotonic()
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        order = ((names[k % len(names)], seed + k // len(names)) for k in range(checks))
        plan = [pool.submit(checked, name, subjects[name], at) for name, at in order]
        for done in track(as_completed(plan), "checks", total=checks):
            name, kinds[name], bad = done.result()
            times[name] += 1
            alarms[name].update(dict.fromkeys(bad, 1) | ({"checks": 1} if bad else {}))
            if bad:
                print(name, *bad, flush=True)
            if time.monotonic() - began > 60 * minutes:
                pool.shutdown(wait=False, cancel_futures=True)
                break  # nobody tells as_completed of those that were cancelled
    TARGET.write_text(table(kinds, +times, alarms, time.monotonic() - began, options), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)

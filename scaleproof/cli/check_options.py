"""The options of `scaleproof check`, and what their texts mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from scaleproof.cli.common import fail
from scaleproof.cli.configuration import from_project
from torchcheck.run.libraries import SCHEMES

if TYPE_CHECKING:
    from torchcheck.properties.finding import Threshold


KindName = Literal["activation", "block", "layer", "attention", "optimizer", "loss", "model"]
OptimizerName = Literal["sgd", "adam", "lamb"]

SubjectName = Annotated[
    str,
    typer.Argument(
        is_eager=True,
        callback=from_project,
        help="file.py:Name or package.module:Name: a class, a factory f(width), f(width, depth) or f(depth), "
        "or an instance; or hf:NAME (a config's folder, or a type such as gpt2), hf-tiny:NAME, timm:NAME, "
        "torchvision:NAME, with random weights; or a .yaml or .json file with _target_ and its arguments.",
    ),
]
KindOption = Annotated[KindName | None, typer.Option(help="Inferred from the signature where that is clear.")]
Depths = Annotated[str, typer.Option(help="Powers of two FIRST:LAST, or numbers 2,8,32.")]
Widths = Annotated[
    str, typer.Option(help="Widths at which layers' sizes and updates are compared, as muP does, such as 64:512.")
]
Compile = Annotated[
    bool, typer.Option("--compile", help="Compile and export it as well, and compare; takes a minute or more.")
]
Width = Annotated[int, typer.Option(min=1, help="Features of a block, attention or model.")]
SeqLen = Annotated[int, typer.Option(min=1, help="Tokens of a sequence.")]
Batch = Annotated[int, typer.Option(min=1, help="Sequences of a batch.")]
Optimizer = Annotated[OptimizerName, typer.Option(help="Whose first update is judged.")]
Rate = Annotated[float, typer.Option(help="Learning rate asked about by first-lr; 0: the optimizer's usual one.")]
Dtypes = Annotated[str, typer.Option(help="Comma-separated dtypes for accuracy and overflow.")]
Seeds = Annotated[int, typer.Option(min=2, help="Random networks a depth, at most.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of every random draw.")]
Causal = Annotated[
    bool | None, typer.Option("--causal/--no-causal", help="Must it not see the future? Told from the layer otherwise.")
]
SetOptions = Annotated[
    list[str] | None,
    typer.Option("--set", help="NAME=VALUE for the class or factory; JSON values. Repeatable.", metavar="NAME=VALUE"),
]
Thresholds = Annotated[
    list[str] | None, typer.Option(help="PROPERTY=LO:HI, either side may be empty; repeatable.", metavar="NAME=LO:HI")
]
Select = Annotated[
    list[str] | None, typer.Option(help="A property or group to ask, all without. Repeatable.", metavar="NAME")
]
Skip = Annotated[list[str] | None, typer.Option(help="A property or group to leave out. Repeatable.", metavar="NAME")]
Suppress = Annotated[
    list[str] | None,
    typer.Option(help="A property or group whose failure is known, and why. Repeatable.", metavar="NAME=REASON"),
]
Strict = Annotated[bool, typer.Option("--strict", help="What stays undecided, or a question, ends with exit code 4.")]
Suggest = Annotated[
    bool,
    typer.Option(
        "--suggest",
        help="Find residual weight, init gain, learning rates that make it stable in depth, with --widths in width.",
    ),
]
Seconds = Annotated[
    float, typer.Option(min=0.1, help="Seconds for the whole check; what is undecided then is inconclusive.")
]
StepLimit = Annotated[float, typer.Option(min=0.1, help="Seconds for one step (one network, say); then it is stopped.")]
Memory = Annotated[
    float, typer.Option(min=0.0, help="GiB that a process of the subject may take; 0: its share of what is free.")
]
Jobs = Annotated[int, typer.Option(min=0, help="Processes; 0: one a core.")]
BaselineFile = Annotated[Path | None, typer.Option(help="Compare with this file.")]
Against = Annotated[
    str | None,
    typer.Option(help="Another version, named like the subject: where they part, and every property beside it."),
]
UpdateBaseline = Annotated[bool, typer.Option("--update-baseline", help="Write the file of --baseline instead.")]
ReportFolder = Annotated[Path | None, typer.Option(help="Write check.json, .md, .html and .pdf into this folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout, nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print what failed, regressed or is open only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print every property with its value.")]
JUnitFile = Annotated[Path | None, typer.Option("--junit", help="Write the result as JUnit XML into this file.")]
SarifFile = Annotated[Path | None, typer.Option("--sarif", help="Write what failed as SARIF 2.1.0 into this file.")]
GitHub = Annotated[bool, typer.Option("--github", help="Print what failed as annotations of GitHub Actions.")]
Reproduce = Annotated[
    Path | None, typer.Option(help="Write into this folder, for each failure, a Python file that shows it again.")
]


@dataclass(frozen=True)
class Limits:
    """What a check may take: seconds in all and a step, bytes a process, and processes."""

    seconds: float
    step: float
    memory: int
    workers: int

    @classmethod
    def of(cls, seconds: float, step: float, memory: float, jobs: int) -> Limits:
        """From the options: `memory` in GiB, 0 for a share of what is free, `jobs` 0 for one a core."""
        from torchcheck.run.machine import cores

        workers = jobs or cores()
        share = int(memory * 2**30) or _free_memory() // workers
        return cls(max(0.1, seconds), min(step, seconds), share, workers)


def sizes_of(text: str, option: str) -> tuple[int, ...]:
    """2:256 as powers of two, or a list of numbers."""
    try:
        if ":" in text:
            first, last = (int(part) for part in text.split(":"))
            sizes, depth = [], first
            while 0 < depth <= last:
                sizes.append(depth)
                depth *= 2
        else:
            sizes = sorted({int(part) for part in text.split(",")})
    except ValueError:
        sizes = []
    if not sizes or sizes[0] < 1 or sizes[-1] > 10_000:
        fail(f"{option} is FIRST:LAST, such as 2:256, or numbers such as 2,8,32 (1 to 10000), not '{text}'")
    return tuple(sizes)


def options_of(texts: list[str]) -> dict[str, Any]:
    import json

    by_name: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            fail(f"--set is NAME=VALUE, not '{text}'")
        try:
            by_name[name] = json.loads(value)
        except ValueError:
            by_name[name] = value
    return by_name


def thresholds_of(texts: list[str]) -> dict[str, Threshold]:
    from torchcheck.properties.finding import Threshold

    by_name = {}
    for text in texts:
        name, equals, value = text.partition("=")
        lo, colon, hi = value.partition(":")
        try:
            bounds = (float(lo) if lo else float("-inf"), float(hi) if hi else float("inf"))
        except ValueError:
            equals = ""
            bounds = (0.0, 0.0)
        if not equals or not colon or not bounds[0] <= bounds[1]:
            fail(f"--threshold is PROPERTY=LO:HI, such as increment=:0.5, not '{text}'")
        by_name[name] = Threshold(*bounds)
    return by_name


@dataclass(frozen=True)
class Place:
    """The subject's full name, and the folders that its imports are looked up in."""

    target: str
    folders: tuple[str, ...]


def place_of(subject: str) -> Place:
    """Where a subject is that was named on the command line; ends the command where there is none."""
    place, colon, name = subject.rpartition(":")
    if not colon or not place or not name:
        fail(f"'{subject}' names no subject: write file.py:Name, package.module:Name, or hf:NAME")
    if place in SCHEMES:
        return Place(f"{place}:{Path(name).resolve()}" if Path(name).is_dir() else subject, (str(Path.cwd()),))
    if place.endswith(".py"):
        path = Path(place).resolve()
        if not path.is_file():
            fail(f"no such file: {place}")
        return Place(f"{path}:{name}", (str(path.parent),))
    if Path(place).is_file() or "/" in place:
        fail(f"{place} is no Python file: write file.py:Name or package.module:Name")
    return Place(subject, (str(Path.cwd()),))


def reasons_of(texts: list[str]) -> dict[str, str]:
    """--suppress NAME=REASON."""
    by_name = {}
    for text in texts:
        name, _, reason = text.partition("=")
        if not name or not reason.strip():
            fail(f"--suppress is NAME=REASON, such as leak='sees both sides by design', not '{text}'")
        by_name[name] = reason.strip()
    return by_name


def _free_memory() -> int:
    import psutil

    return int(psutil.virtual_memory().available * 0.8)

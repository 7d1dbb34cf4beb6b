"""Seeded faults and sound subjects before `scaleproof check` and its peers, side by side; writes docs/detection.md.

Every peer gets the same built subject, inputs, loss and optimizer; `check` gets the class and builds its own. Each is
called as its documentation says, the same calls for every subject of a kind: python benchmarks/detection.py
(pip install -e '.[peers]'; a peer that is missing is left out, by name). pytest-torch 1.1: inference contract, layouts,
finite gradients, gradients of all parameters, a falling loss, and gradcheck for losses and activations. torchtest2 0.1:
check_model with gradcheck. torch-audit 0.3: audit_dynamic over five steps, findings of severity ERROR.
"""

from __future__ import annotations

import copy
import platform
import statistics
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional as F

from tests.faults import FAULTS, SeededFault
from tests.faults.attention import Cached, CausalAttention
from tests.faults.blocks import NormedFeedForward
from tests.faults.losses import DistillLoss, FocalLoss, Huber
from tests.faults.models import Decoder
from tests.faults.optimizers import Plain, SlowWeights, adam
from tests.faults.state import Attention, Block, ScaledDecoder
from torchcheck import check
from torchcheck.modules import SquarePlus, multilabel_loss
from torchcheck.properties.loss.inputs import function_of, inputs_of
from torchcheck.properties.optimizer.problem import make
from torchcheck.properties.subject.variant import CheckSettings, Loaded, build

TARGET = Path(__file__).parent.parent / "docs" / "detection.md"
PEERS = ("pytest-torch", "torchtest2", "torch-audit")
SIZES: dict[str, dict[str, Any]] = {
    "block": {"width": 32, "seq_len": 8, "depths": (2, 4, 8, 16, 32, 64)},
    "model": {"width": 32, "seq_len": 8, "depths": (2, 4, 8, 16, 32)},
    "attention": {"width": 32, "seq_len": 12},
}


def _encoder(norm_first: bool) -> Callable[[int], nn.Module]:
    return lambda width: nn.TransformerEncoderLayer(width, 4, 2 * width, batch_first=True, norm_first=norm_first)


SOUND: tuple[tuple[str, str, Any], ...] = (
    *((k.__name__, "activation", k) for k in (nn.GELU, nn.SiLU, nn.Mish, nn.Tanh, nn.ELU, SquarePlus)),
    *((k.__name__, "loss", k) for k in (nn.CrossEntropyLoss, nn.BCEWithLogitsLoss, nn.MSELoss, nn.CosineEmbeddingLoss)),
    ("multilabel_loss", "loss", multilabel_loss),
    *((k.__name__, "optimizer", k) for k in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam)),
    *((k.__name__, "optimizer", k) for k in (torch.optim.RMSprop, Plain)),
    ("Adam, everyday", "optimizer", adam()),
    ("Lookahead", "optimizer", SlowWeights),
    *((k.__name__, "loss", k) for k in (Huber, DistillLoss, FocalLoss)),
    ("Attention", "attention", Attention),
    ("Block", "block", Block),
    ("ScaledDecoder", "model", ScaledDecoder),
    *((k.__name__, "attention", k) for k in (CausalAttention, Cached)),
    ("MultiheadAttention", "attention", lambda width: nn.MultiheadAttention(width, 4, batch_first=True)),
    ("NormedFeedForward", "block", NormedFeedForward),
    ("TransformerEncoderLayer, pre-norm", "block", _encoder(norm_first=True)),
    ("TransformerEncoderLayer, post-norm", "block", _encoder(norm_first=False)),
    ("Decoder", "model", Decoder),
)


@dataclass
class Setup:
    """What every tool is given: a module, one batch of inputs and targets, a loss, and the optimizer's factory."""

    kind: str
    model: nn.Module
    inputs: Tensor
    targets: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: Callable[[Any], torch.optim.Optimizer] = field(default=lambda params: torch.optim.Adam(params, lr=1e-3))


def setup(subject: Any, kind: str, options: dict[str, Any]) -> Setup:
    """One batch of eight, whatever the kind: the subject alone, or inside a small network."""
    sizes = {k: v for k, v in {**SIZES.get(kind, {}), **options}.items() if k in vars(CheckSettings())}
    settings = CheckSettings(**{k: tuple(v) if k == "depths" else v for k, v in sizes.items()})
    loaded = Loaded(subject, kind, "", {}, None, None)
    torch.manual_seed(0)
    vectors, numbers = torch.randn(8, 16), torch.randn(8, 8)
    network = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 8))
    if kind == "activation":
        function = build(loaded, 32, None, 0) if isinstance(subject, type) else subject
        layers = nn.Sequential(nn.Linear(16, 32), _Applied(function), nn.Linear(32, 8))
        return Setup(kind, layers, vectors, numbers, F.mse_loss)
    if kind == "optimizer":
        return Setup(kind, network, vectors, numbers, F.mse_loss, lambda params: make(loaded, list(params)))
    if kind == "loss":
        (_, targets), _ = inputs_of(loaded, settings, 0)
        count = len(targets)
        targets = targets.float() if targets.is_floating_point() else targets
        return Setup(kind, network, torch.randn(count, 16), targets, function_of(loaded, settings))
    depth = 2 if kind == "model" else None
    module = build(loaded, settings.width, depth, 0)
    tokens = torch.randn(8, settings.seq_len, settings.width)
    embedding = next((m for m in module.modules() if isinstance(m, nn.Embedding)), None)
    if kind == "model" and embedding is not None:
        tokens = torch.randint(embedding.num_embeddings, tokens.shape[:2])
    called = _Thrice(module) if isinstance(module, nn.MultiheadAttention) else _First(module)
    with torch.no_grad():
        shape = called(tokens).shape
    return Setup(kind, called, tokens, torch.randn(shape), F.mse_loss)


class _Applied(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.function(x)
        return out


class _First(nn.Module):
    """The first of what a module returns."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        out = self.inner(x)
        return out[0] if isinstance(out, tuple) else out


class _Thrice(_First):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x, x, x)[0]
        return out


def ours(subject: Any, kind: str, options: dict[str, Any], named: tuple[str, ...]) -> tuple[bool, bool]:
    """Whether `check` fails the subject, and whether by a property that names the fault."""
    result = check(subject, kind, **{**SIZES.get(kind, {}), **options})
    failed = {f.name for f in result.failed}
    return bool(failed), bool(failed & set(named))


def pytest_torch(s: Setup) -> bool:
    import pytest_torch as tool

    def loss(output: Tensor) -> Tensor:
        return s.loss(output, s.targets)

    def doubled(x: Tensor) -> Tensor:
        return s.loss(copy.deepcopy(s.model).double()(x), s.targets)

    calls: list[Callable[[], Any]] = [
        lambda: tool.check_inference_contract(s.model.eval(), s.inputs),
        lambda: tool.assert_layout_invariant(s.model.eval(), s.inputs),
        lambda: tool.assert_gradients_finite(s.model.train(), s.inputs, loss),
        lambda: tool.assert_all_params_receive_grad(s.model.train(), s.inputs, loss),
        lambda: tool.assert_loss_decreases(s.model.train(), s.inputs, loss, steps=100, optimizer=s.optimizer),
    ]
    if s.kind in ("loss", "activation"):
        calls.append(lambda: tool.assert_gradcheck(doubled, s.inputs))
    return any(_raises(call) for call in calls)


def torchtest2(s: Setup) -> bool:
    import torchtest2 as tool

    optimizer = s.optimizer(s.model.parameters())
    report = tool.check_model(s.model, s.inputs, s.targets, loss_fn=s.loss, optimizer=optimizer, gradcheck=True)
    return bool(report.failures)


def torch_audit(s: Setup) -> bool:
    from torch_audit import audit_dynamic
    from torch_audit.core import Severity

    optimizer = s.optimizer(s.model.parameters())
    with audit_dynamic(s.model, optimizer=optimizer, every_n_steps=1, reporters=[]) as auditor:
        for _ in range(5):
            optimizer.zero_grad(set_to_none=True)
            auditor.backward(s.loss(auditor.forward(s.inputs), s.targets))
            auditor.optimizer_step()
    return any(f.severity >= Severity.ERROR for f in auditor.finish(report=False).findings)


TOOLS: dict[str, Callable[[Setup], bool]] = dict(zip(PEERS, (pytest_torch, torchtest2, torch_audit), strict=True))


def _raises(call: Callable[[], Any]) -> bool:
    try:
        call()
    except BaseException as error:
        return type(error).__name__ != "Skipped"
    return False


@dataclass
class Seen:
    """What a tool made of one subject; an error of the subject under a tool's calls counts as flagged."""

    flagged: bool
    to_the_point: bool
    seconds: float


def look(tool: str, subject: Any, kind: str, options: dict[str, Any], named: tuple[str, ...]) -> Seen:
    torch.manual_seed(0)
    start = time.perf_counter()
    point = False
    try:
        if tool == "scaleproof":
            flagged, point = ours(subject, kind, options, named)
        else:
            flagged = TOOLS[tool](copy.deepcopy(setup(subject, kind, options)))
    except Exception:
        flagged = True
    return Seen(flagged, point, time.perf_counter() - start)


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    tools, missing = ["scaleproof"], []
    for peer in PEERS:
        try:
            version(peer)
            tools.append(peer)
        except PackageNotFoundError:
            missing.append(peer)
    faults: list[tuple[SeededFault, dict[str, Seen]]] = []
    # what only --widths sees is no fault at the one width that all tools are given
    for fault in track([f for f in FAULTS if "widths" not in f.options], description="faults"):
        seen = {t: look(t, fault.subject, fault.kind, fault.options, fault.noticed_by) for t in tools}
        faults.append((fault, seen))
    sound = [(n, {t: look(t, s, k, {}, ()) for t in tools}) for n, k, s in track(SOUND, description="sound subjects")]
    TARGET.write_text(page(tools, missing, faults, sound), encoding="utf-8")


def page(
    tools: list[str],
    missing: list[str],
    faults: list[tuple[SeededFault, dict[str, Seen]]],
    sound: list[tuple[str, dict[str, Seen]]],
) -> str:
    """The page, in Markdown."""
    kinds: dict[str, int] = defaultdict(int)
    for fault, _ in faults:
        kinds[fault.kind] += 1
    lines = [
        "# Detection, side by side",
        "",
        "Made by `python benchmarks/detection.py`, whose first lines say how each tool is called: the same calls",
        f"for every subject of a kind. {len(faults)} variants with one seeded fault each (`tests/faults/`: written",
        f"here, so that this project plays at home) and {len(sound)} sound subjects. Peers were made for other ends as",
        "well (deployment, training loops, checkpoints), which are not looked at here.",
        "",
        f"torch {torch.__version__}, {platform.python_implementation()} {platform.python_version()}, one thread"
        + (f"; not installed: {', '.join(missing)}" if missing else ""),
        "",
        f"| tool | faults flagged | {' | '.join(f'{k} ({n})' for k, n in kinds.items())} | sound, failed | median s |",
        "|:--|--:|" + "--:|" * len(kinds) + "--:|--:|",
    ]
    for tool in tools:
        flagged = [f for f, seen in faults if seen[tool].flagged]
        per = [str(sum(f.kind == k for f in flagged)) for k in kinds]
        alarms = [n for n, seen in sound if seen[tool].flagged]
        seconds = statistics.median(seen[tool].seconds for _, seen in faults)
        point = sum(seen[tool].to_the_point for _, seen in faults)
        count = f"{len(flagged)} ({point} to the point)" if tool == "scaleproof" else str(len(flagged))
        name = f"{tool} {version(tool)}" if tool != "scaleproof" else tool
        lines.append(f"| {name} | {count} | {' | '.join(per)} | {len(alarms)} of {len(sound)} | {seconds:.1f} |")
    lines += [
        "",
        "To the point: a property that names the fault fails. Of peers only whether anything failed counts.",
        "",
    ]
    lines += ["## Sound subjects that were failed", ""]
    for tool in tools:
        alarms = [n for n, seen in sound if seen[tool].flagged]
        lines.append(f"- {tool}: {', '.join(alarms) or 'none'}")
    lines += ["", "## Faults that a peer flags and `check` does not", ""]
    ours_missed = [
        f"- {f.words} ({f.kind}): {', '.join(t for t in tools if s[t].flagged)}"
        for f, s in faults
        if not s["scaleproof"].flagged and any(x.flagged for x in s.values())
    ]
    lines += ours_missed or ["None."]
    nobody = [f"{f.words} ({f.kind})" for f, s in faults if not any(x.flagged for x in s.values())]
    lines += ["", f"Flagged by none: {'; '.join(nobody) or 'none'}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()

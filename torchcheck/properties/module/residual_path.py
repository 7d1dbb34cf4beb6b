"""The residual path of a block: does its input reach its output as it is, or only through a norm?"""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck.data import Measurement
from torchcheck.properties.finding import Property, Question, Threshold
from torchcheck.properties.module.modes import exact
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import call, network, subject_of, tensor_of
from torchcheck.properties.subject.kinds import lineage
from torchcheck.properties.subject.signatures import needed_of
from torchcheck.properties.subject.training_mode import trained, with_dropout
from torchcheck.properties.subject.variant import CheckSettings, Loaded
from torchcheck.run.subjects import find_device

#: a stream of this share of the input is one; what only grows more slowly than the input has none
KEPT = 0.1
#: of independent vectors the coefficient is about 1/sqrt(width): more than this is a residual path
HELD = 0.5
#: how a block's author says that the norm comes first
SAID = re.compile(r"pre[-_ ]?(norm|ln|layer_?norm)", re.IGNORECASE)
FLAGS = ("norm_first", "pre_norm", "prenorm", "pre_layer_norm", "normalize_before")
#: size of the input that no branch behind a norm keeps up with
LARGE = 1e4
#: examples, of which half are dropped where any is
EXAMPLES = 32
#: modules that say they are DeepNorm's (arXiv:2203.00555, sec. 4.1), and what they call its alpha
SAYS_DEEPNORM, ALPHA = re.compile(r"deep_?norm", re.IGNORECASE), re.compile(r"alpha$")


def _identity_steps(_settings: CheckSettings, _description: Description) -> list[Step]:
    return [Step(identity, ("identity-path",)), Step(stream_kept, ("stream-kept",))]


def _deepnorm_steps(settings: CheckSettings, description: Description) -> list[Step]:
    return [Step(deepnorm, ("deepnorm",), {"depth": description.depth(settings)})]


def identity(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Coefficients of x, and of x normalised, in a block's output for x as large as LARGE.

    Without a word of the author that it is pre-norm, a residual that carries the normalised stream is a question:
    BLOOM's `apply_residual_connection_post_layernorm` means it.
    """
    model, x, dtype = exact(loaded, settings, None)
    measured = partial(Measurement, "identity-path", device=settings.device, dtype=str(dtype).split(".")[1])
    if not isinstance(x, Tensor) or not x.is_floating_point() or x.dim() < 2:
        return [measured(None, note="its input is not a tensor of numbers")]
    large = LARGE * x
    with torch.no_grad():
        y = tensor_of(call(model, large))
    if y.shape != x.shape or not bool(y.isfinite().all()):
        return [measured(None, note="its output is no stream of its input's shape")]
    held = abs(_coefficient(y, large))
    if held >= KEPT:
        return [measured(held)]
    normed = [F.layer_norm(x, x.shape[-1:]), F.rms_norm(x, x.shape[-1:])]
    carried = max(_coefficient(y, n) for n in normed)
    said = _said(loaded, subject_of(model))
    if carried < HELD:
        return [measured(None, note="it has no residual path" + (f", though {said}" if said else ""))]
    if said:
        return [measured(held, witness=f"{said}, and its output holds the input after a norm")]
    if _normalised(y):
        return [measured(None, note="it ends in a norm")]
    note = "the residual carries the input after a norm; if that is meant, --skip identity-path"
    return [Question.of(measured(None, note=note))]


def stream_kept(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Examples of which train mode, at a drop rate of one half, leaves nothing."""
    measured = partial(Measurement, "stream-kept", device=settings.device, dtype="float32", unit="examples")
    model, x = network(loaded, replace(settings, batch=EXAMPLES), None, 0)
    if not isinstance(x, Tensor) or not x.is_floating_point():
        return [measured(None, note="its input is not a tensor of numbers")]
    where = find_device(settings.device)
    model, x = with_dropout(model, 0.5).to(where), x.to(where)
    with torch.no_grad():
        out, other = (trained(model, x, seed) for seed in range(2))
    if torch.equal(out, other) or out.shape != x.shape:
        return [measured(None, note="nothing in it is random, or its output is no stream")]
    lost = int((out == 0).flatten(1).all(1).sum())
    return [measured(float(lost), samples=EXAMPLES)]


def deepnorm(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """Every module called DeepNorm that keeps an alpha, at 100 times that: of x, or of x and a branch's output."""
    model, _, dtype = exact(loaded, settings, depth)
    measured = partial(Measurement, "deepnorm", device=settings.device, dtype=str(dtype).split(".")[1])
    generator = torch.Generator().manual_seed(settings.seed)
    shape = (2, settings.seq_len, settings.width)
    given = [torch.randn(shape, generator=generator).to(find_device(settings.device), dtype) for _ in range(2)]
    shares: dict[str, float] = {}
    for name, module in model.named_modules():
        parts = [m for m in module.modules() if SAYS_DEEPNORM.search(type(m).__name__)]
        if parts != [module] or not _weigh(module, 100.0):
            continue
        try:
            with torch.no_grad():
                y = tensor_of(module(*given[: len(needed_of(module.forward))]))
        except (RuntimeError, TypeError):  # it takes something else
            continue
        shares[name] = _coefficient(y, F.layer_norm(given[0], shape[-1:]))
    if not shares:
        return [measured(None, note="no module in it is called DeepNorm and keeps an alpha")]
    worst = min(shares, key=lambda n: shares[n])
    return [measured(shares[worst], witness=worst if shares[worst] < 1 else "", samples=len(shares))]


def _weigh(module: nn.Module, factor: float) -> bool:
    """Multiplies what a module calls its alpha; False where it has none."""
    numbers = [n for n, v in vars(module).items() if ALPHA.search(n) and isinstance(v, int | float)]
    held = [p for n, p in module.named_parameters(recurse=False) if ALPHA.search(n) and p.numel() == 1]
    for name in numbers:
        setattr(module, name, factor * getattr(module, name))
    with torch.no_grad():
        for p in held:
            p.mul_(factor)
    return bool(numbers or held)


def _coefficient(y: Tensor, x: Tensor) -> float:
    """Of x in y, by least squares over all entries."""
    return float((y * x).sum() / x.square().sum())


def _normalised(y: Tensor) -> bool:
    """Whether every token has the same RMS."""
    sizes = y.square().mean(-1)
    return bool((sizes.max() - sizes.min()) <= 1e-3 * sizes.mean())


def _said(loaded: Loaded, module: nn.Module) -> str:
    """How its author says that the norm comes first; empty where nobody says so, or both are spoken of."""
    for flag in FLAGS:
        value = getattr(module, flag, None)
        if isinstance(value, bool):
            return f"its {flag} is True" if value else ""
    text = (inspect.getdoc(loaded.subject) or "").split("\n\n")[0] if loaded.subject.__doc__ else ""
    words = next((w for w in (*lineage(loaded.subject), type(module).__name__, text) if SAID.search(w)), "")
    return "" if not words or re.search("post", words, re.IGNORECASE) else f"it says '{words[:40]}'"


IDENTITY = Group(
    "residual",
    {
        "identity-path": Property(
            "a pre-norm block's output holds its input, however large that is (the input's coefficient in the output)",
            Threshold(lo=KEPT),
            "normalise a copy for the branch: x = x + f(norm(x)), not x = norm(x); x = x + f(x)",
            better="none",
        ),
        "stream-kept": Property(
            "what a block drops in train mode is its branch, never the stream with it (examples that become 0)",
            Threshold(0, 0),
            "drop the branch before it is added to its input",
            better="less",
        ),
    },
    _identity_steps,
)
DEEPNORM = Group(
    "residual",
    {
        "deepnorm": Property(
            "a larger DeepNorm alpha keeps more of the input (its coefficient in the output, normalised, at 100 alpha)",
            Threshold(lo=0.9),
            "alpha scales the residual, not the branch: LN(alpha x + f(x))",
            better="none",
        )
    },
    _deepnorm_steps,
)

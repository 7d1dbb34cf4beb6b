"""What kind of subject something is: by its class, its signature and its name; else by trying it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from torchcheck.properties.subject.masks import MASKS, TIMES_ALONE, with_defaults
from torchcheck.properties.subject.signatures import axes_of, needed_of, parameters_of
from torchcheck.properties.subject.sizes import DEPTH, ENDS, VOCABULARY, WIDTH, usual
from torchcheck.run.libraries import LibraryModel, SizedModel
from torchcheck.run.subjects import SubjectError

KINDS = ("activation", "block", "layer", "attention", "optimizer", "loss", "model")
#: the width at which a subject is tried
WIDE = 32
#: shares of a token that a residual stream keeps, through a norm or not
KEEPS = (0.6, 2.5)
#: names of forward's first parameter where that takes token ids
IDS = ("input_ids", "ids", "idx", "token_ids", "tokens", "input_tokens")
#: names of forward's first parameter where that takes images
IMAGES = re.compile("(images?|imgs?|pixels|pixel_values)", re.IGNORECASE)
#: names of losses, and of layers that have a residual stream around them
LOSS = re.compile(
    r"(Loss|CrossEntropy|Criterion|Divergence|NLL|(?-i:NCE)|NT_?Xent|SupCon|Triplet|Contrastive|_loss|_cross_entropy|_nll"
    r"|_nce)$|^loss",
    re.IGNORECASE,
)
#: losses of two embeddings
EMBEDDINGS = re.compile(
    r"(?-i:NCE)|_nce$|NT_?Xent|SupCon|Triplet|Contrastive|Cosine|Siamese|SimCLR|CLIP|Embedding|Barlow|VICReg",
    re.IGNORECASE,
)
ATTENTION = re.compile(r"attention|attn|(?-i:MHA|MHSA|SDPA)", re.IGNORECASE)
BLOCK = re.compile(r"block|layer|encoder|decoder|residual|stage", re.IGNORECASE)
#: gates of maps and tokens, which multiply what they take, and quantisers, whatever else they are called
GATES = re.compile(
    "^(SE|ECA|CBAM|SCSE|GRN)(Net|Block|Layer|Module)?$|squeeze|excit|gating|film|modulat|adain|coupling|quanti[sz]",
    re.IGNORECASE,
)
#: scans over states, which a block has a norm before and a stream around, whatever they add of what they take
SCANS = re.compile("SSM$|S(4D?|5|6)$|(State_?Space|Scan)(Layer)?$")
#: those whose author says that they have one
SKIPS = re.compile(r"block|(en|de)coder_?layer|residual|stage|transformer", re.IGNORECASE)
TARGETS = ("target", "targets", "label", "labels", "y", "positives")


def infer_kind(subject: Any, tried: bool = True) -> tuple[str, str]:
    """The kind of a subject, and what told it, a call where it may be `tried`; raises SubjectError where it is open."""
    if isinstance(subject, torch.optim.Optimizer):
        raise SubjectError("an optimizer's instance is bound to its parameters: give its class, or a factory f(params)")
    if inspect.isclass(subject) and issubclass(subject, torch.optim.Optimizer):
        return "optimizer", "a subclass of torch.optim.Optimizer"
    if isinstance(subject, LibraryModel | SizedModel):
        return "model", "a model of a library"
    module = isinstance(subject, nn.Module) or (inspect.isclass(subject) and issubclass(subject, nn.Module))
    names = [] if isinstance(subject, nn.Module) else list(parameters_of(subject))
    names = [n for n in names if n not in axes_of(subject)]
    needed = [] if isinstance(subject, nn.Module) else needed_of(subject)
    forward = needed_of(subject.forward) if module else []
    forward = [n for n in forward if n != "self"]
    name = lineage(subject)[0]
    told = _by_module(subject, name, names, needed, forward) if module else _by_function(name, names, needed)
    if tried and told is not None and told[0] == "block" and module:
        told = _without_skip(subject, names) or told
    if tried and told is not None and told[0] == "attention" and module:
        told = _of_maps(subject, names) or told
    if tried and told is not None and told[0] == "activation" and module and _mixes(subject):
        told = "layer", "an entry of its output depends on others of its input: looked at as a layer"
    told = told or (_by_trial(subject, needed, forward) if tried else None)
    if told is not None:
        return told
    signature = ", ".join(names)
    raise SubjectError(f"the kind of {name}({signature}) is not clear from its signature: say --kind {'|'.join(KINDS)}")


def _by_module(
    subject: Any, name: str, names: Sequence[str], needed: Sequence[str], forward: Sequence[str]
) -> tuple[str, str] | None:
    """The kind of a module, or of a class of them, and what told it."""
    if isinstance(subject, nn.modules.loss._Loss) or _is_loss_class(subject):
        return "loss", "a subclass of torch's losses"
    if len(forward) == 2 and forward[1] in TARGETS:
        return "loss", f"forward takes ({', '.join(forward)})"
    if hasattr(subject, "config") and isinstance(subject, nn.Module):
        return "model", "an instance with a config"
    if LOSS.search(name) and len(forward) >= 2:
        return "loss", f"its name is {name}"
    sized = _by_sizes(lineage(subject), names, parameters_of(subject.forward))
    if sized is not None:
        return sized
    if not needed and len(forward) <= 1:
        made = subject if isinstance(subject, nn.Module) else subject()
        if all(p.numel() == 1 for p in made.parameters()):
            return "activation", "a module without matrices"
        if isinstance(subject, nn.Module):
            raise SubjectError("an instance with weights may be a block, an attention or a model: say --kind")
    return None


def _by_function(name: str, names: Sequence[str], needed: Sequence[str]) -> tuple[str, str] | None:
    """The kind of a function or factory, and what told it."""
    if LOSS.search(name) and len(needed) >= 2:
        return "loss", f"its name is {name}"
    sized = _by_sizes([name], names, ())
    if sized is not None:
        return sized
    if needed[:1] == ["params"]:
        return "optimizer", "it takes 'params'"
    if len(needed) == 2 and needed[1] in TARGETS:
        return "loss", f"it takes ({', '.join(needed)})"
    if len(needed) == 1 and needed[0] in ("x", "input", "z", "t", "inputs"):
        return "activation", f"a function of '{needed[0]}'"
    return None


def lineage(subject: Any) -> list[str]:
    """The names of a module's classes up to torch's Module, the nearest first; of anything else its own."""
    kind = subject if inspect.isclass(subject) else type(subject)
    if issubclass(kind, nn.Module):
        return [c.__name__ for c in kind.__mro__[: kind.__mro__.index(nn.Module)]] or [kind.__name__]
    return [str(getattr(subject, "__name__", kind.__name__))]


def _by_sizes(classes: Sequence[str], names: Sequence[str], forward: Sequence[str]) -> tuple[str, str] | None:
    """The kind of what is built of a width, a depth, or both; the nearest name in its lineage that says one counts."""
    if any(n in DEPTH for n in names):
        return "model", f"it takes '{next(n for n in names if n in DEPTH)}'"
    told = next((n for n in classes if ATTENTION.search(n) or BLOCK.search(n)), "")
    if ATTENTION.search(told):
        return "attention", f"its name is {told}" if told == classes[0] else f"it is a {told}"
    vocabulary = next((n for n in names if VOCABULARY.fullmatch(n)), None)
    if vocabulary is not None and not told:
        return "model", f"it takes '{vocabulary}'"
    width = next((n for n in names if n in WIDTH), None)
    between = [n for n in names if ENDS.fullmatch(n)]
    if width is None and len(between) > 1 and forward:
        ends = " and ".join(repr(n) for n in between)
        return ("block", f"it takes {ends}") if told else ("layer", f"it takes {ends}: looked at alone, not stacked")
    if width is None:
        return None
    conditional = classes[0].endswith("Norm") and len([n for n in forward if n != "self"]) > 1
    if classes[0].endswith("Cell") or SCANS.search(classes[0]) or GATES.search(classes[0]) or conditional:
        return "layer", f"its name is {classes[0]}"
    first = next((n for n in forward if n != "self"), "")
    if IMAGES.fullmatch(first):
        return "model", f"its forward takes '{first}'"
    if TIMES_ALONE.search(first):
        return "layer", f"its forward takes '{first}'"
    if first in IDS:
        return "model", f"its forward takes '{first}'"
    masks = [n for n in forward if n in MASKS]
    if masks and not told:
        return "attention", f"it takes '{width}', and its forward '{masks[0]}'"
    return "block", f"it takes '{width}' and no depth"


def _by_trial(subject: Any, needed: Sequence[str], forward: Sequence[str]) -> tuple[str, str] | None:
    """What it does with small inputs: one number of two tensors, or tokens of the width that it came with."""
    is_class = inspect.isclass(subject)
    if len(needed) > 1 if is_class else isinstance(subject, nn.Module):
        return None
    takes = forward if is_class else needed
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        try:
            made = subject(*[WIDE] * len(needed)).eval() if is_class else subject
        except Exception:
            return None
        if len(takes) == 2 and not (is_class and needed):
            targets = (torch.rand(4, 8), torch.arange(4), torch.arange(4).double())
            if any(_gives(made, 0, torch.randn(4, 8), t) for t in targets):
                return "loss", "it gives one number of two tensors"
        if len(takes) != 1:
            return None
        if needed and is_class and _gives(made, 3, torch.randn(2, 6, WIDE)):
            said = "block", f"it keeps the shape of tokens of the width that '{needed[0]}' says"
            return _without_skip(subject, needed, needed) or said
        if not is_class and _gives(made, 1, torch.linspace(-1, 1, 5)):
            return "activation", f"a function of '{takes[0]}' that keeps the shape"
    return None


def _without_skip(subject: Any, names: Sequence[str], widths: Sequence[str] = WIDTH) -> tuple[str, str] | None:
    """A layer: what does not keep its input's shape; or what nobody calls a block, and keeps no share of a token that a
    residual stream would.
    """
    if not inspect.isclass(subject):
        return None
    for shape in ((2, 6, WIDE), (2, WIDE, 6), (2, WIDE, 4, 4)):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        y = _made_of(subject, names, widths, x)
        if y is not None:
            break
    else:
        return None
    if y.shape != x.shape:
        return "layer", f"it makes {tuple(y.shape)} of {tuple(x.shape)}: looked at alone, not stacked"
    if any(SKIPS.search(n) for n in lineage(subject)):
        return None
    share = float((x * y).sum() / x.square().sum())
    if KEEPS[0] <= share <= KEEPS[1]:
        return None
    return "layer", f"it keeps {share:.2g} of a token, which is no skip connection: looked at alone, not stacked"


def _of_maps(subject: Any, names: Sequence[str]) -> tuple[str, str] | None:
    """A layer, where it takes maps (batch, channels, height, width) and no tokens."""
    if not inspect.isclass(subject):
        return None
    tokens, maps = torch.zeros(2, 6, WIDE), torch.zeros(2, WIDE, 4, 4)
    if _made_of(subject, names, WIDTH, tokens) is not None or _made_of(subject, names, WIDTH, maps) is None:
        return None
    return "layer", f"its name is {lineage(subject)[0]}, and it takes maps"


def _made_of(subject: Any, names: Sequence[str], widths: Sequence[str], x: Tensor) -> Tensor | None:
    """The first tensor that a small one gives; None where it cannot be built or called so."""
    first, needed = next((n for n in names if n in widths), ""), needed_of(subject)
    given = {n: WIDE if n in widths else usual(n, WIDE) for n in names if n in needed or n == first}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        try:
            made: Any = subject(**given)
            return next((t for t in tree_leaves(with_defaults(made).eval()(x.clone())) if isinstance(t, Tensor)), None)
        except Exception:
            return None


def _mixes(subject: Any) -> bool:
    """Whether one larger entry changes others, as it does in a softmax; no, where it cannot be called so."""
    x = torch.linspace(-1, 1, 2 * 3 * WIDE).reshape(2, 3, WIDE)
    other = x.clone()
    other[..., 1] += 3
    try:
        with torch.no_grad():
            made = (subject if isinstance(subject, nn.Module) else subject()).eval()
            return not torch.equal(made(x)[..., 2:], made(other)[..., 2:])
    except Exception:
        return False


def _gives(made: Any, dimensions: int, *inputs: Tensor) -> bool:
    """Whether it takes these, and gives a tensor of so many dimensions: one number, or of the first input's shape."""
    try:
        out = made(*inputs)
    except Exception:
        return False
    return isinstance(out, Tensor) and out.dim() == dimensions and (dimensions == 0 or out.shape == inputs[0].shape)


def _is_loss_class(subject: Any) -> bool:
    return inspect.isclass(subject) and issubclass(subject, nn.modules.loss._Loss)

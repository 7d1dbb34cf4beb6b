"""What a language model gives before it is trained: its first loss, logits, and a place for every token."""

from __future__ import annotations

import inspect
import math
import re
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves

from torchcheck.data import Measurement
from torchcheck.measure.leak import worst
from torchcheck.properties.finding import Property, Question, Threshold
from torchcheck.properties.module.modes import exact
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import call, size_of, tensor_of
from torchcheck.properties.subject.kinds import lineage
from torchcheck.properties.subject.variant import CheckSettings, Loaded

#: a first loss of so many times log(classes) is that of a model that is sure, and wrong
SURE = 2.0
#: fewer classes than this are no vocabulary
LEAST = 16
#: what positions are called
PLACES = re.compile(r"pos|wpe", re.IGNORECASE)
TABLE = re.compile(r"(^|[._])(pe|pos(ition(s|al)?)?|wpe)($|[._])|pos_?emb|position_?(emb|enc)|sinusoid", re.IGNORECASE)
LOGITS = re.compile(r"logits|language model|\bLM\b", re.IGNORECASE)
PROPERTIES: dict[str, Property] = {
    "initial-loss": Property(
        "the first cross-entropy of random tokens, over log(classes)",
        Threshold(hi=SURE),
        "the logits are large before anything is learned: scale the embedding (0.02 is usual) where it is tied to the "
        "head, or divide the logits by the root of the width",
        better="less",
    ),
    "gives-logits": Property(
        "scores of all tokens are logits, no probabilities (1 where they are not negative and sum to 1)",
        Threshold(0, 0),
        "return logits: cross-entropy has a softmax of its own",
        better="less",
    ),
    "places-counted": Property(
        "every place of a sequence has a position of its own (number of tables that give all places one)",
        Threshold(0, 0),
        "count positions along the sequence: torch.arange(length)",
        better="less",
    ),
}


def steps(settings: CheckSettings, description: Description) -> list[Step]:
    at = {"depth": description.depth(settings)}
    return [Step(output, tuple(PROPERTIES), at)]


def output(loaded: Loaded, settings: CheckSettings, depth: int | None) -> list[Measurement]:
    """One pass over random tokens."""
    model, inputs, dtype = exact(loaded, settings, depth)
    measured = partial(Measurement, device=settings.device, dtype=str(dtype).split(".")[1])
    ids = next(
        (t for t in tree_leaves(inputs) if isinstance(t, Tensor) and t.dtype is torch.long and t.dim() == 2), None
    )
    if ids is None:
        return [measured(n, None, note="it takes no tokens") for n in PROPERTIES]
    tables: dict[str, Tensor] = {}
    # tables that count for themselves, as OPT's, are asked for something else
    embeddings = {
        name: m
        for name, m in model.named_modules()
        if isinstance(m, nn.Embedding) and type(m).forward is nn.Embedding.forward
    }
    hooks = [m.register_forward_pre_hook(partial(_kept, tables, name)) for name, m in embeddings.items()]
    try:
        with torch.no_grad():
            out = tensor_of(call(model, inputs))
    finally:
        for hook in hooks:
            hook.remove()
    constant = [
        name
        for name, used in tables.items()
        if PLACES.search(name) and used.numel() >= ids.shape[1] > 1 and int(used.min()) == int(used.max())
    ]
    constant += _without_order(model, inputs, ids, out)
    words = ", ".join(constant)
    measurements = [measured("places-counted", float(len(constant)), unit="tables", witness=words)]
    vocabulary = max((embeddings[n].num_embeddings for n, t in tables.items() if t.numel() == ids.numel()), default=0)
    if out.dim() != 3 or out.shape[:2] != ids.shape or out.shape[-1] != vocabulary or vocabulary < LEAST:
        note = "its output is no score for each token of its vocabulary"
        return [*measurements, *(measured(n, None, note=note) for n in ("initial-loss", "gives-logits"))]
    probabilities = bool((out >= 0).all()) and bool(((out.double().sum(-1) - 1).abs() < 1e-4).all())
    generator = torch.Generator().manual_seed(settings.seed)
    targets = torch.randint(vocabulary, (ids.numel(),), generator=generator).to(out.device)
    loss = float(F.cross_entropy(out.flatten(0, 1).double(), targets)) / math.log(vocabulary)
    logits = measured("gives-logits", float(probabilities), samples=ids.numel())
    if probabilities and not _says_logits(loaded):
        note = "it gives probabilities: cross-entropy takes logits; if that is meant, --skip gives-logits"
        logits = Question.of(measured("gives-logits", None, note=note))
    return [*measurements, measured("initial-loss", loss, samples=ids.numel()), logits]


def _without_order(model: nn.Module, inputs: Any, ids: Tensor, out: Tensor) -> list[str]:
    """What is named for places in a model to which order says nothing: outputs follow the tokens to other places."""
    tables = [(n, t) for n, t in (*model.named_buffers(), *model.named_parameters()) if TABLE.search(n)]
    named = [n for n, t in tables if float(t.max()) > float(t.min())]  # one of zeros has yet to be learned
    if not named or out.dim() != 3 or out.shape[:2] != ids.shape or not isinstance(inputs, Tensor):
        return []
    order = torch.randperm(ids.shape[1], generator=torch.Generator().manual_seed(1)).to(ids.device)
    with torch.no_grad():
        turned = tensor_of(call(model, inputs[:, order]))
    return named[:1] if worst(turned - out[:, order]) <= 1e-9 * size_of(out) else []


def _kept(tables: dict[str, Tensor], name: str, module: nn.Module, inputs: Any) -> None:
    """Keeps what an embedding is asked for."""
    del module
    tables[name] = inputs[0].detach()


def _says_logits(loaded: Loaded) -> bool:
    """Whether its names or its documentation say so."""
    return LOGITS.search(" ".join([*lineage(loaded.subject), inspect.getdoc(loaded.subject) or ""])) is not None


OUTPUT = Group("output", PROPERTIES, steps)

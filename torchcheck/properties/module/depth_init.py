"""An initialisation that is to depend on depth: does anything?"""

from __future__ import annotations

import ast
import inspect
import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement
from torchcheck.measure.roles import blocks_of
from torchcheck.properties.finding import Property, Question, Threshold
from torchcheck.properties.plan import Description, Group, Step
from torchcheck.properties.subject.calling import call, network, tensor_of
from torchcheck.properties.subject.sizes import DEPTH
from torchcheck.properties.subject.training_mode import copied
from torchcheck.properties.subject.variant import CheckSettings, Loaded

#: depths that are compared, and the ratio of sizes that is none of chance
DEPTHS, APART = (2, 8), 1.15
#: entries below which a tensor's size is chance; and characters beyond which an expression is no factor
FEW, LONG = 1024, 80
#: in forward a root of the "depth" may be that of a head's size
SURE = [n for n in DEPTH if n not in ("depth", "layers", "blocks")]
PROPERTIES: dict[str, Property] = {
    "depth-scaled": Property(
        "where its code divides by a root of the number of layers, some weight or layer depends on that number (1 "
        "where none does)",
        Threshold(0, 0),
        "the initialisation that is to be scaled with depth reaches no tensor: compare the names it looks for with "
        "those of named_parameters(), and see that nothing draws the weights again afterwards",
        better="less",
    )
}


def steps(_settings: CheckSettings, description: Description) -> list[Step]:
    return [Step(depth_scaled, tuple(PROPERTIES))] if description.any_depth else []


def depth_scaled(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The same model at two depths: sizes of weights of the same name, and the first layers with the same weights."""
    measured = partial(Measurement, "depth-scaled", dtype="float32")
    shallow, inputs = network(loaded, settings, DEPTHS[0], 0)
    roots = [root for code in _codes(shallow, loaded.subject) for root in _roots(code)]
    if not roots:
        return [measured(None, note="its code takes no root of a number of layers")]
    deep, _ = network(loaded, settings, DEPTHS[1], 0)
    ratios, layers = _ratios(shallow, deep), blocks_of(shallow, DEPTHS[0])
    if not layers or all(p.numel() < FEW for p in layers[0].parameters()):
        return [measured(None, note="no layers are seen, or their weights are too few to tell")]
    if max(ratios, default=1.0) > APART or _layers_differ(shallow, deep, inputs):
        return [measured(0.0, samples=len(ratios))]
    line = next((text for text, optional in roots if not optional), "")
    if not line:
        note = f"'{roots[0][0]}' stands behind an option, and nothing depends on depth"
        note += "; if that is meant, --skip depth-scaled"
        return [Question.of(measured(None, note=note))]
    return [measured(1.0, witness=f"'{line}'")]


def _codes(model: nn.Module, subject: Any) -> Iterator[ast.AST]:
    """The code of the subject and of its parts, where it is its author's own."""
    kinds = (kind for m in model.modules() for kind in type(m).__mro__[:-1])
    own = [k for k in kinds if not k.__module__.startswith(("torch.", "torchcheck."))]
    for code in dict.fromkeys([*own, subject]):
        try:
            yield ast.parse(textwrap.dedent(inspect.getsource(code)))
        except (OSError, TypeError, SyntaxError):
            continue


def _roots(tree: ast.AST) -> list[tuple[str, bool]]:
    """Expressions that take a root of a number of layers, and whether they stand behind an option of the author's."""
    roots: list[tuple[str, bool]] = []

    def visit(node: ast.AST, optional: bool, names: Sequence[str]) -> None:
        optional = optional or (isinstance(node, ast.If | ast.IfExp) and _is_flag(node.test))
        names = SURE if isinstance(node, ast.FunctionDef) and node.name == "forward" else names
        if isinstance(node, ast.BinOp | ast.Call):
            text = ast.unparse(node)
            if len(text) < LONG and _is_root(node, text) and re.search(rf"\b({'|'.join(names)})\b", text):
                roots.append((text, optional))
                return
        for child in ast.iter_child_nodes(node):
            visit(child, optional, names)

    visit(tree, False, DEPTH)
    return roots


def _is_root(node: ast.BinOp | ast.Call, text: str) -> bool:
    if isinstance(node, ast.Call):
        return re.match(r"(\w+\.)*r?sqrt\(", text) is not None
    power = r"\*\* \(?-?\(?(0?\.\d+|1 / [248])\)?\)?$"
    return isinstance(node.op, ast.Pow) and re.search(power, text) is not None


def _is_flag(test: ast.AST) -> bool:
    """A name or an attribute alone, or its negation: an option, not a search for names."""
    return isinstance(test.operand if isinstance(test, ast.UnaryOp) else test, ast.Name | ast.Attribute)


def _ratios(one: nn.Module, other: nn.Module) -> list[float]:
    """Of tensors of both, large enough or of one number: the larger size over the smaller."""
    theirs = {**dict(other.named_parameters()), **dict(other.named_buffers())}
    values = []
    for name, mine in [*one.named_parameters(), *one.named_buffers()]:
        t = theirs.get(name)
        if (
            t is not None
            and t.shape == mine.shape
            and mine.is_floating_point()
            and (mine.numel() == 1 or mine.numel() >= FEW)
        ):
            small, large = sorted((_rms(mine), _rms(t)))
            values.append(large / small if small else math.inf if large else 1.0)
    return values


def _layers_differ(one: nn.Module, other: nn.Module, inputs: Any) -> bool:
    """Whether the first layer gives something else in a deeper model, with the same weights and inputs."""
    with torch.no_grad():
        mine = {n: p for n, p in one.state_dict().items() if n in other.state_dict()}
        other.load_state_dict({n: p for n, p in mine.items() if p.shape == other.state_dict()[n].shape}, strict=False)
        outs = [_first(m, d, inputs) for m, d in zip((one, other), DEPTHS, strict=True)]
    if outs[0] is None or outs[1] is None or outs[0].shape != outs[1].shape:
        return True  # nothing can be said against it
    return bool((outs[0] - outs[1]).abs().max() > 1e-5 * outs[0].abs().max())


def _first(model: nn.Module, depth: int, inputs: Any) -> Tensor | None:
    """What the first of the model's repeated layers gives."""
    layers = blocks_of(model, depth)
    if not layers:
        return None
    kept: list[Tensor] = []
    hook = layers[0].register_forward_hook(lambda _module, _inputs, out: kept.append(tensor_of(out)))
    try:
        call(model, copied(inputs))
    finally:
        hook.remove()
    return kept[0] if kept else None


def _rms(t: Tensor) -> float:
    return float(t.detach().double().square().mean().sqrt())


DEPTH_INIT = Group("output", PROPERTIES, steps)

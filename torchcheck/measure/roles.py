"""Which part of which sublayer a parameter is: the same roles for our modules, torch's and Hugging Face's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

#: role -> endings of parameter names, in our modules, torch.nn.TransformerEncoderLayer, BERT, GPT-2 and Llama
ENDINGS: dict[str, Sequence[str]] = {
    "query": ("query.weight", "q_proj.weight"),
    "key": ("key.weight", "k_proj.weight"),
    "value": ("value.weight", "v_proj.weight"),
    "output": (
        "branch.output.weight",
        "out_proj.weight",
        "o_proj.weight",
        "attention.output.dense.weight",
        "attn.c_proj.weight",
    ),
    "inner": (
        "inner.weight",
        "linear1.weight",
        "intermediate.dense.weight",
        "c_fc.weight",
        "up_proj.weight",
        "gate_proj.weight",
    ),
    "shared": ("shared.weight",),
    "outer": ("outer.weight", "linear2.weight", "output.dense.weight", "mlp.c_proj.weight", "down_proj.weight"),
}
#: fused query, key and value: the name's ending and the dimension along which they are stacked
FUSED = {"in_proj_weight": 0, "attn.c_attn.weight": 1}
MATRICES = ("query", "key", "value", "output", "inner", "outer")


@dataclass(frozen=True)
class Part:
    """A role and the slice of the parameter that plays it: `chunk` of `chunks` along `dim`."""

    role: str
    chunk: int = 0
    chunks: int = 1
    dim: int = 0

    def of(self, tensor: Tensor) -> Tensor:
        return tensor if self.chunks == 1 else tensor.chunk(self.chunks, self.dim)[self.chunk]


def parts(name: str, p: Tensor) -> Iterator[Part]:
    """The parts of a parameter: a matrix role, "matrix" (any other matrix), "norm" or "bias"."""
    for ending, dim in FUSED.items():
        if name.endswith(ending):
            for k, role in enumerate(("query", "key", "value")):
                yield Part(role, k, 3, dim)
            return
    if p.dim() < 2 or name.endswith((".gamma", ".beta")):
        yield Part("bias" if name.endswith("bias") and not re.search(r"norm|ln_", name, re.I) else "norm")
        return
    for role, endings in ENDINGS.items():
        if any(name == e or name.endswith(("." + e, e)) for e in endings):
            yield Part(role)
            return
    yield Part("matrix")


def depth_of(name: str) -> int:
    """The number in a parameter's name that counts its layer, -1 where it has none."""
    match = re.search(r"\.(\d+)\.", "." + name)
    return int(match.group(1)) if match else -1


def layers(model: nn.Module) -> int:
    """How many layers the parameter names count."""
    return 1 + max((depth_of(name) for name, _ in model.named_parameters()), default=-1)


def blocks_of(model: nn.Module, depth: int) -> list[nn.Module]:
    """The repeated part of a network: the list of modules of one class, `depth` or a multiple, that weighs most.

    Empty where there is none (lists of lists are called piece by piece): then the network is watched from outside.
    """
    lists = [list(m) for m in model.modules() if isinstance(m, nn.ModuleList | nn.Sequential) and len(m) > 0]
    whole = [
        blocks
        for blocks in lists
        if len(blocks) % depth == 0 and len({type(b) for b in blocks}) == 1 and _callable(blocks[0])
    ]
    return max(whole, key=lambda blocks: sum(p.numel() for b in blocks for p in b.parameters()), default=[])


def _callable(block: nn.Module | None) -> bool:
    """A module that can be called: some libraries keep None, or lists, in their lists."""
    return block is not None and not isinstance(block, nn.ModuleList | nn.ModuleDict)

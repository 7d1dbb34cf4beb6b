"""An activation's graph as plain data, so that code without torch can enclose it; and who does the enclosing.

A graph is a list of nodes [operation, arguments]; an argument is {"node": k} or a number, and node 0 is the input x.
Any installed package may offer to certify graphs by an entry point in the group `torchcheck.certify`: a function
(graph, domain) -> {property: (lo, hi, note)}, rigorous on [-domain, domain].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

import torch
from torch import Tensor

Graph = list[Any]
Certify = Callable[[Graph, float], Mapping[str, tuple[float, float, str]]]

#: operations of a graph, by torch's names
OPERATIONS = {
    "add",
    "sub",
    "rsub",
    "mul",
    "div",
    "neg",
    "abs",
    "sign",
    "exp",
    "expm1",
    "log",
    "log1p",
    "sqrt",
    "rsqrt",
    "tanh",
    "sigmoid",
    "erf",
    "erfc",
    "sin",
    "cos",
    "sinh",
    "cosh",
    "atan",
    "asinh",
    "reciprocal",
    "pow",
    "square",
    "relu",
    "clamp",
    "clamp_min",
    "clamp_max",
    "minimum",
    "maximum",
    "where",
    "gt",
    "ge",
    "lt",
    "le",
}

#: operations that make tensors of one number
FILLED = {"zeros": 0.0, "ones": 1.0, "zeros_like": 0.0, "ones_like": 1.0, "new_zeros": 0.0, "new_ones": 1.0}
#: torch's activations, taken apart into those
COMPOSED = (
    "gelu", "elu", "leaky_relu", "celu", "selu", "silu", "mish", "softplus", "hardswish", "hardsigmoid", "hardtanh",
    "log_sigmoid_forward", "softshrink", "hardshrink", "_prelu_kernel", "threshold",
)  # fmt: skip


def certifier() -> Certify | None:
    """The installed certifier, if there is one."""
    for entry in entry_points(group="torchcheck.certify"):
        found: Certify = entry.load()
        return found
    return None


def trace(f: Callable[[Tensor], Tensor]) -> Graph | None:
    """The graph of an elementwise f in float64, or None where it branches on values, or uses an operation not listed.

    The graph is run again, by torch, on random inputs, and has to agree with f.
    """
    from torch._decomp import core_aten_decompositions, get_decompositions
    from torch.fx.experimental.proxy_tensor import make_fx

    aten = torch.ops.aten
    table: Any = core_aten_decompositions() | get_decompositions([getattr(aten, name) for name in COMPOSED])
    x = torch.linspace(-3, 3, 13, dtype=torch.float64)
    try:
        with torch.no_grad():
            traced = make_fx(f, table, tracing_mode="fake", _allow_non_fake_inputs=True)(x)
        graph = _as_data(traced)
        probe = torch.randn(257, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 4
        agrees = torch.allclose(evaluate(graph, probe), f(probe.clone()).detach().cpu(), 1e-9, 1e-12, equal_nan=True)
    except Exception:  # whatever a tracer makes of somebody's code: then there is no certificate
        return None
    return graph if agrees else None


def evaluate(graph: Graph, x: Tensor) -> Tensor:
    """The graph's value in float64, by torch."""
    values: list[Tensor] = [x]
    for name, arguments in graph[1:]:
        got = [values[a["node"]] if isinstance(a, dict) else a for a in arguments]
        if name == "clamp":
            values.append(torch.clamp(got[0], *got[1:]))
        else:
            full = [g if isinstance(g, Tensor) else torch.full_like(x, g) for g in got]
            values.append(getattr(torch, name)(*full))
    return values[-1]


def _as_data(traced: Any) -> Graph:
    nodes: dict[Any, int] = {}
    constants: dict[Any, float] = {}
    graph: Graph = []

    def argument(a: Any) -> Any:
        if isinstance(a, torch.fx.Node):
            return constants[a] if a in constants else {"node": nodes[a]}
        if isinstance(a, Tensor) and a.numel() == 1:
            return float(a)
        if a is None or isinstance(a, int | float):
            return a
        raise ValueError(f"no number: {a}")

    last: Any = None
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            nodes[node] = 0
            graph.append(["x", []])
        elif node.op == "get_attr":
            value = getattr(traced, node.target)
            if value.numel() != 1:
                raise ValueError("a parameter with several entries")
            constants[node] = float(value.detach())
        elif node.op == "output":
            last = node.args[0][0] if isinstance(node.args[0], tuple | list) else node.args[0]
        else:
            name = node.target.overloadpacket.__name__
            if name in ("alias", "clone", "detach", "view", "_to_copy", "lift_fresh_copy", "expand", "lift_fresh"):
                if node.args[0] in constants:
                    constants[node] = constants[node.args[0]]
                else:
                    nodes[node] = nodes[node.args[0]]
                continue
            if name in ("full", "full_like", "scalar_tensor", *FILLED):
                number = FILLED.get(name, node.args[0 if name == "scalar_tensor" else -1])
                constants[node] = float(number)
                continue
            if name not in OPERATIONS or node.kwargs.get("alpha", 1) != 1 or node.kwargs.get("rounding_mode"):
                raise ValueError(f"operation {name}")
            arguments = [argument(a) for a in node.args]
            if name == "clamp" and len(arguments) == 2:
                arguments.append(None)
            if any(isinstance(a, float) and not math.isfinite(a) for a in arguments):
                raise ValueError("an infinite constant")
            nodes[node] = len(graph)
            graph.append([name, arguments])
    if last is None or last in constants or nodes[last] != len(graph) - 1:
        raise ValueError("the output is not the last node")
    return graph

"""An activation's graph as plain data, so that code without torch can enclose it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from torchcheck.data import Graph, Node, Ref

#: operations of a graph, by torch's names
OPERATIONS = frozenset(
    (
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
    )
)

#: operations that change nothing of an elementwise function
SAME = ("alias", "clone", "detach", "view", "_to_copy", "lift_fresh_copy", "expand", "lift_fresh")
#: operations that make tensors of one number
FILLED = {"zeros": 0.0, "ones": 1.0, "zeros_like": 0.0, "ones_like": 1.0, "new_zeros": 0.0, "new_ones": 1.0}
#: torch's activations, taken apart into those
COMPOSED = (
    "gelu",
    "elu",
    "leaky_relu",
    "celu",
    "selu",
    "silu",
    "mish",
    "softplus",
    "hardswish",
    "hardsigmoid",
    "hardtanh",
    "log_sigmoid_forward",
    "softshrink",
    "hardshrink",
    "_prelu_kernel",
    "threshold",
)


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
    for node in graph[1:]:
        got = [values[a.node] if isinstance(a, Ref) else a for a in node.args]
        if node.op == "clamp":
            values.append(torch.clamp(got[0], *got[1:]))  # type: ignore[arg-type]  # the input comes first
        else:
            full = [g if isinstance(g, Tensor) else torch.full_like(x, g or 0.0) for g in got]
            values.append(getattr(torch, node.op)(*full))
    return values[-1]


def _as_data(traced: Any) -> Graph:
    """What torch.fx traced, as data; raises ValueError for what is no operation of a graph."""
    seen: dict[Any, Ref | float] = {}
    graph = [Node("x")]
    last: Any = None
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            seen[node] = Ref(0)
        elif node.op == "get_attr":
            seen[node] = _number(getattr(traced, node.target))
        elif node.op == "output":
            last = node.args[0][0] if isinstance(node.args[0], tuple | list) else node.args[0]
        elif (name := node.target.overloadpacket.__name__) in SAME:
            seen[node] = seen[node.args[0]]
        elif name in ("full", "full_like", "scalar_tensor", *FILLED):
            seen[node] = float(FILLED.get(name, node.args[0 if name == "scalar_tensor" else -1]))
        else:
            graph.append(_operation(name, node, seen))
            seen[node] = Ref(len(graph) - 1)
    if last is None or seen[last] != Ref(len(graph) - 1):
        raise ValueError("the output is not the last node")
    return tuple(graph)


def _operation(name: str, node: Any, seen: dict[Any, Ref | float]) -> Node:
    if name not in OPERATIONS or node.kwargs.get("alpha", 1) != 1 or node.kwargs.get("rounding_mode"):
        raise ValueError(f"operation {name}")
    arguments = [_argument(a, seen) for a in node.args]
    if name == "clamp" and len(arguments) == 2:
        arguments.append(None)
    if any(isinstance(a, float) and not math.isfinite(a) for a in arguments):
        raise ValueError("an infinite constant")
    return Node(name, tuple(arguments))


def _argument(a: Any, seen: dict[Any, Ref | float]) -> Ref | float | None:
    if isinstance(a, torch.fx.Node):
        return seen[a]
    if a is None or isinstance(a, int | float):
        return a
    return _number(a)


def _number(a: Any) -> float:
    if not isinstance(a, Tensor) or a.numel() != 1:
        raise ValueError(f"no number: {a}")
    return float(a.detach())

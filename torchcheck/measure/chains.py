"""Whether a network is a plain chain of layers: nothing in it joins two values that were made of its input."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def is_chain(output: Tensor, start: Tensor) -> bool:
    """Whether autograd's graph from `output` back to the leaf `start` is one path: no sum, product or list of two."""
    reaches: dict[Any, bool] = {}
    waiting = [(output.grad_fn, False)]
    while waiting:
        node, done = waiting.pop()
        if node in reaches or node is None:
            continue
        following = [n for n, _ in node.next_functions if n is not None]
        if not done:
            waiting += [(node, True), *((n, False) for n in following)]
            continue
        ways = sum(reaches[n] for n in following)  # where two join, nothing behind them is a chain
        reaches[node] = getattr(node, "variable", None) is start or ways == 1
    return reaches.get(output.grad_fn, False)

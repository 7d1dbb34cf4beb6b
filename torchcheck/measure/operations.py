"""Every operation that runs inside a `with`, seen one by one; and how many multiply-adds they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A base class: its `seen` gets every operation with what entered and left it, forward and backward."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)  # type: ignore[no-untyped-call]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """torch would import its compiler, for seconds, to keep it out of `__torch_dispatch__`."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.seen(func, args, kwargs or {}, out)
        return out

    def seen(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        raise NotImplementedError


def _of_attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    """Scores and sums of values, masked or not: 2 B H N M (E + E_v)."""
    *batch, heads, n, e = query.shape
    return 2 * math.prod(batch) * heads * n * key.shape[-2] * (e + value.shape[-1])


def _of_distances(a: Tensor, b: Tensor, *_: Any, **__: Any) -> int:
    """Distances of all pairs, as products would: 2 B N M E."""
    return 2 * a.numel() * b.shape[-2]


#: what torch's counter leaves out, by name (not every torch has all): its own attention on CPUs, products with vectors,
#: distances
LEFT_OUT: Mapping[str, Callable[..., int]] = {
    "_scaled_dot_product_flash_attention_for_cpu": _of_attention,
    "_scaled_dot_product_fused_attention_overrideable": _of_attention,
    "_cdist_forward": _of_distances,
    "_euclidean_dist": _of_distances,
    "mv": lambda matrix, _vector, **_: 2 * matrix.numel(),
    "addmv": lambda _start, matrix, _vector, **_: 2 * matrix.numel(),
    "dot": lambda a, _b, **_: 2 * a.numel(),
    "vdot": lambda a, _b, **_: 2 * a.numel(),
}
FURTHER = {getattr(torch.ops.aten, name): count for name, count in LEFT_OUT.items() if hasattr(torch.ops.aten, name)}


class _Products(Watch):
    """Floating-point operations of products and convolutions, as torch.utils.flop_counter counts them, and FURTHER."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        counted = func._overloadpacket in flop_registry or func._overloadpacket in FURTHER
        if not counted and func is not torch.ops.prim.device.default:
            with self:
                parts = func.decompose(*args, **(kwargs or {}))
            if parts is not NotImplemented:
                return parts
        return super().__torch_dispatch__(func, types, args, kwargs)

    def seen(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.operations += int(count(*args, **kwargs, out_val=out))
        elif func._overloadpacket in FURTHER:
            self.operations += FURTHER[func._overloadpacket](*args, **kwargs)


@contextmanager
def _in_pieces() -> Iterator[None]:
    """No fast path of attention, no fused recurrence; both as they were afterwards."""
    fast, fused = torch.backends.mha.get_fastpath_enabled(), torch._C._get_mkldnn_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    torch._C._set_mkldnn_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch._C._set_mkldnn_enabled(fused)


def multiply_adds(call: Callable[[], Any]) -> int:
    """Multiply-adds of the matrix products in `call`, without gradients; torch counts two operations for each.

    Recurrent layers, and torch's attention and encoder layers, run piece by piece meanwhile: in one piece nobody sees
    their products.
    """
    with _in_pieces(), torch.no_grad(), _Products() as counter:
        call()
    count: int = counter.operations // 2
    return count

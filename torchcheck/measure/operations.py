"""Every operation that runs inside a `with`, seen one by one; and how many multiply-adds they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
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


class _Products(Watch):
    """Floating-point operations of matrix products and convolutions, as torch.utils.flop_counter counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._overloadpacket not in flop_registry and func is not torch.ops.prim.device.default:
            with self:
                parts = func.decompose(*args, **(kwargs or {}))
            if parts is not NotImplemented:
                return parts
        return super().__torch_dispatch__(func, types, args, kwargs)

    def seen(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.operations += int(count(*args, **kwargs, out_val=out))


def multiply_adds(call: Callable[[], Any]) -> int:
    """Multiply-adds of the matrix products in `call`, without gradients; torch counts two operations for each."""
    with torch.no_grad(), _Products() as counter:
        call()
    count: int = counter.operations // 2
    return count

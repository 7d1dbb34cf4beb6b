"""GAU and FLASH against their references, GLU and attention; what masks, steps and half precision must not change."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck.measure.references import flash_reference, gau_reference
from torchcheck.modules import FLASH, GAU
from torchcheck.modules.rotary import rotate

WIDTH, HIDDEN, SIZE = 6, 8, 4


def _stirred(unit: nn.Module) -> nn.Module:
    """Random gamma and beta as well, in float64: at initialisation all images of Z are the same."""
    for p in unit.parameters():
        nn.init.normal_(p, mean=0.1)
    return unit.double()


def _gau(**options: object) -> GAU:
    return _stirred(GAU(WIDTH, HIDDEN, SIZE, **options))  # type: ignore[arg-type,return-value]


def _flash(**options: object) -> FLASH:
    return _stirred(FLASH(WIDTH, HIDDEN, SIZE, **{"chunk": 3, **options}))  # type: ignore[arg-type,return-value]


def _same(unit: nn.Module, reference: object, n: int) -> None:
    x = torch.randn(2, n, WIDTH, dtype=torch.float64)
    weights = torch.randn_like(x)
    grads = []
    for run in (unit, lambda t: torch.stack([reference(unit, one) for one in t])):  # type: ignore[operator]
        leaf = x.clone().requires_grad_()
        out = run(leaf)  # type: ignore[operator]
        found = torch.autograd.grad((out * weights).sum(), [leaf, *unit.parameters()], allow_unused=True)
        grads.append((out, *(torch.zeros(()) if g is None else g for g in found)))
    for fast, slow in zip(*grads, strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize(("causal", "normaliser"), list(itertools.product([False, True], ["ns", "n2", "visible"])))
def test_gau_is_its_definition(n: int, causal: bool, normaliser: str) -> None:
    _same(_gau(causal=causal, normaliser=normaliser), gau_reference, n)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 9])
@pytest.mark.parametrize(("causal", "past"), [(False, "positions"), (True, "positions"), (True, "chunk")])
def test_flash_is_its_definition(n: int, causal: bool, past: str) -> None:
    _same(_flash(causal=causal, past=past), flash_reference, n)


def test_the_articles_divisor_is_its_definition_and_nan_in_the_first_chunk() -> None:
    unit = _flash(causal=True, past="article")
    x = torch.randn(1, 9, WIDTH, dtype=torch.float64)
    out = unit(x)
    assert out[:, :3].isnan().all()
    torch.testing.assert_close(out[0, 3:], flash_reference(unit, x[0])[3:])


def test_identity_attention_is_a_glu_layer_and_open_gates_are_attention() -> None:
    x = torch.randn(2, 5, WIDTH, dtype=torch.float64)
    unit = _gau(kernel="identity")
    torch.testing.assert_close(
        unit(x), unit.outer(F.silu(x @ unit.inner.weight[:HIDDEN].T) * F.silu(x @ unit.inner.weight[HIDDEN:].T))
    )
    for causal in (False, True):
        unit = _gau(kernel="softmax", gated=False, causal=causal)
        _, v, (q, k) = unit.project(x)
        torch.testing.assert_close(unit(x), unit.outer(F.scaled_dot_product_attention(q, k, v, is_causal=causal)))


@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("normaliser", ["ns", "n2", "visible"])
@pytest.mark.parametrize("make", [_gau, _flash])
def test_padding_changes_nothing(make: object, causal: bool, normaliser: str, rotary: bool) -> None:
    unit = make(causal=causal, normaliser=normaliser, rotary=rotary)  # type: ignore[operator]
    lengths = [8, 5, 3, 1, 0]
    x = torch.randn(5, 8, WIDTH, dtype=torch.float64)
    mask = torch.arange(8) < torch.tensor(lengths)[:, None]
    padded = torch.where(mask[..., None], x, torch.nan)
    out = unit(padded, mask)
    for row, length in enumerate(lengths[:-1]):
        torch.testing.assert_close(out[row, :length], unit(x[row : row + 1, :length])[0], rtol=1e-9, atol=1e-12)
    zero = torch.zeros_like(x).requires_grad_()
    unit(zero, mask).sum().backward()
    assert zero.grad is not None
    assert zero.grad[~mask].isfinite().all()


@pytest.mark.parametrize("normaliser", ["ns", "visible"])
@pytest.mark.parametrize("padded", [0, 1])
def test_a_whole_chunk_of_padding_is_as_if_it_were_not_there(padded: int, normaliser: str) -> None:
    unit = _flash(causal=True, normaliser=normaliser)
    x = torch.randn(1, 9, WIDTH, dtype=torch.float64)
    mask = torch.arange(9)[None] // 3 != padded
    torch.testing.assert_close(unit(x, mask)[mask], unit(x[mask][None])[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kernel", ["softmax", "identity"])
@pytest.mark.parametrize("causal", [False, True])
def test_padding_changes_nothing_for_other_kernels(kernel: str, causal: bool) -> None:
    unit = _gau(kernel=kernel, causal=causal)
    x = torch.randn(1, 6, WIDTH, dtype=torch.float64)
    mask = (torch.arange(6) < 4)[None]
    torch.testing.assert_close(unit(x, mask)[:, :4], unit(x[:, :4]))


@pytest.mark.parametrize("normaliser", ["ns", "visible"])
@pytest.mark.parametrize("past", ["positions", "chunk"])
@pytest.mark.parametrize("rotary", [False, True])
def test_steps_equal_the_full_pass(normaliser: str, past: str, rotary: bool) -> None:
    unit = _flash(causal=True, normaliser=normaliser, past=past, rotary=rotary)
    x = torch.randn(2, 11, WIDTH, dtype=torch.float64)
    state, outs = unit.begin(2), []
    for t in range(11):
        out, state = unit.step(x[:, t : t + 1], state)
        outs.append(out)
        assert state.keys.shape[-2] < unit.chunk
    torch.testing.assert_close(torch.cat(outs, 1), unit(x), rtol=1e-10, atol=1e-12)


def test_steps_need_a_causal_layer_whose_divisor_ignores_n() -> None:
    for options in ({"causal": False}, {"causal": True, "past": "article"}):
        with pytest.raises(ValueError, match="one-token steps"):
            _flash(**options).begin(1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("make", [GAU, FLASH])
def test_half_precision_neither_overflows_nor_loses_digits(make: type, causal: bool, dtype: torch.dtype) -> None:
    unit = make(32, head_size=128, causal=causal, **({"chunk": 64} if make is FLASH else {}))
    with torch.no_grad():  # relu²(Q K^T) is then near 10^6, its sum with V near 10^8: float16 ends at 65504
        unit.gamma.mul_(6)
    x = torch.randn(1, 300, 32)
    exact = unit.double()(x.double())
    out = unit.to(dtype)(x.to(dtype)).double()
    error = (out - exact).norm() / exact.norm()
    assert error < 8 * torch.finfo(dtype).eps, error


def test_empty_sequences_pass() -> None:
    for unit in (_gau(), _gau(causal=True, normaliser="visible"), _flash(), _flash(causal=True)):
        assert unit(torch.zeros(2, 0, WIDTH, dtype=torch.float64)).shape == (2, 0, WIDTH)


@pytest.mark.parametrize("options", [{"normaliser": "n"}, {"kernel": "relu"}, {"head_size": 0}])
def test_gau_says_what_is_wrong(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(options)))):
        GAU(4, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"past": "all"}, {"chunk": 0}, {"normaliser": "x"}])
def test_flash_says_what_is_wrong(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(options)))):
        FLASH(4, **options)  # type: ignore[arg-type]


def test_rotation_sees_the_distance_alone() -> None:
    q, k = torch.randn(2, 8, dtype=torch.float64)

    def product(i: int, j: int) -> Tensor:
        return rotate(q[None], torch.tensor([i])) @ rotate(k[None], torch.tensor([j])).T

    torch.testing.assert_close(product(3, 10), product(1003, 1010), rtol=1e-9, atol=1e-12)
    assert not torch.allclose(product(3, 10), product(3, 11))
    with pytest.raises(ValueError, match="even"):
        rotate(torch.zeros(1, 3), torch.zeros(1))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel": "relu2"},
        {"kernel": "softmax"},
        {"kernel": "softmax", "causal": True},
        {"kernel": "identity"},
        {"chunk": 4},
        {"chunk": 4, "causal": True},
    ],
    ids=str,
)
def test_what_padding_holds_reaches_neither_outputs_nor_gradients(options: dict[str, Any], bad: float) -> None:
    torch.manual_seed(0)
    layer = (FLASH if "chunk" in options else GAU)(8, 16, 4, **options)
    mask = torch.ones(3, 9, dtype=torch.bool)
    mask[0, 6:], mask[1, :3], mask[2] = False, False, False
    x = torch.randn(3, 9, 8)
    clean = layer(x, mask)
    leaf = x.masked_fill(~mask.unsqueeze(-1), bad).requires_grad_()
    y = layer(leaf, mask)
    assert torch.equal(y[mask], clean[mask])
    assert y.isfinite().all()
    y.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in layer.parameters())
    assert leaf.grad is not None
    assert (leaf.grad[~mask] == 0).all()


def test_no_attention_goes_to_padding() -> None:
    torch.manual_seed(0)
    mask = torch.tensor([[True, True, False, True, False]])
    unit = GAU(8, 16, 4)
    torch.nn.init.ones_(unit.beta)  # keys of padding are not 0
    a = unit.attention(torch.randn(1, 5, 8), mask)
    assert (a[..., ~mask[0]] == 0).all()
    assert (a[..., mask[0]] > 0).any()

"""Leak, cost and entry probes against slow twins, and on layers made to trip them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from torchcheck.measure import leak
from torchcheck.modules import FLASH, GAU
from torchcheck.probes.flash import cost
from torchcheck.probes.flash import layers as gated
from torchcheck.probes.gau.entries import entries
from torchcheck.run.packages import has_flash_pytorch


class Shifted(nn.Module):
    """y_i = x_{i + by}: `by` > 0 looks ahead."""

    def __init__(self, width: int, by: int = 0) -> None:  # noqa: ARG002
        super().__init__()
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        return torch.roll(x, -self.by, -2)


class Averaged(nn.Module):
    """Causal sums over all positions' number: no later input is seen, but how many there are."""

    def __init__(self, width: int) -> None:  # noqa: ARG002
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.cumsum(-2) / x.shape[-2]


HERE = "tests.torchcheck.probes.test_sequences"


def _leaks(name: str, **options: object) -> dict[str, float]:
    found = leak.leaks({"target": f"{HERE}:{name}", "options": options}, width=3, tokens=70)
    return {m.name: float(m.value or 0) for m in found}


def test_dependence_is_the_jacobian_along_the_cotangents() -> None:
    unit = GAU(4, 6, 3, causal=True, normaliser="visible").double()
    x = torch.randn(70, 4, dtype=torch.float64)  # more than one batch of rows
    torch.manual_seed(3)
    picture = leak.dependence(unit, x)
    torch.manual_seed(3)
    c = torch.randn_like(x)
    jacobian = torch.autograd.functional.jacobian(lambda t: unit(t[None])[0], x)
    slow = torch.einsum("ia,iajb->ijb", c, jacobian).norm(dim=-1)
    torch.testing.assert_close(picture, slow)


def test_leaks_tell_future_past_and_length_apart() -> None:
    assert _leaks("Shifted")["leak.gradient"] == 0
    ahead = _leaks("Shifted", by=1)
    assert ahead["leak.gradient"] > 0.1
    assert ahead["leak.perturbation"] > 0.1
    mean = _leaks("Averaged")
    assert mean["leak.gradient"] == mean["leak.perturbation"] == 0
    assert mean["leak.length"] > 0.1
    assert mean["unused"] == 0
    assert _leaks("Shifted")["unused"] == 70 * 69 / 2


def test_peak_memory_counts_what_is_alive() -> None:
    def call() -> None:
        a = torch.zeros(1000)
        b = a + 1  # 8000 bytes alive
        del a
        c = b.view(10, 100) * 2  # b and c
        del b, c

    assert cost.peak_memory(call, torch.device("cpu")) == 8000


def test_multiply_adds_of_a_linear_layer() -> None:
    layer = nn.Linear(5, 7)
    assert cost.multiply_adds(lambda: layer(torch.zeros(3, 5))) == 3 * 5 * 7


def test_saved_numbers_of_a_product() -> None:
    class Squared(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = x * 2
            return y * y

    x = torch.ones(11, requires_grad=True)
    assert cost.saved_numbers(Squared(), x) == 11


def test_growth_of_a_quadratic_layer() -> None:
    subject = {"target": "torchcheck.modules:GAU", "options": {"hidden": 4, "head_size": 2}}
    found = {m.name: m for m in cost.growth(subject, width=2, sizes=[256, 512, 1024], repeats=2)}
    assert found["exponent.memory"].value == pytest.approx(2, abs=0.1)
    assert found["multiply-adds.n=512"].value == 512 * (3 * 8 + 4) + 512**2 * 6


def test_parameters_leave_vectors_out_on_demand() -> None:
    subject = {"target": "torch.nn:Linear", "options": {"in_features": 3, "out_features": 4}}
    assert cost.parameters(subject)[0].value == 16
    assert cost.parameters(subject, matrices=True)[0].value == 12


def test_entries_are_those_of_the_definition() -> None:
    subject = {"target": "torchcheck.modules:GAU", "options": {"head_size": 5}}
    (m,) = entries(subject, width=6, tokens=9, seeds=1, rank=True, dtype="float64")
    torch.manual_seed(0)
    unit = GAU(6, head_size=5).double()
    x = torch.randn(9, 6).double()
    z = torch.nn.functional.silu(unit.shared(x)).detach()
    a = (z @ z.T).relu() ** 2 / (9 * 5)
    assert m.data["diagonal"][0] == pytest.approx(float(a.diagonal().mean()))
    assert m.data["row_sum"][0] == pytest.approx(float(a.sum(1).mean()))
    s = torch.linalg.svdvals(a)
    p = s / s.sum()
    assert m.data["rank"][0] == pytest.approx(float((-(p * p.log()).sum()).exp()))
    assert 1 <= m.data["rank"][0] <= 9


@pytest.mark.skipif(not has_flash_pytorch(), reason="FLASH-pytorch is not installed")
def test_flash_pytorch_divides_the_past_by_a_chunk() -> None:
    subject = {
        "target": "torchcheck.modules.thirdparty:flash_pytorch",
        "options": {"causal": True, "group_size": 4, "query_key_dim": 8, "residual": False},
    }
    found = gated.past_weight(subject, width=12, tokens=16, chunk=4)
    assert [m.value for m in found] == pytest.approx([0, 1, 2, 3])


@pytest.mark.skipif(not has_flash_pytorch(), reason="FLASH-pytorch is not installed")
@pytest.mark.parametrize("causal", [False, True])
def test_flash_pytorch_with_our_weights_gives_our_output(causal: bool) -> None:
    """Up to its departures: squares divided by c², the past by c, a position bias (set to 0)."""
    from torchcheck.modules.thirdparty import flash_pytorch

    theirs = flash_pytorch(12, causal=causal, group_size=4, query_key_dim=8).double()
    ours = FLASH(12, 24, 8, chunk=4, normaliser="n2", past="chunk", causal=causal, bias=True).double()
    with torch.no_grad():
        for p in ours.parameters():
            nn.init.normal_(p)
        theirs.rel_pos_bias.relative_attention_bias.weight.zero_()
        gate, values = ours.inner.weight.chunk(2)
        theirs.to_hidden[0].weight.copy_(torch.cat([values, gate]))
        gate, values = ours.inner.bias.chunk(2)
        theirs.to_hidden[0].bias.copy_(torch.cat([values, gate]))
        theirs.to_qk[0].load_state_dict(ours.shared.state_dict())
        theirs.to_out.load_state_dict(ours.outer.state_dict())
        theirs.qk_offset_scale.gamma.copy_(ours.gamma[[0, 2, 1, 3]])
        theirs.qk_offset_scale.beta.copy_(ours.beta[[0, 2, 1, 3]])
    x = torch.randn(2, 10, 12, dtype=torch.float64)
    torch.testing.assert_close(theirs(x), x + ours(theirs.norm(x)), rtol=1e-9, atol=1e-9)

"""A training step: sound ones pass, and each small fault is noticed by the property that names it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck import CheckResult, Threshold, check_training
from torchcheck.run.subjects import SubjectError

Made = tuple[nn.Module, Any, Callable[[nn.Module, Any], Tensor], torch.optim.Optimizer]


class Net(nn.Module):
    """A small classifier with dropout, batch norm and a frozen scale."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(4, 8), nn.Linear(8, 3)
        self.norm = nn.BatchNorm1d(8)
        self.scale = nn.Parameter(torch.tensor(2.0), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.scale * self.outer(F.dropout(torch.relu(self.norm(self.inner(x))), 0.1, self.training))
        return out


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def made(net: type[nn.Module] = Net, optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.AdamW) -> Made:
    torch.manual_seed(0)
    model = net()
    batch = (torch.randn(6, 4), torch.randint(3, (6,)))
    return model, batch, loss, optimizer([p for p in model.parameters() if p.requires_grad], lr=0.01)


def failed(result: CheckResult) -> set[str]:
    return {f.name for f in result.failed}


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.SGD, torch.optim.Adagrad, torch.optim.RMSprop])
def test_a_sound_step_passes_and_is_left_alone(optimizer: Any) -> None:
    model, batch, criterion, opt = made(optimizer=optimizer)
    before, state = copy.deepcopy((model.state_dict(), opt.state_dict())), torch.get_rng_state()
    result = check_training(model, batch, criterion, opt)
    assert result, repr(result)
    assert not result.undecided
    assert result["overfits"].value is not None
    assert result["overfits"].value < 1
    torch.testing.assert_close(model.state_dict(), before[0], rtol=0, atol=0)
    torch.testing.assert_close(opt.state_dict()["state"], before[1]["state"], rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert all(p.grad is None for p in model.parameters())


def test_a_parameter_that_no_optimizer_has() -> None:
    model, batch, criterion, _ = made()
    opt = torch.optim.SGD([*model.get_submodule("inner").parameters()], lr=0.1)
    result = check_training(model, batch, criterion, opt)
    assert failed(result) == {"optimized-once"}
    assert "outer.weight is missing" in result["optimized-once"].witness


def test_an_optimizer_of_another_copy() -> None:
    model, batch, criterion, _ = made()
    opt = torch.optim.SGD(copy.deepcopy(model).parameters(), lr=0.1)
    assert "7 are not the model's" in str(check_training(model, batch, criterion, opt)["optimized-once"])


def test_a_parameter_twice() -> None:
    model, batch, criterion, _ = made()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about the parameter that is there twice
        opt = torch.optim.SGD([*model.get_submodule("inner").parameters()] * 2, lr=0.1)
        found = check_training(model, batch, criterion, opt)["optimized-once"]
    assert "inner.weight is there 2 times" in found.witness


class Detached(Net):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.outer(torch.relu(self.norm(self.inner(x))).detach())
        return out


def test_a_branch_that_does_not_learn() -> None:
    result = check_training(*made(Detached))
    assert "gradients-flow" in failed(result)
    assert "inner.weight" in result["gradients-flow"].witness


def test_a_group_that_does_not_move() -> None:
    model, batch, criterion, _ = made()
    groups = [
        {"params": model.get_submodule("inner").parameters(), "lr": 0.0},
        {"params": [*model.get_submodule("norm").parameters(), *model.get_submodule("outer").parameters()]},
    ]
    assert failed(check_training(model, batch, criterion, torch.optim.SGD(groups, lr=0.1))) == {"moves"}


def test_a_rate_that_is_too_large() -> None:
    model, batch, _, _ = made()
    opt = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e20)
    result = check_training(model, batch, lambda m, b: m(b[0]).square().mean(), opt)
    assert "finite" in failed(result)


class Counting(Net):
    """Its rate of dropout depends on the number of calls, which is no buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        return super().forward(x) * (1 + 0.1 * self.calls)


def test_state_that_is_not_saved() -> None:
    assert failed(check_training(*made(Counting))) == {"resumed"}


class Scheduled(torch.optim.SGD):
    """Keeps the number of its steps in an attribute."""

    count = 0

    def step(self, closure: Any = None) -> Any:
        self.count += 1
        for group in self.param_groups:
            group["lr"] = 0.1 / self.count
        return super().step(closure)


def test_an_optimizer_whose_state_is_not_saved() -> None:
    assert failed(check_training(*made(optimizer=Scheduled))) == {"resumed"}


def test_a_decay_of_what_is_frozen() -> None:
    class Decays(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            with torch.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.mul_(0.99)
            return super().step(closure)

    model, batch, criterion, _ = made()
    result = check_training(model, batch, criterion, Decays(model.parameters(), lr=0.1))
    assert failed(result) == {"frozen-kept"}
    assert result["frozen-kept"].witness == "scale"


def test_a_mean_over_unlike_halves_is_asked_about() -> None:
    model, (x, y), _, opt = made()
    y = y.clone()
    y[1:3] = -100
    result = check_training(model, (x, y), loss, opt)
    assert result["accumulation"].status == "question"
    assert [f.name for f in result.undecided] == ["accumulation"]
    total = check_training(model, (x, y), lambda m, b: F.cross_entropy(m(b[0]), b[1], reduction="sum"), opt)
    assert total["accumulation"].status == "ok"


def test_mistakes_are_named() -> None:
    model, batch, criterion, opt = made()
    with pytest.raises(SubjectError, match=r"the loss has shape \(6,\)"):
        check_training(model, batch, lambda m, b: F.cross_entropy(m(b[0]), b[1], reduction="none"), opt)
    with pytest.raises(ValueError, match="'finit' is no property of training"):
        check_training(model, batch, criterion, opt, skip=["finit"])
    with pytest.raises(ValueError, match="at least 2"):
        check_training(model, batch, criterion, opt, steps=1)
    alone = check_training(model, (batch[0], batch[1][:1].expand(6)), criterion, opt, skip=["overfits"])
    assert "overfits" not in {f.name for f in alone}


class Routed(nn.Module):
    """One of two maps for each example: half a batch may leave one of them without a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(4, 1), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        chosen = x[:, 0] > 0
        parts = [m(x[c]) for m, c in ((self.left, chosen), (self.right, ~chosen)) if bool(c.any())]
        return torch.cat(parts)


def test_a_part_without_gradient_in_half_of_the_batch_counts_as_zero() -> None:
    torch.manual_seed(0)
    model, x = Routed(), torch.randn(6, 4)
    x[:, 0] = torch.tensor([1.0, 1, 1, -1, -1, -1])
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    assert check_training(model, x, lambda m, b: m(b).square().mean(), opt)["accumulation"].status == "ok"


def test_a_threshold_of_ones_own_decides_about_accumulation() -> None:
    model, (x, y), _, opt = made()
    y = y.clone()
    y[1:3] = -100
    wide = check_training(model, (x, y), loss, opt, thresholds={"accumulation": Threshold(hi=10.0)})
    assert wide["accumulation"].status == "ok"

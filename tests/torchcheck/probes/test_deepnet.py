"""Stacks, scalings and the probes that ride on one backward pass, against slow twins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from torchcheck.measure.objectives import CrossEntropy, LinearLoss, SquaredLoss
from torchcheck.measure.roles import MATRICES, depth_of, layers, parts
from torchcheck.modules import Attention, Transformer, deepnorm_constants, depth_scaling, scaled_transformer
from torchcheck.modules.scaling import DepthScaling, named_scaling
from torchcheck.modules.thirdparty import hugging_face, torch_encoder
from torchcheck.modules.transformer import init_xavier_
from torchcheck.probes.deepnet.profiles import inputs, profile, profiles

SUBJECT = {"target": "torchcheck.modules:scaled_transformer", "options": {"scaling": "sgd"}}


def _slow_profile(model: nn.Module, loss: Any) -> dict[tuple[int, str], list[float]]:
    """Norms from whole gradients, entry by entry."""
    grads = torch.autograd.grad(loss(), list(model.parameters()), allow_unused=True)
    sums: dict[tuple[int, str], list[float]] = {}
    for (name, p), grad in zip(model.named_parameters(), grads, strict=True):
        if grad is None:
            continue
        for part in parts(name, p):
            g, w = part.of(grad).double().flatten().tolist(), part.of(p.detach()).double().flatten().tolist()
            size = math.sqrt(math.fsum(v * v for v in w) / len(w))
            one = math.fsum(abs(v) for v in g)
            row = sums.setdefault((depth_of(name), part.role), [0.0, 0.0, 0.0])
            for k, v in enumerate((math.fsum(v * v for v in g), one, one * (size or 1.0))):
                row[k] += v
    return sums


def _models() -> dict[str, nn.Module]:
    found: dict[str, nn.Module] = {
        norm: Transformer(8, 2, heads=2, norm=norm, causal=norm == "pre") for norm in ("post", "pre", "none")
    }
    found |= {"ffn only": Transformer(8, 3, branches=("ffn",)), "no biases": Transformer(8, 1, bias=False)}
    found |= {"torch post": torch_encoder(8, 2), "torch pre": torch_encoder(8, 2, norm_first=True, xavier=False)}
    return found | {name: hugging_face(8, 2, name) for name in ("bert", "gpt2", "llama")}


@pytest.mark.parametrize(
    "name", ["post", "pre", "none", "ffn only", "no biases", "torch post", "torch pre", "bert", "gpt2", "llama"]
)
def test_profile_is_what_whole_gradients_say(name: str) -> None:
    model = _models()[name].double()
    x, loss = inputs(8, 5, 2).double(), LinearLoss((2, 5, 8)).double()
    slow = _slow_profile(model, lambda: loss(model(x)))
    _, gradients, _ = profile(model, lambda: loss(model(x)))
    assert set(gradients.squares) == set(slow)
    for key, row in slow.items():
        found = (gradients.squares[key], gradients.l1[key], gradients.lamb[key])
        assert found == pytest.approx(row, rel=1e-9, abs=1e-25), key
    assert all(p.grad is None for p in model.parameters())


def test_signals_are_what_they_say() -> None:
    model = Transformer(8, 2, norm="post").double()
    x = inputs(8, 4, 2, common=0.5).double().requires_grad_()
    _, _, signals = profile(model, lambda: model(x).square().sum())
    first = model.sublayers[0]
    assert signals.stream[0] == pytest.approx(float(x.detach().square().mean().sqrt()))
    branch = first.branch(x).detach()  # type: ignore[operator]
    assert signals.branch[0] == pytest.approx(float(branch.square().mean().sqrt()))
    gram = torch.einsum("btd,bsd->bts", x.detach(), x.detach())
    off = (gram.sum((1, 2)) - gram.diagonal(dim1=1, dim2=2).sum(1)).sum() / (4 * 3)
    assert signals.cosine[0] == pytest.approx(float(off / (x.detach().square().sum() / 4)))
    (direct,) = torch.autograd.grad(model(x).square().sum(), x)
    assert signals.cotangent[0] == pytest.approx(float(direct.norm()))
    assert len(signals.cotangent) == len(signals.stream) + 1 == 5


def test_one_token_has_no_cosine_and_half_precision_does_not_overflow() -> None:
    model = Transformer(8, 1).to(torch.bfloat16)
    x = torch.randn(1, 1, 8, dtype=torch.bfloat16)
    _, gradients, signals = profile(model, lambda: 1e30 * model(x).float().sum())
    assert all(math.isnan(c) for c in signals.cosine)
    assert all(math.isfinite(v) for v in gradients.l1.values())


def test_seeds_can_be_split_into_tasks() -> None:
    whole = profiles(SUBJECT, [2], width=16, tokens=4, seeds=4)[0].data["squares"]
    split = [profiles(SUBJECT, [2], width=16, tokens=4, seeds=2, first=k)[0].data["squares"] for k in (0, 2)]
    for role, values in whole.items():
        assert values == split[0][role] + split[1][role]


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama"])
def test_roles_of_models_that_others_wrote(name: str) -> None:
    model = hugging_face(64, 3, name)
    roles = [part.role for n, p in model.named_parameters() for part in parts(n, p)]
    assert layers(model) == 3
    inner = {"llama": 6}.get(name, 3)  # llama's gate counts as an inner matrix
    assert {r: roles.count(r) for r in MATRICES} == {**dict.fromkeys(MATRICES, 3), "inner": inner}
    with pytest.raises(ValueError, match="bert, gpt2 or llama"):
        hugging_face(64, 1, "t5")


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_torchs(causal: bool) -> None:
    ours, theirs = Attention(12, 3, causal=causal), nn.MultiheadAttention(12, 3, batch_first=True)
    init_xavier_(ours)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.out_proj.weight.copy_(ours.output.weight)
    x = torch.randn(2, 7, 12)
    mask = torch.triu(torch.ones(7, 7, dtype=torch.bool), 1) if causal else None
    torch.testing.assert_close(ours(x), theirs(x, x, x, attn_mask=mask, need_weights=False)[0])


def test_post_norm_layer_is_torchs() -> None:
    theirs = torch_encoder(8, 1)
    ours = Transformer(8, 1)
    block = theirs[0]  # type: ignore[index]
    with torch.no_grad():
        attention, ffn = (s.branch for s in ours.sublayers)
        fused = block.self_attn.in_proj_weight.chunk(3)
        for part, layer in zip(fused, (attention.query, attention.key, attention.value), strict=True):
            layer.weight.copy_(part)
        attention.output.weight.copy_(block.self_attn.out_proj.weight)
        ffn.inner.weight.copy_(block.linear1.weight)
        ffn.outer.weight.copy_(block.linear2.weight)
    x = torch.randn(2, 5, 8)
    torch.testing.assert_close(ours(x), theirs(x))


@given(st.integers(1, 10_000))
def test_each_scaling_solves_its_optimizers_equation(n: int) -> None:
    sgd, adam, lamb = (depth_scaling(name, n) for name in ("sgd", "adam", "lamb"))
    assert (sgd.gain / sgd.alpha) ** 2 * 2 * n == pytest.approx(1)
    assert adam.gain / adam.alpha * 2 * n == pytest.approx(1)
    assert lamb.gain**2 / lamb.alpha * 2 * n == pytest.approx(1)
    paper = deepnorm_constants("encoder", n)["encoder"]
    assert paper.alpha == pytest.approx(sgd.alpha)
    assert paper.gain * math.sqrt(2) == pytest.approx(sgd.gain)
    for name, power in (("sgd", -0.5), ("adam", -1.0), ("lamb", -0.5)):
        assert depth_scaling(name, n, "pre") == DepthScaling(1.0, pytest.approx((2 * n) ** power))


def test_apply_initialises_existing_models() -> None:
    model = Transformer(64, 2)
    scaling = depth_scaling("sgd", 2)
    scaling.apply_(model)
    assert {s.alpha for s in model.sublayers} == {scaling.alpha}
    ratio = float(model.sublayers[0].branch.value.weight.detach().std() * math.sqrt(64))  # type: ignore[union-attr, operator]
    assert ratio == pytest.approx(scaling.gain, rel=0.05)
    theirs = depth_scaling("sgd", 2, "pre").apply_(torch_encoder(64, 2, norm_first=True))
    query, _, value = theirs[0].self_attn.in_proj_weight.detach().chunk(3)  # type: ignore[index]
    assert float(value.std() / query.std()) == pytest.approx(0.5, rel=0.1)
    with pytest.raises(ValueError, match="no residual weight"):
        scaling.apply_(torch_encoder(64, 2))


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"heads \(3\) must divide width \(8\)"):
        Attention(8, 3)
    with pytest.raises(ValueError, match="norm must be"):
        Transformer(8, 1, norm="sandwich")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown branches"):
        Transformer(8, 1, branches=("convolution",))
    with pytest.raises(ValueError, match="arch must be"):
        deepnorm_constants("rnn", 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="decoder_layers goes with"):
        deepnorm_constants("encoder", 3, 3)
    with pytest.raises(ValueError, match="decoder_layers goes with"):
        deepnorm_constants("encoder-decoder", 3)
    with pytest.raises(ValueError, match="at least 1"):
        deepnorm_constants("encoder", 0)
    with pytest.raises(ValueError, match="at least 1"):
        depth_scaling("sgd", 0)
    with pytest.raises(ValueError, match="sgd, adam or lamb"):
        named_scaling("adagrad", 3)
    with pytest.raises(ValueError, match="norm must be"):
        depth_scaling("sgd", 3, "sandwich")  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", [LinearLoss, SquaredLoss, CrossEntropy])
def test_losses_have_cotangents_of_their_stated_size(loss: Any) -> None:
    y = nn.functional.layer_norm(torch.randn(64, 16, 128), (128,)).requires_grad_()
    (cotangent,) = torch.autograd.grad(loss((64, 16, 128))(y), y)
    size = float(cotangent.norm(dim=-1).mean() * 64 * 16)
    expected = {LinearLoss: 1.0, SquaredLoss: math.sqrt(2), CrossEntropy: 1.0}[loss]
    assert size == pytest.approx(expected, rel=0.1)


def test_scaled_transformer_uses_its_constants() -> None:
    model = scaled_transformer(32, 8, "deepnorm")
    constants = deepnorm_constants("encoder", 8)["encoder"]
    assert model.sublayers[0].alpha == constants.alpha  # type: ignore[union-attr]
    ffns = list(model.sublayers)[1::2]
    weights = np.array([float(s.branch.outer.weight.detach().std()) for s in ffns])  # type: ignore[union-attr, operator]
    assert weights.mean() == pytest.approx(constants.gain * math.sqrt(2 / (5 * 32)), rel=0.05)

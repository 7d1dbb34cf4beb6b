"""The multi-label loss: its values and gradients against exact ones, its bounds, its speed and memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from torchcheck.modules.multilabel import article_multilabel_loss
from torchcheck.probes.cost import peak_memory, timed
from torchcheck.subjects import DTYPES, Subject, find_device, resolve
from torchcheck.task import Measurement, Series


def bounds(
    subject: Mapping[str, Any], classes: int, samples: int, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """A dense loss (scores, labels) on random scores of all sizes, in float64.

    `value` the largest relative difference from the definition, `gradient` that of the closed form -p_i/(1 + sum p),
    n_i/(1 + sum n); `softmax` the largest, `softmax.least` the smallest excess over the softmax cross-entropy for one
    positive; `disorder` the cases with a loss below log 2 and a score on the wrong side of 0; `share` the largest sum
    of gradient sizes over one side.
    """
    loss, where = resolve(Subject.from_json(subject).target), find_device(device)
    generator = torch.Generator().manual_seed(seed)
    sizes = 10 ** (3 * torch.rand(samples, 1, generator=generator, dtype=torch.float64) - 2)
    scores = (sizes * torch.randn(samples, classes, generator=generator, dtype=torch.float64)).to(where)
    shifts = 10 * torch.rand(samples, 1, generator=generator, dtype=torch.float64).to(where)
    labels = (torch.rand(samples, classes, generator=generator) < 0.3).to(where)
    labels[: samples // 2] = (
        F.one_hot(torch.randint(classes, (samples // 2,), generator=generator), classes).bool().to(where)
    )
    scores = torch.where(labels, scores + shifts, scores - shifts).requires_grad_()
    found = loss(scores, labels)
    (grad,) = torch.autograd.grad(found.sum(), scores)
    with torch.no_grad():
        p = torch.where(labels, (-scores).exp(), 0.0)
        n = torch.where(labels, 0.0, scores.exp())
        exact = torch.log1p(p.sum(-1)) + torch.log1p(n.sum(-1))
        slope = n / (1 + n.sum(-1, keepdim=True)) - p / (1 + p.sum(-1, keepdim=True))
        one = slice(0, samples // 2)
        softmax = F.cross_entropy(scores[one], labels[one].double().argmax(-1), reduction="none")
        excess = found[one] - softmax
        low = found < math.log(2)
        astray = (low[:, None] & torch.where(labels, scores <= 0, scores >= 0)).any(-1)
        sides = torch.stack([(grad * labels).abs().sum(-1), (grad * ~labels).abs().sum(-1)])
        finite = exact.isfinite() & slope.isfinite().all(-1)
        values = {
            "value": float(((found - exact).abs() / exact)[finite].max()),
            "gradient": float((grad - slope)[finite].abs().max()),
            "softmax": float(excess.max()),
            "softmax.least": float(excess.min()),
            "disorder": float(astray.sum()),
            "share": float(sides.max()),
        }
    label = Subject.from_json(subject).label
    note = f"{int(low.sum())} of {samples} below log 2"
    return [Measurement(k, v, samples=samples, subject=label, device=device, note=note) for k, v in values.items()]


def accuracy(
    subject: Mapping[str, Any], name: str, dtypes: Sequence[str], classes: int = 64, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """A sparse loss (scores, positives) as the positives' share of the sum goes to 1, against float64.

    Share 1 - r for r = 10^0 ... 10^-12 and down: one positive at +x, the negatives near -x. `<name>.<dtype>` is the
    largest relative error of the loss, `<name>.ulp.<dtype>` the same in ulp of the format, `<name>.gradient.<dtype>`
    that of the gradient's entries in ulp; infinite where the result is not finite. The curve is the error against the
    share.
    """
    loss, where = resolve(Subject.from_json(subject).target), find_device(device)
    label = Subject.from_json(subject).label
    found = []
    for dtype in dtypes:
        generator = torch.Generator().manual_seed(seed)
        kind, eps = DTYPES[dtype], torch.finfo(DTYPES[dtype]).eps
        rests, errors, ulps, slopes = [], [], 0.0, 0.0
        for x in torch.linspace(0, 15, 61).tolist():
            scores = (-x + torch.rand(1, classes, generator=generator)).to(where, kind)
            scores[0, 3] = x
            positives = torch.tensor([[3]], device=where)
            exact, slope, rest = _exact(scores.double(), 3)
            leaf = scores.clone().requires_grad_()
            value = loss(leaf, positives)
            (grad,) = torch.autograd.grad(value.sum(), leaf)
            error = _relative(value.double(), exact)
            rests.append(rest)
            errors.append(error)
            normal = exact > torch.finfo(kind).tiny
            if bool(normal.all()):
                ulps = max(ulps, error / eps)
            kept = slope.abs() > torch.finfo(kind).tiny
            slopes = max(slopes, _relative(grad.double()[kept], slope[kept]) / eps)
        curve = Series(f"{name}, {dtype}", "1 - share of the positives", "relative error of the loss", rests, errors)
        common: dict[str, Any] = {"samples": len(rests), "subject": label, "device": device, "dtype": dtype}
        worst = max(range(len(errors)), key=errors.__getitem__)
        witness = f"share 1 - {rests[worst]:.2g}"
        found += [
            Measurement(f"{name}.{dtype}", max(errors), witness=witness, series=(curve,), **common),
            Measurement(f"{name}.ulp.{dtype}", ulps, unit="ulp", **common),
            Measurement(f"{name}.gradient.{dtype}", slopes, unit="ulp", **common),
        ]
    return found


def _exact(scores: Tensor, positive: int) -> tuple[Tensor, Tensor, float]:
    """The loss, its gradient, and 1 - the positives' share, without cancellation."""
    p = (-scores[:, positive]).exp()
    n = scores.exp()
    own = n[:, positive].clone()
    n[:, positive] = 0.0
    total = n.sum(-1)
    slope = n / (1 + total[:, None])
    slope[:, positive] = -p / (1 + p)
    return torch.log1p(p) + torch.log1p(total), slope, float((1 + total) / (1 + total + own))


def _relative(value: Tensor, exact: Tensor) -> float:
    worst = float(((value.detach() - exact).abs() / exact.abs()).max()) if exact.numel() else 0.0
    return worst if math.isfinite(worst) else math.inf


def sparse_gain(
    subject: Mapping[str, Any],
    batch: int,
    predicates: int,
    tokens: int,
    positives: int = 4,
    repeats: int = 5,
    width: int = 256,
    layers: int = 2,
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """Dense labels and the dense loss against the sparse loss, for one relation pointer's scores.

    `entries` how many numbers the dense labels of heads and tails hold; `speedup.loss` the time of making the labels
    and forward and backward of the loss, dense over sparse; `memory.dense` and `memory.sparse` their peak beyond the
    scores; `speedup.training` the same with an encoder (`layers` of torch's, of `width`) and the pointer before it.
    Repetitions of both in turn; the interval is the range of the ratios of all but the slowest.
    """
    from torchcheck.modules.pointer import EfficientGlobalPointer

    sparse, where = resolve(Subject.from_json(subject).target), find_device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        index = torch.randint(tokens * tokens, (batch, predicates, positives)).to(where)
        scores = torch.randn(batch, predicates, tokens * tokens).to(where).requires_grad_()
        layer = torch.nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True)
        encoder = torch.nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        model = torch.nn.Sequential(encoder, EfficientGlobalPointer(width, predicates, 64, triangular=False)).to(where)
        x = torch.randn(batch, tokens, width).to(where)

    def dense_loss(s: Tensor) -> Tensor:
        labels = torch.zeros_like(s).scatter_(-1, index, 1.0)
        return article_multilabel_loss(s, labels)

    def sparse_loss(s: Tensor) -> Tensor:
        return sparse(s, index)  # type: ignore[no-any-return]

    def step(loss: Callable[[Tensor], Tensor]) -> Callable[[], None]:
        def call() -> None:
            scores.grad = None
            loss(scores).mean().backward()  # type: ignore[no-untyped-call]

        return call

    def train(loss: Callable[[Tensor], Tensor]) -> Callable[[], None]:
        def call() -> None:
            model.zero_grad()
            loss(model(x).flatten(-2)).mean().backward()  # type: ignore[no-untyped-call]

        return call

    common: dict[str, Any] = {"subject": Subject.from_json(subject).label, "device": device, "dtype": "float32"}
    found = [Measurement("entries", float(2 * batch * predicates * tokens**2), unit="numbers", **common)]
    for name, make in (("loss", step), ("training", train)):
        both = [make(dense_loss), make(sparse_loss)]
        for call in both:
            call()
        rows = [[timed(call, 1, where)[0] for call in both] for _ in range(repeats)]
        ratios = sorted(a / b for a, b in rows)
        middle = ratios[len(ratios) // 2]
        found.append(
            Measurement(
                f"speedup.{name}",
                middle,
                ratios[0],
                ratios[-1],
                unit="times faster",
                level=0,
                samples=repeats,
                **common,
            )
        )
        if name == "loss":
            for kind, call in zip(("dense", "sparse"), both, strict=True):
                peak = peak_memory(call, where) / (scores.numel() * 4)
                found.append(Measurement(f"memory.{kind}", peak, unit="times the scores", **common))
    return found


def rotary_shift(
    subject: Mapping[str, Any],
    size: int,
    shifts: Sequence[float],
    pairs: int = 256,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """How far <R_i q, R_j k> and <R_(i+s) q, R_(j+s) k> are apart, over |q| |k|, for shifts s: `shift.s=...`."""
    turn, where = resolve(Subject.from_json(subject).target), find_device(device)
    generator = torch.Generator().manual_seed(seed)
    q, k = (torch.randn(pairs, size, generator=generator).to(where, DTYPES[dtype]) for _ in range(2))
    i, j = (torch.randint(512, (pairs,), generator=generator).to(where) for _ in range(2))
    scale = q.norm(dim=-1) * k.norm(dim=-1)

    def score(shift: float) -> Tensor:
        found: Tensor = (turn(q, i + int(shift)) * turn(k, j + int(shift))).sum(-1) / scale
        return found

    base = score(0)
    label = Subject.from_json(subject).label
    errors = [float((score(s) - base).abs().max()) for s in shifts]
    curve = Series("rotary", "shift", "change of the score over |q| |k|", list(shifts), errors)
    return [
        Measurement(f"shift.s={s:g}", e, samples=pairs, subject=label, device=device, dtype=dtype,
                    series=(curve,) if s == shifts[-1] else ())
        for s, e in zip(shifts, errors, strict=True)
    ]  # fmt: skip

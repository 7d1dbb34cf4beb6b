"""The multi-label loss: its values and gradients against exact ones, its bounds, its speed and memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from torchcheck.data import Evidence, Measurement, Params, Series
from torchcheck.modules.multilabel import article_multilabel_loss
from torchcheck.probes.flash.cost import peak_memory, timed
from torchcheck.run.subjects import DTYPES, Subject, build, find_device, resolve


def bounds(subject: Params, classes: int, samples: int, device: str = "cpu", seed: int = 0) -> list[Measurement]:
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
    losses = loss(scores, labels)
    (grad,) = torch.autograd.grad(losses.sum(), scores)
    with torch.no_grad():
        p = torch.where(labels, (-scores).exp(), 0.0)
        n = torch.where(labels, 0.0, scores.exp())
        exact = torch.log1p(p.sum(-1)) + torch.log1p(n.sum(-1))
        slope = n / (1 + n.sum(-1, keepdim=True)) - p / (1 + p.sum(-1, keepdim=True))
        one = slice(0, samples // 2)
        softmax = F.cross_entropy(scores[one], labels[one].double().argmax(-1), reduction="none")
        excess = losses[one] - softmax
        low = losses < math.log(2)
        astray = (low[:, None] & torch.where(labels, scores <= 0, scores >= 0)).any(-1)
        sides = torch.stack([(grad * labels).abs().sum(-1), (grad * ~labels).abs().sum(-1)])
        finite = exact.isfinite() & slope.isfinite().all(-1)
        values = {
            "value": float(((losses - exact).abs() / exact)[finite].max()),
            "gradient": float((grad - slope)[finite].abs().max()),
            "softmax": float(excess.max()),
            "softmax.least": float(excess.min()),
            "disorder": float(astray.sum()),
            "share": float(sides.max()),
        }
    label = Subject.from_json(subject).label
    note = f"{int(low.sum())} of {samples} below log 2"
    return [
        Measurement(k, v, samples=samples, evidence=Evidence.SAMPLED, subject=label, device=device, note=note)
        for k, v in values.items()
    ]


def accuracy(
    subject: Params,
    name: str,
    dtypes: Sequence[str],
    classes: int = 64,
    spread: bool = True,
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """A sparse loss (scores, positives) against extended precision, on two kinds of rows.

    As training leads: the positives' share of the sum goes to 1, one positive at +x and the negatives near -x:
    `<name>.<dtype>` is the largest relative error of the loss, `<name>.moderate.<dtype>` that, in ulp of the format,
    where the share is at most 1/2; infinite where the result is not finite. The curve is the error against the share.
    And scores of all sizes from -80 to 80 (-10 to 10 in float16) with no, one or three positives, repeated indices and
    padding among them (without `spread` there are no such rows): `<name>.ulp.<dtype>` is the largest error of the loss
    in ulp, over both kinds, `<name>.gradient.<dtype>` that of the gradient's entries.
    """
    loss, where = resolve(Subject.from_json(subject).target), find_device(device)
    label = Subject.from_json(subject).label
    measurements = []
    for dtype in dtypes:
        generator = torch.Generator().manual_seed(seed)
        kind, eps = DTYPES[dtype], torch.finfo(DTYPES[dtype]).eps
        rests, errors, moderate, ulps, slopes = [], [], 0.0, 0.0, 0.0
        for scores, positives, is_trained in _rows(kind, classes, generator):
            if not is_trained and not spread:
                continue
            exact, slope, rest = _exact(scores, positives)
            leaf = scores.to(where).clone().requires_grad_()
            value = loss(leaf, torch.tensor([positives], device=where))
            (grad,) = torch.autograd.grad(value.sum(), leaf)
            error = _relative(value, exact, kind)
            if is_trained:
                rests.append(rest)
                errors.append(_relative(value, exact, None))
                moderate = max(moderate, errors[-1] / eps) if rest >= 0.5 else moderate
            ulps, slopes = max(ulps, error / eps), max(slopes, _relative(grad[0], slope, kind) / eps)
        curve = Series(
            f"{name}, {dtype}", "1 - share of the positives", "relative error of the loss", rests, errors, name
        )
        common: dict[str, Any] = {"evidence": Evidence.SAMPLED, "subject": label, "device": device, "dtype": dtype}
        worst = max(range(len(errors)), key=errors.__getitem__)
        witness = f"share 1 - {rests[worst]:.2g}"
        counts: dict[str, Any] = {"samples": len(rests)}
        all_rows: dict[str, Any] = {"samples": len(rests) + (SPREAD_ROWS if spread else 0)}
        measurements += [
            Measurement(f"{name}.{dtype}", max(errors), witness=witness, series=(curve,), **counts, **common),
            Measurement(f"{name}.moderate.{dtype}", moderate, unit="ulp", **counts, **common),
            Measurement(f"{name}.ulp.{dtype}", ulps, unit="ulp", **all_rows, **common),
            Measurement(f"{name}.gradient.{dtype}", slopes, unit="ulp", **all_rows, **common),
        ]
    return measurements


#: rows with scores of all sizes
SPREAD_ROWS = 60


def _rows(kind: torch.dtype, classes: int, generator: torch.Generator) -> Iterator[tuple[Tensor, list[int], bool]]:
    """(scores (1, classes), positives with padding -1, is it a row of the first kind?)."""
    for x in torch.linspace(0, 15, 61).tolist():
        scores = (-x + torch.rand(1, classes, generator=generator)).to(kind)
        scores[0, 3] = x
        yield scores, [3], True
    size = 10.0 if kind == torch.float16 else 80.0
    chosen = [[-1, -1, -1], [3, -1, -1], [5, 5, -1], [0, 7, 63], [63, -1, 63]]
    for k in range(SPREAD_ROWS):
        few = classes if k % 2 else 3
        scores = torch.full((1, classes), -torch.inf)
        scores[0, :few] = size * (2 * torch.rand(few, generator=generator) - 1)
        positives = [p if p < few else 1 for p in chosen[k % len(chosen)]]
        yield scores.to(kind), positives, False


def _exact(scores: Tensor, positives: Sequence[int]) -> tuple[Any, Any, float]:
    """The loss, its gradient, and 1 - the positives' share, in extended precision and without cancellation."""
    s = scores[0].double().cpu().numpy().astype(np.longdouble)
    own = sorted({p for p in positives if p >= 0})
    p, n = np.exp(-s[own]), np.exp(s)
    share = n[own].sum()
    n[own] = 0
    total = n.sum()
    slope = n / (1 + total)
    slope[own] = -p / (1 + p.sum())
    return np.log1p(p.sum()) + np.log1p(total), slope, float((1 + total) / (1 + total + share))


def _relative(value: Tensor, exact: Any, normal: torch.dtype | None) -> float:
    """The largest relative error; of what is in the normal range of a dtype, if one is given.

    Infinite where a result is not finite, or is in the normal range where the exact one is not.
    """
    got = value.detach().double().cpu().numpy().astype(np.longdouble).reshape(np.shape(exact))
    size, least = np.abs(exact), torch.finfo(normal).tiny if normal else 0.0
    kept = size > least
    if not np.isfinite(got).all() or np.any(np.abs(got[~kept]) > 2 * least):
        return math.inf
    if not np.any(kept):
        return 0.0
    worst = float(np.max(np.abs(got - exact)[kept] / size[kept]))
    return worst if math.isfinite(worst) else math.inf


def sparse_gain(
    subject: Params,
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
    Repetitions of both in turn; the interval is the range of the ratios.
    """
    sparse, where = resolve(Subject.from_json(subject).target), find_device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        index = torch.randint(tokens * tokens, (batch, predicates, positives)).to(where)
        scores = torch.randn(batch, predicates, tokens * tokens).to(where).requires_grad_()
        model = _tagger(width, layers, predicates).to(where)
        x = torch.randn(batch, tokens, width).to(where)

    def dense_loss(s: Tensor) -> Tensor:
        return article_multilabel_loss(s, torch.zeros_like(s).scatter_(-1, index, 1.0))

    def sparse_loss(s: Tensor) -> Tensor:
        return sparse(s, index)  # type: ignore[no-any-return]

    def step(loss: Callable[[Tensor], Tensor]) -> None:
        scores.grad = None
        loss(scores).mean().backward()  # type: ignore[no-untyped-call]

    def train(loss: Callable[[Tensor], Tensor]) -> None:
        model.zero_grad()
        loss(model(x).flatten(-2)).mean().backward()  # type: ignore[no-untyped-call]

    label = Subject.from_json(subject).label
    common: dict[str, Any] = {"evidence": Evidence.EXACT, "subject": label, "device": device, "dtype": "float32"}
    entries = 2.0 * torch.zeros_like(scores).scatter_(-1, index, 1.0).numel()
    steps = [partial(step, loss) for loss in (dense_loss, sparse_loss)]
    peaks = [peak_memory(call, where) / (scores.numel() * 4) for call in steps]
    return [
        Measurement("entries", entries, unit="numbers", note="heads and tails", samples=batch, **common),
        Measurement("memory.dense", peaks[0], unit="times the scores", **common),
        Measurement("memory.sparse", peaks[1], unit="times the scores", **common),
        _gain("speedup.loss", steps, repeats, where, common),
        _gain("speedup.training", [partial(train, loss) for loss in (dense_loss, sparse_loss)], repeats, where, common),
    ]


def _tagger(width: int, layers: int, predicates: int) -> torch.nn.Module:
    from torchcheck.modules.pointer import EfficientGlobalPointer

    layer = torch.nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True)
    encoder = torch.nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
    return torch.nn.Sequential(encoder, EfficientGlobalPointer(width, predicates, 64, triangular=False))


def _gain(
    name: str, both: Sequence[Callable[[], None]], repeats: int, where: torch.device, common: Params
) -> Measurement:
    """How much faster the second call is than the first, in turn: the median and the range of the ratios."""
    for call in both:
        call()
    rows = [[timed(call, 1, where)[0] for call in both] for _ in range(repeats)]
    ratios = sorted(a / b for a, b in rows)
    ends = (ratios[len(ratios) // 2], ratios[0], ratios[-1])
    return Measurement(
        name, *ends, **{**common, "evidence": Evidence.TIMED, "unit": "times faster", "samples": repeats}
    )


def rotary_shift(
    subject: Params,
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
        result: Tensor = (turn(q, i + int(shift)) * turn(k, j + int(shift))).sum(-1) / scale
        return result

    base = score(0)
    label = Subject.from_json(subject).label
    errors = [float((score(s) - base).abs().max()) for s in shifts]
    curve = Series("rotary", "shift", "change of the score over |q| |k|", list(shifts), errors)
    return [
        Measurement(
            f"shift.s={s:g}",
            e,
            samples=pairs,
            evidence=Evidence.SAMPLED,
            subject=label,
            device=device,
            dtype=dtype,
            series=(curve,) if s == shifts[-1] else (),
        )
        for s, e in zip(shifts, errors, strict=True)
    ]


def pointer_scores(
    subject: Params, width: int, tokens: int, name: str, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """`<name>`: a pointer's scores against its formula, pair by pair in float64, over their RMS.

    kexue.fm/archives/8373: s_a(i, j) = (R_i q_i)^T (R_j k_j)/sqrt(h); 8877 adds the ends' biases. With a mask and
    the triangle of spans; each masked pair has to be -inf and no other, or the answer is infinite.
    """
    spec, where = Subject.from_json(subject), find_device(device)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        pointer = build(Subject(spec.target, {"width": width, **spec.options})).to(where, torch.float64)
        x = torch.randn(1, tokens, width, dtype=torch.float64).to(where)
        mask = torch.arange(tokens, device=where)[None] < tokens - 1
        got = pointer(x, mask)[0].cpu()
        both = pointer.project(x)[0].cpu()
        h, classes = pointer.head_size, pointer.classes
        wanted = torch.full_like(got, -torch.inf)
        for c in range(classes):
            shared = both.shape[-1] == 2 * h
            q, k = both.reshape(tokens, 2, -1, h)[:, :, 0 if shared else c].unbind(1)
            for i in range(tokens - 1):
                for j in range(i, tokens - 1):
                    score = _turned(q[i], i) @ _turned(k[j], j) / math.sqrt(h)
                    if shared:
                        ends = pointer.ends(pointer.project(x))[0].cpu()
                        score = score + (ends[i, c] + ends[j, classes + c]) / 2
                    wanted[c, i, j] = score
    real = wanted.isfinite()
    same = bool((got.isfinite() == real).all())
    error = float((got - wanted)[real].abs().max() / wanted[real].square().mean().sqrt()) if same else math.inf
    return [
        Measurement(name, error, samples=int(real.sum()), evidence=Evidence.SAMPLED, subject=spec.label, device=device)
    ]


def _turned(x: Tensor, place: int) -> Tensor:
    """x with each pair of coordinates (2m, 2m + 1) turned by place * 10000^(-2m/size)."""
    out = x.clone()
    for m in range(0, len(x), 2):
        angle = place * 10000.0 ** (-m / len(x))
        c, s = math.cos(angle), math.sin(angle)
        out[m], out[m + 1] = x[m] * c - x[m + 1] * s, x[m] * s + x[m + 1] * c
    return out

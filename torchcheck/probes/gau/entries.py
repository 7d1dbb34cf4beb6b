"""Statistics of an attention matrix at initialisation, and of the output that each part of it carries."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from torchcheck.data import Evidence, Measurement, Params, Series
from torchcheck.run.subjects import DTYPES, Subject, build, find_device


def entries(
    subject: Params,
    width: int,
    tokens: int,
    seeds: int,
    rank: bool = False,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """Of GAUs `subject(width=..., **options)` on normal inputs, over `seeds` random weights and inputs.

    `entries.n=...`: the mean diagonal entry of A; its data holds, per seed, the means of `diagonal` and `off_diagonal`,
    the mean `row_sum`, the mean square of the `output`, its `share` that the diagonal of A alone would give, and, with
    `rank`, the effective `rank` of A (exp of the entropy of its normalised singular values: Roy and Vetterli 2007). The
    curves are histograms of both kinds of entries, over the diagonal's mean.
    """
    where, kind = find_device(device), DTYPES[dtype]
    spec = Subject.from_json(subject)
    options = {"width": width, **spec.options}
    rows: dict[str, list[float]] = {k: [] for k in ("diagonal", "off_diagonal", "row_sum", "output", "share", "rank")}
    series: tuple[Series, ...] = ()
    for k in range(seeds):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1_000_000 * seed + k)
            unit = build(Subject(spec.target, options)).to(where, kind)
            x = torch.randn(tokens, width).to(where, kind)
        with torch.no_grad():
            a = unit.attention(x)
            own = a.diagonal()
            gate, values, _ = unit.project(x)
            whole = unit(x).square().mean()
            alone = unit.outer(gate * (own[:, None] * values)).square().mean()
            rows["diagonal"].append(float(own.mean()))
            rows["off_diagonal"].append(float((a.sum() - own.sum()) / max(1, tokens * (tokens - 1))))
            rows["row_sum"].append(float(a.sum(-1).mean()))
            rows["output"].append(float(whole))
            rows["share"].append(float(alone / whole))
            if rank:
                rows["rank"].append(_effective_rank(a))
            if k == 0 and tokens > 1:
                series = _histograms(a, own)
    return [
        Measurement(
            f"entries.n={tokens}",
            float(np.mean(rows["diagonal"])),
            samples=seeds,
            evidence=Evidence.SAMPLED,
            subject=spec.label,
            device=device,
            dtype=dtype,
            series=series,
            data={"tokens": tokens, "options": options, **rows},
        )
    ]


def outputs(
    subject: Params, width: int, tokens: int, seeds: int, dtype: str = "float32", device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """`output.n=...`: the RMS of the output of `subject(width=..., **options)` on normal inputs; squares in data."""
    where, kind = find_device(device), DTYPES[dtype]
    spec = Subject.from_json(subject)
    options = {"width": width, **spec.options}
    squares = []
    for k in range(seeds):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1_000_000 * seed + k)
            unit = build(Subject(spec.target, options)).to(where, kind)
            x = torch.randn(1, tokens, width).to(where, kind)
        with torch.no_grad():
            squares.append(float(unit(x).square().mean()))
    return [
        Measurement(
            f"output.n={tokens}",
            float(np.sqrt(np.mean(squares))),
            samples=seeds,
            evidence=Evidence.SAMPLED,
            subject=spec.label,
            device=device,
            dtype=dtype,
            data={"tokens": tokens, "options": options, "output": squares},
        )
    ]


def weights(subject: Params, width: int, alarm: float = 1e-7, device: str = "cpu", seed: int = 0) -> list[Measurement]:
    """`init.<name>`: the standard deviation of each matrix at initialisation over 1/sqrt(fan_in), LeCun's.

    Intervals are a normal sample's at false-alarm rate `alarm` (its variance's chi-squared law).
    """
    from scipy import stats

    spec = Subject.from_json(subject)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unit = build(Subject(spec.target, {"width": width, **spec.options})).to(find_device(device))
    measurements = []
    for name, p in unit.named_parameters():
        if p.dim() == 2 and name.endswith("weight"):
            n, value = p.numel(), float((p.detach().double().square().mean() * p.shape[1]).sqrt())
            lo, hi = (value * float((n / stats.chi2.isf(q, n)) ** 0.5) for q in (alarm / 2, 1 - alarm / 2))
            measurements.append(
                Measurement(
                    f"init.{name.removesuffix('.weight')}",
                    value,
                    lo,
                    hi,
                    evidence=Evidence.SAMPLED,
                    level=1 - alarm,
                    samples=n,
                    subject=spec.label,
                    device=device,
                    dtype="float32",
                )
            )
    return measurements


def activations(
    subject: Params, samples: int = 1 << 24, alarm: float = 1e-6, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """`first` and `second`: means of f(g) and f(g)² over normal g in float32, for an activation module f."""
    from scipy import stats

    spec = Subject.from_json(subject)
    f = build(spec)
    g = torch.randn(samples, generator=torch.Generator().manual_seed(seed)).to(find_device(device))
    with torch.no_grad():
        y = f(g).double()
    measurements = []
    for name, values in (("first", y), ("second", y * y)):
        mean = float(values.mean())
        margin = float(stats.norm.isf(alarm / 2)) * float(values.std()) / samples**0.5
        measurements.append(
            Measurement(
                name,
                mean,
                mean - margin,
                mean + margin,
                level=1 - alarm,
                samples=samples,
                evidence=Evidence.SAMPLED,
                subject=spec.label,
                device=device,
                dtype="float32",
            )
        )
    return measurements


def _effective_rank(a: Tensor) -> float:
    sizes = torch.linalg.svdvals(a.double())
    share = sizes / sizes.sum()
    return float(torch.exp(-(share * share.clamp(min=1e-300).log()).sum()))


def _histograms(a: Tensor, own: Tensor) -> tuple[Series, ...]:
    """Densities of log10 of the positive entries over the diagonal's mean."""
    scale = own.mean()
    off = a[~torch.eye(len(a), dtype=torch.bool, device=a.device)]
    histograms = []
    for name, part in (("diagonal", own), ("off-diagonal", off)):
        positive = part[part > 0] / scale
        if len(positive) < 2:
            continue
        density, edges = np.histogram(positive.double().log10().cpu().numpy(), bins=60, density=True)
        middle = 10 ** ((edges[1:] + edges[:-1]) / 2)
        share = len(positive) / len(part)
        histograms.append(
            Series(
                f"{name}, {share:.0%} positive",
                "A_ij over the mean A_ii",
                "density per decade",
                middle.tolist(),
                density.tolist(),
                "histogram",
            )
        )
    return tuple(histograms)

"""The gau claims: does the gated attention unit still need warmup? (kexue.fm/archives/8990)"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from scaleproof.analysis import gau as theory
from scaleproof.analysis.gaussian import moment
from scaleproof.claims.claim import About, Claim, Fault, Prediction, Settings, Source, Verdict
from scaleproof.claims.deepnet.common import grids
from scaleproof.claims.gated import FLASH_FAULTS, GAU, PACKAGE, mean_measurement
from torchcheck.modules.thirdparty import has_flash_pytorch
from torchcheck.task import Measurement, Series, Task

#: the article's example: n, s and, for BERT-base, d
ARTICLE = theory.Unit(tokens=512, head_size=128, width=768)
STACK = "torchcheck.modules:gau_stack"
THEORY = "theory of leading order in 1/d, good to 5 %; the rest is the sample"


def _source(equation: str) -> Source:
    return Source(
        "Does the gated attention unit (GAU) still need warmup? (Su Jianlin 2022)",
        "https://kexue.fm/archives/8990",
        equation,
    )


# moments


def _plan_moments(settings: Settings, target: str) -> list[Task]:
    return [settings.task("entries:activations", target, {})]


def _predict_moments(_settings: Settings) -> list[Prediction]:
    why = "the sample's interval"
    found = []
    for name, power in (("first", 1), ("second", 2)):
        e = moment("swish", power)
        found.append(Prediction(name, e.lo, e.hi, tolerance=2e-3 if power == 1 else 5e-3, why=why))
    return found


# attention-entries, near-diagonal

ENTRY_SEEDS = 64


def _plan_entries(settings: Settings, target: str) -> list[Task]:
    params: dict[str, Any] = {"width": ARTICLE.width, "tokens": ARTICLE.tokens, "seeds": ENTRY_SEEDS}
    ranked: dict[str, Any] = {**params, "seeds": 8, "rank": True}
    options = {"head_size": ARTICLE.head_size}
    return [settings.task("entries:entries", target, options, **p) for p in (params, ranked)]


def _reduce_entries(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Entries and their ratio; shares of the diagonal in a row of A and in the output; the effective rank over n."""
    m, ranked = measurements
    own, off, share, rows, rank = (
        np.array(source.data[k])
        for source, k in ((m, "diagonal"), (m, "off_diagonal"), (m, "share"), (m, "row_sum"), (ranked, "rank"))
    )
    return [
        mean_measurement(m, "diagonal", own),
        mean_measurement(m, "off-diagonal", off),
        mean_measurement(m, "ratio", own / off),
        mean_measurement(m, "share-of-output", share),
        mean_measurement(m, "share-of-row", own / rows),
        mean_measurement(m, "beside: effective rank over n", rank / ARTICLE.tokens),
        replace(m, name="figure: entries", data={}),
    ]


def _pairs() -> theory.Pairs:
    return theory.moments(ARTICLE.head_size, ARTICLE.width, 1.0)


def _predict_entries(_settings: Settings) -> list[Prediction]:
    s, n = ARTICLE.head_size, ARTICLE.tokens
    mu, nu2 = theory.swish_moments(1.0)
    source = (s * nu2**2 / n, s * mu**4 / n)
    pairs = _pairs()
    ours = (pairs.diagonal / (n * s), pairs.off_diagonal / (n * s))
    found = []
    values: tuple[float, float]
    about: About
    for about, values in (("source", source), ("corrected", ours)):
        for name, value in zip(("diagonal", "off-diagonal", "ratio"), (*values, values[0] / values[1]), strict=True):
            found.append(Prediction.near(name, value, 0.15 * value, "of leading order; the sample", about))
    return found


def _predict_diagonal(_settings: Settings) -> list[Prediction]:
    n = ARTICLE.tokens
    pairs, output = _pairs(), theory.output(ARTICLE)
    row = pairs.diagonal / (pairs.diagonal + (n - 1) * pairs.off_diagonal)
    return [
        Prediction.near("share-of-output", 1.0, 0.2, "approximately all"),
        Prediction.near("share-of-row", 1.0, 0.2, "approximately all"),
        Prediction.near("share-of-output", output.itself / output.rms**2, 0.02, THEORY, "corrected"),
        Prediction.near("share-of-row", row, 0.02, THEORY, "corrected"),
    ]


# output-scale

#: (tokens, head_size, width, gain, normaliser, causal), seeds
POINTS: tuple[tuple[tuple[int, int, int, float, str, bool], int], ...] = (
    ((512, 128, 768, 1.0, "ns", False), 64),
    ((16, 64, 256, 1.0, "ns", False), 1000),
    ((128, 128, 256, 1.0, "ns", False), 256),
    ((128, 256, 128, 0.3, "ns", False), 192),
    ((128, 64, 512, 0.05, "ns", False), 192),
    ((512, 256, 128, 0.05, "ns", False), 64),
    ((512, 64, 512, 0.3, "ns", False), 96),
    ((1024, 256, 256, 1.0, "ns", False), 48),
    ((512, 128, 256, 1.0, "ns", True), 128),
    ((512, 128, 256, 1.0, "n2", False), 96),
)
LARGE = ((8192, 128, 1024, 1.0, "ns", False), 48)
#: for the figure: n at the article's s and a smaller d
CURVE = (16, 32, 64, 128, 256, 512, 1024, 2048)


def _points(settings: Settings) -> list[tuple[tuple[int, int, int, float, str, bool], int]]:
    return [*POINTS, *([LARGE] if settings.profile == "full" else [])]


def _plan_output(settings: Settings, target: str) -> list[Task]:
    tasks = []
    points = _points(settings)
    for (n, s, d, gain, norm, causal), seeds in points if target == GAU else points[:3]:
        options = {"head_size": s, "gain": gain, "normaliser": norm, "causal": causal}
        tasks.append(settings.task("entries:outputs", target, options, width=d, tokens=n, seeds=seeds))
    if target == GAU:
        options = {"head_size": 128}
        tasks += [
            settings.task("entries:outputs", target, options, width=256, tokens=n, seeds=4 if n > 512 else 16)
            for n in CURVE
        ]
        if has_flash_pytorch():
            package: dict[str, Any] = {"layer": "GAU", "query_key_dim": 128, "residual": False}
            tasks.append(settings.task("entries:outputs", PACKAGE, package, width=768, tokens=512, seeds=8))
    return tasks


def _reduce_output(settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """RMS of the output at each point, its interval from that of the mean square; the curve over n."""
    found = []
    points = _points(settings)
    for m, (point, _) in zip(measurements, points, strict=False):
        found.append(_rms(m, f"rms.{_label(*point)}"))
    rest = measurements[len(points) :]
    curve = [m for m in rest if m.subject.startswith("GAU")]
    if curve:
        xs = [float(m.data["tokens"]) for m in curve]
        units = [theory.Unit(m.data["tokens"], 128, 256) for m in curve]
        label = ("tokens", "RMS of the output")
        series = (
            Series("measured", *label, xs, [float(m.value or 0) for m in curve]),
            Series("ours", *label, xs, [theory.output(u).rms for u in units]),
            Series("source: s nu^6/n", *label, xs, [theory.source_rms(u) for u in units]),
            Series("the diagonal alone (ours)", *label, xs, [math.sqrt(theory.output(u).itself) for u in units]),
        )
        found.append(replace(curve[-1], name="figure: output over n", data={}, series=series))
    found += [_rms(m, "beside: rms.FLASH-pytorch") for m in rest if not m.subject.startswith("GAU")]
    return found


def _rms(m: Measurement, name: str) -> Measurement:
    square = mean_measurement(m, name, np.array(m.data["output"]))
    value, lo, hi = (math.sqrt(max(0.0, v or 0.0)) for v in (square.value, square.lo, square.hi))
    return replace(square, value=value, lo=lo, hi=hi)


def _label(n: int, s: int, d: int, gain: float, norm: str, causal: bool) -> str:
    extra = ("" if norm == "ns" else f".{norm}") + (".causal" if causal else "")
    return f"n={n}.s={s}.d={d}.lambda={gain:g}{extra}"


def _predict_output(settings: Settings) -> list[Prediction]:
    found = []
    for point, _ in _points(settings):
        n, s, d, gain, norm, causal = point
        unit = theory.Unit(n, s, d, gain, norm, causal)
        if norm == "ns" and not causal:
            law = theory.source_rms(unit)
            found.append(Prediction.near(f"rms.{_label(*point)}", law, 0.15 * law, "approximately"))
        value = theory.output(unit).rms
        found.append(Prediction.near(f"rms.{_label(*point)}", value, 0.1 * value, THEORY, "corrected"))
    return found


# lambda-seven

GAINS = (1.0, 0.7, 0.5, 0.3, 0.1, 0.05, 0.025)


def _plan_lambda(settings: Settings, target: str) -> list[Task]:
    params: dict[str, Any] = {"width": ARTICLE.width, "tokens": ARTICLE.tokens, "seeds": 12}
    return [
        settings.task("entries:outputs", target, {"head_size": ARTICLE.head_size, "gain": g}, **params) for g in GAINS
    ]


def _steps() -> list[tuple[str, float, float]]:
    """(name, larger gain, smaller gain) of neighbouring gains."""
    return [(f"exponent.lambda={b:g}-{a:g}", a, b) for a, b in pairwise(GAINS)]


def _reduce_lambda(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """d log RMS/d log lambda between neighbouring gains, for the same weights and inputs; curves of RMS and exponent."""
    rows = [np.array(m.data["output"]) for m in measurements]
    found = []
    for (name, a, b), large, small in zip(_steps(), rows[:-1], rows[1:], strict=True):
        found.append(mean_measurement(measurements[0], name, 0.5 * np.log(large / small) / math.log(a / b)))
    units = [replace(ARTICLE, gain=g) for g in GAINS]
    fine = np.geomspace(0.02, 16, 40)
    label = ("lambda", "RMS of the output")
    middle = [math.sqrt(a * b) for _, a, b in _steps()]
    series = (
        Series("measured", *label, list(GAINS), [float(np.sqrt(r.mean())) for r in rows]),
        Series("ours", *label, list(GAINS), [theory.output(u).rms for u in units]),
        Series("source: lambda^7", *label, list(GAINS), [theory.source_rms(u) for u in units]),
        Series("measured exponent", "lambda", "local exponent", middle, [float(m.value or 0) for m in found]),
        Series(
            "our exponent", "lambda", "local exponent", fine.tolist(),
            [theory.local_exponent(replace(ARTICLE, gain=float(g))) for g in fine],
        ),
    )  # fmt: skip
    return [*found, replace(measurements[0], name="figure: output over lambda", data={}, series=series)]


def _predict_lambda(_settings: Settings) -> list[Prediction]:
    found = []
    for name, a, b in _steps():
        ends = [theory.output(replace(ARTICLE, gain=g)).rms for g in (a, b)]
        found.append(Prediction.near(name, 7.0, 0.3, "approximately"))
        found.append(Prediction.near(name, math.log(ends[0] / ends[1]) / math.log(a / b), 0.3, THEORY, "corrected"))
    return found


# identity

LEARNED = 0.05
DEPTHS = [2, 8, 24, 96]
SMALL: dict[str, Any] = {"width": 64, "tokens": 128, "batch": 1}
TRANSFORMER = "torchcheck.modules:scaled_transformer"


def _plan_identity(settings: Settings, target: str) -> list[Task]:
    options = {"head_size": ARTICLE.head_size}
    first: dict[str, Any] = {"depths": [1], "width": ARTICLE.width, "tokens": ARTICLE.tokens, "seeds": 1}
    tasks = [settings.task("depth:profiles", target, options, first=k, **first) for k in range(20)]
    small: dict[str, Any] = {"head_size": 64}
    if target != STACK:
        return tasks
    tasks.append(settings.task("depth:profiles", target, small, depths=DEPTHS, seeds=8, **SMALL))
    quick = settings.profile == "quick"
    long: dict[str, Any] = {"width": 64, "tokens": 128, "batch": 4, "steps": 80, "rate": 1e-3}
    runs: list[tuple[str, dict[str, Any], int, dict[str, Any]]] = [
        (STACK, small, 24, long),
        (STACK, small, 100, long),
        (TRANSFORMER, {}, 50, long),
    ]
    if not quick:
        more = {**long, "steps": 600, "rate": 5e-4}
        runs += [(STACK, small, 300, more), (TRANSFORMER, {}, 150, more)]
    return tasks + [settings.task("training:training", t, o, layers=n, **p) for t, o, n, p in runs]


def _reduce_identity(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Effective alpha = RMS of the stream over that of the branch; growth of gradients with depth; the training runs."""
    profiles = [m for m in measurements if m.name.startswith("profile.")]
    first = [m for m in profiles if m.data["setting"]["width"] == ARTICLE.width]
    alphas = np.array([m.data["signals"]["stream"][0] / m.data["signals"]["branch"][0] for m in first])
    found = [mean_measurement(first[0], "effective-alpha", alphas)]
    for g in grids([m for m in profiles if m not in first]):
        roles = ("inner", "outer", "shared")
        found += [
            g.exponent("exponent.squares", g.total("squares", roles)),
            g.exponent("beside: exponent.l1", g.total("l1", roles)),
        ]
        last = g.signals[-1]
        found.append(
            g.stamped(
                "largest branch over stream", float((last["branch"] / last["stream"][: len(last["branch"])]).max())
            )
        )
    for m in measurements:
        if m.name.startswith("loss."):
            kind = "gau" if "gau_stack" in m.subject else "transformer"
            layers = int(m.note.split(" ", 1)[0])
            note = f"{m.note}, {m.name.removeprefix('loss.')}"
            found.append(replace(m, name=f"{kind}.layers={layers}", note=note.replace(" of 2 sublayers", "")))
    return found


def _predict_identity(settings: Settings) -> list[Prediction]:
    unit = "nats above the characters' frequencies"
    alpha = 1 / theory.output(ARTICLE).rms
    layers = [24, 100] if settings.profile == "quick" else [24, 100, 300]
    found = [
        Prediction("effective-alpha", "50", "200", why="100, to a factor of 2"),
        Prediction.near("effective-alpha", alpha, 0.3 * alpha, THEORY, "corrected"),
        Prediction.near("exponent.squares", 1.0, 0.35, "every layer's gradient of the same size", "corrected"),
    ]
    about: About
    for about in ("source", "corrected"):
        for n in layers:
            found.append(Prediction(f"gau.layers={n}", "-inf", str(-LEARNED), unit, about, why="learns from context"))
    for n in (50,) if settings.profile == "quick" else (50, 150):
        found.append(
            Prediction(
                f"transformer.layers={n}", str(-LEARNED), "inf", unit, "corrected", why="learns the frequencies only"
            )
        )
    return found


CLAIMS = (
    Claim(
        id="gau.moments",
        source=_source("Basic integrals"),
        statement=r"$\mu = \mathbb{E}\,\mathrm{swish}(\varepsilon) = 0.2066\ldots$, $\nu^2 = "
        r"\mathbb{E}\,\mathrm{swish}(\varepsilon)^2 = 0.3557\ldots$",
        recorded=Verdict.PROVED,
        legs="PNM",
        outline="Arb's quadrature over [-20, 20] in ball arithmetic, whose truncation error is part of the ball, and the tails "
        r"by $\lvert\mathrm{swish}(x)\rvert \le \lvert x\rvert$ (z3). The certificate encloses both to 17 digits, the "
        "prediction to 40, each checked by mpmath at 80. torch's SiLU on 4 million normal numbers.",
        subject="torch.nn:SiLU",
        fault=Fault("is GELU", "torch.nn:GELU"),
        plan=_plan_moments,
        predict=_predict_moments,
        proof="source",
    ),
    Claim(
        id="gau.attention-entries",
        source=_source("Self-attention"),
        statement=r"$A_{ii} \approx s\nu^4/n$, $A_{ij} \approx s\mu^4/n$, their ratio is about 69.",
        corrected=r"$A_{ii}$ as stated (5 % more at $s = 128$). $\mathbb{E}A_{ij} = \mathbb{E}\,\mathrm{relu}^2(S_{ij})/(ns)$ is "
        r"larger: $S_{ij}$ has the mean $s\mu^2$ and the variance $s(\nu^4 - \mu^4) + s^2c_1^4/d$, $c_1 = "
        r"\mathbb{E}\,\mathrm{swish}'(\varepsilon)$, and the square sees both. At $s = 128$, $d = 768$ the mean entry is 1.58 "
        r"times $s\mu^4/n$, the ratio 46; 69 is the limit $s \to \infty$ with $s/d \to 0$.",
        recorded=Verdict.CORRECTED,
        legs="NM",
        outline=r"$S_{ij} = \langle Z_i, Z_j\rangle$ is a sum of $s$ terms of mean $\mu^2$ and variance $\nu^4 - \mu^4 \approx "
        r"70\mu^4$: its standard deviation exceeds its mean below $s \approx 70$. Means of $\mathrm{relu}^2$ come from the exact "
        "characteristic function of the sum, and the Wishart law of the inner products of inputs.",
        subject=GAU,
        fault=Fault("has gamma and beta swapped", FLASH_FAULTS + "SwappedAffine"),
        plan=_plan_entries,
        predict=_predict_entries,
        reduce=_reduce_entries,
    ),
    Claim(
        id="gau.near-diagonal",
        source=_source("Self-attention"),
        statement=r"So $A \approx (s\nu^4/n) I$ and $O \approx (s\nu^4/n)(U \odot V)W_o$.",
        corrected=r"The diagonal carries $a_0/(a_0 + (n-1)a_1)$ of a row's sum and, because $V$ has the mean $\mu$, only 6 % of "
        r"$\mathbb{E}O^2$ at $s = 128$, $n = 512$, $d = 768$; 77 % comes from pairs of other tokens. It dominates only for $n$ "
        r"well below $\sqrt{a_0^2\nu^2/(a_1^2\mu^2)}$, about 130 tokens at $\lambda = 1$, or for a small $\lambda$.",
        recorded=Verdict.CORRECTED,
        legs="NM",
        outline="One diagonal entry is 46 times an entry beside it, but there are 511 of those, and they add up coherently. "
        "Measured: the output with the diagonal of $A$ alone over the whole output (mean squares), the diagonal's share of a "
        "row, and the effective rank of $A$, which is near $n$ all the same.",
        subject=GAU,
        fault=Fault("has gamma and beta swapped", FLASH_FAULTS + "SwappedAffine"),
        plan=_plan_entries,
        predict=_predict_diagonal,
        reduce=_reduce_entries,
    ),
    Claim(
        id="gau.output-scale",
        source=_source("Remaining parts"),
        statement=r"$\mathbb{E}O^2 \approx s^2\nu^{12}/n^2$: about 0.01 of the input at $s = 128$, $n = 512$, two orders smaller.",
        corrected=r"$\mathbb{E}O_i^2 = \lambda^2\,\mathbb{E}[U_i^2\sum_{j,l}A_{ij}A_{il}V_jV_l]$ has four parts: the token itself "
        r"(the article's, $\propto 1/n^2$), one other token twice ($1/n$), the token and another ($1/n$), two others (constant). "
        r"The RMS is 0.056 at $s = 128$, $n = 512$, $d = 768$, and tends to 0.049 as $n \to \infty$, not to 0.",
        recorded=Verdict.CORRECTED,
        legs="NM",
        outline=r"Each part is an expectation over $(S_{ij}, S_{il})$, computed by a two-dimensional Fourier transform of their "
        r"characteristic function (the $s$-th power of one unit's), averaged over the Wishart law of $XX^\top/d$. Within 5 % of "
        r"the module for $n = 16 \ldots 8192$, $s = 16 \ldots 256$, $d = 128 \ldots 1024$, $\lambda = 0.05 \ldots 1$ (tests, "
        r"$n = 8192$ in the full profile). FLASH-pytorch's GAU, shown beside, has another scale again: it divides by $n^2$, its "
        r"$\gamma$ starts at 0.02, and its relative position bias of size $\sqrt d$ sets the attention.",
        subject=GAU,
        fault=Fault("has twice the variance in W_u and W_v", FLASH_FAULTS + "LoudValues"),
        plan=_plan_output,
        predict=_predict_output,
        reduce=_reduce_output,
    ),
    Claim(
        id="gau.lambda-seven",
        source=_source("Crazy scale"),
        statement=r"Scaling every weight by $\lambda$ scales the output by $\lambda^7$.",
        corrected=r"$d\log O/d\log\lambda$ is 7 only in the limits $\lambda \to 0$ (swish is linear) and $\lambda \to \infty$ (it "
        r"is relu). Between them $\mu \propto \lambda^2$ makes the mean of others' values fall faster: at $s = 128$, $n = 512$ "
        r"the exponent is 9.6 at $\lambda = 1$, 8.7 at 0.5, 7.3 at 0.2.",
        recorded=Verdict.CORRECTED,
        legs="NM",
        outline=r"$\mathrm{swish}(\lambda x) = \lambda x/2 + \lambda^2x^2/4 + \ldots$: the first term gives $\lambda^7$, the second "
        r"gives $Z$ and $V$ the means that the part of two other tokens lives on. Measured between neighbouring gains with the "
        "same weights and inputs.",
        subject=GAU,
        fault=Fault("has no gain on W_z", FLASH_FAULTS + "ForgottenGain"),
        plan=_plan_lambda,
        predict=_predict_lambda,
        reduce=_reduce_lambda,
    ),
    Claim(
        id="gau.identity",
        source=_source("Conclusion first"),
        statement=r"So GAU layers with Post-Norm start near the identity, like DeepNorm with $\alpha \approx 100$, and hundreds of "
        r"them train without warmup.",
        corrected=r"The effective $\alpha$, stream over branch, is 18 at $s = 128$, $n = 512$, $d = 768$, and at most 20 for any "
        r"$n$ (2 at $n = 16$; 4500 with the paper's own initialisation of standard deviation 0.02). It does not grow with depth "
        r"as DeepNorm's does: every layer keeps its gradient, and the first step's decrease is linear in the number of layers. "
        r"Stacks of 24 and 100 layers learn from the first step without warmup where Post-LN Transformers of the same size do "
        r"not.",
        recorded=Verdict.CORRECTED,
        legs="NM",
        outline=r"$\alpha = 1/\mathrm{RMS}(O)$ from gau.output-scale. Gradient profiles of stacks of 2 to 96 layers; a character "
        r"model on English text with Adam at a constant rate. (Two sublayers of a Transformer are one attention and one FFN, so "
        r"50 blocks have 100 sublayers and as many parameters as 100 GAUs. 300 layers in the full profile.) Causal with the "
        r"divisor $ns$; divided by the visible positions instead, the first tokens' outputs are as large as their inputs.",
        subject=STACK,
        fault=Fault("leaves n out of the divisor", FLASH_FAULTS + "undivided_stack"),
        plan=_plan_identity,
        predict=_predict_identity,
        reduce=_reduce_identity,
    ),
)

"""The residual claims: why residuals are needed (kexue.fm/archives/8994)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scaleproof.claim import Claim, Clause, Fault, Predict, Prediction, Reduce, Settings, Source, Verdict
from scaleproof.claims.shared.tolerance import room
from scaleproof.theory import residual as theory
from torchcheck.data import Measurement, Role, Task

PLAIN = "torchcheck.modules:PlainMLP"
RESIDUAL = "torchcheck.modules:ResidualMLP"
FAULTS = "torchcheck.faults.residual:"
EXPANSION = "torchcheck.probes.residual.propagation:expansion"

WIDTH = 64
#: networks a measurement is the mean of, in the quick profile
SEEDS = 512
#: a mean over networks is held against its exact value to 3 %: the interval of the sample has half that width or less
CLOSE = 0.03
#: the share of a stable stream's second moment that the biases bring, in the counterexample
BIAS_SHARE = 0.25


def _source(equation: str) -> Source:
    return Source(
        "Why are residuals needed? A view from DeepNet (Su Jianlin 2022)", "https://kexue.fm/archives/8994", equation
    )


def _expand(
    settings: Settings, target: str, depth: int, seeds: int = SEEDS, width: int = WIDTH, rows: int = 64, **options: Any
) -> Task:
    params = {"subject": {"target": target, "options": options}, "depth": depth, "width": width, "rows": rows}
    return Task(
        EXPANSION,
        {**params, "seeds": _seeds(settings, seeds, target), "device": settings.device, "seed": settings.seed},
    )


def _seeds(settings: Settings, quick: int, target: str) -> int:
    """Networks of a sample; 64 are enough to see a fault."""
    if target not in (PLAIN, RESIDUAL):
        return min(quick, 64)
    return quick if settings.profile == "quick" else 4 * quick


def _tagged(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Names that tell subjects apart: the name of the quantity, then what the subject's options are."""
    results = []
    for m in measurements:
        options = ",".join(f"{k}={v}" for k, v in m.data["options"].items())
        name = f"{m.name}.{options}" if options else m.name
        results.append(replace(m, name=name, at={**m.at, **m.data["options"]}, data={}))
    return results


def _only(predict: Predict) -> Reduce:
    """The reduction that keeps what is predicted, under names that tell subjects apart."""

    def reduce(settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
        judged = {p.name for p in predict(settings)}
        return [m for m in _tagged(measurements) if m.name in judged]

    return reduce


EXACT = "exact mean; the sample's interval"
#: relu maps all vectors into one cone, so that a network's vectors do not average it: 1024 networks leave 0.06
RELU_LOG = 0.15

# plain-conflict: linear and relu chains, with and without biases

PLAIN_DEPTH, PLAIN_WIDTH = 16, 128


def _plan_plain(settings: Settings, target: str) -> list[Task]:
    shared: dict[str, Any] = {"depth": PLAIN_DEPTH, "width": PLAIN_WIDTH}
    tasks = [_expand(settings, target, seeds=2 * SEEDS, **shared, activation=a) for a in ("linear", "relu")]
    biased = {**shared, "activation": "linear", "bias_share": BIAS_SHARE}
    return [*tasks, _expand(settings, target, seeds=4 * SEEDS, **biased)]


def _predict_plain(_settings: Settings) -> list[Prediction]:
    predictions = []
    for activation, tolerance in (("linear", CLOSE), ("relu", RELU_LOG)):
        value = PLAIN_DEPTH / 2 * theory.plain_log_factor(PLAIN_WIDTH, activation)
        for way in ("forward", "backward"):
            name = f"log-{way}.N={PLAIN_DEPTH}.activation={activation}"
            predictions.append(Prediction.near(name, value, tolerance, EXACT, "no-biases", "exponent"))
    biased = f"N={PLAIN_DEPTH}.activation=linear,bias_share={BIAS_SHARE}"
    predictions.append(Prediction(f"backward.{biased}", "0.5", "2", why="no forward-stable choice shrinks it"))
    shrunk = PLAIN_DEPTH / 2 * (theory.plain_log_factor(PLAIN_WIDTH, "linear") + math.log(1 - BIAS_SHARE))
    predictions.append(
        Prediction.near(f"log-forward.{biased}", 0.0, CLOSE, "the stream is stable", "biases", "exponent")
    )
    predictions.append(Prediction.near(f"log-backward.{biased}", shrunk, CLOSE, EXACT, "biases", "exponent"))
    return predictions


# increment-plain: the squared gradient norm of a plain network is N K for a cotangent of 1 a coordinate

DEPTHS = (2, 4, 8, 16)
#: width -> networks for each layer: the spread of a network's mean grows like N/width²
PLAIN_SEEDS = {WIDTH: 96, 2 * WIDTH: 32}


def _plan_plain_gradient(settings: Settings, target: str) -> list[Task]:
    return [
        _expand(settings, target, n, max(64, seeds * n), activation="linear", width=w)
        for w, seeds in PLAIN_SEEDS.items()
        for n in DEPTHS
    ]


def _reduce_plain_gradient(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """|dL/dtheta|² over N K, K = width² weights a layer: `increment.N=...,width=...`."""
    results = []
    tasks = [m for m in measurements if m.data["quantity"] == "gradient"]
    for m, width in zip(tasks, (w for w in PLAIN_SEEDS for _ in DEPTHS), strict=True):
        results.append(_scaled(m, f"increment.N={m.data['depth']}.width={width}", 1 / (m.data["depth"] * width)))
    return results


def _predict_plain_gradient(_settings: Settings) -> list[Prediction]:
    return [
        Prediction.near(f"increment.N={n}.width={w}", 1.0, 0.05, EXACT, unit="N K eta")
        for w in PLAIN_SEEDS
        for n in DEPTHS
    ]


def _scaled(m: Measurement, name: str, factor: float) -> Measurement:
    value, lo, hi = (factor * float(v or 0) for v in (m.value, m.lo, m.hi))
    return replace(m, name=name, value=value, lo=lo, hi=hi)


# epsilon


def _plan_layer(settings: Settings, target: str) -> list[Task]:
    params = {"epsilons": [1e-8, 1e-4, 0.01, 0.1, 0.5, 1.0], "device": settings.device, "seed": settings.seed}
    return [
        Task(
            "torchcheck.probes.residual.propagation:chain_rule",
            {"subject": {"target": target, "options": {"branch": b}}, **params},
        )
        for b in ("relu", "linear")
    ]


def _predict_layer(_settings: Settings) -> list[Prediction]:
    why = "roundings of two backward passes, over the smallest epsilon"
    return [
        Prediction("layer.gradient", "0", "0", tolerance=1e-12, why="roundings of two backward passes"),
        Prediction("layer.forward", "0", "1", tolerance=1e-6, why=why),
        Prediction("layer.backward", "0", "1", tolerance=1e-6, why=why),
    ]


# one-dim, high-dim, increment

DEEP = (4, 16, 64)
#: branch -> networks: those of relu spread more
HIGH_SEEDS = {"linear": SEEDS, "relu": 2 * SEEDS, "rectified": SEEDS}
#: depth -> networks of width 1: each strays by a factor e and more
ONE_SEEDS = {4: 4096, 16: 2048, 64: 1024}


def _plan_one(settings: Settings, target: str) -> list[Task]:
    tasks = [_expand(settings, target, n, seeds, width=1, rows=1, branch="linear") for n, seeds in ONE_SEEDS.items()]
    return tasks + [_expand(settings, target, n, 64, width=1, rows=1, branch="coherent") for n in ONE_SEEDS]


def _predict_one(_settings: Settings) -> list[Prediction]:
    predictions = []
    for n, seeds in ONE_SEEDS.items():
        grown = n * math.log1p(n**-0.5)
        mean, variance = theory.scalar_log_factor(n**-0.5)
        why = "16 roundings a layer of 1.1e-16"
        coherent, linear = f"log-backward.N={n}.branch=coherent", f"log-backward.N={n}.branch=linear"
        predictions.append(Prediction.near(coherent, grown, 1e-12 * n, why, "worst-case", "exponent"))
        predictions.append(Prediction.near(linear, grown, 0.1, "the stated law, for a random branch", unit="exponent"))
        left = "exact mean and variance; room for the sample's interval (a fifth wider: skewed) and 3.5 standard errors"
        tolerance = room(1.2 * math.sqrt(n * variance), seeds)
        predictions.append(Prediction.near(linear, n * mean, tolerance, left, "random", "exponent"))
    return predictions


def _plan_high(settings: Settings, target: str) -> list[Task]:
    return [_expand(settings, target, n, seeds, branch=b) for b, seeds in HIGH_SEEDS.items() for n in DEEP]


def _predict_high(_settings: Settings) -> list[Prediction]:
    predictions = []
    for n in DEEP:
        value = theory.residual_fourth(n**-0.5, n, WIDTH)
        why = "exact mean; a fourth moment spreads, and 512 networks leave 5 %"
        predictions.append(Prediction.near(f"fourth.N={n}.branch=linear", value, 0.08 * value, why, "spread"))
    for branch in ("linear", "relu"):
        for n in DEEP:
            value = theory.residual_mean(n**-0.5, n)
            for way in ("forward", "backward"):
                name = f"{way}.N={n}.branch={branch}"
                predictions.append(Prediction.near(name, value, CLOSE * value, EXACT, "mean-zero"))
    last = DEEP[-1]
    predictions.append(
        Prediction(f"forward.N={last}.branch=rectified", "0", repr(math.e), why="below e for any random f")
    )
    for n in DEEP:
        value = theory.rectified_log_factor(n**-0.5, n)
        why = "of large width; 1/width of it at 64, and the sample"
        predictions.append(
            Prediction.near(f"log-forward.N={n}.branch=rectified", value, 0.1, why, "with-a-mean", "exponent")
        )
    return predictions


def _plan_increment(settings: Settings, target: str) -> list[Task]:
    return [_expand(settings, target, n, seeds, branch=b) for b, seeds in HIGH_SEEDS.items() for n in (1, *DEEP)]


def _reduce_increment(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """|dL/dtheta|² over its mean for one layer with epsilon = 1: `increment.N=....branch=...`."""
    results = []
    for m in measurements:
        if m.data["quantity"] == "gradient":
            branch = m.data["options"]["branch"]
            scale = 1 / (WIDTH * MATRICES.get(branch, 1))
            name = f"increment.N={m.data['depth']}.branch={branch}"
            is_judged = branch in MATRICES or m.data["depth"] == DEEP[-1]
            results.append(_scaled(m, name, scale).as_role(Role.JUDGED if is_judged else Role.BESIDE))
    return results


#: weight matrices in a branch: each has the same mean squared gradient
MATRICES = {"linear": 1, "relu": 2}


def _predict_increment(_settings: Settings) -> list[Prediction]:
    predictions = []
    for branch in MATRICES:
        for n in (1, *DEEP):
            value = theory.residual_gradient(n**-0.5, n, 1)
            predictions.append(
                Prediction.near(f"increment.N={n}.branch={branch}", value, 0.04 * value, EXACT, "mean-zero")
            )
    last = f"increment.N={DEEP[-1]}.branch=rectified"
    predictions.append(Prediction(last, "0", repr(2 * math.e), why="no longer grows"))
    predictions.append(Prediction(last, "50", "inf", clause="with-a-mean", why="300 of one layer's"))
    return predictions


CLAIMS = (
    Claim(
        id="residual.plain-conflict",
        source=_source("section 3"),
        clauses=(
            Clause(
                "source",
                r"Without residuals, forward stability fixes $\operatorname{Var} W = 1/n$, hence the backward factor "
                r"$m/n$ per layer, whatever the depth: no choice shrinks parameter gradients with depth.",
            ),
            Clause(
                "no-biases",
                r"In layers without biases, as stated (variance $2/n$ for ReLU): the factors $m/n$ telescope to the ratio of the "
                r"last and first widths.",
                "ours",
                theorems=("moment", "forward-fixes-variance", "telescope"),
                coq=("Residual.plain_conflict", "Residual.relu_passes_half"),
            ),
            Clause(
                "biases",
                r"With biases of variance $sq$ ($q$ the stream's second moment, $0 < s < 1$) forward stability says "
                r"$\operatorname{Var} W = (1-s)/n$, and the backward factor is $(1-s)m/n$: squared gradients then fall off "
                r"geometrically below the output, which is a vanishing gradient and no remedy. ($s = 1/4$, 16 layers: by "
                r"$(3/4)^{16}$.)",
                "ours",
                theorems=("biases",),
                coq=("Residual.plain_with_biases",),
            ),
        ),
        setting=r"Read (section 3) as a statement about weights, with biases that start at 0, as is usual.",
        recorded=Verdict.QUALIFIED,
        legs="PNM",
        cost="tens of seconds",
        outline=r"Second moments over independent zero-mean weights, by induction over inputs (z3). The counterexample is a "
        r"linear network of 16 layers with $s = 1/4$: its stream is stable, and its cotangents shrink by $(3/4)^{16}$. At "
        r"finite width the logarithm of a layer's factor has mean $\psi(n/2) - \log(n/2)$ (linear), which is what the "
        r"measurement is held against. (A constant multiplier, $y = x\sigma V$ with $\operatorname{Var} V = 1/(n\sigma^2)$, "
        r"shrinks the gradient of $V$ as well; it is a smaller learning rate in disguise.)",
        subject=PLAIN,
        fault=Fault("has twice the variance of a stable network", FAULTS + "LoudMLP"),
        plan=_plan_plain,
        predict=_predict_plain,
        reduce=_only(_predict_plain),
    ),
    Claim(
        id="residual.increment-plain",
        source=_source("section 2"),
        clauses=(
            Clause(
                "source",
                r"A stable plain network of $N$ layers, $K$ weights each, has $\Delta L = O(\eta NK)$ per SGD step.",
            ),
        ),
        recorded=Verdict.CONFIRMED,
        legs="NM",
        cost="tens of seconds",
        outline=r"With a stream of second moment 1 and a cotangent of second moment 1 per coordinate, "
        r"$\mathbb{E}\lVert\partial L/\partial W_l\rVert^2 = \lVert x\rVert^2\lVert\delta\rVert^2 = n^2 = K$ for every layer "
        r"of a linear network, exactly at every width: $\lVert\nabla L\rVert^2 = NK$. (A loss that is a mean over outputs "
        r"divides this by the square of their number.)",
        subject=PLAIN,
        fault=Fault("has twice the variance of a stable network", FAULTS + "LoudMLP"),
        plan=_plan_plain_gradient,
        predict=_predict_plain_gradient,
        reduce=_reduce_plain_gradient,
    ),
    Claim(
        id="residual.epsilon",
        source=_source("section 4"),
        clauses=(
            Clause(
                "source",
                r"$y = x + \varepsilon f(x;\theta)$: forward and backward stay stable for small $\varepsilon$, and "
                r"$\partial L/\partial\theta$ scales by $\varepsilon$.",
                theorems=("chain-rule", "norms"),
                coq=("Residual.stable", "Residual.gradient_scales"),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PNM",
        outline=r"The chain rule gives $\partial L/\partial\theta = \varepsilon\,(\partial L/\partial y)(\partial f/\partial"
        r"\theta)$; the triangle inequality gives $(1 - \varepsilon k)\lVert x\rVert \le \lVert y\rVert \le (1 + \varepsilon "
        r"k)\lVert x\rVert$ where $\lVert f\rVert \le k\lVert x\rVert$, and the same for cotangents. How small "
        r"$\varepsilon$ has to be for $N$ layers is the matter of the next two claims.",
        subject=RESIDUAL,
        fault=Fault("weighs the branch by the square root of epsilon", FAULTS + "RootEpsilon"),
        plan=_plan_layer,
        predict=_predict_layer,
    ),
    Claim(
        id="residual.one-dim",
        source=_source("section 5"),
        clauses=(
            Clause(
                "source",
                r"In one dimension $N$ layers expand by $(1+\varepsilon)^N$; $(1+1/N)^N < e$; $\varepsilon = 1/\sqrt{N}$ "
                r"diverges.",
            ),
            Clause(
                "worst-case",
                r"For $\lvert f'\rvert \le 1$ a layer expands by at most $1+\varepsilon$, for $\varepsilon > 0$ exactly if $f' = 1$; "
                r"$(1+1/N)^N < e$, and $(1+N^{-1/2})^N$ diverges. So all of the statement holds of the worst case, every $f' = 1$.",
                "ours",
                theorems=("worst-case", "below-e", "root-diverges"),
                coq=("Residual.worst_case", "Residual.below_e", "Residual.root_diverges"),
            ),
            Clause(
                "random-sign",
                r"With $f' = \pm1$, equally likely and independent, the mean square of the expansion is $(1+\varepsilon^2)^N$, in "
                r"one dimension too: it is the sign, not the dimension, that decides.",
                "ours",
                theorems=("random-sign",),
                coq=("Residual.random_sign",),
            ),
            Clause(
                "random",
                r"With $f' \sim N(0, 1)$, as at initialisation, a typical expansion is $\exp(N\,\mathbb{E}\log\lvert "
                r"1+\varepsilon f'\rvert)$: at $\varepsilon = 1/\sqrt{N}$ 0.50, 0.57 and 0.60 for $N = 4$, 16 and 64, not 5.1, 36 "
                r"and 1900.",
                "ours",
            ),
        ),
        setting=r"Read (section 5) as the worst case: a branch of slope at most 1 in every layer.",
        recorded=Verdict.QUALIFIED,
        legs="PNM",
        cost="tens of seconds",
        outline=r"z3 proves $N\log(1+1/N) < 1$, $N\log(1+N^{-1/2}) \ge \sqrt{N}/2$, and the bound $1+\varepsilon$ with its "
        r"case of equality. A network of width 1 with weights $w \sim N(0,1)$, as at initialisation, is the counterexample; "
        r"one with weights 1 is the case that the article has in mind.",
        subject=RESIDUAL,
        fault=Fault("weighs the branch by the square root of epsilon", FAULTS + "RootEpsilon"),
        plan=_plan_one,
        predict=_predict_one,
        reduce=_only(_predict_one),
    ),
    Claim(
        id="residual.high-dim",
        source=_source("section 5"),
        clauses=(
            Clause(
                "source",
                r"With random high-dimensional $f$ the factor is $(1+\varepsilon^2)^N$, so $\varepsilon = 1/\sqrt{N}$ keeps it below "
                r"$e$.",
            ),
            Clause(
                "mean-zero",
                r"Where $\mathbb{E}\langle v, vJ\rangle = 0$ and $\mathbb{E}\lVert vJ\rVert^2 = \lVert v\rVert^2$ (a branch of mean 0 "
                r"that keeps the norm, at any width) the mean factor is $(1+\varepsilon^2)^N$, below $e$ at $\varepsilon = "
                r"1/\sqrt{N}$.",
                "ours",
                theorems=("mean-square", "moment", "below-e"),
                coq=("Residual.mean_zero", "Residual.mean_zero_below_e"),
            ),
            Clause(
                "spread",
                r"For Gaussian linear branches of width $n$ the fourth moment is $((1+\varepsilon^2)^2 + (4\varepsilon^2 + "
                r"2\varepsilon^4)/n)^N$, which is how far a single vector strays.",
                "ours",
            ),
            Clause(
                "with-a-mean",
                r"A branch that ends in a ReLU, $f = \sqrt2\operatorname{relu}(xW)$, is as random and keeps the norm, but has a mean, "
                r"which adds up over layers: at $N = 64$ and width 64 it expands $\lVert x\rVert^2$ by more than a thousand.",
                "ours",
            ),
        ),
        setting=r"Read (section 5) as a statement about branches whose output has no preferred direction, "
        r"as random vectors of a high-dimensional space are nearly orthogonal.",
        recorded=Verdict.QUALIFIED,
        legs="PNM",
        cost="minutes",
        outline=r"$\mathbb{E}\lVert v + \varepsilon vJ\rVert^2 = (1+\varepsilon^2)\lVert v\rVert^2$ whenever $\mathbb{E}\,"
        r"\langle v, vJ\rangle = 0$ and $\mathbb{E}\lVert vJ\rVert^2 = \lVert v\rVert^2$, at any width: exact for Gaussian "
        r"branches, and for $\sqrt{2}\operatorname{relu}(xW_1)W_2$ with Gaussian $W_1, W_2$, whose last matrix gives the "
        r"mean 0. For Gaussian branches of width $n$ the fourth moment is $((1+\varepsilon^2)^2 + (4\varepsilon^2 + "
        r"2\varepsilon^4)/n)^N$, which is how far a single network strays. (A branch that ends in a ReLU has a mean, and expands faster.)",
        subject=RESIDUAL,
        fault=Fault("adds a branch that is not random, f = x", FAULTS + "CoherentResidual"),
        plan=_plan_high,
        predict=_predict_high,
        reduce=_only(_predict_high),
    ),
    Claim(
        id="residual.increment",
        source=_source("section 4"),
        clauses=(
            Clause(
                "source",
                r"With $\varepsilon = 1/\sqrt{N}$ the squared gradient norm, so $\Delta L$, no longer grows with $N$.",
            ),
            Clause(
                "mean-zero",
                r"For branches of mean 0 that keep the norm the sum over layers is $(1+1/N)^{N-1}$ times that of one layer: it rises "
                r"from 1 to $e$ and no further, and is within 3 % of that at $N = 64$.",
                "ours",
            ),
            Clause(
                "with-a-mean",
                r"For a branch with a mean, $f = \sqrt2\operatorname{relu}(xW)$, it grows: to more than 50 times that of one layer at "
                r"$N = 64$.",
                "ours",
            ),
        ),
        setting=r"Read (section 4) with the branches of the high-dimensional argument, which have no "
        r"preferred direction.",
        recorded=Verdict.QUALIFIED,
        legs="NM",
        cost="tens of seconds",
        outline=r"Each matrix has $\mathbb{E}\lVert\partial L/\partial W\rVert^2 = \varepsilon^2(1+\varepsilon^2)^{N-1}"
        r"\lVert x\rVert^2\lVert v\rVert^2$, summed over layers.",
        subject=RESIDUAL,
        fault=Fault("weighs the branch by the square root of epsilon", FAULTS + "RootEpsilon"),
        plan=_plan_increment,
        predict=_predict_increment,
        reduce=_reduce_increment,
    ),
)

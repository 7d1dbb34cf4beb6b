"""The eg claims: exponentiated gradient and the meta-learned step size (kexue.fm/archives/8968)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scaleproof.claim import Claim, Clause, Fault, Prediction, Settings, Source, Verdict
from scaleproof.theory.eg import decay
from torchcheck.data import Measurement, Role, Task

PROBES = "torchcheck.probes.eg.optimizers:"
MODULES = "torchcheck.modules:"
FAULTS = "torchcheck.faults.eg:"
DTYPES = ("float64", "float32", "bfloat16", "float16")
#: exponents around log 2 = 0.6931471805..., all of them numbers of float32; the factor exp(-u), rounded, is exactly 1/2 at
#: the last u below log 2, and above 1/2 at the one before it
EXPONENTS = (0.125, 0.5, 0.6875, 0.6931470632553101, 0.6931471228599548, 0.75, 1.0, 2.0, 20.0, 110.0)
DECAY_STEPS = 2000

ARTICLE = "Exponentiated gradient descent and meta-learning: adaptive learning rates (Su Jianlin 2022)"
URL = "https://kexue.fm/archives/8968"


def _source(equation: str) -> Source:
    return Source(ARTICLE, URL, equation)


def _task(probe: str, settings: Settings, target: str, **params: Any) -> Task:
    common = {"optimizer": {"target": target, "options": {}}, "device": settings.device}
    return Task(PROBES + probe, {**common, **params})


def _steps(settings: Settings) -> int:
    return 10_000 if settings.profile == "full" else 1_000


def _none(name: str, unit: str = "coordinates", clause: str = "source") -> Prediction:
    return Prediction.exactly(name, "0", unit, clause)


# non-negative


def _plan_signs(settings: Settings, target: str) -> list[Task]:
    tasks = [
        _task("nonnegativity", settings, target, dtype=d, steps=_steps(settings), seed=settings.seed)
        for d in DTYPES
        if settings.wants(d)
    ]
    if settings.wants("float32"):
        exponents = {_label(u): u for u in EXPONENTS}
        tasks.append(_task("constant_decay", settings, target, dtype="float32", exponents=exponents, steps=DECAY_STEPS))
    return tasks


def _label(u: float) -> str:
    return f"u={u:.10g}"


def _predict_signs(_settings: Settings) -> list[Prediction]:
    predictions = [_none("sign.negative"), _none("sign.nan"), _none("sign.lost")]
    predictions += [_none(name, clause="kept") for name in ("sign.negative", "sign.nan", "sign.revived")]
    for u in EXPONENTS:
        step, last = decay(u, "float32", DECAY_STEPS)
        sticks = step is None
        clause = "above-half" if sticks else "lost"
        reached = str(-1 if sticks else step)
        why = "" if u not in (0.75, 1.0) else "an ulp of torch's exp moves the end by at most a step"
        predictions.append(
            Prediction(f"decay.{_label(u)}", reached, reached, "steps", clause, 1.0 if why else 0.0, why)
        )
        end = repr(float(last))
        predictions.append(Prediction(f"decay.stuck.{_label(u)}", end, end, "1", clause))
        predictions.append(Prediction.exactly(f"smallest.{_label(u)}", "1" if sticks else "0", "of it left", clause))
    return predictions


# derivation, hypergradient


def _plan_step(settings: Settings, target: str) -> list[Task]:
    return [_task("one_step", settings, target, seed=settings.seed)]


def _predict_step(_settings: Settings) -> list[Prediction]:
    return [
        Prediction("step.log_descent", "0", "0", tolerance=1e-14, why="some 20 roundings of 1.1e-16"),
        Prediction("step.mirror", "0", "0", tolerance=1e-12, why="log of a ratio near 1, over lr = 0.1"),
        Prediction("step.mirror_excess", "-inf", "0", tolerance=1e-12, why="rounding of the objective"),
    ]


def _plan_hypergradient(settings: Settings, target: str) -> list[Task]:
    return [_task("hypergradient", settings, target, seed=settings.seed)]


def _predict_hypergradient(_settings: Settings) -> list[Prediction]:
    why = "roundings of two backward passes"
    return [
        Prediction(f"hypergradient.{name}", "0", "0", tolerance=1e-12, why=why) for name in ("identity", "used", "step")
    ]


# closed form


def _plan_closed_form(settings: Settings, target: str) -> list[Task]:
    return [
        _task("closed_form", settings, target, dtype=d, steps=_steps(settings), seed=settings.seed)
        for d in DTYPES
        if settings.wants(d)
    ]


def _predict_closed_form(_settings: Settings) -> list[Prediction]:
    log_max = "log nu is kept at the largest number's, from which the last product leads to -3/2 of it"
    return [
        Prediction("closed_form.error", "0", "1", "rounding bounds"),
        Prediction.near("closed_form.after_overflow", 0.0, 0.01, "the sum is 0", unit="logs of the largest number"),
        Prediction("closed_form.error", "0", "1", "rounding bounds", "bounded"),
        Prediction.near(
            "closed_form.after_overflow", -1.5, 1e-3, log_max, "overflow", unit="logs of the largest number"
        ),
    ]


# sign rule


def _plan_sign_rule(settings: Settings, target: str) -> list[Task]:
    return [_task("sign_rule", settings, target, dtype=d, seed=settings.seed) for d in DTYPES if settings.wants(d)]


def _predict_sign_rule(_settings: Settings) -> list[Prediction]:
    return [
        _none("rule.displacement"),
        _none("rule.ordinary", clause="nu"),
        # 1/2 ulp each of two products and of a sum of numbers below 1, over a product of at least 0.01
        Prediction("rule.size", "0", "0", clause="nu", tolerance=4e-5, why="roundings of float32, over 0.01"),
        Prediction("rule.displacement", "1", "inf", "coordinates", "displacement"),
        _none("rule.against", clause="floats"),
        Prediction.exactly("rule.saturated", "1", "1", "floats"),
        Prediction("rule.strict.float32", "1", "inf", "coordinates", "floats"),
    ]


def _reduce_sign_rule(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The strict rule is judged in float32; float16's log nu, kept there, is underflowed by no product of its numbers."""

    def named(m: Measurement) -> Measurement:
        role = Role.JUDGED if m.dtype == "float32" else Role.BESIDE
        return replace(m, name=f"{m.name}.{m.dtype}", role=role) if m.name == "rule.strict" else m

    return [named(m) for m in measurements]


# the paper's variant


def _plan_gains(settings: Settings, target: str) -> list[Task]:
    published = [_task("published_funnel", settings, target, seed=settings.seed)] if settings.wants("float64") else []
    return [
        *published,
        *(
            _task("gains", settings, target, dtype=d, steps=_steps(settings), seed=settings.seed)
            for d in DTYPES
            if settings.wants(d)
        ),
    ]


def _predict_gains(_settings: Settings) -> list[Prediction]:
    predictions = [_none(f"{what}.{kind}", "values") for what in ("gain", "scale") for kind in ("negative", "nan")]
    why = "roundings of float64 over twelve steps"
    return predictions + [
        Prediction(f"published.{name}", "0", "0", tolerance=1e-11, why=why) for name in ("parameters", "gains", "scale")
    ]


def _with_steps(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Keeps a curve only where it is told apart by eye: the decays at u below and above log 2."""
    shown = {f"decay.{_label(u)}" for u in (0.125, 0.5, 0.75, 1.0, 2.0)}
    return [m if m.name in shown else replace(m, series=()) for m in measurements]


CLAIMS = (
    Claim(
        id="eg.non-negative",
        source=_source("eq. 2"),
        clauses=(
            Clause(
                "source",
                r"Under $\theta \leftarrow \theta \odot \exp(-\eta\nabla L(\theta))$ a non-negative start stays "
                r"non-negative for ever; a positive one stays positive.",
            ),
            Clause("reals", r"In real numbers, as stated.", "ours", theorems=("reals",), coq=("Eg.non_negative",)),
            Clause(
                "kept",
                r"In floating point every step keeps $\theta \ge 0$, never gives NaN for a gradient that is a number, and a "
                r"coordinate that is 0 stays 0.",
                "ours",
                theorems=("product-not-negative",),
            ),
            Clause(
                "above-half",
                r"There a positive coordinate stays positive where every rounded factor is above $1/2$ (in bfloat16, which is "
                r"multiplied in float32 and rounded again, at least $1/2 + 2^{-16}$) and underflow is gradual. Under a constant "
                r"factor $\theta = 1$ then sticks at a few times the smallest subnormal number.",
                "ours",
                theorems=("product-positive", "product-positive-bfloat16"),
            ),
            Clause(
                "lost",
                r"Otherwise positivity is lost: a factor of at most $1/2$ sends the smallest subnormal to 0, also where $\eta g < "
                r"\log 2$ ($\eta g = 0.69314712\ldots$ rounds to the factor $1/2$ in float32, and $\theta = 1$ is 0 after 150 "
                r"steps); at $\eta g = 1$ $\theta = 1$ is 0 after 104 steps, at $\eta g = 110$ after one.",
                "ours",
                theorems=("smallest-to-zero", "rounded-twice"),
            ),
        ),
        setting=r"Read (eq. 2) as a formula in real numbers; what an optimizer in floating point makes of "
        r"it is our question.",
        recorded=Verdict.QUALIFIED,
        legs="PM",
        outline=r"Over the reals $\exp > 0$ decides. In floating point z3 proves the statements about one rounded product in all "
        r"four formats, as torch performs it. An exact rational model of one coordinate predicts the step at which float32 reaches "
        r"0, or where it sticks, on both sides of the last number below $\log 2$.",
        subject=MODULES + "ExponentiatedGradient",
        fault=Fault("uses the first-order term 1 - u for exp(-u)", FAULTS + "LinearEG"),
        plan=_plan_signs,
        predict=_predict_signs,
        reduce=_with_steps,
    ),
    Claim(
        id="eg.derivation",
        source=_source("eq. 3-5"),
        clauses=(
            Clause(
                "source",
                r"EG is gradient descent on $\varphi = \log\theta$ with the factor $e^\varphi$ of the gradient "
                r"dropped; it is also the mirror step of the unnormalised relative entropy.",
                theorems=("chain-rule", "step-of-logarithm", "stationary", "second-derivative", "convex"),
                coq=("Eg.gradient_of_the_logarithm", "Eg.step_of_the_logarithm", "Eg.mirror_step"),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"The chain rule gives $\partial_\varphi L(e^\varphi) = e^\varphi L'(e^\varphi)$; without the factor, $\varphi "
        r"\leftarrow \varphi - \eta g$ is $\theta \leftarrow \theta e^{-\eta g}$. The mirror objective $gu + (u\log(u/\theta) - u "
        r"+ \theta)/\eta$ is stationary there, and its second derivative $1/(\eta u)$ is positive.",
        subject=MODULES + "ExponentiatedGradient",
        fault=Fault("keeps the factor theta of the gradient by log theta", FAULTS + "KeptFactorEG"),
        plan=_plan_step,
        predict=_predict_step,
    ),
    Claim(
        id="eg.hypergradient",
        source=_source("eq. 9"),
        clauses=(
            Clause(
                "source",
                r"With $\theta_t = \theta_{t-1} - \eta\,\nu_t \odot g_{t-1}$: "
                r"$\nabla_{\nu_t} L(\theta_t) = -\eta\, g_{t-1} \odot g_t$.",
                theorems=("hypergradient",),
                coq=("Eg.hypergradient",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"$\theta_{t-1}$ and $g_{t-1}$ do not depend on $\nu_t$, so each coordinate is the chain rule for a "
        r"differentiable function of one variable. The measurement differentiates through a step of a real network "
        r"by autograd, and holds the optimizer's own change of $\log\nu$, and its step, against that.",
        subject=MODULES + "HypergradientSGD",
        fault=Fault("multiplies the current gradient with itself", FAULTS + "SameGradientSGD"),
        plan=_plan_hypergradient,
        predict=_predict_hypergradient,
    ),
    Claim(
        id="eg.closed-form",
        source=_source("eq. 12"),
        clauses=(
            Clause("source", r"With $\nu_1 = 1$: $\nu_{t+1} = \exp\left(\gamma\sum_{k=1}^t g_{k-1} \odot g_k\right)$."),
            Clause(
                "reals", r"In real numbers, as stated.", "ours", theorems=("empty-sum", "step"), coq=("Eg.closed_form",)
            ),
            Clause(
                "bounded",
                r"In floating point, to the a-priori bound of a recursive sum of rounded products, while every partial sum stays "
                r"below the logarithm of the largest finite number.",
                "ours",
            ),
            Clause(
                "overflow",
                r"Where one does not, $\nu$ has to stop at a finite number and what follows is lost: after gradients $a, a, -a$ "
                r"with $\gamma a^2$ of $5/2$ such logarithms the closed form is 1, the optimizer's $\log\nu$ is $-3/2$ of them, and "
                r"$\nu = 0$.",
                "ours",
            ),
        ),
        setting=r"Read (eq. 12) as a recursion in real numbers, without a largest number.",
        recorded=Verdict.QUALIFIED,
        legs="PM",
        outline=r"Induction on $t$ with $g_0 = 0$: the empty sum gives 1, and a step multiplies "
        r"$\exp(\gamma s)$ by $\exp(\gamma g_{k-1} g_k)$. The optimizer keeps $\log\nu$, in float32 for half formats.",
        subject=MODULES + "HypergradientSGD",
        fault=Fault("takes the first gradient for the one before it", FAULTS + "EarlyStartSGD"),
        plan=_plan_closed_form,
        predict=_predict_closed_form,
    ),
    Claim(
        id="eg.sign-rule",
        source=_source("after eq. 12"),
        clauses=(
            Clause("source", r"A coordinate's step grows exactly when two successive gradients agree in sign."),
            Clause(
                "nu",
                r"In real numbers the step size $\nu$ grows exactly when $g_{t-1}g_t > 0$, by the factor $e^{\gamma "
                r"g_{t-1}g_t}$.",
                "ours",
                theorems=("reals",),
                coq=("Eg.sign_rule",),
            ),
            Clause(
                "displacement",
                r"The step itself, $\eta\nu\lvert g\rvert$, may shrink all the same, where $\lvert g_t\rvert < \lvert "
                r"g_{t-1}\rvert$.",
                "ours",
            ),
            Clause(
                "floats",
                r"In floating point $\log\nu$ never moves against the sign, but it stands still where $\gamma g_{t-1} g_t$ underflows "
                r"or is below half an ulp of $\log\nu$ (in float32, which half formats use as well), and at its largest value.",
                "ours",
                theorems=("addition-keeps-order",),
            ),
        ),
        setting=r"Read (after eq. 12) as a statement about the learned step size $\nu$ in real numbers, and "
        r"not about the distance moved.",
        recorded=Verdict.QUALIFIED,
        legs="PM",
        outline=r"For $\nu, \gamma > 0$, $\nu e^{\gamma ac} > \nu$ if and only if $ac > 0$ (z3, with the axioms of "
        r"exp). The rounded sum $s + p$ is not below $s$ for $p \ge 0$ and not above it for $p \le 0$ "
        r"(z3). Gradients of every size give coordinates that agree in sign while $\log\nu$ stays.",
        subject=MODULES + "HypergradientSGD",
        fault=Fault("uses -gamma for gamma", FAULTS + "WrongSignSGD"),
        plan=_plan_sign_rule,
        predict=_predict_sign_rule,
        reduce=_reduce_sign_rule,
    ),
    Claim(
        id="eg.paper-variant",
        source=Source(
            "Step-size adaptation using exponentiated gradient updates (Amid, Anil, Fifty and Warmuth 2022)",
            "https://arxiv.org/abs/2202.00145",
            "the full update",
        ),
        clauses=(
            Clause(
                "source",
                r"The full update (a global scale $s$ and per-coordinate gains $p$, both by EG) keeps both "
                r"non-negative.",
                theorems=("reals", "product-not-negative"),
                coq=("Eg.gains_stay_positive",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"Both are products of non-negative numbers and exponentials; z3 proves it over the reals and for the "
        r"rounded product in all four formats. That the optimizer is the published update is measured step by step against the "
        r"formulas written out in float64. It keeps $\log p$ and $\log s$ and limits exponents to "
        r"the finite numbers, so that neither is NaN for gradients whose products are numbers.",
        subject=MODULES + "AmidFunnel",
        fault=Fault("reports gains 1 + log p", FAULTS + "LinearGainFunnel"),
        plan=_plan_gains,
        predict=_predict_gains,
    ),
)

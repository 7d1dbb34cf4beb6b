"""The eg claims: exponentiated gradient and the meta-learned step size (kexue.fm/archives/8968)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scaleproof.analysis.eg import decay
from scaleproof.claims.claim import About, Claim, Fault, Prediction, Settings, Source, Verdict
from torchcheck.task import Measurement, Task

PROBES = "torchcheck.probes.optimizers:"
MODULES = "torchcheck.modules:"
FAULTS = "torchcheck.faults:"
DTYPES = ("float64", "float32", "bfloat16", "float16")
#: exponents around log 2 = 0.693..., exact in every format
EXPONENTS = (0.125, 0.5, 0.6875, 0.75, 1.0, 2.0, 20.0, 110.0)
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


def _none(name: str, unit: str = "coordinates", about: About = "source") -> Prediction:
    return Prediction.exactly(name, "0", unit, about)


# non-negative


def _plan_signs(settings: Settings, target: str) -> list[Task]:
    tasks = [
        _task("nonnegativity", settings, target, dtype=d, steps=_steps(settings), seed=settings.seed)
        for d in DTYPES
        if settings.wants(d)
    ]
    if settings.wants("float32"):
        params = {"dtype": "float32", "exponents": list(EXPONENTS), "steps": DECAY_STEPS}
        tasks.append(_task("constant_decay", settings, target, **params))
    return tasks


def _predict_signs(_settings: Settings) -> list[Prediction]:
    found = [_none("sign.negative"), _none("sign.nan"), _none("sign.lost")]
    found += [_none(name, about="corrected") for name in ("sign.negative", "sign.nan", "sign.revived")]
    for u in EXPONENTS:
        step, last = decay(u, "float32", DECAY_STEPS)
        reached = str(-1 if step is None else step)
        # the model rounds exp correctly; torch's exp may be an ulp off, which moves the end by at most a step
        found.append(
            Prediction(
                f"decay.u={u:g}",
                reached,
                reached,
                "steps",
                "corrected",
                1.0 if step else 0.0,
                "an ulp of exp",
            )
        )
        end = repr(float(last))
        found.append(Prediction(f"decay.stuck.u={u:g}", end, end, about="corrected"))
    return found


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
        Prediction("hypergradient.identity", "0", "0", tolerance=1e-12, why=why),
        Prediction("hypergradient.used", "0", "0", tolerance=1e-12, why=why),
    ]


# closed form


def _plan_closed_form(settings: Settings, target: str) -> list[Task]:
    return [
        _task("closed_form", settings, target, dtype=d, steps=_steps(settings), seed=settings.seed)
        for d in DTYPES
        if settings.wants(d)
    ]


def _predict_closed_form(_settings: Settings) -> list[Prediction]:
    return [Prediction("closed_form.error", "0", "1", "rounding bounds")]


# sign rule


def _plan_sign_rule(settings: Settings, target: str) -> list[Task]:
    return [_task("sign_rule", settings, target, dtype=d, seed=settings.seed) for d in DTYPES if settings.wants(d)]


def _predict_sign_rule(_settings: Settings) -> list[Prediction]:
    return [
        _none("rule.strict"),
        _none("rule.against", about="corrected"),
        _none("rule.ordinary", about="corrected"),
        Prediction("rule.displacement", "1", "inf", "coordinates", "corrected"),
    ]


# the paper's variant


def _plan_gains(settings: Settings, target: str) -> list[Task]:
    return [
        _task("gains", settings, target, dtype=d, steps=_steps(settings), seed=settings.seed)
        for d in DTYPES
        if settings.wants(d)
    ]


def _predict_gains(_settings: Settings) -> list[Prediction]:
    return [_none(f"{what}.{kind}", "values") for what in ("gain", "scale") for kind in ("negative", "nan")]


def _with_steps(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Keeps a curve only where it is told apart by eye: the decays at u below and above log 2."""
    shown = {"decay.u=0.125", "decay.u=0.5", "decay.u=0.75", "decay.u=1", "decay.u=2"}
    return [m if m.name in shown else replace(m, series=()) for m in measurements]


CLAIMS = (
    Claim(
        id="eg.non-negative",
        source=_source("eq. 2"),
        statement=r"Under $\theta \leftarrow \theta \odot \exp(-\eta\nabla L(\theta))$ a non-negative start stays "
        r"non-negative for ever; a positive one stays positive.",
        corrected=r"Over the reals, as stated. In IEEE arithmetic non-negativity is kept by every step, and a "
        r"coordinate that is 0 stays 0, but positivity is not kept: a step with factor $\exp(-\eta g) \le 1/2$ "
        r"sends the smallest subnormal to 0, and $\theta = 1$ gets to 0 in float32 after about "
        r"$104/(\eta g)$ steps, at $\eta g > 104$ in one. With every factor above $1/2$ ($\eta g < \log 2$) and "
        r"gradual underflow a positive coordinate stays positive: it sticks at a few times $2^{-149}$.",
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline=r"Over the reals $\exp > 0$ decides. In floating point z3 proves, for all four formats, that the "
        r"rounded product of a finite $\theta \ge 0$ and a finite factor $v \ge 0$ is $\ge 0$; that it is $> 0$ for "
        r"$\theta > 0$, $v > 1/2$; and that the smallest subnormal times any $v \le 1/2$ is 0. An exact rational "
        r"model of one coordinate then predicts the step at which float32 reaches 0, or where it sticks.",
        subject=MODULES + "ExponentiatedGradient",
        fault=Fault("uses the first-order term 1 - u for exp(-u)", FAULTS + "LinearEG"),
        plan=_plan_signs,
        predict=_predict_signs,
        reduce=_with_steps,
        proof="corrected",
    ),
    Claim(
        id="eg.derivation",
        source=_source("eq. 3-5"),
        statement=r"EG is gradient descent on $\varphi = \log\theta$ with the factor $e^\varphi$ of the gradient "
        r"dropped; it is also the mirror step of the unnormalised relative entropy.",
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"Coordinates are independent, so one is enough. The chain rule gives "
        r"$\partial_\varphi L(e^\varphi) = e^\varphi L'(e^\varphi)$; without the factor, $\varphi \leftarrow "
        r"\varphi - \eta g$ is $\theta \leftarrow \theta e^{-\eta g}$. The mirror objective $gu + (u\log(u/\theta) - u "
        r"+ \theta)/\eta$ is stationary there, and its second derivative $1/(\eta u)$ is positive: the only minimum.",
        subject=MODULES + "ExponentiatedGradient",
        fault=Fault("keeps the factor theta of the gradient by log theta", FAULTS + "KeptFactorEG"),
        plan=_plan_step,
        predict=_predict_step,
        proof="source",
    ),
    Claim(
        id="eg.hypergradient",
        source=_source("eq. 9"),
        statement=r"With $\theta_t = \theta_{t-1} - \eta\,\nu_t \odot g_{t-1}$: "
        r"$\nabla_{\nu_t} L(\theta_t) = -\eta\, g_{t-1} \odot g_t$.",
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"$\theta_{t-1}$ and $g_{t-1}$ do not depend on $\nu_t$, so each coordinate is the chain rule for a "
        r"differentiable function of one variable. The measurement differentiates through a step of a real network "
        r"by autograd, and holds the optimizer's own change of $\log\nu$ against that derivative.",
        subject=MODULES + "HypergradientSGD",
        fault=Fault("multiplies the current gradient with itself", FAULTS + "SameGradientSGD"),
        plan=_plan_hypergradient,
        predict=_predict_hypergradient,
        proof="source",
    ),
    Claim(
        id="eg.closed-form",
        source=_source("eq. 12"),
        statement=r"With $\nu_1 = 1$: $\nu_{t+1} = \exp\left(\gamma\sum_{k=1}^t g_{k-1} \odot g_k\right)$.",
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"Induction on $t$ with $g_0 = 0$: the empty sum gives 1, and a step multiplies "
        r"$\exp(\gamma s)$ by $\exp(\gamma g_{k-1} g_k)$. In floating point the optimizer keeps $\log\nu$; the a-priori "
        r"bound for a recursive sum of $t$ rounded products is what torch's departure is measured in.",
        subject=MODULES + "HypergradientSGD",
        fault=Fault("takes the first gradient for the one before it", FAULTS + "EarlyStartSGD"),
        plan=_plan_closed_form,
        predict=_predict_closed_form,
        proof="source",
    ),
    Claim(
        id="eg.sign-rule",
        source=_source("after eq. 12"),
        statement=r"A coordinate's step grows exactly when two successive gradients agree in sign.",
        corrected=r"Over the reals the step size $\nu$ grows exactly when $g_{t-1}g_t > 0$; the step "
        r"$\eta\nu\lvert g\rvert$ itself may shrink all the same. In floating point $\log\nu$ never moves against the "
        r"sign, but it stands still where $\gamma g_{t-1} g_t$ underflows or is below half an ulp of $\log\nu$.",
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline=r"For $\nu, \gamma > 0$, $\nu e^{\gamma ac} > \nu$ if and only if $ac > 0$ (z3, with the axioms of "
        r"exp). In every format the rounded sum $s + p$ is not below $s$ for $p \ge 0$ and not above it for $p \le 0$ "
        r"(z3). Gradients of every size give coordinates that agree in sign while $\log\nu$ stays: the "
        r"counterexample.",
        subject=MODULES + "HypergradientSGD",
        fault=Fault("uses -gamma for gamma", FAULTS + "WrongSignSGD"),
        plan=_plan_sign_rule,
        predict=_predict_sign_rule,
        proof="corrected",
    ),
    Claim(
        id="eg.paper-variant",
        source=Source(
            "Step-size adaptation using exponentiated gradient updates (Amid, Anil, Fifty and Warmuth 2022)",
            "https://arxiv.org/abs/2202.00145",
            "the full update",
        ),
        statement=r"The full update (a global scale $s$ and per-coordinate gains $p$, both by EG) keeps both "
        r"non-negative.",
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"Both are products of non-negative numbers and exponentials; z3 proves it over the reals and for the "
        r"rounded product in all four formats. The optimizer keeps $\log p$ and $\log s$ and limits exponents to "
        r"the finite numbers, so that neither is NaN for gradients whose products are numbers.",
        subject=MODULES + "AmidFunnel",
        fault=Fault("reports gains 1 + log p", FAULTS + "LinearGainFunnel"),
        plan=_plan_gains,
        predict=_predict_gains,
        proof="source",
    ),
)

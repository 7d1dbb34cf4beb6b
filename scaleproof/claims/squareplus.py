"""The squareplus claims (Barron 2021; kexue.fm/archives/8833)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from flint import fmpq

from scaleproof.analysis import squareplus as theory
from scaleproof.analysis.enclosure import from_ball
from scaleproof.claims.claim import About, Claim, Fault, Prediction, Settings, Source, Verdict
from torchcheck.task import Measurement, Series, Task

MODULE = "torchcheck.modules:SquarePlus"
ARTICLE_MODULE = "torchcheck.modules:ArticleSquarePlus"
SOFTPLUS = "torch.nn:Softplus"
REFERENCE = "torchcheck.references:squareplus_reference"
FAULTS = "torchcheck.faults:"

ARTICLE = "SquarePlus: possibly the simplest smooth approximation of ReLU (Su Jianlin 2021; Barron 2021)"
URL = "https://kexue.fm/archives/8833"

#: bends at which the identities are measured; 4 is Barron's choice that matches softplus' second derivative at 0
BENDS = (1.0, 4.0)
#: the float64 module rounds about four times (square, sum, root, mean, quotient): at most 4 ulp
MODULE_ULPS = 4.0


def _source(equation: str) -> Source:
    return Source(ARTICLE, URL, equation)


def _subject(target: str, **options: Any) -> dict[str, Any]:
    return {"target": target, "options": options}


def _points(settings: Settings, target: str, b: float, order: int, points: Sequence[float]) -> Task:
    params = {
        "subject": _subject(target, b=b),
        "points": list(points),
        "order": order,
        "device": settings.device,
    }
    return Task("torchcheck.probes.pointwise:derivatives", params)


def _bend(m: Measurement) -> float:
    """The b that a subject was built with, read from its label `Name(b=...)`."""
    return float(m.subject.split("b=")[1].rstrip(")"))


def _found(m: Measurement, name: str, value: float, unit: str = "1", **more: Any) -> Measurement:
    number = float(value)
    return replace(m, name=name, value=number, lo=number, hi=number, unit=unit, data={}, **more)


def _ulps(value: float, exact: theory.Ball) -> float:
    """abs(value - exact) in float64 ulps of the exact value."""
    size = max(abs(float(exact.mid())), 5e-324)
    return float(abs(exact - value).upper() / math.ulp(size))


# relu-limit and gap


def _exact_gap(x: float, y: float) -> Fraction:
    return Fraction(y) - max(Fraction(x), Fraction(0))


def _plan_relu(settings: Settings, target: str) -> list[Task]:
    points = theory.float64_points()
    return [_points(settings, target, b, 0, points) for b in (0.0, 1e-4, *BENDS)]


def _reduce_relu(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    found = []
    for m in measurements:
        xs, (ys,) = m.data["x"], m.data["values"]
        if _bend(m) == 0:
            worst = max(abs(y - max(x, 0.0)) for x, y in zip(xs, ys, strict=True))
            found.append(_found(m, "relu.difference", worst))
            continue
        exact = [theory.derivatives(x, _bend(m), 0)[0] for x in xs]
        worst = max(_ulps(y, e) for y, e in zip(ys, exact, strict=True))
        # where the exact gap is more than the module's own rounding, the order has to be seen
        clear = [
            (x, y)
            for x, y, e in zip(xs, ys, exact, strict=True)
            if theory.gap(x, _bend(m)) > 2 * MODULE_ULPS * math.ulp(float(e.mid()))
        ]
        wrong = [x for x, y in clear if _exact_gap(x, y) <= 0]
        witness = f"x = {wrong[0]!r}" if wrong else ""
        found.append(_found(m, "value.error", worst, "ulp"))
        found.append(_found(m, "relu.not_above", len(wrong), "points", samples=len(clear), witness=witness))
    return found


def _predict_relu(_settings: Settings) -> list[Prediction]:
    return [
        Prediction.exactly("relu.difference", "0"),
        Prediction("value.error", "0", str(MODULE_ULPS), "ulp", why="the module's roundings"),
        Prediction.exactly("relu.not_above", "0", "points"),
    ]


def _plan_gap(settings: Settings, target: str) -> list[Task]:
    far = [-(10.0 ** (2 + k / 8)) for k in range(33)]
    points = [0.0, *far, *(p for p in theory.float64_points() if 1e-6 < abs(p) < 1e6)]
    return [_points(settings, target, b, 0, points) for b in BENDS]


def _reduce_gap(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    from torchcheck.estimate import fit_exponent

    found = []
    for m in measurements:
        b = _bend(m)
        xs, (ys,) = m.data["x"], m.data["values"]
        gaps = {x: float(_exact_gap(x, y)) for x, y in zip(xs, ys, strict=True)}
        bound = math.sqrt(b) / 2
        beyond = [x for x, g in gaps.items() if x != 0 and g > bound]
        # only at x < 0: there the gap is the value itself and has its full accuracy
        tail = sorted(x for x in gaps if x <= -100)
        fit = fit_exponent([-x for x in tail], [gaps[x] for x in tail])
        ratio = 4 * -tail[0] * gaps[tail[0]] / b
        curve = [x for x in sorted(gaps) if x < 0]
        series = Series(
            f"gap, b = {b:g}", "-x", "SP(x) - ReLU(x)", [-x for x in curve], [gaps[x] for x in curve]
        )
        found += [
            _found(m, "gap.at_zero", gaps[0.0] / bound),
            _found(m, "gap.beyond_bound", len(beyond), "points"),
            replace(
                _found(m, "gap.exponent", fit.exponent.value),
                lo=fit.exponent.lo,
                hi=fit.exponent.hi,
                level=1 - fit.exponent.alarm,
                note="a power law" if fit.power_law else "not a power law",
                series=(series,),
            ),
            _found(m, "gap.constant", ratio),
        ]
    return found


def _predict_gap(_settings: Settings) -> list[Prediction]:
    return [
        Prediction.exactly("gap.at_zero", "1"),
        Prediction.exactly("gap.beyond_bound", "0", "points"),
        Prediction(
            "gap.exponent",
            "-1",
            "-1",
            tolerance=2e-4,
            why="b/(4x²) = 1e-4 at the near end of the fit, where the law's next term bends it",
        ),
        Prediction("gap.constant", "1", "1", tolerance=2e-12, why="b/(4x²) = 1e-12 at x = -10^6, and rounding"),
    ]


# monotone and convex


def _plan_slope(settings: Settings, target: str) -> list[Task]:
    return [_points(settings, target, b, 1, theory.float64_points()) for b in BENDS]


def _reduce_slope(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    found = []
    for m in measurements:
        xs, (_, slopes) = m.data["x"], m.data["values"]
        exact = [theory.derivatives(x, _bend(m), 1)[1] for x in xs]
        worst = max(_ulps(s, e) for s, e in zip(slopes, exact, strict=True))
        outside = [x for x, s in zip(xs, slopes, strict=True) if not 0 <= s <= 1]
        found += [
            _found(m, "slope.error", worst, "ulp"),
            _found(m, "slope.outside", len(outside), "points", witness=f"x = {outside[0]!r}" if outside else ""),
        ]
    return found


def _predict_slope(_settings: Settings) -> list[Prediction]:
    return [
        Prediction("slope.error", "0", "6", "ulp", why="roundings of r, x/r and two quotients"),
        Prediction.exactly("slope.outside", "0", "points"),
    ]


def _plan_convex(settings: Settings, target: str) -> list[Task]:
    near = [p for p in theory.float64_points() if abs(p) <= 8]
    return [_points(settings, target, b, 3, [*near, math.sqrt(b) / 2, -math.sqrt(b) / 2]) for b in BENDS]


def _reduce_convex(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    found = []
    for m in measurements:
        _, _, second, third = m.data["values"]
        b = _bend(m)
        found += [
            _found(m, f"second.supremum b={b:g}", max(second)),
            _found(m, f"second.minimum b={b:g}", min(second)),
            _found(m, f"third.supremum b={b:g}", max(abs(v) for v in third)),
        ]
    return found


def _predict_convex(_settings: Settings) -> list[Prediction]:
    found = []
    for b in BENDS:
        suprema = theory.derivative_suprema(b)
        why = "roundings of repeated reverse-mode differentiation"
        found += [
            Prediction.enclosed(f"second.supremum b={b:g}", suprema["second"], 1e-14, why),
            Prediction(f"second.minimum b={b:g}", "0", "inf", tolerance=1e-15, why="b/(2 (64 + b)^1.5), rounded"),
            Prediction.enclosed(f"third.supremum b={b:g}", suprema["third"], 1e-14, why),
        ]
    return found


# against softplus


def _grid() -> list[float]:
    """[-60, 60] in steps of 1/200, with the places where theory puts the extremes: 0 and +-x*."""
    peak = float(theory.minimax()["x"].lo)
    return sorted({k / 200 for k in range(-12000, 12001)} | {peak, -peak, 0.0})


def _plan_against(bends: Callable[[], Sequence[float]]) -> Callable[[Settings, str], list[Task]]:
    def plan(settings: Settings, target: str) -> list[Task]:
        grid = _grid()
        # threshold: torch's softplus is the identity beyond it; 20 by default
        softplus = _subject(SOFTPLUS, threshold=1000)
        reference = {"subject": softplus, "points": grid, "order": 0, "device": settings.device}
        return [
            Task("torchcheck.probes.pointwise:derivatives", reference),
            *(_points(settings, target, b, 0, grid) for b in bends()),
        ]

    return plan


def _differences(measurements: Sequence[Measurement]) -> list[tuple[Measurement, float, list[tuple[float, float]]]]:
    """(measurement, b, [(x, module(x) - softplus(x))]) for every bend; the first measurement is softplus."""
    softplus, *modules = measurements
    (base,) = softplus.data["values"]
    found = []
    for m in modules:
        (values,) = m.data["values"]
        found.append((m, _bend(m), [(x, v - s) for x, v, s in zip(m.data["x"], values, base, strict=True)]))
    return found


def _dominance_bends() -> list[float]:
    threshold = float(theory.dominance_threshold().hi)
    return [math.nextafter(threshold, 2.0), 0.999 * threshold]


def _reduce_dominance(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    threshold = float(theory.dominance_threshold().hi)
    found = []
    for m, b, errors in _differences(measurements):
        at, lowest = min(errors, key=lambda pair: pair[1])
        name = "minimum.above" if b >= threshold else "minimum.below"
        found.append(_found(m, name, lowest, witness=f"x = {at!r}", samples=len(errors)))
    return found


def _predict_dominance(_settings: Settings) -> list[Prediction]:
    _, below = _dominance_bends()
    with theory.precision(200):
        at_zero = theory.arb(below).sqrt() / 2 - theory.arb(2).log()
    why = "two roundings of a value near log 2"
    return [
        Prediction("minimum.above", "0", "0", tolerance=4e-16, why=why),
        Prediction.enclosed("minimum.below", from_ball("minimum.below", at_zero), 4e-16, why),
    ]


def _minimax_bends() -> list[float]:
    best = float(theory.minimax()["b"].lo)
    return [best, 0.9 * best, 1.1 * best]


def _label(b: float) -> str:
    best = _minimax_bends()
    return ("at b*", "at 0.9 b*", "at 1.1 b*")[best.index(b)]


def _reduce_minimax(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    found = []
    for m, b, errors in _differences(measurements):
        name = f"supremum {_label(b)}"
        curve = [(x, e) for x, e in errors[::20] if -12 <= x <= 12]
        series = Series(f"SP - softplus {_label(b)}", "x", "error", *map(list, zip(*curve, strict=True)))
        found.append(_found(m, name, max(abs(e) for _, e in errors), samples=len(errors), series=(series,)))
        if b == _minimax_bends()[0]:
            peak, _ = max((p for p in errors if p[0] > 0.5), key=lambda pair: pair[1])
            found.append(_found(m, "peak", peak))
            found.append(_found(m, "error.at_zero", dict(errors)[0.0], series=_shapes(measurements[0], errors)))
    return found


def _shapes(softplus: Measurement, errors: Sequence[tuple[float, float]]) -> tuple[Series, ...]:
    """The curves of SquarePlus, softplus and ReLU on [-5, 5], as measured."""
    (base,) = softplus.data["values"]
    near = [(x, s, s + e) for (x, e), s in list(zip(errors, base, strict=True))[::10] if -5 <= x <= 5]
    xs = [x for x, _, _ in near]
    return (
        Series("value of SquarePlus, b = b*", "x", "value", xs, [v for _, _, v in near]),
        Series("value of softplus", "x", "value", xs, [s for _, s, _ in near]),
        Series("value of ReLU", "x", "value", xs, [max(x, 0.0) for x in xs]),
    )


def _predict_minimax(_settings: Settings) -> list[Prediction]:
    best = theory.minimax()
    rounding = "roundings of values below 64, and of b*"
    grid = "the peak lies between grid points: f''/8 · (1/200)² = 4e-8"
    negative = replace(best["error"], lo=f"-{best['error'].hi}", hi=f"-{best['error'].lo}")
    found = [
        Prediction.enclosed("supremum at b*", best["error"], 1e-14, rounding),
        Prediction.enclosed("error.at_zero", negative, 4e-16, "two roundings"),
        Prediction.enclosed("peak", best["x"], 0.0051, "a step of the grid"),
    ]
    for b in _minimax_bends()[1:]:
        with theory.precision(200):
            supremum = theory.sup_error(theory.arb(fmpq(*b.as_integer_ratio())))
        found.append(
            Prediction.enclosed(
                f"supremum {_label(b)}", from_ball(f"supremum {_label(b)}", supremum), 5e-8, grid
            )
        )
    return found


# speed

#: "several times" is taken as three or more
SEVERAL = "3"


def _plan_speed(settings: Settings, target: str) -> list[Task]:
    others = [MODULE, "torch.nn:GELU", "torch.nn:SiLU"] if target == ARTICLE_MODULE else []
    subjects = [_subject(t) for t in (target, *others)]
    sizes = {"small": 2**10, "cache": 2**18, "memory": 2**22}
    if settings.profile == "full":
        sizes = {**sizes, "memory": 2**24}
    params = {"subjects": subjects, "baseline": _subject(SOFTPLUS), "sizes": sizes, "device": settings.device}
    probe = "torchcheck.probes.speed:speedups"
    every_core = _cores()
    tasks = [
        Task(probe, {**params, "mode": "eager", "threads": n, "seed": settings.seed}, exclusive=True)
        for n in sorted({1, every_core})
    ]
    return [*tasks, Task(probe, {**params, "mode": "compiled", "seed": settings.seed}, exclusive=True)]


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _reduce_speed(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The predictions are about the formula; the accurate module, GELU and SiLU are measured beside it."""
    first = measurements[0].subject if measurements else ""
    return [m if m.subject == first else replace(m, name=f"beside: {m.name}") for m in measurements]


def _predict_speed(_settings: Settings) -> list[Prediction]:
    found = []
    for size in ("small", "cache", "memory"):
        found.append(Prediction(f"speedup.eager.{size}", SEVERAL, "inf", "times faster"))
        found.append(Prediction(f"speedup.eager.{size}", "0", SEVERAL, "times faster", "corrected"))
    found.append(Prediction("speedup.compiled.small", "0", SEVERAL, "times faster", "corrected"))
    found.append(Prediction("speedup.compiled.cache", SEVERAL, "inf", "times faster", "corrected"))
    return found


# floats

FORMATS = ("float16", "bfloat16", "float32")
CHUNKS = 64
FLOAT32_FINITE = 0x7F800000
#: float16 and bfloat16 are rounded once from float32, whose own error is at most MODULE_ULPS of 2^-13 or 2^-16 ulp
ULP_BOUNDS = {"float16": 0.5 + MODULE_ULPS * 2**-13, "bfloat16": 0.5 + MODULE_ULPS * 2**-16, "float32": MODULE_ULPS}


def _plan_floats(settings: Settings, target: str) -> list[Task]:
    tasks = []
    subjects = [_subject(target, b=4.0)]
    if target == MODULE:
        subjects.append(_subject(ARTICLE_MODULE, b=4.0))
    for subject in subjects:
        for dtype in FORMATS:
            if not settings.wants(dtype):
                continue
            params = {
                "subject": subject,
                "reference": _subject(REFERENCE, b=4.0),
                "dtype": dtype,
                "device": settings.device,
            }
            own = subject["target"] == target
            if dtype != "float32":
                tasks.append(_audit({**params, "table": own}))
            elif settings.profile == "full" and own:
                size = 2 * FLOAT32_FINITE // CHUNKS
                edges = [-FLOAT32_FINITE + size * k for k in range(CHUNKS)]
                tasks += [_audit({**params, "start": e, "stop": e + size}) for e in edges]
            else:
                tasks.append(_audit({**params, "per_binade": 256, "seed": settings.seed}))
    return tasks


def _audit(params: dict[str, Any]) -> Task:
    return Task("torchcheck.probes.ulp:audit", params)


def _reduce_floats(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    from torchcheck.probes.ulp import merge

    audits: dict[tuple[str, str], list[list[Measurement]]] = {}
    for m in measurements:
        if m.value is None:
            return list(measurements)
        parts = audits.setdefault((m.subject, m.dtype), [])
        if m.name == "ulp.worst":
            parts.append([])
        parts[-1].append(m)
    found = []
    for (subject, dtype), parts in audits.items():
        prefix = "article: " if subject.startswith("Article") else ""
        for m in merge(parts, 2 * FLOAT32_FINITE if dtype == "float32" else parts[0][0].samples):
            name = f"{m.name}.{dtype}" if m.name == "ulp.worst" else m.name
            found.append(replace(m, name=prefix + name))
    return found


def _predict_floats(_settings: Settings) -> list[Prediction]:
    found = [
        Prediction.exactly("relu.equal", "0", "inputs"),
        Prediction.exactly("order.flat", "0", "inputs"),
        Prediction.exactly("finite.lost", "0", "inputs"),
    ]
    kept: tuple[str, ...] = ("relu.below", "order.decreasing", "finite.lost", "zero.flushed")
    about: About = "corrected"
    found += [Prediction.exactly(name, "0", "inputs", about) for name in kept]
    found += [
        Prediction(f"ulp.worst.{d}", "0", str(bound), "ulp", about, why="the module's roundings")
        for d, bound in ULP_BOUNDS.items()
    ]
    return found


CLAIMS = (
    Claim(
        id="squareplus.relu-limit",
        source=_source("eq. 1-2"),
        statement=r"$\mathrm{SP}_0 = \mathrm{ReLU}$; for $b > 0$, $\mathrm{SP}_b > \mathrm{ReLU}$ everywhere.",
        recorded=Verdict.PROVED,
        legs="PNM",
        outline=r"$\sqrt{x^2} = \lvert x\rvert$, and $\sqrt{x^2 + b} > \lvert x\rvert$ for $b > 0$: z3 refutes the "
        r"negation over the reals. (What rounding makes of it is squareplus.floats.)",
        subject=MODULE,
        fault=Fault("divides by 2.0001 instead of 2", FAULTS + "ShrunkSquarePlus"),
        plan=_plan_relu,
        predict=_predict_relu,
        reduce=_reduce_relu,
        proof="source",
    ),
    Claim(
        id="squareplus.gap",
        source=_source("eq. 4"),
        statement=r"$0 < \mathrm{SP}_b(x) - \mathrm{ReLU}(x) \le \sqrt b/2$, with equality only at 0; the gap decays "
        r"like $b/(4\lvert x\rvert)$.",
        recorded=Verdict.PROVED,
        legs="PNM",
        outline=r"The gap is $b/(2(\sqrt{x^2+b} + \lvert x\rvert))$. z3 proves the bound, its equality case, and "
        r"$\frac{b}{4\lvert x\rvert}\left(1 - \frac{b}{4x^2}\right) < \mathrm{gap} < \frac{b}{4\lvert x\rvert}$, which makes "
        r"the decay a statement with an error term.",
        subject=MODULE,
        fault=Fault("uses 2b for b", FAULTS + "DoubledBend"),
        plan=_plan_gap,
        predict=_predict_gap,
        reduce=_reduce_gap,
        proof="source",
    ),
    Claim(
        id="squareplus.monotone",
        source=_source("eq. 3"),
        statement=r"$\mathrm{SP}_b'(x) = \frac12\left(1 + \frac{x}{\sqrt{x^2+b}}\right)$ lies in $(0, 1)$: strictly "
        r"increasing, 1-Lipschitz.",
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"SymPy differentiates; z3 proves $0 < \mathrm{SP}_b' < 1$, and $0 < \mathrm{SP}_b(y) - \mathrm{SP}_b(x) "
        r"< y - x$ for $x < y$ directly, without calculus.",
        subject=MODULE,
        fault=Fault("has (1 - x/r)/2 in the backward", FAULTS + "FlippedSlope"),
        plan=_plan_slope,
        predict=_predict_slope,
        reduce=_reduce_slope,
        proof="source",
    ),
    Claim(
        id="squareplus.convex",
        source=_source("after eq. 3"),
        statement=r"$\mathrm{SP}_b''(x) = \frac{b}{2(x^2+b)^{3/2}} > 0$; "
        r"$\sup \mathrm{SP}_b'' = \frac{1}{2\sqrt b}$ (the smoothness constant) and "
        r"$\sup \lvert\mathrm{SP}_b'''\rvert = \frac{24\sqrt5}{125\,b}$, both tight.",
        recorded=Verdict.PROVED,
        legs="PNM",
        outline=r"SymPy differentiates and evaluates at 0 and at $x = -\sqrt b/2$, where the suprema are attained; z3 "
        r"proves both bounds for all real $x$ and $b > 0$.",
        subject=MODULE,
        fault=Fault("has a first derivative without a graph", FAULTS + "DetachedSlope"),
        plan=_plan_convex,
        predict=_predict_convex,
        reduce=_reduce_convex,
        proof="source",
    ),
    Claim(
        id="squareplus.dominates-softplus",
        source=_source("eq. 6"),
        statement=r"$\mathrm{SP}_b(x) \ge \log(1 + e^x)$ for all $x$ if and only if $b \ge 4\log^2 2 = 1.921812\ldots$",
        recorded=Verdict.PROVED,
        legs="PNM",
        outline=r"The difference is even in $x$ and increases with $b$ (z3). At $b = 4\log^2 2$ it and its slope are 0 at "
        r"$x = 0$ (SymPy); Arb balls show it convex next to 0 and positive up to $\lvert x\rvert = 6$, and z3 shows it "
        r"positive beyond. Smaller $b$ fail at 0.",
        subject=MODULE,
        fault=Fault("rounds b to two digits", FAULTS + "RoundedBend"),
        plan=_plan_against(_dominance_bends),
        predict=_predict_dominance,
        reduce=_reduce_dominance,
        proof="source",
    ),
    Claim(
        id="squareplus.minimax",
        source=_source("eq. 5"),
        statement=r"$\min_b \sup_x \lvert\mathrm{SP}_b(x) - \log(1+e^x)\rvert$ is attained at $b = 1.52382103\ldots$, with "
        r"value $0.075931\ldots$; it is unique, and the supremum is over all of $\mathbb R$.",
        recorded=Verdict.PROVED,
        legs="PNM",
        outline=r"With $x = 2t$ the difference is $\sqrt{t^2 + b/4} - \log(2\cosh t)$: even in $x$, increasing in $b$. Its "
        r"errors at 0 and at the peak balance where $t\coth(t/2) = \log(4\cosh t)$, and then $b^* = 4t^2/\sinh^2 t$. "
        r"Below $b^*$ the error at 0 is larger, above it the one at the peak: the optimum is unique. Arb balls "
        r"cover $\lvert x\rvert \le 8$, with a concave piece around the peak and a convex one at 0; z3 proves the tails.",
        subject=MODULE,
        fault=Fault("rounds b to two digits", FAULTS + "RoundedBend"),
        plan=_plan_against(_minimax_bends),
        predict=_predict_minimax,
        reduce=_reduce_minimax,
        proof="source",
    ),
    Claim(
        id="squareplus.speed",
        source=_source("the table of timings"),
        statement=r"On a CPU SquarePlus is several times faster than softplus, needing only $+$, $\cdot$, $\div$ and roots.",
        corrected=r"As torch operations run one by one, the formula is less than three times as fast as the built-in "
        r"softplus at every size measured, and slower on small tensors: it makes several passes over memory where "
        r"softplus makes one. Compiled into one kernel it is at least three times faster on $2^{18}$ elements, where "
        r"arithmetic counts, and not on $2^{10}$, where the call does.",
        recorded=Verdict.CORRECTED,
        legs="M",
        outline=r"Interleaved repetitions in one process; the median of the ratio with a distribution-free interval. "
        r"\"Several\" is taken as three or more. The accurate module, GELU and SiLU run beside it.",
        subject=ARTICLE_MODULE,
        fault=Fault("takes the root as exp(log(x² + b)/2)", FAULTS + "TranscendentalRoot"),
        plan=_plan_speed,
        predict=_predict_speed,
        reduce=_reduce_speed,
    ),
    Claim(
        id="squareplus.floats",
        source=Source(ARTICLE, URL, "the order statements, run in floating point"),
        statement=r"The three order statements ($> \mathrm{ReLU}$, strictly increasing, finite) also hold for the module in "
        r"float32, bfloat16 and float16.",
        corrected=r"For every finite input $x \le y$ and $b = 4$ the module's result is finite, "
        r"$f(x) \ge \mathrm{ReLU}(x)$, $f(x) \le f(y)$, and in float16 and bfloat16 within 1 ulp of $\mathrm{SP}_4(x)$. "
        r"Neither inequality is strict: from some $x$ on, $b/(4x)$ is less than half an ulp and $f(x) = x$; and many "
        r"neighbours share a value. The formula as written overflows and cancels.",
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline=r"All 65 536 patterns of each 16-bit format run through torch; the table of results is the certificate, "
        r"and the checker compares integers and rationals only. float32 is sampled in every binade (quick) or run "
        r"through all of its $2^{32}$ patterns (full).",
        subject=MODULE,
        fault=Fault("squares x without a guard", FAULTS + "UnguardedSquare"),
        plan=_plan_floats,
        predict=_predict_floats,
        reduce=_reduce_floats,
        proof="corrected",
    ),
)

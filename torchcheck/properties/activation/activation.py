"""Activations: smoothness, shape, moments, accuracy and range in each dtype, and the gradient's correctness."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn

from torchcheck.data import Measurement, Series
from torchcheck.measure.ulp import FORMATS, from_ordinals, ranges, ulp_of
from torchcheck.properties.activation.expression import trace
from torchcheck.properties.finding import Property, Question, Threshold
from torchcheck.properties.module.modes import MODES, compared
from torchcheck.properties.module.numerics import NUMERICS, is_silent
from torchcheck.properties.module.published import PUBLISHED_ACTIVATION
from torchcheck.properties.plan import Description, Group, Kind, Step
from torchcheck.properties.subject.activation_function import function_of
from torchcheck.properties.subject.calling import gap, tensor_of
from torchcheck.properties.subject.kinds import lineage
from torchcheck.properties.subject.variant import CheckSettings, Loaded, build
from torchcheck.run.subjects import DTYPES, find_device

#: where shapes are looked at: all finite float16 numbers lie inside
DOMAIN = 65536.0
#: neighbouring inputs taken in the middle and at both edges of every binade
PER_BINADE = 64
#: size of inputs that an activation has to bear in every dtype, about the largest float16 number over 64
REACH = 1000.0
#: a derivative above -SLACK counts as non-negative: rounding of the sampled differences
SLACK = 1e-6

#: names of steps, in capitals or with underscores, and words that say so, or that a gradient is another function's
STEPS = re.compile(
    r"(?:^|_|(?<=[a-z]))(?:[Bb]inar|[Tt]ernar|[Qq]uanti[sz]|[Rr]ound|[Ss]ign(?![a-z])|[Hh]eaviside|[Ss]pik|[Ss]te(?![a-z])|STE)"
)
SAID = re.compile(r"straight.?through", re.IGNORECASE)
ANOTHER = re.compile(r"gradient.?revers|revers\w* (the |its )?gradient|surrogate.gradient", re.IGNORECASE)
#: relative roundings of an input across which a step may come earlier or later, points there, and places looked at
ROUNDED, FINE, MOST_JUMPS = 4, 257, 4096
#: activations that are squares (Primer's, MetaFormer's), of unbounded slope
SQUARES = re.compile(r"squared?_?relu|relu_?(squared?|2)(?!\d)|star_?relu", re.IGNORECASE)
PROPERTIES: dict[str, Property] = {
    "elementwise": Property(
        "every output depends on its own input alone",
        Threshold(0, 0),
        "this is no elementwise activation: check it as --kind block, or apply it entry by entry",
        better="less",
    ),
    "deterministic": Property(
        "the same input gives the same output twice", Threshold(0, 0), "remove the randomness", better="less"
    ),
    "input-kept": Property(
        "the input is left as it was", Threshold(0, 0), "replace in-place operations by copies", better="less"
    ),
    "lipschitz": Property(
        "the Lipschitz constant of f: the largest slope",
        Threshold(hi=10),
        "it multiplies signals and gradients at every layer: bound the slope; an infinite one is a jump, which no "
        "gradient sees: join the pieces",
        better="less",
    ),
    "smoothness": Property("the Lipschitz constant of f', infinite at a kink", better="less"),
    "monotone": Property("the smallest slope (not negative: f is monotone)", better="sign"),
    "convex": Property("the smallest second derivative (not negative: f is convex)", better="sign"),
    "relu-gap": Property("the largest distance from max(x, 0)", better="none"),
    "mean": Property("the mean of f(z), z standard normal", better="none"),
    "second-moment": Property(
        "the mean of f(z)², z standard normal",
        Threshold(1e-4, 1e4),
        "the output is dead or huge on normal inputs: scale it",
        better="none",
    ),
    "gain": Property(
        "the init gain 1/sqrt(E f(z)²) that keeps the variance (weights of variance gain²/fan_in)", better="none"
    ),
    "gradient-gain": Property(
        "gain² times the mean of f'(z)²: what such a layer does to a gradient's square", better="none"
    ),
    "lets-through": Property(
        "a gradient comes through (share of inputs between -9 and 9 at which it is not 0)",
        Threshold(lo=1e-3),
        "nothing before it learns: steps and roundings need a straight-through estimate, x + (f(x) - x).detach()",
        better="more",
    ),
    "second-derivative": MODES.properties["second-derivative"],
    "dead-parameters": NUMERICS.properties["dead-parameters"],
    "gradient": Property(
        "autograd's gradient against finite differences in float64 (largest relative error)",
        Threshold(hi=1e-5),
        "the backward pass does not belong to the forward pass: look at the custom Function, detach, or no_grad",
        better="less",
        compared="factor",
    ),
    "accuracy": Property(
        "the error over machine epsilon times max(1, abs(x), abs(f(x)))",
        Threshold(hi=8),
        "compute inside in float32 for half precision, or rewrite what cancels (expm1, log1p, erfc)",
        better="less",
        compared="factor",
    ),
    "ulp": Property(
        "the worst error in ulp of the exact value, over sampled inputs in every binade",
        better="less",
        compared="factor",
    ),
    "range": Property(
        "the largest abs(x) up to which outputs are finite where f itself is at most 1/64 of the largest number",
        Threshold(lo=REACH),
        "products and exponentials overflow there: clamp, or rewrite as x * sigmoid(x) and logaddexp do",
        better="more",
    ),
    "lost": Property(
        "inputs up to 1/64 of the largest number whose output is NaN or infinite where f itself is no larger either",
        Threshold(0, 0),
        "an intermediate overflows: rearrange the formula, or compute inside in float32",
        better="less",
    ),
    "lost-gradient": Property(
        "inputs up to 1000 in float32 whose gradient is NaN (number of them)",
        Threshold(0, 0),
        "infinity times 0, or over itself, in a branch that where does not take: clamp before it, or use softplus, "
        "expm1 and their kin",
        better="less",
    ),
    "at-infinity": Property("how many of f(inf), f(-inf) are NaN", better="less"),
    "nan-kept": Property("f(NaN) is NaN", advice="a NaN that disappears hides a broken layer", better="more"),
}


def steps(settings: CheckSettings, _description: Description) -> list[Step]:
    planned = [
        Step(structure, ("elementwise", "deterministic", "input-kept", "nan-kept", "at-infinity"), gate=True),
        Step(moments, ("mean", "second-moment", "gain", "gradient-gain")),
        Step(shape, ("lipschitz", "smoothness", "monotone", "convex", "relu-gap")),
        Step(gradient, ("gradient",)),
        Step(parameters, ("dead-parameters",)),
        Step(lost_gradient, ("lost-gradient", "lets-through")),
        Step(curvature, ("second-derivative",)),
    ]
    for dtype in settings.dtypes:
        if dtype != "float64":
            names = tuple(f"{n}.{dtype}" for n in ("accuracy", "ulp", "range", "lost"))
            planned.append(Step(audit, names, {"dtype": dtype}))
    return planned


def structure(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Elementwise, deterministic, without side effects; NaN in, NaN out; the values at infinity."""
    f = function_of(loaded, settings)
    where = find_device(settings.device)
    x = torch.randn(257, dtype=torch.float64, generator=torch.Generator().manual_seed(settings.seed)).to(where) * 3
    kept = x.clone()
    with torch.no_grad():
        y = f(x).clone()
        changed = float(not torch.equal(x, kept))
        again = f(kept.clone())
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(settings.seed)).to(where)
        shuffled = f(kept[order].clone())
        parts = torch.cat([f(part.clone()) for part in (kept[:100], kept[100:])])  # one of them lacks the extremes
        special = f(torch.tensor([math.nan, math.inf, -math.inf], dtype=torch.float64, device=where))
    same = gap(y, again)
    scale = 1e-12 * max(1.0, float(y.abs().nan_to_num(0.0, 0.0, 0.0).max()))
    apart = max(gap(y[order], shuffled), gap(y, parts))
    measured = partial(Measurement, device=settings.device, samples=len(x))
    if same > 0:
        apart = 0.0  # cannot be told from noise
    values = [float(v) for v in special]
    ends = f"f(inf) = {values[1]:g}, f(-inf) = {values[2]:g}"
    return [
        measured("elementwise", apart if apart > scale else 0.0, note="largest change by others"),
        measured("deterministic", same, note="largest difference"),
        measured("input-kept", changed, unit="inputs changed"),
        measured("nan-kept", float(math.isnan(values[0])), note=f"f(NaN) = {values[0]:g}"),
        measured("at-infinity", float(sum(map(math.isnan, values[1:]))), note=ends),
    ]


def moments(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Gaussian moments by the trapezoid rule on [-12, 12] with two step sizes: their difference is the interval."""
    f = function_of(loaded, settings)
    means = []
    for steps in (2**14, 2**15):
        x = torch.linspace(-12, 12, steps + 1, dtype=torch.float64).requires_grad_()
        y = f(x)
        slope = torch.autograd.grad(y.sum(), x)[0] if y.requires_grad else torch.zeros_like(x)
        weight = torch.exp(-x.detach().square() / 2) / math.sqrt(2 * math.pi) * (24 / steps)
        y = y.detach().to(weight.device)
        means.append([float((weight * v).sum()) for v in (y, y.square(), slope.to(weight.device).square())])
    measured = partial(Measurement, device=settings.device, samples=2**15)

    def near(name: str, coarse: float, fine: float) -> Measurement:
        wide = 2 * abs(fine - coarse)
        return measured(name, fine, fine - wide, fine + wide, note="by quadrature")

    (m1, s1, d1), (m2, s2, d2) = means
    gains = [1 / math.sqrt(s) if s > 0 else math.inf for s in (s1, s2)]
    answer = [near("mean", m1, m2), near("second-moment", s1, s2)]
    if math.isfinite(gains[1]) and s1 > 0:
        answer += [near("gain", *gains), near("gradient-gain", d1 / s1, d2 / s2)]
    return answer


def shape(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Extremes of f', f'' and the gap to ReLU on [-65536, 65536]: certified where f's graph can be enclosed."""
    f = function_of(loaded, settings)
    sampled = _sampled(f, settings)
    graph = trace(f) if settings.certify else None
    certified = dict(settings.certify(graph, DOMAIN)) if settings.certify and graph else {}
    if any(m.name in certified and _denied(m, *certified[m.name][:2]) for m in sampled):
        certified = {}  # what samples deny is no certificate, and neither is the rest of it
    answer = []
    why = "a step, as its author says" if _is_step(loaded) else ""
    why = why or ("a square, as its name says: its slope grows" if SQUARES.search(lineage(loaded.subject)[0]) else "")
    if why:
        slope, *sampled = sampled
        answer.append(replace(slope, value=None, note=why))
    for m in sampled:
        if m.name in certified:
            lo, hi, note = certified[m.name]
            value = hi if m.name in ("monotone", "convex") else lo  # what is attained
            m = replace(m, value=value, lo=lo, hi=hi, note=f"certified by ball arithmetic{note}")
        answer.append(m)
    return answer


def _denied(m: Measurement, lo: float, hi: float) -> bool:
    """Whether sampled extremes, which lie inside the true ones, lie outside the certified ones; or far from a jump."""
    assert m.value is not None
    slack = 1e-3 * max(1.0, abs(m.value))
    if m.name in ("monotone", "convex"):
        return m.value < lo - slack or (math.isinf(hi) and m.value > -100)
    return m.value > hi + slack or (math.isinf(lo) and m.value < 100)  # an infinite slope is sampled as a large one


def _sampled(f: Callable[[Tensor], Tensor], settings: CheckSettings) -> list[Measurement]:
    """Slopes and curvatures by divided differences on a fine grid: estimates."""
    small = torch.linspace(-16, 16, 2**17 + 1, dtype=torch.float64)
    tail = torch.logspace(math.log10(16), math.log10(DOMAIN), 4097, dtype=torch.float64)
    with torch.no_grad():
        parts = [(x, f(x.clone()).cpu()) for x in (small, tail, -tail.flip(0))]
    slopes, bends, gaps = [], [], []
    for x, y in parts:
        h = x.diff()
        d = y.diff() / h
        slopes.append(d)
        bends.append(d.diff() / ((h[1:] + h[:-1]) / 2))
        gaps.append((y - x.clamp(min=0)).abs())
    slope, bend, gap = torch.cat(slopes), torch.cat(bends), torch.cat(gaps)
    measured = partial(Measurement, device=settings.device, samples=len(slope))
    note = "estimated on a grid"
    curve = Series("activation", "x", "f(x)", small[::1024].tolist(), parts[0][1][::1024].tolist())
    worst = float(slope.abs().max())
    return [
        measured("lipschitz", worst, note=note, series=(curve,)),
        measured("smoothness", float(bend.abs().max()), note=f"{note}: a kink looks large"),
        measured("monotone", _near_zero(float(slope.min())), note=note),
        measured("convex", _near_zero(float(bend.min()), 1e3), note=note),
        measured("relu-gap", float(gap.max()), note=note),
    ]


def curvature(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The second derivative by autograd, against differences of the first, on normal inputs of three sizes."""
    f = function_of(loaded, settings)
    g = torch.Generator().manual_seed(settings.seed)
    x = torch.randn(96, generator=g, dtype=torch.float64) * torch.tensor([0.3, 1.0, 5.0], dtype=torch.float64).repeat(
        32
    )
    leaf = x.to(find_device(settings.device)).requires_grad_()
    form = torch.randn(96, generator=g, dtype=torch.float64).to(leaf.device)
    _, second = compared(lambda: (f(leaf.clone()) * form).sum(), [leaf], settings.seed)
    return [second.measurement(partial(Measurement, device=settings.device), "second-derivative")]


def _is_step(loaded: Loaded) -> bool:
    return STEPS.search(lineage(loaded.subject)[0]) is not None or _says(loaded, SAID)


def _says(loaded: Loaded, words: re.Pattern[str]) -> bool:
    """Whether its name or its documentation does."""
    return words.search(f"{lineage(loaded.subject)[0]} {inspect.getdoc(loaded.subject) or ''}") is not None


def gradient(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Autograd against Richardson's extrapolation of central differences, at points where those converge.

    Differences with steps h and h/2 give (4 D(h/2) - D(h))/3 of order h⁴; a point where it moves when h is halved again
    (a kink, a jump) is left out. At most half of the points may be.
    """
    if _is_step(loaded) or _says(loaded, ANOTHER):
        note = "its author says that its gradient is another function's"
        return [Measurement("gradient", None, device=settings.device, note=note)]
    f = function_of(loaded, settings)
    generator = torch.Generator().manual_seed(settings.seed)
    x = torch.cat([torch.randn(1500, generator=generator).double() * s for s in (0.5, 3.0, 20.0)])
    x = x.requires_grad_()
    y = f(x)
    auto = torch.autograd.grad(y.sum(), x)[0] if y.requires_grad else torch.zeros_like(x)
    with torch.no_grad():
        h = 1e-3 * x.abs().clamp(min=1)
        d = [(f(x + h / k) - f(x - h / k)).cpu() / (2 * h / k) for k in (1, 2, 4, 8)]
    rich = [(4 * b - a) / 3 for a, b in pairwise(d)]
    scale = torch.maximum(rich[-1].abs(), torch.tensor(1e-2))
    settled = (rich[-1] - rich[-2]).abs() <= 1e-7 * scale
    error = ((auto.cpu() - rich[-1]).abs() / scale).masked_fill(~settled, 0)
    error = error.nan_to_num(math.inf)
    at = int(error.argmax())
    witness = f"x = {x[at].item():.6g}: autograd {auto[at].item():.6g}, differences {rich[-1][at].item():.6g}"
    used = int(settled.sum())
    if used < len(x) // 2:
        note = f"only {used} of {len(x)} points have settled differences"
        return [Measurement("gradient", math.nan, samples=used, device=settings.device, note=note)]
    return [Measurement("gradient", float(error[at]), samples=used, device=settings.device, witness=witness)]


def lost_gradient(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """Autograd in float32, as in training, over what an activation has to bear, and where it is not 0."""
    x = torch.linspace(-REACH, REACH, 2**14 + 1).to(find_device(settings.device)).requires_grad_()
    y = function_of(loaded, settings, torch.float32)(x)
    grad = torch.autograd.grad(y.sum(), x)[0] if y.requires_grad else torch.zeros_like(x)
    bad = grad.isnan()
    witness = f"x = {x[bad].detach().abs().min().item():.6g} in size" if bool(bad.any()) else ""
    measured = partial(Measurement, device=settings.device, samples=len(x))
    usual = (x.detach().abs() <= 9) & (grad != 0)
    share = float(usual.sum()) / float((x.detach().abs() <= 9).sum())
    through = measured("lets-through", share)
    if not share and STEPS.search(lineage(loaded.subject)[0]) and not _says(loaded, SAID):
        through = Question.of(replace(through, value=None, note="a step, as its name says: nothing before it learns"))
    return [measured("lost-gradient", float(bad.sum()), witness=witness), through]


def parameters(loaded: Loaded, settings: CheckSettings) -> list[Measurement]:
    """The gradients of its own parameters, on normal inputs of size 3."""
    measured = partial(Measurement, "dead-parameters", device=settings.device, unit="tensors")
    made = isinstance(loaded.subject, type | nn.Module)
    module = build(loaded, settings.width, None, settings.seed) if made else None
    if module is None or not any(p.requires_grad for p in module.parameters()):
        return [measured(None, note="it has no parameters")]
    where = find_device(settings.device)
    x = 3 * torch.randn(256, generator=torch.Generator().manual_seed(settings.seed))
    y = tensor_of(module.to(where)(x.to(where)))
    if y.requires_grad:
        (y.flatten() * torch.linspace(-1, 1, y.numel(), device=where)).sum().backward()  # type: ignore[no-untyped-call]
    names = sorted(n for n, p in module.named_parameters() if p.requires_grad and is_silent(p))
    return [measured(float(len(names)), witness=", ".join(names))]


def audit(loaded: Loaded, settings: CheckSettings, dtype: str) -> list[Measurement]:
    """f in `dtype` against f in float64, on inputs of every binade: errors, the finite range, and outputs lost."""
    fmt = FORMATS[dtype]
    chosen = list(ranges(fmt, -fmt.finite, fmt.finite, PER_BINADE, settings.seed, block=0))
    x = from_ordinals(torch.cat([torch.arange(first, last) for first, last in chosen]), fmt)
    with torch.no_grad():
        y = function_of(loaded, settings, DTYPES[dtype])(x.clone()).double().cpu()
        exact = function_of(loaded, settings)(x.double()).cpu()
    wide = x.double()
    top = torch.finfo(fmt.dtype).max
    meant = exact.abs() <= top / 64  # torch's own overflow above, in intermediate products
    finite = y.isfinite()
    lost = ~finite & meant & (wide.abs() <= top / 64)
    error = torch.where(finite, (y - exact).abs(), 0.0).nan_to_num(0.0)
    scale = torch.finfo(fmt.dtype).eps * torch.stack([torch.ones_like(wide), wide.abs(), exact.abs()]).amax(0)
    mixed = error / scale
    mixed[_jumps(function_of(loaded, settings), wide, error, torch.finfo(fmt.dtype).eps, mixed > 1)] = 0
    ulps = torch.where(finite & exact.isfinite(), error / ulp_of(exact, fmt), 0.0)
    bad = wide.abs()[~finite & meant]
    reach = float(bad.min()) if len(bad) else math.inf
    measured = partial(Measurement, device=settings.device, dtype=dtype, samples=len(x))

    def at(values: Tensor) -> str:
        k = int(values.argmax())
        return f"x = {wide[k].item():.6g} gives {y[k].item():.6g}, exact {exact[k].item():.6g}"

    inside = wide.abs()[wide.abs() < reach]
    low = float(inside.max()) if len(inside) else 0.0
    beyond = at(((wide.abs() == reach) & ~finite & meant).double()) if len(bad) else ""
    worst_lost = at(lost.double()) if bool(lost.any()) else ""
    pieces = [last - first for first, last in chosen]
    worst = [
        int(e.argmax()) + start for e, start in zip(torch.split(mixed, pieces), accumulate([0, *pieces]), strict=False)
    ]
    points = wide[worst].tolist(), mixed[worst].tolist()
    curve = Series(f"error in {dtype}", "input", "largest error of each binade, in eps", *points)
    return [
        measured(f"accuracy.{dtype}", float(mixed.max()), unit="eps", witness=at(mixed), series=(curve,)),
        measured(f"ulp.{dtype}", float(ulps.max()), unit="ulp", witness=at(ulps)),
        measured(f"range.{dtype}", low, low, min(reach, top) if len(bad) else low, witness=beyond),
        measured(f"lost.{dtype}", float(lost.sum()), unit="inputs", witness=worst_lost),
    ]


def _jumps(f: Callable[[Tensor], Tensor], x: Tensor, error: Tensor, eps: float, asked: Tensor) -> Tensor:
    """Of the places that are asked about, those beside a jump of f as high as the error: rounding may cross it.

    Within some roundings of x, in steps so small that what is steep, and no jump, rises by little at each.
    """
    places = asked.nonzero().flatten()[:MOST_JUMPS]
    if not len(places):
        return places
    near = x[places, None] * (1 + eps * torch.linspace(-ROUNDED, ROUNDED, FINE, dtype=x.dtype))
    with torch.no_grad():
        rises = f(near.flatten()).cpu().reshape(near.shape).diff().abs().amax(1)
    return places[rises >= error[places] / 2]


def _near_zero(value: float, factor: float = 1.0) -> float:
    return 0.0 if -SLACK * factor <= value <= 0 else value


ACTIVATION = Kind((Group("activation", PROPERTIES, steps), PUBLISHED_ACTIVATION))

"""Runs of real optimizers: what they keep (signs, finiteness, closed forms) and what they lose to rounding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchcheck.data import Evidence, Measurement, Params, Series
from torchcheck.run.subjects import DTYPES, Subject, find_device, resolve

#: includes a scalar, an empty tensor and a one-element tensor
SHAPES = ((7, 5), (), (0,), (1,), (3, 1, 4))


def nonnegativity(
    optimizer: Params, dtype: str, steps: int, lr: float = 1.0, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """A positive and a zero start under `steps` gradients of every size up to the largest finite number.

    Each step draws random signs and sizes log-uniform over all of the format's finite numbers. Counts, over all
    steps: `sign.negative` and `sign.nan` coordinates, `sign.lost` coordinates that were positive and became 0,
    `sign.revived` coordinates that were 0 and became positive.
    """
    where, kind = find_device(device), DTYPES[dtype]
    generator = torch.Generator().manual_seed(seed)
    params = [nn.Parameter(torch.rand(s, generator=generator).add_(0.5).to(where, kind)) for s in SHAPES]
    params.append(nn.Parameter(torch.zeros(4, device=where, dtype=kind)))
    spec = Subject.from_json(optimizer)
    opt = _make(spec, params, lr=lr)
    counts = dict.fromkeys(("negative", "nan", "lost", "revived"), 0)
    first = ""
    for step in range(steps):
        for p in params:
            p.grad = _any_size(p, generator)
        before = [p.detach().clone() for p in params]
        opt.step()
        for old, p in zip(before, params, strict=True):
            counts["negative"] += int((p < 0).sum())
            counts["nan"] += int(p.isnan().sum())
            lost = (old > 0) & (p == 0)
            counts["lost"] += int(lost.sum())
            counts["revived"] += int(((old == 0) & (p > 0)).sum())
            if not first and bool(lost.any()):
                grad = p.grad[lost][0].item() if p.grad is not None else math.nan
                first = f"step {step + 1}: {old[lost][0].item()!r} with gradient {grad!r} becomes 0"
    total = steps * sum(p.numel() for p in params)
    return [
        Measurement(
            f"sign.{k}",
            float(v),
            unit="coordinates",
            samples=total,
            evidence=Evidence.SAMPLED,
            subject=spec.label,
            device=device,
            dtype=dtype,
            witness=first if k == "lost" else "",
        )
        for k, v in counts.items()
    ]


def constant_decay(
    optimizer: Params, dtype: str, exponents: Mapping[str, float], steps: int, device: str = "cpu"
) -> list[Measurement]:
    """theta = 1 under the constant gradient u, lr = 1, for every named u: the step at which theta is 0 (`decay.NAME`).

    A coordinate that never gets there is measured as -1, and `decay.stuck.NAME` is where it stays. `smallest.NAME` is
    what one step leaves of the smallest subnormal number, over that number.
    """
    where, kind = find_device(device), DTYPES[dtype]
    spec = Subject.from_json(optimizer)
    wide = torch.promote_types(kind, torch.float32)
    gradient = torch.tensor(list(exponents.values()), dtype=torch.float64).to(where, wide)
    info = torch.finfo(kind)
    theta = nn.Parameter(torch.ones(len(exponents), device=where, dtype=kind))
    smallest = nn.Parameter(torch.full_like(theta, info.smallest_normal * info.eps))
    start = smallest.detach().double().cpu()
    opt = _make(spec, [theta, smallest], lr=1.0)
    if not bool((gradient.to(kind).to(wide) == gradient).all()):
        raise ValueError(f"a gradient of {exponents} is no number of {dtype}")
    theta.grad, smallest.grad = gradient.to(kind), gradient.to(kind)
    history = [theta.detach().double().cpu()]
    for step in range(steps):
        opt.step()
        history.append(theta.detach().double().cpu())
        if not step:
            left = smallest.detach().double().cpu() / start
            smallest.grad = None
    path = torch.stack(history)
    measurements = []
    measured = partial(Measurement, evidence=Evidence.EXACT, subject=spec.label, device=device, dtype=dtype)
    for i, (name, u) in enumerate(exponents.items()):
        zeros = (path[:, i] == 0).nonzero()
        reached = int(zeros[0]) if len(zeros) else -1
        shown = [t for t in range(0, steps + 1, max(1, steps // 200)) if path[t, i] > 0]
        curve = Series(f"u = {u:.6g}", "step", "theta", shown, [float(path[t, i]) for t in shown], "decay")
        more = partial(measured, samples=steps)
        measurements.append(more(f"decay.{name}", float(reached), unit="steps", series=(curve,)))
        measurements.append(more(f"decay.stuck.{name}", float(path[-1, i])))
        measurements.append(measured(f"smallest.{name}", float(left[i]), unit="of it left"))
    return measurements


def one_step(optimizer: Params, lr: float = 0.1, device: str = "cpu", seed: int = 0) -> list[Measurement]:
    """One real EG step (float64) against two definitions of it, on a regression with non-negative weights.

    `step.log_descent`: relative difference from exp(phi - lr * d), where autograd gives the gradient of
    L(exp(phi)) by phi and d is that gradient over exp(phi).
    `step.mirror`: abs(g + log(theta'/theta)/lr) over the largest abs(g): the stationarity of the mirror step
    min <g, u> + (1/lr) sum(u log(u/theta) - u + theta).
    `step.mirror_excess`: how much lower that objective gets at 1000 random points around theta' (at most 0).
    """
    where = find_device(device)
    generator = torch.Generator().manual_seed(seed)
    theta = nn.Parameter((torch.rand(12, generator=generator, dtype=torch.float64) + 0.1).to(where))
    features = torch.randn(30, 12, generator=generator, dtype=torch.float64).to(where)
    target = torch.randn(30, generator=generator, dtype=torch.float64).to(where)

    def loss(weights: Tensor) -> Tensor:
        return (torch.tanh(features @ weights) - target).square().mean()

    start = theta.detach().clone()
    phi = start.log().requires_grad_()
    (by_phi,) = torch.autograd.grad(loss(phi.exp()), phi)
    descended = (phi - lr * by_phi / phi.exp()).exp().detach()
    loss(theta).backward()  # type: ignore[no-untyped-call]
    assert theta.grad is not None
    spec = Subject.from_json(optimizer)
    _make(spec, [theta], lr=lr).step()
    after = theta.detach()
    gradient = theta.grad

    def mirror(u: Tensor) -> Tensor:
        return u @ gradient + (u * (u / start).log() - u + start).sum(-1) / lr

    residual = (gradient + (after / start).log() / lr).abs().max() / gradient.abs().max()
    scales = torch.logspace(-6, 0, 1000, dtype=torch.float64)[:, None]
    noise = torch.randn(1000, 12, generator=generator, dtype=torch.float64)
    around = after * (scales * noise).exp().to(where)
    excess = (mirror(after) - mirror(around)).max()
    measured = partial(Measurement, evidence=Evidence.SAMPLED, subject=spec.label, device=device, samples=12)
    return [
        measured("step.log_descent", float(((after - descended) / descended).abs().max())),
        measured("step.mirror", float(residual)),
        measured("step.mirror_excess", float(excess), samples=1000),
    ]


def hypergradient(
    optimizer: Params, steps: int = 6, lr: float = 0.05, gamma: float = 0.02, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """The derivative of the loss by the step sizes nu, by autograd through a step on a real two-layer network.

    At each of `steps` steps theta_t = theta_{t-1} - lr * nu_t * g_{t-1} is rebuilt with nu_t as a leaf.
    `hypergradient.identity`: largest difference of dL/dnu from -lr * g_{t-1} * g_t, over the largest dL/dnu.
    `hypergradient.used`: the same for the change of log nu that the optimizer makes, over gamma/lr (EG's
    step on that derivative). `hypergradient.step`: the largest difference of the parameters from theta - lr * nu * g,
    over the largest lr * nu * g.
    """
    model, batch, target = _network(device, seed)
    params = dict(model.named_parameters())
    spec = Subject.from_json(optimizer)
    opt = _make(spec, list(params.values()), lr=lr, gamma=gamma)
    identity = used = stepped = 0.0
    previous: dict[str, Tensor] = {}
    origin: dict[str, Tensor] = {}
    sizes: dict[str, Tensor] = {}
    for _ in range(steps):
        opt.zero_grad()
        nn.functional.mse_loss(model(batch), target).backward()  # type: ignore[no-untyped-call]
        grads = {k: p.grad.detach().clone() for k, p in params.items() if p.grad is not None}
        exact: dict[str, Tensor] = {}
        if previous:
            leaves = {k: v.clone().requires_grad_() for k, v in sizes.items()}
            moved = {k: origin[k] - lr * leaves[k] * previous[k] for k in params}
            value = nn.functional.mse_loss(torch.func.functional_call(model, moved, (batch,)), target)
            exact = dict(zip(leaves, torch.autograd.grad(value, list(leaves.values())), strict=True))
            scale = max(float(v.abs().max()) for v in exact.values())
            gaps = [float((exact[k] + lr * previous[k] * grads[k]).abs().max()) for k in exact]
            identity = max(identity, max(gaps) / scale)
        before = {k: opt.state[p]["log_nu"].clone() for k, p in params.items()} if previous else {}
        origin = {k: p.detach().clone() for k, p in params.items()}
        opt.step()
        logs = {k: opt.state[p]["log_nu"].clone() for k, p in params.items()}
        wanted = {k: lr * logs[k].exp() * grads[k] for k in params}
        gaps = [float((origin[k] - p.detach() - wanted[k]).abs().max()) for k, p in params.items()]
        stepped = max(stepped, max(gaps) / max(float(w.abs().max()) for w in wanted.values()))
        if previous:
            gaps = [float((logs[k] - before[k] + gamma / lr * exact[k]).abs().max()) for k in exact]
            used = max(used, max(gaps) / (gamma / lr * scale))
        previous, sizes = grads, {k: v.exp() for k, v in logs.items()}
    measured = partial(Measurement, evidence=Evidence.SAMPLED, subject=spec.label, device=device, samples=steps - 1)
    return [
        measured("hypergradient.identity", identity),
        measured("hypergradient.used", used),
        measured("hypergradient.step", stepped),
    ]


def closed_form(
    optimizer: Params, dtype: str, steps: int, lr: float = 1e-4, gamma: float = 0.5, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """nu after `steps` steps on random gradients against exp(gamma * sum g_{k-1} g_k), summed in float64.

    `closed_form.error`: the largest abs(log nu - exact) in units of the a-priori rounding bound
    u * (steps + 2) * gamma * sum abs(g_{k-1} g_k) + 4 u * abs(log nu) + 4 u, u the unit roundoff: at most 1.
    """
    where, kind = find_device(device), DTYPES[dtype]
    generator = torch.Generator().manual_seed(seed)
    theta = nn.Parameter(torch.zeros(64, device=where, dtype=kind))
    spec = Subject.from_json(optimizer)
    opt = _make(spec, [theta], lr=lr, gamma=gamma)
    previous = torch.zeros(64, dtype=torch.float64)
    total, size = previous.clone(), previous.clone()
    for _ in range(steps):
        theta.grad = (torch.randn(64, generator=generator) / math.sqrt(steps)).to(where, kind)
        now = theta.grad.double().cpu()
        total += gamma * previous * now
        size += gamma * (previous * now).abs()
        previous = now
        opt.step()
    (nu,) = opt.step_sizes()
    log_nu = nu.double().cpu().log()
    u = torch.finfo(nu.dtype).eps / 2
    bound = u * (steps + 2) * size + 4 * u * total.abs() + 4 * u
    common: dict[str, Any] = {
        "evidence": Evidence.SAMPLED,
        "subject": spec.label,
        "device": device,
        "dtype": dtype,
        "samples": 64 * steps,
    }
    error = Measurement(
        "closed_form.error", float(((log_nu - total).abs() / bound).max()), unit="rounding bounds", **common
    )
    return [error, _after_overflow(spec, kind, where, common)]


def _after_overflow(spec: Subject, kind: torch.dtype, where: torch.device, common: dict[str, Any]) -> Measurement:
    """log nu after gradients 15, 15, -15 with gamma chosen so that gamma * 225 is 5/2 of log of the largest number.

    The sum gamma (g_1 g_2 + g_2 g_3) is 0, so that nu should be 1 and its logarithm 0; on the way it overflows.
    """
    theta = nn.Parameter(torch.zeros(1, device=where, dtype=kind))
    largest = math.log(torch.finfo(torch.promote_types(kind, torch.float32)).max)
    opt = _make(spec, [theta], lr=0.0, gamma=2.5 * largest / 225)
    for g in (15.0, 15.0, -15.0):
        theta.grad = torch.full_like(theta, g)
        opt.step()
    value = float(opt.state[theta]["log_nu"])
    witness = f"gamma = {2.5 * largest / 225:.6g}, gradients 15, 15, -15: log nu is {value:.6g}"
    exact = {**common, "evidence": Evidence.EXACT, "samples": 3}
    return Measurement(
        "closed_form.after_overflow", value / largest, unit="logs of the largest number", witness=witness, **exact
    )


def sign_rule(
    optimizer: Params, dtype: str, pairs: int = 4096, gamma: float = 1.0, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """Two steps with gradients a, c of every size: does nu grow exactly where a and c agree in sign?

    Counts coordinates: `rule.strict` (nu grew where they disagree, or did not where they agree) and
    `rule.against` (nu moved against the sign of a c: grew though they disagree, shrank though they agree).
    `rule.ordinary` is `rule.strict` over gradients between 0.1 and 1 only.
    `rule.displacement` counts, among those, agreements at which lr * nu * abs(gradient), the step taken, shrank.
    `rule.size` is the largest relative difference, among those, of the change of log nu from gamma a c.
    `rule.saturated`, from a log nu at its upper end: 1 if two gradients that agree leave it there, else 0.
    """
    generator = torch.Generator().manual_seed(seed)
    half = pairs // 2
    theta = nn.Parameter(torch.zeros(pairs, device=find_device(device), dtype=DTYPES[dtype]))
    spec = Subject.from_json(optimizer)
    opt = _make(spec, [theta], lr=0.0, gamma=gamma)
    first, second = (_half_ordinary(theta, half, generator) for _ in range(2))
    theta.grad = first
    opt.step()
    state = opt.state[theta]
    before = state["log_nu"].clone()
    theta.grad = second
    opt.step()
    after = state["log_nu"].clone()
    agree, disagree = first.sign() * second.sign() > 0, first.sign() * second.sign() < 0
    strict = (after > before) != agree
    against = ((after > before) & disagree) | ((after < before) & agree)
    shorter = (after.exp() * second.abs()) < (before.exp() * first.abs())
    product = gamma * first[half:].double() * second[half:].double()
    size = (((after - before)[half:].double() - product).abs() / product.abs()).max()
    state["log_nu"].fill_(math.inf)
    opt.step()  # clamps to the upper end
    top = state["log_nu"].clone()
    state["previous"].copy_(second)
    opt.step()
    stays = bool((state["log_nu"] == top).all())
    at = int(strict.to(torch.uint8).argmax())
    ends = f"log nu from {before[at].item()!r} to {after[at].item()!r}"
    said = f"gradients {first[at].item()!r} then {second[at].item()!r}: {ends}"
    measured = partial(Measurement, subject=spec.label, device=device, dtype=dtype)
    sampled = partial(measured, evidence=Evidence.SAMPLED)

    def count(name: str, which: Tensor, witness: str = "") -> Measurement:
        total, number = float(which.sum()), which.numel()
        return sampled(name, total, samples=number, unit="coordinates", witness=witness)

    return [
        count("rule.strict", strict, said if bool(strict.any()) else ""),
        count("rule.against", against),
        count("rule.ordinary", strict[half:]),
        count("rule.displacement", (agree & shorter)[half:]),
        sampled("rule.size", float(size), samples=pairs - half),
        measured("rule.saturated", float(stays), samples=pairs, evidence=Evidence.EXACT),
    ]


def _half_ordinary(theta: Tensor, half: int, generator: torch.Generator) -> Tensor:
    """A gradient: the first `half` of any size, the others of both signs between 0.1 and 1."""
    wide = _any_size(theta[:half], generator)
    ordinary = torch.rand(len(theta) - half, generator=generator) * 0.9 + 0.1
    ordinary *= torch.sign(torch.rand(len(theta) - half, generator=generator) - 0.5)
    return torch.cat([wide, ordinary.to(theta.device, theta.dtype)])


def gains(
    optimizer: Params, dtype: str, steps: int, gamma: float = 1.0, device: str = "cpu", seed: int = 0
) -> list[Measurement]:
    """The paper's variant under gradients of every size: counts negative and NaN scales and gains over all steps.

    Gradients stay below the square root of the largest finite number, so that their products are numbers.
    """
    where, kind = find_device(device), DTYPES[dtype]
    generator = torch.Generator().manual_seed(seed)
    params = [nn.Parameter(torch.rand(s, generator=generator).to(where, kind)) for s in SHAPES]
    spec = Subject.from_json(optimizer)
    opt = _make(spec, params, lr=1e-3, gamma_p=gamma, gamma_s=gamma)
    counts = {"gain.negative": 0, "gain.nan": 0, "scale.negative": 0, "scale.nan": 0}
    for _ in range(steps):
        for p in params:
            p.grad = _any_size(p, generator, power=0.4)
        opt.step()
        for gain in opt.gains():
            counts["gain.negative"] += int((gain < 0).sum())
            counts["gain.nan"] += int(gain.isnan().sum())
        for scale in opt.scales():
            counts["scale.negative"] += int(scale < 0)
            counts["scale.nan"] += int(math.isnan(scale))
    measured = partial(
        Measurement, evidence=Evidence.SAMPLED, subject=spec.label, device=device, dtype=dtype, unit="values"
    )
    samples = steps * (sum(p.numel() for p in params) + 1)
    return [measured(k, float(v), samples=samples) for k, v in counts.items()]


def published_funnel(optimizer: Params, steps: int = 12, device: str = "cpu", seed: int = 0) -> list[Measurement]:
    """The optimizer against the update of Amid et al. 2022 (arXiv:2202.00145), written out in float64, step by step.

    p <- p exp(gamma_p m g); s <- s exp(gamma_s <h, g>); m <- beta m + (1 - beta) g; h <- mu h + lr p g;
    theta <- theta - s h, on two parameters and random gradients. `published.parameters`, `published.gains` and
    `published.scale`: the largest relative differences over all steps.
    """
    where = find_device(device)
    generator = torch.Generator().manual_seed(seed)
    rates = {"lr": 0.05, "gamma_p": 0.3, "gamma_s": 0.2, "beta": 0.8, "mu": 0.7}
    params = [
        nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64).to(where)) for shape in ((5, 3), (4,))
    ]
    spec = Subject.from_json(optimizer)
    opt = _make(spec, params, **rates)
    theta = [p.detach().clone() for p in params]
    gain = [torch.ones_like(t) for t in theta]
    average, momentum = [torch.zeros_like(t) for t in theta], [torch.zeros_like(t) for t in theta]
    scale = 1.0
    worst = {"parameters": 0.0, "gains": 0.0, "scale": 0.0}
    for _ in range(steps):
        grads = [torch.randn(t.shape, generator=generator, dtype=torch.float64).to(where) for t in theta]
        scale *= math.exp(rates["gamma_s"] * sum(float((h * g).sum()) for h, g in zip(momentum, grads, strict=True)))
        for k, g in enumerate(grads):
            gain[k] = gain[k] * (rates["gamma_p"] * average[k] * g).exp()
            average[k] = rates["beta"] * average[k] + (1 - rates["beta"]) * g
            momentum[k] = rates["mu"] * momentum[k] + rates["lr"] * gain[k] * g
            theta[k] = theta[k] - scale * momentum[k]
            params[k].grad = g
        opt.step()
        pairs = {
            "parameters": zip((p.detach() for p in params), theta, strict=True),
            "gains": zip(opt.gains(), gain, strict=True),
            "scale": [(torch.tensor(opt.scales()[0]), torch.tensor(scale))],
        }
        for name, both in pairs.items():
            for got, wanted in both:
                worst[name] = max(worst[name], float(((got - wanted).abs() / wanted.abs()).max()))
    measured = partial(Measurement, evidence=Evidence.SAMPLED, subject=spec.label, device=device, samples=steps)
    return [measured(f"published.{k}", v) for k, v in worst.items()]


def _make(spec: Subject, params: list[nn.Parameter], **options: Any) -> Any:
    return resolve(spec.target)(params, **{**options, **spec.options})


def _any_size(like: Tensor, generator: torch.Generator, power: float = 1.0) -> Tensor:
    """Random signs; sizes log-uniform from the smallest subnormal to the largest finite number, to the `power`."""
    info = torch.finfo(like.dtype)
    lo, hi = math.log(info.smallest_normal * info.eps), math.log(info.max)
    exponents = torch.rand(like.shape, generator=generator, dtype=torch.float64) * (hi - lo) + lo
    size = (power * exponents).exp().clamp(max=info.max)
    sign = torch.sign(torch.rand(like.shape, generator=generator) - 0.5)
    return (sign * size).to(like.device, like.dtype)


def _network(device: str, seed: int) -> tuple[nn.Module, Tensor, Tensor]:
    where = find_device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(6, 10), nn.Tanh(), nn.Linear(10, 3)).double().to(where)
        batch = torch.randn(20, 6, dtype=torch.float64).to(where)
        target = torch.randn(20, 3, dtype=torch.float64).to(where)
    return model, batch, target

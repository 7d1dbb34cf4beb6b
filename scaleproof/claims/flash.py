"""The flash claims: the gated attention unit and mixed chunk attention (kexue.fm/archives/8934; Hua et al. 2022)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scaleproof.analysis import gau as theory
from scaleproof.claims.claim import Claim, Fault, Prediction, Settings, Source, Verdict
from scaleproof.claims.gated import FLASH, FLASH_FAULTS, GAU, LINEAR, mean_measurement, package_tasks
from torchcheck.task import Measurement, Series, Task

ROUNDINGS = "roundings of float64"


def _source(equation: str) -> Source:
    return Source(
        "FLASH: probably the most interesting efficient Transformer design recently (Su Jianlin 2022; Hua et al. 2022, "
        "arXiv:2202.10447)",
        "https://kexue.fm/archives/8934",
        equation,
    )


# special cases, parameters, chunk-linear


def _plan_special(settings: Settings, target: str) -> list[Task]:
    return [settings.task("gated:reductions", target, {"hidden": 96, "head_size": 16}, width=48, tokens=33)]


def _predict_special(_settings: Settings) -> list[Prediction]:
    return [Prediction.near(name, 0.0, 1e-12, ROUNDINGS) for name in ("glu", "attention")]


WIDTHS = (512, 768, 1024)
BLOCK = "torch.nn:TransformerEncoderLayer"


def _plan_parameters(settings: Settings, target: str) -> list[Task]:
    del settings
    tasks = []
    for d in WIDTHS:
        own = {"target": target, "options": {"width": d}}
        block = {"target": BLOCK, "options": {"d_model": d, "nhead": 8, "dim_feedforward": 4 * d}}
        for name, subject, matrices in ((f"gau.d={d}", own, False), (f"block.d={d}", block, True)):
            params = {"subject": subject, "matrices": matrices, "name": name}
            tasks.append(Task("torchcheck.probes.cost:parameters", params))
    return tasks


def _reduce_parameters(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The counts; two GAUs over one block of torch's, and one over 3 d e, less 1: `pair-excess.d=...`, `excess.d=...`."""
    found, counts = list(measurements), {m.name: float(m.value or 0) for m in measurements}
    for m in measurements:
        if m.name.startswith("gau."):
            size = m.name.removeprefix("gau.")
            d = int(size[2:])
            pair = 2 * counts[m.name] / counts[f"block.{size}"] - 1
            found.append(replace(m, name=f"pair-excess.{size}", value=pair, lo=pair, hi=pair, unit="1"))
            one = counts[m.name] / (6 * d * d) - 1
            found.append(replace(m, name=f"excess.{size}", value=one, lo=one, hi=one, unit="1"))
    return found


def _predict_parameters(_settings: Settings) -> list[Prediction]:
    found = []
    for d in WIDTHS:
        found.append(Prediction.exactly(f"gau.d={d}", str(6 * d * d + 128 * (d + 4)), "numbers"))
        found.append(Prediction.exactly(f"block.d={d}", str(12 * d * d), "numbers"))
        for name in ("pair-excess", "excess"):
            found.append(Prediction(f"{name}.d={d}", "0", "0.05", why="about: within 5 %"))
    return found


def _plan_chunks(settings: Settings, target: str) -> list[Task]:
    options = {"hidden": 48, "head_size": 16, "chunk": 8}
    return [settings.task("gated:chunk_sums", target, options, width=24, tokens=n) for n in (5, 64, 61)]


def _reduce_chunks(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    return [replace(m, name=f"{m.name}.n={n}") for m, n in zip(measurements, (5, 64, 61), strict=True)]


def _predict_chunks(_settings: Settings) -> list[Prediction]:
    return [Prediction.near(f"global.n={n}", 0.0, 1e-12, ROUNDINGS) for n in (5, 64, 61)]


# causal-normaliser

CHUNKS, CHUNK = 6, 4
TOKENS = CHUNKS * CHUNK


def _plan_past(settings: Settings, target: str) -> list[Task]:
    shared: dict[str, Any] = {"width": 24, "tokens": TOKENS, "chunk": CHUNK}
    options: dict[str, Any] = {"head_size": 16, "chunk": CHUNK, "causal": True}
    tasks = [
        settings.task("gated:past_weight", target, {**options, "past": past}, name=past, **shared)
        for past in ("article", "positions")
    ]
    other: dict[str, Any] = {"group_size": CHUNK, "query_key_dim": 16, "causal": True, "residual": False}
    return tasks + package_tasks("gated:past_weight", settings, target, FLASH, other, name="FLASH-pytorch", **shared)


def _reduce_past(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    found = []
    for m in measurements:
        shown = replace(m, name=f"beside: {m.name}") if m.name.startswith("FLASH-pytorch") else m
        found.append(shown)
    return found


def _predict_past(_settings: Settings) -> list[Prediction]:
    why = "the number of summed positions over the divisor: 1 for a mean; " + ROUNDINGS
    found = [Prediction.near(f"article.g={g}", 1.0, 1e-12, why) for g in range(2, CHUNKS + 1)]
    found.append(Prediction.near("article.g=1", 0.0, 1e-12, "nothing to sum"))
    for g in range(1, CHUNKS + 1):
        found.append(Prediction.near(f"positions.g={g}", float(g > 1), 1e-12, why, "corrected"))
    found += [
        Prediction.near(f"article.g={g}", CHUNK**2 / TOKENS, 1e-12, "c²/n instead of 1", "corrected")
        for g in range(2, CHUNKS + 1)
    ]
    return found


# no-leak

#: pairs of different positions in one chunk, for 45 tokens in chunks of 8
IN_CHUNKS = 5 * 28 + 10


def _plan_leak(settings: Settings, target: str) -> list[Task]:
    shared: dict[str, Any] = {"width": 16, "tokens": 45}
    options: dict[str, Any] = {"head_size": 8, "chunk": 8, "causal": True}
    tasks = [settings.task("leak:leaks", target, options, **shared)]
    if target != FLASH:
        return tasks
    tasks += [
        settings.task("leak:leaks", GAU, {"head_size": 8, "causal": True, "normaliser": norm}, **shared)
        for norm in ("visible", "ns")
    ]
    package: dict[str, Any] = {"causal": True, "query_key_dim": 8}
    tasks += package_tasks("leak:leaks", settings, target, FLASH, {**package, "group_size": 8}, **shared)
    return tasks + package_tasks("leak:leaks", settings, target, FLASH, {**package, "layer": "GAU"}, **shared)


def _reduce_leak(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The first layer's leaks under their names, the others beside them; the first's dependences as a picture."""
    found = []
    first = measurements[0].subject
    for m in measurements:
        if m.subject == first:
            found.append(replace(m, data={}, series=()))
            if m.data:
                picture = np.array(m.data["picture"])
                rows, columns = np.nonzero(picture)
                points = Series(
                    "dependence", "input position", "output position", columns.astype(float).tolist(),
                    rows.astype(float).tolist(),
                )  # fmt: skip
                size = Series("size", "pair", "size of the gradient", [], picture[rows, columns].tolist())
                size = replace(size, x=[float(k) for k in range(len(rows))])
                found.append(replace(m, name="figure: dependence", data={}, series=(points, size)))
        elif m.name in ("leak.gradient", "leak.perturbation", "leak.length"):
            found.append(replace(m, name=f"beside: {m.name}", data={}, series=()))
    return found


def _predict_leak(_settings: Settings) -> list[Prediction]:
    return [
        Prediction.exactly("leak.gradient", "0"),
        Prediction.near("leak.perturbation", 0.0, 1e-13, "the same arithmetic on the same numbers"),
        Prediction("unused", "0", str(IN_CHUNKS), "pairs", why="inside chunks relu may be 0; all else is used"),
    ]


# normaliser

LENGTHS = (16, 64, 256, 1024)
HEAD, WIDE = 128, 256


def _plan_normaliser(settings: Settings, target: str) -> list[Task]:
    return [
        settings.task(
            "entries:entries", target, {"head_size": HEAD, "normaliser": norm}, width=WIDE, tokens=n,
            seeds=32 if n > 64 else 128,
        )
        for norm in ("ns", "n2")
        for n in LENGTHS
    ]  # fmt: skip


def _reduce_normaliser(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The mean row sum for each divisor and n, and its exponent from n = 256 to 1024."""
    found = []
    for norm in ("ns", "n2"):
        group = [m for m in measurements if m.data["options"]["normaliser"] == norm]
        sums = [np.array(m.data["row_sum"]) for m in group]
        found += [mean_measurement(m, f"row-sum.{norm}.n={n}", s) for m, n, s in zip(group, LENGTHS, sums, strict=True)]
        rise = np.log(sums[-1] / sums[-2]) / math.log(LENGTHS[-1] / LENGTHS[-2])
        found.append(mean_measurement(group[-1], f"exponent.{norm}", rise))
        xs = [float(n) for n in LENGTHS]
        units = [theory.Unit(n, HEAD, WIDE, normaliser=norm) for n in LENGTHS]
        curves = (
            Series(f"measured, divisor {norm}", "tokens", "row sum of A", xs, [float(s.mean()) for s in sums]),
            Series(f"theory, divisor {norm}", "tokens", "row sum of A", xs, [theory.row_sum(u) for u in units]),
        )
        found.append(replace(group[-1], name=f"figure: row sums {norm}", data={}, series=curves))
    return found


def _predict_normaliser(_settings: Settings) -> list[Prediction]:
    found = [
        Prediction.near("exponent.ns", 0.0, 0.15, "a power of n would be at least 1/2 in size"),
        Prediction.near("exponent.n2", -1.0, 0.15, "1/n"),
    ]
    for norm in ("ns", "n2"):
        for n in LENGTHS:
            value = theory.row_sum(theory.Unit(n, HEAD, WIDE, normaliser=norm))
            found.append(
                Prediction.near(
                    f"row-sum.{norm}.n={n}", value, 0.2 * value, "theory of leading order in 1/d; the sample"
                )
            )
    return found


# linear-cost

SIZES = (256, 512, 1024, 2048, 4096)
COST: dict[str, Any] = {"width": 64, "repeats": 6}
SHAPE = {"hidden": 128, "head_size": 64}
PIECE = 128


def _plan_cost(settings: Settings, target: str) -> list[Task]:
    more = 2 if settings.profile == "quick" else 6
    sizes = [*SIZES, *(2**k for k in range(13, 11 + more) if settings.profile == "full")]
    quadratic = [n for n in sizes if n <= 8192]
    both: dict[str, Any] = {**COST, "exclusive": True}
    tasks = [settings.task("cost:growth", target, {**SHAPE, "chunk": PIECE}, sizes=sizes, label="FLASH", **both)]
    if target != FLASH:
        return tasks
    tasks.append(settings.task("cost:growth", GAU, SHAPE, sizes=quadratic, label="FLASH-Quad", **both))
    softmax = {**SHAPE, "kernel": "softmax"}
    tasks.append(
        settings.task("cost:growth", GAU, softmax, sizes=quadratic, label="scaled_dot_product_attention", **both)
    )
    package: dict[str, Any] = {"group_size": PIECE, "query_key_dim": 64}
    return tasks + package_tasks(
        "cost:growth", settings, target, FLASH, package, sizes=sizes, label="FLASH-pytorch", **both
    )


def _reduce_cost(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    found = []
    order = list(dict.fromkeys(m.subject for m in measurements))
    labels = ("linear", "quadratic", "beside: softmax", "beside: FLASH-pytorch")
    for m in measurements:
        label = labels[order.index(m.subject)]
        if m.name == "cost":
            found.append(replace(m, name=f"figure: cost {label}", data={}))
        elif not m.name.startswith("time."):
            found.append(replace(m, name=f"{label}.{m.name}"))
    return found


def _predict_cost(settings: Settings) -> list[Prediction]:
    d, e, s, c = COST["width"], SHAPE["hidden"], SHAPE["head_size"], PIECE
    found = []
    for n in SIZES:
        exact = {
            "linear.multiply-adds": n * (3 * d * e + d * s + c * (s + e) + 2 * s * e),
            "linear.activations": n * (d + 6 * e + 6 * s + 2 * c) + s * e,
            "quadratic.multiply-adds": n * (3 * d * e + d * s) + n * n * (s + e),
            "quadratic.activations": n * (d + 6 * e + 4 * s) + 2 * n * n,
        }
        for name, value in exact.items():
            unit = "numbers" if "activations" in name else "1"
            found.append(Prediction.exactly(f"{name}.n={n}", str(value), unit))
    found.append(Prediction.near("linear.exponent.memory", 1.0, 0.02, "the part that does not depend on n"))
    found.append(Prediction("quadratic.exponent.memory", "1.8", "2", why="n² and a linear part"))
    if settings.device == "cpu":  # on a fast GPU, sizes as small as these take the time of a kernel launch
        noise = "caches, fresh pages, and other work on the machine"
        found.append(Prediction("linear.exponent.time", "0.4", "1.5", why=noise))
        found.append(Prediction("quadratic.exponent.time", "1.5", "3", why=noise))
    return found


# causal-memory


def _plan_sums(settings: Settings, target: str) -> list[Task]:
    shared: dict[str, Any] = {"width": 16, "tokens": 64, "batch": 2}
    cases: list[tuple[str, dict[str, Any]]] = [(target, {"hidden": 32, "head_size": 8, "chunk": 16, "causal": True})]
    cases += [(LINEAR, {"heads": h, "head_size": 8, "value_size": v}) for h, v in ((1, 32), (1, 8), (4, 8))]
    return [settings.task("cost:causal_sums", t, options, **shared) for t, options in cases]


NAMES = ("sums.chunked", "sums.every-position", "sums.every-position.values-of-s", "sums.every-position.4-heads")


def _reduce_sums(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    return [replace(m, name=name) for m, name in zip(measurements, NAMES, strict=True)]


def _predict_sums(_settings: Settings) -> list[Prediction]:
    b, n, c, s, e = 2, 64, 16, 8, 32
    counts = (b * n // c * s * e, b * n * s * s, b * n * s * s, 4 * b * n * s * s)
    true = (counts[0], b * n * s * e, *counts[2:])
    return [
        *(Prediction.exactly(name, str(v), "numbers") for name, v in zip(NAMES, counts, strict=True)),
        *(Prediction.exactly(name, str(v), "numbers", "corrected") for name, v in zip(NAMES, true, strict=True)),
    ]


CLAIMS = (
    Claim(
        id="flash.special-cases",
        source=_source("eq. 3"),
        statement=r"In $O = (U \odot AV)W_o$, $A = I$ gives the GLU feed-forward layer, $U = 1$ gives attention.",
        recorded=Verdict.PROVED,
        legs="PM",
        outline="By substitution, entry by entry. The module with the identity kernel against a gated linear unit made of "
        "torch's functions with the same weights, and with an open gate and the softmax kernel against explicit softmax "
        "attention.",
        subject=GAU,
        fault=Fault("adds the gate instead of multiplying by it", FLASH_FAULTS + "AddedGate"),
        plan=_plan_special,
        predict=_predict_special,
        proof="source",
    ),
    Claim(
        id="flash.parameters",
        source=_source("One is enough"),
        statement=r"A GAU has about $3de$ parameters; with $e = 2d$ two GAUs match one attention + FFN layer ($12d^2$).",
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"Exactly $3de + s(d + 4)$; two with $e = 2d$ have $12d^2 + 2s(d + 4)$. 'About' is read as within 5 %, which "
        r"for $s = 128$ holds from $d = 512$ on (the excess is $s/6d$: 17 % at $d = 128$). Counted in the module and in the "
        "matrices of torch.nn.TransformerEncoderLayer.",
        subject=GAU,
        fault=Fault("has one more d x d matrix", FLASH_FAULTS + "SquareValues"),
        plan=_plan_parameters,
        predict=_predict_parameters,
        reduce=_reduce_parameters,
        proof="source",
    ),
    Claim(
        id="flash.normaliser",
        source=_source("Weak attention"),
        statement=r"$1/(ns)$ keeps attention's scale as $n$ grows; $1/n^2$ makes it vanish.",
        recorded=Verdict.CONFIRMED,
        legs="NM",
        outline=r"The mean row sum of $A$ at initialisation is $(a_0 + (n-1)a_1)/D$ with $a_0 = \mathbb{E}\,"
        r"\mathrm{relu}^2(S_{ii})$ and $a_1 = \mathbb{E}\,\mathrm{relu}^2(S_{ij})$. For $D = ns$ it falls to the constant "
        r"$a_1/s$ (from 1.9 times that at $n = 64$, where the diagonal still counts), for $D = n^2$ like $1/n$. Both $a$'s "
        "come from the theory of the gau claims.",
        subject=GAU,
        fault=Fault("leaves n out of the divisor", FLASH_FAULTS + "ForgottenLength"),
        plan=_plan_normaliser,
        predict=_predict_normaliser,
        reduce=_reduce_normaliser,
    ),
    Claim(
        id="flash.chunk-linear",
        source=_source("Mixed chunking"),
        statement=r"The bidirectional global part, summed over chunks, equals unchunked linear attention with factor $1/n$.",
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"$\sum_h K_h^\top V_h = K^\top V$, term by term. The real layer, its part inside chunks silenced, against "
        r"$(QK^\top)V/n$ in float64, also where $c$ does not divide $n$.",
        subject=FLASH,
        fault=Fault("leaves the first chunk out", FLASH_FAULTS + "DroppedChunk"),
        plan=_plan_chunks,
        predict=_predict_chunks,
        reduce=_reduce_chunks,
        proof="source",
    ),
    Claim(
        id="flash.causal-normaliser",
        source=_source("Mixed chunking, the cumulative form"),
        statement=r"The causal global part of chunk $g$ (first is 1) is $Q_g\sum_{h<g}K_h^\top V_h$ divided by $(g-1)n/c$.",
        corrected=r"Divided by $(g-1)c$, the number of positions summed; 0 for $g = 1$. With $(g-1)n/c$ it is $c^2/n$ times the "
        r"mean, equal to it only for $n = c^2$, shrinks as the text grows, depends on $n$ (so outputs change when tokens are "
        r"appended), and is $0/0$ in the first chunk.",
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline=r"A sum over $t$ positions has to be divided by $t$ (the article says so of the paper's code). z3 proves that "
        r"$(g-1)n/c = (g-1)c$ if and only if $n = c^2$. Measured on identical tokens, where the mean is known: the weight that "
        r"each chunk's past gets. FLASH-pytorch, shown beside, divides by $c$ alone: its weight $g - 1$ grows with the text.",
        subject=FLASH,
        fault=Fault("divides by g c, one chunk too many", FLASH_FAULTS + "CountsItself"),
        plan=_plan_past,
        predict=_predict_past,
        reduce=_reduce_past,
        proof="corrected",
    ),
    Claim(
        id="flash.no-leak",
        source=_source("Mixed chunking"),
        statement=r"The causal layer's output at position $i$ depends on no later input.",
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"Earlier chunks hold earlier positions only, and nothing earlier is left out. The real layer, $n = 45$, $c = "
        r"8$: every gradient $\partial y_i/\partial x_j$, $j > i$, is exactly 0, and so is the change when all later inputs "
        r"are replaced; no gradient between chunks is, earlier to later. (How many inputs follow is another matter: a causal GAU divided by $ns$ "
        r"and FLASH-pytorch's GAU change by the amounts shown as leak.length when the later inputs are cut off; a GAU divided "
        r"by the visible positions, and this layer, do not.)",
        subject=FLASH,
        fault=Fault("masks from one position too late", FLASH_FAULTS + "LateMask"),
        plan=_plan_leak,
        predict=_predict_leak,
        reduce=_reduce_leak,
        proof="source",
    ),
    Claim(
        id="flash.linear-cost",
        source=_source("Mixed chunking"),
        statement=r"Time and memory grow linearly in $n$ at fixed $c$; FLASH-Quad grows quadratically.",
        recorded=Verdict.CONFIRMED,
        legs="NM",
        outline=r"Exact counts: multiply-adds $n(3de + ds + c(s + e) + 2se)$ against $n(3de + ds) + n^2(s + e)$; numbers kept "
        r"for the backward pass $n(d + 6e + 6s + 2c) + se$ against $n(d + 6e + 4s) + 2n^2$, both as torch counts them on the "
        "real modules, forward and backward. Exponents of peak memory and wall time at the largest sizes. FLASH-Quad passes "
        "the linear layer in cost only from some $n$ on, and is not yet quadratic before.",
        subject=FLASH,
        fault=Fault("computes the global part as (Q K^T) V", FLASH_FAULTS + "DenseGlobal"),
        plan=_plan_cost,
        predict=_predict_cost,
        reduce=_reduce_cost,
    ),
    Claim(
        id="flash.causal-memory",
        source=_source("Mixed chunking"),
        statement=r"Chunking needs $b(n/c)se$ numbers for the causal sums, where plain linear attention needs $bns^2$ ($h$ "
        r"times that with $h$ heads).",
        corrected=r"Chunking needs $b(n/c)se$; the same layer without it needs one sum for each position, $bnse$: exactly $c$ "
        r"times as many. $bns^2$ is right for values of $s$ dimensions, $hbns^2$ for $h$ heads that each have $s$; $h$ heads "
        r"that share $e$ value dimensions need $bnse$, whatever $h$ is. (Decoding, one token after another, needs $bse$.)",
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline=r"$K_h^\top V_h$ has $s \times e$ entries. The largest cumulative sum in the real modules: FLASH, and linear "
        r"attention with sums at every position, for values of $e$ and of $s$ dimensions, and for four heads.",
        subject=FLASH,
        fault=Fault("sums at every position", FLASH_FAULTS + "ChunkOfOne"),
        plan=_plan_sums,
        predict=_predict_sums,
        reduce=_reduce_sums,
        proof="corrected",
    ),
)

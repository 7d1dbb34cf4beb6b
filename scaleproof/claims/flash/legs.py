"""Legs of the flash claims: what is planned, predicted, and made of the measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scaleproof.analysis import gau as theory
from scaleproof.claims.claim import Prediction, Settings
from scaleproof.claims.gated import FLASH, GAU, LINEAR, mean_measurement, package_tasks
from torchcheck.task import Measurement, Series, Task

ROUNDINGS = "roundings of float64"


# special cases, parameters, chunk-linear


def plan_special(settings: Settings, target: str) -> list[Task]:
    return [settings.task("gated:reductions", target, {"hidden": 96, "head_size": 16}, width=48, tokens=33)]


def predict_special(_settings: Settings) -> list[Prediction]:
    return [Prediction.near(name, 0.0, 1e-12, ROUNDINGS) for name in ("glu", "attention")]


WIDTHS = (512, 768, 1024)
BLOCK = "torch.nn:TransformerEncoderLayer"


def plan_parameters(settings: Settings, target: str) -> list[Task]:
    del settings
    tasks = []
    for d in WIDTHS:
        own = {"target": target, "options": {"width": d}}
        block = {"target": BLOCK, "options": {"d_model": d, "nhead": 8, "dim_feedforward": 4 * d}}
        for name, subject, matrices in ((f"gau.d={d}", own, False), (f"block.d={d}", block, True)):
            params = {"subject": subject, "matrices": matrices, "name": name}
            tasks.append(Task("torchcheck.probes.cost:parameters", params))
    return tasks


def reduce_parameters(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The counts; two GAUs over one of torch's blocks (`pair-excess.d=...`), one over 3de (`excess.d=...`), less 1."""
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


def predict_parameters(_settings: Settings) -> list[Prediction]:
    found = []
    for d in WIDTHS:
        found.append(Prediction.exactly(f"gau.d={d}", str(6 * d * d + 128 * (d + 4)), "numbers"))
        found.append(Prediction.exactly(f"block.d={d}", str(12 * d * d), "numbers"))
        for name in ("pair-excess", "excess"):
            found.append(Prediction(f"{name}.d={d}", "0", "0.05", why="about: within 5 %"))
    return found


def plan_chunks(settings: Settings, target: str) -> list[Task]:
    options = {"hidden": 48, "head_size": 16, "chunk": 8}
    return [settings.task("gated:chunk_sums", target, options, width=24, tokens=n) for n in (5, 64, 61)]


def reduce_chunks(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    return [replace(m, name=f"{m.name}.n={n}") for m, n in zip(measurements, (5, 64, 61), strict=True)]


def predict_chunks(_settings: Settings) -> list[Prediction]:
    return [Prediction.near(f"global.n={n}", 0.0, 1e-12, ROUNDINGS) for n in (5, 64, 61)]


# causal-normaliser

CHUNKS, CHUNK = 6, 4
TOKENS = CHUNKS * CHUNK


def plan_past(settings: Settings, target: str) -> list[Task]:
    shared: dict[str, Any] = {"width": 24, "tokens": TOKENS, "chunk": CHUNK}
    options: dict[str, Any] = {"head_size": 16, "chunk": CHUNK, "causal": True}
    tasks = [
        settings.task("gated:past_weight", target, {**options, "past": past}, name=past, **shared)
        for past in ("article", "positions")
    ]
    other: dict[str, Any] = {"group_size": CHUNK, "query_key_dim": 16, "causal": True, "residual": False}
    return tasks + package_tasks("gated:past_weight", settings, target, FLASH, other, name="FLASH-pytorch", **shared)


def reduce_past(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    found = []
    for m in measurements:
        shown = replace(m, name=f"beside: {m.name}") if m.name.startswith("FLASH-pytorch") else m
        found.append(shown)
    return found


def predict_past(_settings: Settings) -> list[Prediction]:
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


def plan_leak(settings: Settings, target: str) -> list[Task]:
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


def reduce_leak(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
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


def predict_leak(_settings: Settings) -> list[Prediction]:
    return [
        Prediction.exactly("leak.gradient", "0"),
        Prediction.near("leak.perturbation", 0.0, 1e-13, "the same arithmetic on the same numbers"),
        Prediction("unused", "0", str(IN_CHUNKS), "pairs", why="inside chunks relu may be 0; all else is used"),
    ]


# normaliser

LENGTHS = (16, 64, 256, 1024)
HEAD, WIDE = 128, 256


def plan_normaliser(settings: Settings, target: str) -> list[Task]:
    return [
        settings.task(
            "entries:entries", target, {"head_size": HEAD, "normaliser": norm}, width=WIDE, tokens=n,
            seeds=32 if n > 64 else 128,
        )
        for norm in ("ns", "n2")
        for n in LENGTHS
    ]  # fmt: skip


def reduce_normaliser(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
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


def predict_normaliser(_settings: Settings) -> list[Prediction]:
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


def plan_cost(settings: Settings, target: str) -> list[Task]:
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


def reduce_cost(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
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


def predict_cost(settings: Settings) -> list[Prediction]:
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


def plan_sums(settings: Settings, target: str) -> list[Task]:
    shared: dict[str, Any] = {"width": 16, "tokens": 64, "batch": 2}
    cases: list[tuple[str, dict[str, Any]]] = [(target, {"hidden": 32, "head_size": 8, "chunk": 16, "causal": True})]
    cases += [(LINEAR, {"heads": h, "head_size": 8, "value_size": v}) for h, v in ((1, 32), (1, 8), (4, 8))]
    return [settings.task("cost:causal_sums", t, options, **shared) for t, options in cases]


NAMES = ("sums.chunked", "sums.every-position", "sums.every-position.values-of-s", "sums.every-position.4-heads")


def reduce_sums(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    return [replace(m, name=name) for m, name in zip(measurements, NAMES, strict=True)]


def predict_sums(_settings: Settings) -> list[Prediction]:
    b, n, c, s, e = 2, 64, 16, 8, 32
    counts = (b * n // c * s * e, b * n * s * s, b * n * s * s, 4 * b * n * s * s)
    true = (counts[0], b * n * s * e, *counts[2:])
    return [
        *(Prediction.exactly(name, str(v), "numbers") for name, v in zip(NAMES, counts, strict=True)),
        *(Prediction.exactly(name, str(v), "numbers", "corrected") for name, v in zip(NAMES, true, strict=True)),
    ]

"""Legs of the flash claims: what is planned, predicted, and made of the measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from scaleproof.claim import Prediction, Settings
from scaleproof.claims.shared.gated import FLASH, GAU, LINEAR, mean_measurement, package_tasks
from scaleproof.theory import gau as theory
from torchcheck.data import Measurement, Role, Series, Task

ROUNDINGS = "roundings of float64"


# special cases, parameters, chunk-linear


def plan_special(settings: Settings, target: str) -> list[Task]:
    tasks = [
        settings.task("probes.flash.layers:reductions", target, {"hidden": 96, "head_size": 16}, width=48, tokens=33)
    ]
    if target != GAU:
        return tasks
    small: dict[str, Any] = {"hidden": 12, "head_size": 4}
    cases: list[tuple[str, dict[str, Any]]] = [("unit.ns", {}), ("unit.n2", {"normaliser": "n2"})]
    cases += [(f"unit.{norm}.causal", {"normaliser": norm, "causal": True}) for norm in ("ns", "visible")]
    tasks += [
        settings.task("probes.flash.layers:reference", target, {**small, **o}, width=6, tokens=9, name=n)
        for n, o in cases
    ]
    kernels = [
        settings.task(
            "probes.flash.layers:padded", target, {**small, "kernel": k}, width=6, tokens=9, name=f"padding.{k}"
        )
        for k in ("relu2", "softmax", "identity")
    ]
    return tasks + kernels


UNITS = ("unit.ns", "unit.n2", "unit.ns.causal", "unit.visible.causal")


def predict_special(_settings: Settings) -> list[Prediction]:
    names = (
        "glu",
        "attention",
        "attention.causal",
        *UNITS,
        *(f"padding.{k}" for k in ("relu2", "softmax", "identity")),
    )
    return [Prediction.near(name, 0.0, 1e-12, ROUNDINGS) for name in names]


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
            tasks.append(Task("torchcheck.probes.flash.cost:parameters", params))
    return tasks


def reduce_parameters(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The counts; two GAUs over one of torch's blocks (`pair-excess.d=...`), one over 3de (`excess.d=...`), less 1."""
    results, by_name = list(measurements), {m.name: m for m in measurements}
    for d in WIDTHS:
        m = by_name[f"gau.d={d}"]
        own, block = float(m.value or 0), float(by_name[f"block.d={d}"].value or 0)
        for name, value in (("pair-excess", 2 * own / block - 1), ("excess", own / (6 * d * d) - 1)):
            results.append(replace(m, name=f"{name}.d={d}", value=value, lo=value, hi=value, unit="1"))
    return results


def predict_parameters(_settings: Settings) -> list[Prediction]:
    predictions = []
    for d in WIDTHS:
        predictions.append(Prediction.exactly(f"gau.d={d}", str(6 * d * d + 128 * (d + 4)), "numbers"))
        predictions.append(Prediction.exactly(f"block.d={d}", str(12 * d * d), "numbers"))
        for name in ("pair-excess", "excess"):
            predictions.append(Prediction(f"{name}.d={d}", "0", "0.05", why="about: within 5 %"))
    return predictions


def plan_chunks(settings: Settings, target: str) -> list[Task]:
    options = {"hidden": 48, "head_size": 16, "chunk": 8}
    tasks = [settings.task("probes.flash.layers:chunk_sums", target, options, width=24, tokens=n) for n in CHUNKED]
    if target != FLASH:
        return tasks
    small: dict[str, Any] = {"hidden": 12, "head_size": 4, "chunk": 4}
    tasks.append(settings.task("probes.flash.layers:reference", target, small, width=6, tokens=14, name="layer"))
    return [*tasks, settings.task("probes.flash.layers:padded", target, small, width=6, tokens=14, name="padding")]


CHUNKED = (5, 64, 61)


def reduce_chunks(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    count = len(CHUNKED)
    sums = [replace(m, name=f"{m.name}.n={n}") for m, n in zip(measurements[:count], CHUNKED, strict=True)]
    return [*sums, *measurements[count:]]


def predict_chunks(_settings: Settings) -> list[Prediction]:
    names = (*(f"global.n={n}" for n in CHUNKED), "layer", "padding")
    return [Prediction.near(name, 0.0, 1e-12, ROUNDINGS) for name in names]


# causal-normaliser

CHUNKS, CHUNK = 6, 4
TOKENS = CHUNKS * CHUNK


def plan_past(settings: Settings, target: str) -> list[Task]:
    shared: dict[str, Any] = {"width": 24, "tokens": TOKENS, "chunk": CHUNK}
    options: dict[str, Any] = {"head_size": 16, "chunk": CHUNK, "causal": True}
    tasks = [
        settings.task("probes.flash.layers:past_weight", target, {**options, "past": past}, name=past, **shared)
        for past in ("article", "positions")
    ]
    if target == FLASH:
        square: dict[str, Any] = {**options, "past": "article"}
        tasks.append(
            settings.task(
                "probes.flash.layers:past_weight", target, square, name="square", width=24, tokens=CHUNK**2, chunk=CHUNK
            )
        )
    other: dict[str, Any] = {"group_size": CHUNK, "query_key_dim": 16, "causal": True, "residual": False}
    return tasks + package_tasks(
        "probes.flash.layers:past_weight", settings, target, FLASH, other, name="FLASH-pytorch", **shared
    )


def predict_past(_settings: Settings) -> list[Prediction]:
    why = "the number of summed positions over the divisor: 1 for a mean; " + ROUNDINGS
    predictions = [Prediction.near(f"article.g={g}", 1.0, 1e-12, why) for g in range(2, CHUNKS + 1)]
    predictions.append(Prediction.near("article.g=1", 0.0, 1e-12, "nothing to sum"))
    for g in range(1, CHUNKS + 1):
        predictions.append(Prediction.near(f"positions.g={g}", float(g > 1), 1e-12, why, "positions"))
    predictions += [
        Prediction.near(f"article.g={g}", CHUNK**2 / TOKENS, 1e-12, "c²/n instead of 1", "with-n-over-c")
        for g in range(2, CHUNKS + 1)
    ]
    predictions += [
        Prediction.near(f"square.g={g}", 1.0, 1e-12, "n = c²: the divisors are the same", "with-n-over-c")
        for g in range(2, CHUNK + 1)
    ]
    return predictions


# no-leak

#: pairs of different positions in one chunk, for 45 tokens in chunks of 8
IN_CHUNKS = 5 * 28 + 10


def plan_leak(settings: Settings, target: str) -> list[Task]:
    shared: dict[str, Any] = {"width": 16, "tokens": 45}
    options: dict[str, Any] = {"head_size": 8, "chunk": 8, "causal": True}
    tasks = [settings.task("measure.leak:leaks", target, options, **shared)]
    if target != FLASH:
        return tasks
    small: dict[str, Any] = {"hidden": 12, "head_size": 4, "chunk": 4, "causal": True}
    tasks.append(settings.task("probes.flash.layers:reference", target, small, width=6, tokens=14, name="layer"))
    tasks.append(settings.task("probes.flash.layers:padded", target, small, width=6, tokens=14, name="padding"))
    tasks += [
        settings.task("measure.leak:leaks", GAU, {"head_size": 8, "causal": True, "normaliser": norm}, **shared)
        for norm in ("visible", "ns")
    ]
    package: dict[str, Any] = {"causal": True, "query_key_dim": 8}
    tasks += package_tasks("measure.leak:leaks", settings, target, FLASH, {**package, "group_size": 8}, **shared)
    return tasks + package_tasks("measure.leak:leaks", settings, target, FLASH, {**package, "layer": "GAU"}, **shared)


def reduce_leak(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The first layer's leaks under their names, the others beside them; the first's dependences as a picture."""
    results = []
    first = measurements[0].subject
    for m in measurements:
        if m.name in ("layer", "padding"):
            results.append(m)
        elif m.subject == first:
            results.append(replace(m, data={}, series=()))
            if m.data:
                picture = np.array(m.data["picture"])
                rows, columns = np.nonzero(picture)
                points = Series(
                    "dependence",
                    "input position",
                    "output position",
                    columns.astype(float).tolist(),
                    rows.astype(float).tolist(),
                    kind="dependence",
                )
                pairs, sizes = [float(k) for k in range(len(rows))], picture[rows, columns].tolist()
                size = Series("size", "pair", "size of the gradient", pairs, sizes, kind="size")
                results.append(replace(m, name="dependence", role=Role.FIGURE, data={}, series=(points, size)))
        elif m.name in ("leak.gradient", "leak.perturbation", "leak.length"):
            results.append(replace(m, role=Role.BESIDE, data={}, series=()))
    return results


def predict_leak(_settings: Settings) -> list[Prediction]:
    return [
        Prediction.exactly("leak.gradient", "0"),
        Prediction.near("leak.perturbation", 0.0, 1e-13, "the same arithmetic on the same numbers"),
        Prediction("unused", "0", str(IN_CHUNKS), "pairs", why="inside chunks relu may be 0; all else is used"),
        Prediction.near("leak.length", 0.0, 1e-13, "nor on how many follow: the same arithmetic"),
        *(Prediction.near(name, 0.0, 1e-12, ROUNDINGS) for name in ("layer", "padding")),
    ]


# normaliser

LENGTHS = (16, 64, 256, 1024)
HEAD, WIDE = 128, 256


def plan_normaliser(settings: Settings, target: str) -> list[Task]:
    return [
        settings.task(
            "probes.gau.entries:entries",
            target,
            {"head_size": HEAD, "normaliser": norm},
            width=WIDE,
            tokens=n,
            seeds=seeds,
        )
        for norm in ("ns", "n2")
        for n, seeds in zip(LENGTHS, (512, 256, 128, 64), strict=True)
    ]


def reduce_normaliser(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The mean row sum for each divisor and n, and its exponent from n = 256 to 1024."""
    results = []
    for norm in ("ns", "n2"):
        group = [m for m in measurements if m.data["options"]["normaliser"] == norm]
        sums = [np.array(m.data["row_sum"]) for m in group]
        results += [
            mean_measurement(m, f"row-sum.{norm}.n={n}", s) for m, n, s in zip(group, LENGTHS, sums, strict=True)
        ]
        rise = np.log(sums[-1] / sums[-2][: len(sums[-1])]) / math.log(LENGTHS[-1] / LENGTHS[-2])
        results.append(mean_measurement(group[-1], f"exponent.{norm}", rise, log=None, unit="exponent"))
        xs = [float(n) for n in LENGTHS]
        units = [theory.Unit(n, HEAD, WIDE, normaliser=norm) for n in LENGTHS]
        curves = tuple(
            Series(f"{kind}, divisor {norm}", "tokens", "row sum of A", xs, ys, kind)
            for kind, ys in (
                ("measured", [float(s.mean()) for s in sums]),
                ("theory", [theory.row_sum(u) for u in units]),
            )
        )
        results.append(replace(group[-1], name=f"row sums {norm}", role=Role.FIGURE, data={}, series=curves))
    return results


def _rise(norm: Literal["ns", "n2"]) -> float:
    """Theory's exponent of the row sum in n between the two largest lengths."""
    first, last = (theory.row_sum(theory.Unit(n, HEAD, WIDE, normaliser=norm)) for n in LENGTHS[-2:])
    return math.log(last / first) / math.log(LENGTHS[-1] / LENGTHS[-2])


RISE = "theory's, from n = 256 to 1024; the sample leaves 0.025, and 3.5 standard errors more"


def predict_normaliser(_settings: Settings) -> list[Prediction]:
    predictions = [
        Prediction.near("exponent.ns", _rise("ns"), 0.05, RISE, unit="exponent"),
        Prediction.near("exponent.n2", _rise("n2"), 0.05, RISE, unit="exponent"),
    ]
    for norm in ("ns", "n2"):
        for n in LENGTHS:
            value = theory.row_sum(theory.Unit(n, HEAD, WIDE, normaliser=norm))
            predictions.append(
                Prediction.near(
                    f"row-sum.{norm}.n={n}",
                    value,
                    0.06 * value,
                    "theory of leading order in 1/d (0.4 %); the sample leaves 3.4 %, and 3.5 standard errors more",
                )
            )
    return predictions


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
    tasks = [
        settings.task("probes.flash.cost:growth", target, {**SHAPE, "chunk": PIECE}, sizes=sizes, label="FLASH", **both)
    ]
    if target != FLASH:
        return tasks
    tasks.append(settings.task("probes.flash.cost:growth", GAU, SHAPE, sizes=quadratic, label="FLASH-Quad", **both))
    softmax = {**SHAPE, "kernel": "softmax"}
    tasks.append(
        settings.task(
            "probes.flash.cost:growth", GAU, softmax, sizes=quadratic, label="scaled_dot_product_attention", **both
        )
    )
    package: dict[str, Any] = {"group_size": PIECE, "query_key_dim": 64}
    return tasks + package_tasks(
        "probes.flash.cost:growth", settings, target, FLASH, package, sizes=sizes, label="FLASH-pytorch", **both
    )


def reduce_cost(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    results = []
    labels = {"FLASH": "linear", "FLASH-Quad": "quadratic", "scaled_dot_product_attention": "softmax"}
    for m in measurements:
        label = labels.get(m.params["label"], m.params["label"])
        if m.name == "cost":
            results.append(replace(m, name=f"cost {label}", role=Role.FIGURE, data={}))
        elif m.unit != "s":  # the times themselves are in the figure
            results.append(replace(m, name=f"{label}.{m.name}"))
    return results


def predict_cost(settings: Settings) -> list[Prediction]:
    d, e, s, c = COST["width"], SHAPE["hidden"], SHAPE["head_size"], PIECE
    predictions = []
    for n in SIZES:
        exact = {
            "linear.multiply-adds": n * (3 * d * e + d * s + c * (s + e) + 2 * s * e),
            "linear.activations": n * (d + 6 * e + 6 * s + 2 * c) + s * e,
            "quadratic.multiply-adds": n * (3 * d * e + d * s) + n * n * (s + e),
            "quadratic.activations": n * (d + 6 * e + 4 * s) + 2 * n * n,
        }
        for name, value in exact.items():
            unit = "numbers" if "activations" in name else "1"
            predictions.append(Prediction.exactly(f"{name}.n={n}", str(value), unit))
    predictions.append(
        Prediction.near("linear.exponent.memory", 1.0, 0.02, "the part that does not depend on n", unit="exponent")
    )
    predictions.append(Prediction("quadratic.exponent.memory", "1.8", "2", "exponent", why="n² and a linear part"))
    if settings.device == "cpu":  # on a fast GPU, sizes as small as these take the time of a kernel launch
        ends = (SIZES[0], SIZES[-1])
        counts = [n * (3 * d * e + d * s) + n * n * (s + e) for n in ends]
        between = repr((1 + math.log(counts[1] / counts[0]) / math.log(ends[1] / ends[0])) / 2)
        why = "the counts decide the law; wall time has to be nearer to its own count's exponent than to the other's"
        predictions.append(Prediction("linear.exponent.time", "0", between, "exponent", why=why))
        predictions.append(Prediction("quadratic.exponent.time", between, "inf", "exponent", why=why))
    return predictions


# causal-memory


def plan_sums(settings: Settings, target: str) -> list[Task]:
    shared: dict[str, Any] = {"width": 16, "tokens": 64, "batch": 2}
    cases: list[tuple[str, dict[str, Any]]] = [(target, {"hidden": 32, "head_size": 8, "chunk": 16, "causal": True})]
    cases += [(LINEAR, {"heads": h, "head_size": 8, "value_size": v}) for h, v in ((1, 32), (1, 8), (4, 8))]
    return [settings.task("probes.flash.cost:causal_sums", t, options, **shared) for t, options in cases]


NAMES = ("sums.chunked", "sums.every-position", "sums.every-position.values-of-s", "sums.every-position.4-heads")


def reduce_sums(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    return [replace(m, name=name) for m, name in zip(measurements, NAMES, strict=True)]


def predict_sums(_settings: Settings) -> list[Prediction]:
    b, n, c, s, e = 2, 64, 16, 8, 32
    counts = (b * n // c * s * e, b * n * s * s, b * n * s * s, 4 * b * n * s * s)
    true = (counts[0], b * n * s * e, *counts[2:])
    return [
        *(Prediction.exactly(name, str(v), "numbers") for name, v in zip(NAMES, counts, strict=True)),
        *(
            Prediction.exactly(name, str(v), "numbers", clause)
            for name, v, clause in zip(
                NAMES, true, ("chunks", "values-of-e", "values-of-s", "values-of-s"), strict=True
            )
        ),
    ]

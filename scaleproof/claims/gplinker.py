"""The gplinker claims: relations as quintuples from the scores of token pairs (kexue.fm/archives/8888)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scaleproof.claims.claim import Claim, Fault, Prediction, Settings, Source, Verdict
from scaleproof.claims.extraction import FAULTS, exactly, none
from torchcheck.task import Measurement, Task

DECODE = "torchcheck.modules.relations:decode"
RELATIONS = "torchcheck.modules:GPLinkerRelations"
GLOBAL, EFFICIENT = "torchcheck.modules:GlobalPointer", "torchcheck.modules:EfficientGlobalPointer"
DENSE = "torchcheck.modules.multilabel:multilabel_loss"
SPARSE = "torchcheck.modules.multilabel:sparse_multilabel_loss"
TEXTBOOK = "torchcheck.modules.multilabel:article_sparse_loss"
ROTATE = "torchcheck.modules.rotary:rotate"


def _source(equation: str, url: str = "https://kexue.fm/archives/8888") -> Source:
    return Source(
        "GPLinker: joint extraction of entities and relations with GlobalPointer (Su Jianlin 2022)", url, equation
    )


# count

LENGTHS, PREDICATES = (1, 2, 3, 4, 6), 3


def _plan_count(settings: Settings, target: str) -> list[Task]:
    return [settings.task("extraction:count", target, width=8, tokens=LENGTHS, predicates=PREDICATES)]


def _predict_count(_settings: Settings) -> list[Prediction]:
    return [exactly(f"quintuples.l={n}", PREDICATES * n * n * (n + 1) ** 2 // 4, "quintuples") for n in LENGTHS]


# decode, heads-suffice: (tokens, predicates, most quintuples)

CASES = ((2, 1, 9), (2, 2, 3), (3, 1, 3))


def _plan_decode(settings: Settings, target: str) -> list[Task]:
    more = ((3, 2, 3),) if settings.profile == "full" else ()
    return [settings.task("extraction:decoding", target, tokens=n, predicates=p, most=m) for n, p, m in (*CASES, *more)]


def _plan_heads(settings: Settings, target: str) -> list[Task]:
    return [
        settings.task("extraction:decoding", target, tokens=n, predicates=p, most=m, flat=True)
        for n, p, m in ((2, 2, 4), (3, 1, 4), (4, 1, 2))
    ]


def _predict_decode(_settings: Settings) -> list[Prediction]:
    return [
        *none("wrong"),
        *none("lost", "unexplained", about="corrected"),
        exactly("smallest", 2.0, "quintuples", "corrected"),
    ]


def _predict_heads(_settings: Settings) -> list[Prediction]:
    return none("wrong", "lost")


# loss


def _plan_loss(settings: Settings, target: str) -> list[Task]:
    return [settings.task("multilabel:bounds", target, classes=n, samples=4000) for n in (2, 64)]


def _predict_loss(_settings: Settings) -> list[Prediction]:
    rounding = "roundings of float64"
    exact = [
        Prediction("value", "0", "0", tolerance=1e-13, why=rounding),
        Prediction("gradient", "0", "0", tolerance=1e-12, why=rounding),
        Prediction("disorder", "0", "0", why="no score on the wrong side of 0 for a loss below log 2"),
        Prediction("share", "0", "1", tolerance=1e-12, why="the sizes of one side's gradients"),
    ]
    return [
        Prediction("softmax", "0", "0", tolerance=1e-9, why="generalises: equal to it for one positive"),
        *exact,
        *(replace(p, about="corrected") for p in exact),
        Prediction("softmax.least", "0", "inf", about="corrected", why="never below the softmax cross-entropy"),
    ]


# sparse-loss

DTYPES = ("float64", "float32", "bfloat16", "float16")
#: allowed errors in ulp: three roundings of functions for the loss; a few more for a gradient's two exponentials
LOSS_ULP, GRADIENT_ULP = 4.0, 8.0


def _plan_sparse(settings: Settings, target: str) -> list[Task]:
    wanted = [d for d in DTYPES if settings.wants(d)]
    tasks = [settings.task("multilabel:accuracy", target, name="ours", dtypes=wanted)]
    textbook = [d for d in wanted if d != "float64"]
    return [*tasks, settings.task("multilabel:accuracy", TEXTBOOK, name="textbook", dtypes=textbook)]


def _predict_sparse(settings: Settings) -> list[Prediction]:
    found = []
    for d in (d for d in DTYPES if settings.wants(d)):
        if d == "float32":
            found.append(Prediction(f"textbook.{d}", "0", "1e-4", why="a usable loss"))
        found.append(Prediction(f"ours.ulp.{d}", "0", str(LOSS_ULP), "ulp", "corrected"))
        found.append(Prediction(f"ours.gradient.{d}", "0", str(GRADIENT_ULP), "ulp", "corrected"))
    return found


# sparse-gain


def _plan_gain(settings: Settings, target: str) -> list[Task]:
    batch = 8 if settings.profile == "quick" else 64
    shared: dict[str, Any] = {"predicates": 50, "tokens": 128}
    return [
        settings.task("multilabel:sparse_gain", target, exclusive=True, batch=batch, width=64, **shared),
        settings.task(
            "multilabel:sparse_gain",
            target,
            exclusive=True,
            batch=4,
            width=768,
            layers=4,
            repeats=3,
            **shared,
        ),
    ]


def _reduce_gain(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The loss alone at the larger batch, and training steps of a small and a wide encoder."""
    half = len(measurements) // 2
    narrow, wide = ({m.name: m for m in part} for part in (measurements[:half], measurements[half:]))
    entries = narrow["entries"]
    scaled = float(entries.value or 0) * 8 if entries.value and entries.value < 5e7 else float(entries.value or 0)
    note = "for batch 64: linear in the batch"
    return [
        replace(entries, value=scaled, lo=scaled, hi=scaled, note=note),
        *(narrow[k] for k in ("speedup.loss", "memory.dense", "memory.sparse")),
        replace(narrow["speedup.training"], name="beside: speedup.training.width=64"),
        replace(wide["speedup.training"], name="speedup.training.width=768"),
    ]


def _predict_gain(_settings: Settings) -> list[Prediction]:
    noise = "wall time, and other work on the machine"
    return [
        Prediction("entries", "9e7", "1.1e8", "numbers", why="about 10^8"),
        Prediction("speedup.training.width=768", "1.4", "1.6", "times faster", why="1.5 times"),
        exactly("entries", 2 * 64 * 50 * 128**2, "numbers", "corrected"),
        Prediction("speedup.loss", "1.5", "inf", "times faster", "corrected", why=noise),
        Prediction("memory.sparse", "1", "1.5", "times the scores", "corrected", why="the gradient, and parts"),
        Prediction("memory.dense", "4", "inf", "times the scores", "corrected", why="labels and copies"),
        Prediction("speedup.training.width=768", "0.9", "1.39", "times faster", "corrected", why=noise),
    ]


# parameters, rotary

WIDTH, SIZE, CLASSES = 768, 64, 49


def _plan_parameters(settings: Settings, target: str) -> list[Task]:
    del settings
    tasks = []
    for kind, pointer in (("global", target), ("efficient", EFFICIENT)):
        for classes in (2, CLASSES):
            subject = {"target": pointer, "options": {"width": WIDTH, "classes": classes, "head_size": SIZE}}
            tasks.append(Task("torchcheck.probes.cost:parameters", {"subject": subject, "name": f"{kind}.{classes}"}))
    return tasks


def _reduce_parameters(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """An entity pointer of two classes, and two pointers with a class for each predicate."""
    counts = {m.name: float(m.value or 0) for m in measurements}
    found = list(measurements)
    for kind in ("global", "efficient"):
        total = counts[f"{kind}.2"] + 2 * counts[f"{kind}.{CLASSES}"]
        found.append(replace(measurements[0], name=f"{kind}.all", subject=kind, value=total, lo=total, hi=total))
    return found


def _predict_parameters(_settings: Settings) -> list[Prediction]:
    return [
        Prediction("global.all", "9.5e6", "1e7", "numbers", why="nearly 10 million"),
        Prediction("efficient.all", "2.7e5", "3.3e5", "numbers", why="about 300 thousand"),
        exactly("global.all", 9843200, "numbers"),
        exactly("efficient.all", 321096, "numbers"),
    ]


SHIFTS = (1.0, 1e2, 1e4, 1e6)


def _plan_rotary(settings: Settings, target: str) -> list[Task]:
    tasks = [settings.task("multilabel:rotary_shift", target, size=64, shifts=SHIFTS)]
    if target == ROTATE:
        tasks.append(settings.task("multilabel:rotary_shift", FAULTS + "coarse_rotate", size=64, shifts=SHIFTS))
    return tasks


def _reduce_rotary(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    first = measurements[0].subject
    return [m if m.subject == first else replace(m, name=f"beside: {m.name}") for m in measurements]


def _predict_rotary(_settings: Settings) -> list[Prediction]:
    why = "roundings of float32 in 64 products, each of an angle rounded once"
    return [Prediction(f"shift.s={s:g}", "0", "0", tolerance=1e-6, why=why) for s in SHIFTS]


CLAIMS = (
    Claim(
        id="gplinker.count",
        source=_source("eq. 1"),
        statement=r"There are $n\,l^2(l+1)^2/4$ quintuples for $n$ predicates and length $l$.",
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"$l(l+1)/2$ spans by induction, two of them, and $n$ predicates. Counted: everything that the real model can "
        "decode when every score that is not masked is enough.",
        subject=RELATIONS,
        fault=Fault("does not mask spans that end before they begin", FAULTS + "FullEntities"),
        plan=_plan_count,
        predict=_predict_count,
        proof="source",
    ),
    Claim(
        id="gplinker.decode",
        source=_source("Simplified decomposition"),
        statement=r"Decoding by the intersection of the four positive sets returns the labelled quintuples.",
        corrected=r"It returns them and their crossings: the heads of one labelled quintuple with the tails of another of the same "
        r"predicate, wherever both spans that arise are labelled as a subject and as an object. The set comes back exactly if and "
        r"only if it holds all of its crossings; so it does if different subjects begin at different tokens and different objects "
        r"do. The smallest counterexample has two tokens, one predicate and two quintuples.",
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline=r"First-order logic over relations (z3): what decoding gives, as a formula in the labelled set, is the labelled set "
        r"and its crossings, for any length and number of predicates. The real decoder on the scores of a perfect model, for every "
        r"set of quintuples of two tokens, and all small sets of three tokens or two predicates. Nested entities do it: subjects "
        r"$(0,0)$, $(0,1)$ with objects $(0,1)$, $(1,1)$.",
        subject=DECODE,
        fault=Fault("drops the tail match", FAULTS + "without_tails"),
        plan=_plan_decode,
        predict=_predict_decode,
        proof="corrected",
    ),
    Claim(
        id="gplinker.heads-suffice",
        source=_source("Simplified decomposition"),
        statement=r"Without nested entities the head match alone decides the predicate.",
        recorded=Verdict.PROVED,
        legs="PM",
        outline="Two spans that begin at one token are nested. z3 proves for any length that spans and heads alone then return the "
        "labelled set, if no subject lies in another and no object in another (a subject may lie in an object). The real decoder, "
        "all tails above 0, on every such set of small size.",
        subject=DECODE,
        fault=Fault("drops the head match", FAULTS + "without_heads"),
        plan=_plan_heads,
        predict=_predict_heads,
        proof="source",
    ),
    Claim(
        id="gplinker.loss",
        source=_source("eq. 3", "https://kexue.fm/archives/7359"),
        statement=r"$\log(1+\sum_{pos}e^{-s}) + \log(1+\sum_{neg}e^{s})$ generalises softmax cross-entropy, orders every positive "
        r"above 0 above every negative, and needs no class weights.",
        corrected=r"For one positive $t$ it is not softmax cross-entropy but above it: $\log(1+p)(1+n) > \log(1+pn)$ with $p = "
        r"e^{-t}$, $n = \sum e^{s}$ (without the threshold, $\log(1+\sum_{neg}\sum_{pos}e^{s-t})$, it would be equal). A loss below "
        r"$\log 2$ has every positive above 0 and every negative below; above it there is no such promise. No class weights, in "
        r"this sense: the gradients of all negatives together have size $n/(1+n) < 1$, those of all positives $p/(1+p) < 1$.",
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline=r"With $p, n > 0$ all three are inequalities of polynomials and exponentials (z3). The module's values and gradients "
        "on scores of all sizes, half of the cases with one positive. The infimum 0 is approached as positives go to infinity and "
        "negatives to minus infinity.",
        subject=DENSE,
        fault=Fault("gives positives the sign of negatives", FAULTS + "wrong_sign"),
        plan=_plan_loss,
        predict=_predict_loss,
        proof="corrected",
    ),
    Claim(
        id="gplinker.sparse-loss",
        source=_source("Loss function"),
        statement=r"The negative part equals $a + \log(1 - e^{b-a})$ with $a = \log(1+\sum_{all}e^s)$, $b = \log\sum_{pos}e^s$, so "
        r"positives' indices are enough.",
        corrected=r"In real numbers. In floating point $1 - e^{b-a}$ cancels as the positives' share $e^{b-a}$ goes to 1, which is "
        r"where training leads: its relative error is $u\,\mathrm{share}/(1-\mathrm{share})$, and once the share rounds to 1 the loss "
        r"is $-\infty$ or NaN and so is its gradient (float32: from $1 - \mathrm{share} \approx 10^{-6}$ on; bfloat16: 0.02). The "
        r"indices are enough all the same: leave the positives out of the sum instead of subtracting them, and take "
        r"$\log(1+\sum e^s)$ as $c + \log1p(\sum e^{s-c} + \mathrm{expm1}(-c))$. That is accurate to a few ulp in every format, its "
        r"gradient too.",
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline=r"$e^a(1 - e^{b-a}) = 1 + n$ (z3). The article's formula and ours against float64 without cancellation, one positive "
        r"at $x$ and 63 negatives near $-x$, $x = 0 \ldots 15$.",
        subject=SPARSE,
        fault=Fault("subtracts the positives' sum", FAULTS + "textbook_sparse"),
        plan=_plan_sparse,
        predict=_predict_sparse,
        proof="corrected",
    ),
    Claim(
        id="gplinker.sparse-gain",
        source=_source("Loss function, Experimental results"),
        statement=r"For batch 64, 50 predicates, length 128 dense labels have $2bnl^2 \approx 10^8$ entries; the sparse loss trains "
        r"1.5 times faster.",
        corrected=r"$2bnl^2 = 104\,857\,600$. Labels, loss and gradient are several times faster (here by the factor speedup.loss) "
        r"and need the gradient beside the scores instead of six copies. Training gains $(T + T_{dense})/(T + T_{sparse})$, $T$ the "
        r"rest of a step: anything between that factor and 1. It is above 1.5 for a small encoder, and near 1 for an encoder of "
        r"BERT's width on a CPU; 1.5 is one GPU's and one model's number.",
        recorded=Verdict.CORRECTED,
        legs="NM",
        outline="One relation pointer's scores; dense labels made from the indices, the article's dense loss, forward and backward, "
        "against the sparse loss of this suite, in turn. With two encoder layers of width 64, or four of width 768, before it. The source's "
        "measurement is on a GPU.",
        subject=SPARSE,
        fault=Fault("makes dense labels and copies inside", FAULTS + "dense_inside"),
        plan=_plan_gain,
        predict=_predict_gain,
        reduce=_reduce_gain,
    ),
    Claim(
        id="gplinker.parameters",
        source=_source("Experimental results"),
        statement=r"At hidden size 768, head size 64 and LIC2019's 49 predicates GlobalPointer needs nearly 10 million parameters, "
        r"Efficient GlobalPointer about 300 thousand.",
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"Entities take 2 classes, heads and tails 49 each: $2 \cdot 100 \cdot 64 \cdot 769 = 9\,843\,200$, and $6 \cdot 64 "
        r"\cdot 769 + 2 \cdot 100 \cdot 129 = 321\,096$. Counted in the modules.",
        subject=GLOBAL,
        fault=Fault("has no bias", FAULTS + "NoBias"),
        plan=_plan_parameters,
        predict=_predict_parameters,
        reduce=_reduce_parameters,
        proof="source",
    ),
    Claim(
        id="gplinker.rotary",
        source=_source("Introduction of relative positions", "https://kexue.fm/archives/8373"),
        statement=r"$R_i^\top R_j = R_{j-i}$: rotary scores depend on relative position only.",
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"The addition theorems (SymPy), plane by plane. In float32 the module's scores change by less than $10^{-6}$ of "
        r"$\lvert q\rvert\lvert k\rvert$ when both positions move by up to $10^6$, because it takes its angles in float64; with "
        "angles in float32, shown beside, by 0.005.",
        subject=ROTATE,
        fault=Fault("turns by the square of the position", FAULTS + "absolute_rotate"),
        plan=_plan_rotary,
        predict=_predict_rotary,
        reduce=_reduce_rotary,
        proof="source",
    ),
)

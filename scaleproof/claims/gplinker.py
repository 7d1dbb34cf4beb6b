"""The gplinker claims: relations as quintuples from the scores of token pairs (kexue.fm/archives/8888)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scaleproof.claim import Claim, Clause, Fault, Prediction, Settings, Source, Verdict, only_judged
from scaleproof.claims.shared.extraction import exactly, no_cases
from torchcheck.data import Measurement, Role, Task

FAULTS = "torchcheck.faults.gplinker:"

DECODE = "torchcheck.modules.relations:decode"
RELATIONS = "torchcheck.modules:GPLinkerRelations"
GLOBAL, EFFICIENT = "torchcheck.modules:GlobalPointer", "torchcheck.modules:EfficientGlobalPointer"
DENSE = "torchcheck.modules.multilabel:multilabel_loss"
SPARSE = "torchcheck.modules.multilabel:sparse_multilabel_loss"
TEXTBOOK = "torchcheck.modules.multilabel:article_sparse_loss"
CLIPPED = "torchcheck.modules.multilabel:clipped_sparse_loss"
ROTATE = "torchcheck.modules.rotary:rotate"


def _source(equation: str, url: str = "https://kexue.fm/archives/8888") -> Source:
    return Source(
        "GPLinker: joint extraction of entities and relations with GlobalPointer (Su Jianlin 2022)", url, equation
    )


# count

LENGTHS, PREDICATES = (1, 2, 3, 4, 6), 3


def _plan_count(settings: Settings, target: str) -> list[Task]:
    return [settings.task("probes.gplinker.extraction:count", target, width=8, tokens=LENGTHS, predicates=PREDICATES)]


def _predict_count(_settings: Settings) -> list[Prediction]:
    return [exactly(f"quintuples.l={n}", PREDICATES * n * n * (n + 1) ** 2 // 4, "quintuples") for n in LENGTHS]


# decode, heads-suffice: (tokens, predicates, most quintuples)

CASES = ((2, 1, 9), (2, 2, 3), (3, 1, 3))


def _plan_decode(settings: Settings, target: str) -> list[Task]:
    more = ((3, 2, 3),) if settings.profile == "full" else ()
    return [
        settings.task("probes.gplinker.extraction:decoding", target, tokens=n, predicates=p, most=m)
        for n, p, m in (*CASES, *more)
    ]


def _plan_heads(settings: Settings, target: str) -> list[Task]:
    return [
        settings.task("probes.gplinker.extraction:decoding", target, tokens=n, predicates=p, most=m, flat=True)
        for n, p, m in ((2, 2, 4), (3, 1, 4), (4, 1, 2))
    ]


def _predict_decode(_settings: Settings) -> list[Prediction]:
    return [
        *no_cases("wrong"),
        *no_cases("lost", "unexplained", clause="crossings"),
        exactly("smallest", 2.0, "quintuples", "smallest"),
    ]


def _predict_heads(_settings: Settings) -> list[Prediction]:
    return no_cases("wrong", "lost")


# loss


def _plan_loss(settings: Settings, target: str) -> list[Task]:
    return [settings.task("probes.gplinker.multilabel:bounds", target, classes=n, samples=4000) for n in (2, 64)]


def _predict_loss(_settings: Settings) -> list[Prediction]:
    rounding = "roundings of float64"
    disorder = "no score on the wrong side of 0 for a loss below log 2"
    return [
        Prediction("softmax", "0", "0", tolerance=1e-9, why="generalises: equal to it for one positive"),
        Prediction("softmax.least", "0", "inf", clause="above", why="never below the softmax cross-entropy"),
        Prediction("value", "0", "0", clause="above", tolerance=1e-13, why=rounding),
        Prediction("disorder", "0", "0", clause="order", why=disorder),
        Prediction("share", "0", "1", clause="weights", tolerance=1e-12, why="the sizes of one side's gradients"),
        Prediction("gradient", "0", "0", clause="weights", tolerance=1e-12, why=rounding),
    ]


# sparse-loss

DTYPES = ("float64", "float32", "bfloat16", "float16")
#: allowed errors in ulp: three roundings of functions for the loss; a few more for a gradient's two exponentials
LOSS_ULP, GRADIENT_ULP = 4.0, 8.0


def _plan_sparse(settings: Settings, target: str) -> list[Task]:
    wanted = [d for d in DTYPES if settings.wants(d)]
    tasks = [
        settings.task(
            "probes.gplinker.multilabel:accuracy", target, name="ours", dtypes=wanted, spread=target == SPARSE
        )
    ]
    for name, subject in (("textbook", TEXTBOOK), ("clipped", CLIPPED)):
        tasks.append(
            settings.task("probes.gplinker.multilabel:accuracy", subject, name=name, dtypes=wanted, spread=False)
        )
    return tasks


def _predict_sparse(settings: Settings) -> list[Prediction]:
    predictions = []
    for d in (d for d in DTYPES if settings.wants(d)):
        if d == "float32":
            lost = "the share rounds to 1, and the logarithm is that of 0"
            predictions.append(Prediction(f"textbook.{d}", "0", "1e-4", why="a usable loss"))
            predictions.append(Prediction(f"textbook.{d}", "inf", "inf", "1", "textbook", why=lost))
            wrong = "log 10^-7 where a hundred-thousandth is left: finite, and of another size and sign"
            predictions.append(Prediction(f"clipped.{d}", "100", "1e30", "1", "clipped", why=wrong))
        if d == "float64":
            why = "where the share is at most 1/2 nothing cancels: some ten roundings"
            predictions.append(Prediction(f"textbook.moderate.{d}", "0", "16", "ulp", "moderate", why=why))
        predictions.append(Prediction(f"ours.ulp.{d}", "0", str(LOSS_ULP), "ulp", "ours", why="roundings"))
        predictions.append(Prediction(f"ours.gradient.{d}", "0", str(GRADIENT_ULP), "ulp", "ours", why="roundings"))
    return predictions


# sparse-gain


def _plan_gain(settings: Settings, target: str) -> list[Task]:
    batch = 8 if settings.profile == "quick" else 64
    shared: dict[str, Any] = {"predicates": 50, "tokens": 128, "exclusive": True}
    return [
        settings.task("probes.gplinker.multilabel:sparse_gain", target, batch=batch, width=64, **shared),
        settings.task(
            "probes.gplinker.multilabel:sparse_gain", target, batch=4, width=768, layers=4, repeats=3, **shared
        ),
    ]


def _no_gpu(settings: Settings) -> str:
    if settings.device.startswith("cuda"):
        return ""
    return "the time that training takes on a GPU cannot be told from a CPU: no CUDA device"


def _reduce_gain(settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The loss alone at the larger batch, and training steps of a small and a wide encoder."""
    narrow, wide = ({m.name: m for m in measurements if m.params["width"] == width} for width in (64, 768))
    entries = narrow["entries"]
    scaled = float(entries.value or 0) * 64 / entries.samples
    note = f"counted at batch {entries.samples}, times {64 // entries.samples}"
    training = "speedup.training.width=768"
    return [
        replace(entries, value=scaled, lo=scaled, hi=scaled, note=note),
        *(narrow[k] for k in ("speedup.loss", "memory.dense", "memory.sparse")),
        replace(narrow["speedup.training"], name="speedup.training.width=64", role=Role.BESIDE),
        replace(wide["speedup.training"], name=training, role=Role.BESIDE if _no_gpu(settings) else Role.JUDGED),
    ]


def _predict_gain(_settings: Settings) -> list[Prediction]:
    noise = "wall time, and other work on the machine"
    return [
        Prediction("entries", "9e7", "1.1e8", "numbers", "entries", why="about 10^8"),
        exactly("entries", 2 * 64 * 50 * 128**2, "numbers", "entries"),
        Prediction("speedup.training.width=768", "1.4", "1.6", "times faster", "faster", why="1.5 times"),
        Prediction("speedup.loss", "1.5", "inf", "times faster", "loss", why=noise),
        Prediction("memory.sparse", "1", "1.5", "times the scores", "loss", why="the gradient, and parts"),
        Prediction("memory.dense", "4", "inf", "times the scores", "loss", why="labels and copies"),
    ]


# parameters, rotary

WIDTH, SIZE, CLASSES = 768, 64, 49


def _plan_parameters(settings: Settings, target: str) -> list[Task]:
    tasks = []
    for kind, pointer in (("global", target), ("efficient", EFFICIENT)):
        for classes in (2, CLASSES):
            subject = {"target": pointer, "options": {"width": WIDTH, "classes": classes, "head_size": SIZE}}
            tasks.append(
                Task("torchcheck.probes.flash.cost:parameters", {"subject": subject, "name": f"{kind}.{classes}"})
            )
    if target == GLOBAL:
        small = {"classes": 2, "head_size": 8}
        for kind, pointer in (("global", GLOBAL), ("efficient", EFFICIENT)):
            tasks.append(
                settings.task(
                    "probes.gplinker.multilabel:pointer_scores",
                    pointer,
                    small,
                    width=12,
                    tokens=6,
                    name=f"scores.{kind}",
                )
            )
    return tasks


def _reduce_parameters(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """An entity pointer of two classes, and two pointers with a class for each predicate."""
    counts = {m.name: float(m.value or 0) for m in measurements}
    results = list(measurements)
    for kind in ("global", "efficient"):
        total = counts[f"{kind}.2"] + 2 * counts[f"{kind}.{CLASSES}"]
        results.append(replace(measurements[0], name=f"{kind}.all", subject=kind, value=total, lo=total, hi=total))
    return results


def _predict_parameters(_settings: Settings) -> list[Prediction]:
    return [
        Prediction("global.all", "9.5e6", "1e7", "numbers", why="nearly 10 million"),
        Prediction("efficient.all", "2.7e5", "3.3e5", "numbers", why="about 300 thousand"),
        exactly("global.all", 9843200, "numbers"),
        exactly("efficient.all", 321096, "numbers"),
        *(Prediction.near(f"scores.{k}", 0.0, 1e-12, "roundings of float64") for k in ("global", "efficient")),
    ]


SHIFTS = (1.0, 1e2, 1e4, 1e6)


def _plan_rotary(settings: Settings, target: str) -> list[Task]:
    tasks = [settings.task("probes.gplinker.multilabel:rotary_shift", target, size=64, shifts=SHIFTS)]
    if target == ROTATE:
        tasks.append(
            settings.task("probes.gplinker.multilabel:rotary_shift", FAULTS + "coarse_rotate", size=64, shifts=SHIFTS)
        )
    return tasks


def _reduce_rotary(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    first = measurements[0].subject
    return [m if m.subject == first else m.as_role(Role.BESIDE) for m in measurements]


def _predict_rotary(_settings: Settings) -> list[Prediction]:
    why = "roundings of float32 in 64 products, each of an angle rounded once"
    return [Prediction(f"shift.s={s:g}", "0", "0", tolerance=1e-6, why=why) for s in SHIFTS]


CLAIMS = (
    Claim(
        id="gplinker.count",
        source=_source("eq. 1"),
        clauses=(
            Clause(
                "source",
                r"There are $n\,l^2(l+1)^2/4$ quintuples for $n$ predicates and length $l$.",
                theorems=("spans",),
                coq=("Gplinker.count",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"$l(l+1)/2$ spans by induction, two of them, and $n$ predicates. Counted: everything that the real model can "
        "decode when every score that is not masked is enough.",
        subject=RELATIONS,
        fault=Fault("does not mask spans that end before they begin", FAULTS + "FullEntities"),
        plan=_plan_count,
        predict=_predict_count,
    ),
    Claim(
        id="gplinker.decode",
        source=_source("Simplified decomposition"),
        clauses=(
            Clause(
                "source", r"Decoding by the intersection of the four positive sets returns the labelled quintuples."
            ),
            Clause(
                "crossings",
                r"It returns them and their crossings: the heads of one labelled quintuple with the tails of another of the same "
                r"predicate, wherever both spans that arise are labelled as a subject and as an object. The set comes back exactly if and "
                r"only if it holds all of its crossings.",
                "ours",
                theorems=("returns-all", "crossings"),
                coq=("Gplinker.crossings",),
            ),
            Clause(
                "distinct-heads",
                r"So it does if different subjects begin at different tokens and different objects do.",
                "ours",
                theorems=("distinct-heads",),
                coq=("Gplinker.distinct_heads",),
            ),
            Clause(
                "smallest", r"The smallest counterexample has two tokens, one predicate and two quintuples.", "ours"
            ),
        ),
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
    ),
    Claim(
        id="gplinker.heads-suffice",
        source=_source("Simplified decomposition"),
        clauses=(
            Clause(
                "source",
                r"Without nested entities the head match alone decides the predicate.",
                theorems=("flat",),
                coq=("Gplinker.heads_suffice",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PM",
        outline="Two spans that begin at one token are nested. z3 proves for any length that spans and heads alone then return the "
        "labelled set, if no subject lies in another and no object in another (a subject may lie in an object). The real decoder, "
        "all tails above 0, on every such set of small size.",
        subject=DECODE,
        fault=Fault("drops the head match", FAULTS + "without_heads"),
        plan=_plan_heads,
        predict=_predict_heads,
        reduce=only_judged(_predict_heads),
    ),
    Claim(
        id="gplinker.loss",
        source=_source("eq. 3", "https://kexue.fm/archives/7359"),
        clauses=(
            Clause(
                "source",
                r"$\log(1+\sum_{pos}e^{-s}) + \log(1+\sum_{neg}e^{s})$ generalises softmax cross-entropy, orders every positive "
                r"above 0 above every negative, and needs no class weights.",
            ),
            Clause(
                "above",
                r"For one positive $t$ it is not softmax cross-entropy but above it: $\log(1+p)(1+n) > \log(1+pn)$ with $p = "
                r"e^{-t}$, $n = \sum e^{s}$ (without the threshold, $\log(1+\sum_{neg}\sum_{pos}e^{s-t})$, it would be equal).",
                "ours",
                theorems=("above-softmax",),
                coq=("Gplinker.loss_above_softmax",),
            ),
            Clause(
                "order",
                r"A loss below $\log 2$ has every positive above 0 and every negative below; above it there is no such promise.",
                "ours",
                theorems=("below-log-2",),
                coq=("Gplinker.loss_order",),
            ),
            Clause(
                "weights",
                r"No class weights, in this sense: the gradients of all negatives together have size $n/(1+n) < 1$, those of all positives "
                r"$p/(1+p) < 1$, however many there are.",
                "ours",
                theorems=("gradients",),
                coq=("Gplinker.loss_weights",),
            ),
        ),
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline=r"With $p, n > 0$ all three are inequalities of polynomials and exponentials (z3). The module's values and gradients "
        "on scores of all sizes, half of the cases with one positive. The infimum 0 is approached as positives go to infinity and "
        "negatives to minus infinity.",
        subject=DENSE,
        fault=Fault("gives positives the sign of negatives", FAULTS + "wrong_sign"),
        plan=_plan_loss,
        predict=_predict_loss,
    ),
    Claim(
        id="gplinker.sparse-loss",
        source=_source("Loss function"),
        clauses=(
            Clause(
                "source",
                r"The negative part equals $a + \log(1 - e^{b-a})$ with $a = \log(1+\sum_{all}e^s)$, $b = \log\sum_{pos}e^s$, so "
                r"positives' indices are enough.",
            ),
            Clause(
                "reals",
                r"In real numbers, as stated.",
                "ours",
                theorems=("identity",),
                coq=("Gplinker.sparse_identity",),
            ),
            Clause(
                "moderate",
                r"In floating point it holds to a few roundings where the positives' share $e^{b-a}$ is at most a half.",
                "ours",
                theorems=("share-below-one",),
            ),
            Clause(
                "textbook",
                r"As training goes on the share goes to 1 and $1 - e^{b-a}$ cancels; once it rounds to 0 the loss is $-\infty$ or NaN (float32: where "
                r"$10^{-7}$ is left), and so is its gradient.",
                "ours",
            ),
            Clause(
                "clipped",
                r"Clipped below at $10^{-7}$, as published code has it, it is finite there and wrong in another way: off by more than a hundred times "
                r"its size.",
                "ours",
            ),
            Clause(
                "ours",
                r"The indices are enough all the same: leave the positives out of the sum instead of subtracting them, take $\log(1+\sum e^s)$ as $c + "
                r"\log1p(\sum e^{s-c} + \mathrm{expm1}(-c))$, and give back what $s - c$ rounds off. That is accurate to 4 ulp in every format, its "
                r"gradient's entries to 8, for scores of any size, with no, one or more positives.",
                "ours",
            ),
        ),
        setting=r"Read (Loss function) as an identity of real numbers; published code clips it.",
        recorded=Verdict.QUALIFIED,
        legs="PM",
        outline=r"$e^a(1 - e^{b-a}) = 1 + n$ (z3). The article's formula, the clipped one and ours against extended precision without cancellation: one "
        r"positive at $x$ and 63 negatives near $-x$, $x = 0 \ldots 15$; ours also on scores from $-80$ to $80$.",
        subject=SPARSE,
        fault=Fault("subtracts the positives' sum", FAULTS + "textbook_sparse"),
        plan=_plan_sparse,
        predict=_predict_sparse,
        reduce=only_judged(_predict_sparse),
    ),
    Claim(
        id="gplinker.sparse-gain",
        source=_source("Loss function, Experimental results"),
        clauses=(
            Clause(
                "entries", r"For batch 64, 50 predicates, length 128 dense labels have $2bnl^2 \approx 10^8$ entries;"
            ),
            Clause("faster", r"the sparse loss trains 1.5 times faster."),
            Clause(
                "loss",
                r"On a CPU labels, loss and gradient together are at least 1.5 times as fast, and need the gradient beside the scores instead of four or more "
                r"copies.",
                "ours",
            ),
        ),
        recorded=Verdict.INCONCLUSIVE,
        legs="NM",
        timed=True,
        outline=r"One relation pointer's scores; dense labels made from the indices, the article's dense loss, forward and backward, against the sparse "
        r"loss of this suite, in turn. What training gains is $(T + T_{dense})/(T + T_{sparse})$, $T$ the rest of a step: anything between the loss's "
        r"factor and 1. The source's 1.5 is one GPU's and one trained model's; a random encoder on a CPU, shown beside, neither confirms nor excludes it.",
        subject=SPARSE,
        fault=Fault("makes dense labels and copies inside", FAULTS + "dense_inside"),
        plan=_plan_gain,
        predict=_predict_gain,
        reduce=_reduce_gain,
        beyond=_no_gpu,
    ),
    Claim(
        id="gplinker.parameters",
        source=_source("Experimental results"),
        clauses=(
            Clause(
                "source",
                r"At hidden size 768, head size 64 and LIC2019's 49 predicates GlobalPointer needs nearly 10 million parameters, "
                r"Efficient GlobalPointer about 300 thousand.",
                theorems=("counts",),
                coq=("Gplinker.parameters",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"Entities take 2 classes, heads and tails 49 each: $2 \cdot 100 \cdot 64 \cdot 769 = 9\,843\,200$, and $6 \cdot 64 "
        r"\cdot 769 + 2 \cdot 100 \cdot 129 = 321\,096$. Counted in the modules.",
        subject=GLOBAL,
        fault=Fault("has no bias", FAULTS + "NoBias"),
        plan=_plan_parameters,
        predict=_predict_parameters,
        reduce=only_judged(_predict_parameters, _reduce_parameters),
    ),
    Claim(
        id="gplinker.rotary",
        source=_source("Introduction of relative positions", "https://kexue.fm/archives/8373"),
        clauses=(
            Clause(
                "source",
                r"$R_i^\top R_j = R_{j-i}$: rotary scores depend on relative position only.",
                theorems=("diagonal", "off-diagonal"),
                coq=("Gplinker.rotary_relative", "Gplinker.rotary_scores"),
            ),
        ),
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
    ),
)

"""The squareplus claims (Barron 2021; kexue.fm/archives/8833); their legs are in the files beside this one."""

from __future__ import annotations

from scaleproof.claim import Claim, Clause, Fault, Source, Verdict
from scaleproof.claims.squareplus.against_softplus import (
    dominance_bends,
    minimax_bends,
    plan_against,
    predict_dominance,
    predict_minimax,
    reduce_dominance,
    reduce_minimax,
)
from scaleproof.claims.squareplus.common import ARTICLE_MODULE, FAULTS, MODULE
from scaleproof.claims.squareplus.floats import plan_floats, predict_floats, reduce_floats
from scaleproof.claims.squareplus.shape import (
    plan_convex,
    plan_gap,
    plan_relu,
    plan_slope,
    predict_convex,
    predict_gap,
    predict_relu,
    predict_slope,
    reduce_convex,
    reduce_gap,
    reduce_relu,
    reduce_slope,
)
from scaleproof.claims.squareplus.speed import plan_speed, predict_speed, reduce_speed

ARTICLE = "SquarePlus: possibly the simplest smooth approximation of ReLU (Su Jianlin 2021; Barron 2021)"
URL = "https://kexue.fm/archives/8833"


def _source(equation: str) -> Source:
    return Source(ARTICLE, URL, equation)


CLAIMS = (
    Claim(
        id="squareplus.relu-limit",
        source=_source("eq. 1-2"),
        clauses=(
            Clause(
                "source",
                r"$\mathrm{SP}_0 = \mathrm{ReLU}$; for $b > 0$, $\mathrm{SP}_b > \mathrm{ReLU}$ everywhere.",
                theorems=("zero-bend", "above-relu"),
                coq=("Squareplus.relu_limit",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PNM",
        outline=r"$\sqrt{x^2} = \lvert x\rvert$, and $\sqrt{x^2 + b} > \lvert x\rvert$ for $b > 0$: z3 refutes the "
        r"negation over the reals. (What rounding makes of it is squareplus.floats.)",
        subject=MODULE,
        fault=Fault("divides by 2.0001 instead of 2", FAULTS + "ShrunkSquarePlus"),
        plan=plan_relu,
        predict=predict_relu,
        reduce=reduce_relu,
    ),
    Claim(
        id="squareplus.gap",
        source=_source("eq. 1-2"),
        clauses=(
            Clause(
                "source",
                r"$0 < \mathrm{SP}_b(x) - \mathrm{ReLU}(x) \le \sqrt b/2$, with equality only at 0; the gap decays "
                r"like $b/(4\lvert x\rvert)$.",
                theorems=("bounds", "decay"),
                coq=("Squareplus.gap",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PNM",
        outline=r"The gap is $b/(2(\sqrt{x^2+b} + \lvert x\rvert))$. z3 proves the bound, its equality case, and "
        r"$\frac{b}{4\lvert x\rvert}\left(1 - \frac{b}{4x^2}\right) < \mathrm{gap} < \frac{b}{4\lvert x\rvert}$, which makes "
        r"the decay a statement with an error term.",
        subject=MODULE,
        fault=Fault("uses 2b for b", FAULTS + "DoubledBend"),
        plan=plan_gap,
        predict=predict_gap,
        reduce=reduce_gap,
    ),
    Claim(
        id="squareplus.monotone",
        source=_source("eq. 3"),
        clauses=(
            Clause(
                "source",
                r"$\mathrm{SP}_b'(x) = \frac12\left(1 + \frac{x}{\sqrt{x^2+b}}\right)$ lies in $(0, 1)$: strictly "
                r"increasing, 1-Lipschitz.",
                theorems=("derivative", "slope-range", "between"),
                coq=("Squareplus.monotone",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"SymPy differentiates; z3 proves $0 < \mathrm{SP}_b' < 1$, and $0 < \mathrm{SP}_b(y) - \mathrm{SP}_b(x) "
        r"< y - x$ for $x < y$ directly, without calculus.",
        subject=MODULE,
        fault=Fault("has (1 - x/r)/2 in the backward", FAULTS + "FlippedSlope"),
        plan=plan_slope,
        predict=predict_slope,
        reduce=reduce_slope,
    ),
    Claim(
        id="squareplus.convex",
        source=_source("eq. 4"),
        clauses=(
            Clause(
                "source",
                r"$\mathrm{SP}_b''(x) = \frac{b}{2(x^2+b)^{3/2}} > 0$; "
                r"$\sup \mathrm{SP}_b'' = \frac{1}{2\sqrt b}$ (the smoothness constant) and "
                r"$\sup \lvert\mathrm{SP}_b'''\rvert = \frac{24\sqrt5}{125\,b}$, both tight.",
                theorems=(
                    "second-derivative",
                    "third-derivative",
                    "second-bound",
                    "second-attained",
                    "third-bound",
                    "third-attained",
                ),
                coq=("Squareplus.convex",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PNM",
        outline=r"SymPy differentiates and evaluates at 0 and at $x = -\sqrt b/2$, where the suprema are attained; z3 "
        r"proves both bounds for all real $x$ and $b > 0$.",
        subject=MODULE,
        fault=Fault("has a first derivative without a graph", FAULTS + "DetachedSlope"),
        plan=plan_convex,
        predict=predict_convex,
        reduce=reduce_convex,
    ),
    Claim(
        id="squareplus.dominates-softplus",
        source=_source("eq. 5"),
        clauses=(
            Clause(
                "source",
                r"$\mathrm{SP}_b(x) \ge \log(1 + e^x)$ for all $x$ if and only if $b \ge 4\log^2 2 = 1.921812\ldots$",
                theorems=("threshold",),
                coq=("Squareplus.dominates_softplus",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PNM",
        outline=r"The difference is even in $x$ and increases with $b$ (z3). At $b = 4\log^2 2$ it and its slope are 0 at "
        r"$x = 0$ (SymPy); Arb balls show it convex next to 0 and positive up to $\lvert x\rvert = 6$, and z3 shows it "
        r"positive beyond. Smaller $b$ fail at 0.",
        subject=MODULE,
        fault=Fault("rounds b to two digits", FAULTS + "RoundedBend"),
        plan=plan_against(dominance_bends),
        predict=predict_dominance,
        reduce=reduce_dominance,
    ),
    Claim(
        id="squareplus.minimax",
        source=_source("eq. 8"),
        clauses=(
            Clause(
                "source",
                r"$\min_b \sup_x \lvert\mathrm{SP}_b(x) - \log(1+e^x)\rvert$ is attained at $b = 1.52382103\ldots$, with "
                r"value $0.075931\ldots$; it is unique, and the supremum is over all of $\mathbb R$.",
                theorems=("minimax",),
                coq=("Squareplus.minimax",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PNM",
        outline=r"With $x = 2t$ the difference is $\sqrt{t^2 + b/4} - \log(2\cosh t)$: even in $x$, increasing in $b$. Its "
        r"errors at 0 and at the peak balance where $t\coth(t/2) = \log(4\cosh t)$, and then $b^* = 4t^2/\sinh^2 t$. "
        r"(The source has no closed form and minimises numerically on a window.) Below $b^*$ the error at 0 is larger, above it the one at the peak: the optimum is unique. Arb balls "
        r"cover $\lvert x\rvert \le 8$, with a concave piece around the peak and a convex one at 0; z3 proves the tails.",
        subject=MODULE,
        fault=Fault("rounds b to two digits", FAULTS + "RoundedBend"),
        plan=plan_against(minimax_bends),
        predict=predict_minimax,
        reduce=reduce_minimax,
    ),
    Claim(
        id="squareplus.speed",
        source=_source("the figure of timings"),
        clauses=(
            Clause(
                "source",
                r"On a CPU SquarePlus is several times faster than softplus, needing only $+$, $\cdot$, $\div$ and roots.",
            ),
            Clause(
                "compiled",
                r"Compiled into one kernel it is at least twice as fast as softplus on $2^{18}$ elements and more, where "
                r"arithmetic counts (on $2^{10}$, where the call does, less than three times).",
                "ours",
            ),
            Clause(
                "eager",
                r"As torch operations run one by one, the formula is less than three times as fast as the built-in softplus at "
                r"every size measured, and slower on $2^{10}$ elements: it makes several passes over memory where softplus makes one.",
                "ours",
            ),
        ),
        recorded=Verdict.CORRECTED,
        legs="M",
        timed=True,
        outline=r"Interleaved repetitions in one process; the median of the ratio with a distribution-free interval. "
        r"'Several' is taken as three or more. The accurate module, GELU and SiLU run beside it.",
        subject=ARTICLE_MODULE,
        fault=Fault("takes the root as exp(log(x² + b)/2)", FAULTS + "TranscendentalRoot"),
        plan=plan_speed,
        predict=predict_speed,
        reduce=reduce_speed,
    ),
    Claim(
        id="squareplus.floats",
        source=Source(ARTICLE, URL, "the order statements, run in floating point"),
        clauses=(
            Clause(
                "source",
                r"The three order statements ($> \mathrm{ReLU}$, strictly increasing, finite) also hold for the module in "
                r"float32, bfloat16 and float16.",
            ),
            Clause(
                "half",
                r"For all finite $x \le y$ of float16 and bfloat16 and $b = 4$ the module's result is finite, "
                r"$f(x) \ge \mathrm{ReLU}(x)$, $f(x) \le f(y)$, and within 1 ulp of $\mathrm{SP}_4(x)$.",
                "ours",
                theorems=("all-of-float16", "all-of-bfloat16"),
            ),
            Clause(
                "float32",
                r"Of float32 the full profile tries all $2^{32}$ patterns, the quick one a sample of every binade: the same three "
                r"orders, and at most 4 ulp, with no exception among the inputs that were tried.",
                "ours",
            ),
            Clause(
                "not-strict",
                r"Neither inequality is strict: from some $x$ on, $b/(4x)$ is less than half an ulp and $f(x) = x$; and many "
                r"neighbours share a value.",
                "ours",
            ),
            Clause("as-written", r"The formula as written overflows, and for $x \ll 0$ it cancels to 0.", "ours"),
        ),
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline=r"All 65 536 patterns of each 16-bit format run through torch; the table of results is the certificate, "
        r"and the checker compares integers and rationals only. float32 is sampled in every binade (quick) or run "
        r"through all of its $2^{32}$ patterns (full).",
        subject=MODULE,
        fault=Fault("squares x without a guard", FAULTS + "UnguardedSquare"),
        plan=plan_floats,
        predict=predict_floats,
        reduce=reduce_floats,
    ),
)

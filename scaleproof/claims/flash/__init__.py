"""The flash claims: the gated attention unit and mixed chunk attention (kexue.fm/archives/8934; Hua et al. 2022)."""

from __future__ import annotations

from scaleproof.claim import Claim, Clause, Fault, Source, Verdict, only_judged
from scaleproof.claims.flash.legs import (
    plan_chunks,
    plan_cost,
    plan_leak,
    plan_normaliser,
    plan_parameters,
    plan_past,
    plan_special,
    plan_sums,
    predict_chunks,
    predict_cost,
    predict_leak,
    predict_normaliser,
    predict_parameters,
    predict_past,
    predict_special,
    predict_sums,
    reduce_chunks,
    reduce_cost,
    reduce_leak,
    reduce_normaliser,
    reduce_parameters,
    reduce_sums,
)
from scaleproof.claims.shared.gated import FLASH, GAU

FAULTS = "torchcheck.faults.flash:"


def _source(equation: str) -> Source:
    return Source(
        "FLASH: probably the most interesting efficient Transformer design recently (Su Jianlin 2022; Hua et al. 2022, "
        "arXiv:2202.10447)",
        "https://kexue.fm/archives/8934",
        equation,
    )


CLAIMS = (
    Claim(
        id="flash.special-cases",
        source=_source("eq. 3"),
        clauses=(
            Clause(
                "source",
                r"In $O = (U \odot AV)W_o$, $A = I$ gives the GLU feed-forward layer, $U = 1$ gives attention.",
                theorems=("entries",),
                coq=("Flash.special_cases",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PM",
        outline="By substitution, entry by entry. The module with the identity kernel against a gated linear unit made of "
        "torch's functions with the same weights, and with an open gate and the softmax kernel against explicit softmax "
        "attention.",
        subject=GAU,
        fault=Fault("adds the gate instead of multiplying by it", FAULTS + "AddedGate"),
        plan=plan_special,
        predict=predict_special,
    ),
    Claim(
        id="flash.parameters",
        source=_source("One is enough"),
        clauses=(
            Clause(
                "source",
                r"A GAU has about $3de$ parameters; with $e = 2d$ two GAUs match one attention + FFN layer ($12d^2$).",
                theorems=("count", "excess"),
                coq=("Flash.parameters",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"Exactly $3de + s(d + 4)$; two with $e = 2d$ have $12d^2 + 2s(d + 4)$. 'About' is read as within 5 %, which "
        r"for $s = 128$ holds from $d = 512$ on (the excess is $s/6d$: 17 % at $d = 128$). Counted in the module and in the "
        "matrices of torch.nn.TransformerEncoderLayer.",
        subject=GAU,
        fault=Fault("has one more d x d matrix", FAULTS + "SquareValues"),
        plan=plan_parameters,
        predict=predict_parameters,
        reduce=reduce_parameters,
    ),
    Claim(
        id="flash.normaliser",
        source=_source("Weak attention"),
        clauses=(Clause("source", r"$1/(ns)$ keeps attention's scale as $n$ grows; $1/n^2$ makes it vanish."),),
        recorded=Verdict.CONFIRMED,
        legs="NM",
        cost="tens of seconds",
        outline=r"The mean row sum of $A$ at initialisation is $(a_0 + (n-1)a_1)/D$ with $a_0 = \mathbb{E}\,"
        r"\mathrm{relu}^2(S_{ii})$ and $a_1 = \mathbb{E}\,\mathrm{relu}^2(S_{ij})$. For $D = ns$ it falls to the constant "
        r"$a_1/s$ (from 1.9 times that at $n = 64$, where the diagonal still counts), for $D = n^2$ like $1/n$. Both $a$'s "
        "come from the theory of the gau claims.",
        subject=GAU,
        fault=Fault("leaves n out of the divisor", FAULTS + "ForgottenLength"),
        plan=plan_normaliser,
        predict=predict_normaliser,
        reduce=reduce_normaliser,
    ),
    Claim(
        id="flash.chunk-linear",
        source=_source("Mixed chunking"),
        clauses=(
            Clause(
                "source",
                r"The bidirectional global part, summed over chunks, equals unchunked linear attention with factor $1/n$.",
                theorems=("one-term",),
                coq=("Flash.chunked_is_unchunked",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"$\sum_h K_h^\top V_h = K^\top V$, term by term. The real layer, its part inside chunks silenced, against "
        r"$(QK^\top)V/n$ in float64, also where $c$ does not divide $n$.",
        subject=FLASH,
        fault=Fault("leaves the first chunk out", FAULTS + "DroppedChunk"),
        plan=plan_chunks,
        predict=predict_chunks,
        reduce=reduce_chunks,
    ),
    Claim(
        id="flash.causal-normaliser",
        source=_source("Mixed chunking, the cumulative form"),
        clauses=(
            Clause(
                "source",
                r"The causal global part of chunk $g$ (first is 1) is $Q_g\sum_{h<g}K_h^\top V_h$ divided by $(g-1)n/c$.",
            ),
            Clause(
                "positions",
                r"Divided by $(g-1)c$, the number of positions summed, it is their mean; for $g = 1$ it is 0.",
                "ours",
                theorems=("weights",),
                coq=("Flash.past_is_mean",),
            ),
            Clause(
                "with-n-over-c",
                r"With $(g-1)n/c$, $c$ the chunk's length as everywhere else in the article, it is $c^2/n$ times the "
                r"mean: equal to it only for $n = c^2$, shrinking as the text grows, dependent on $n$ (so outputs change when tokens are "
                r"appended), and $0/0$ in the first chunk. (Read with $c$ the number of chunks, $n/c$ is a chunk's length and the formula is right.)",
                "ours",
                theorems=("iff-square", "weights", "chunks-for-c"),
                coq=("Flash.with_n_over_c",),
            ),
        ),
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline=r"A sum over $t$ positions has to be divided by $t$ (the article says so of the paper's code). z3 proves that "
        r"$(g-1)n/c = (g-1)c$ if and only if $n = c^2$. Measured on identical tokens, where the mean is known: the weight that "
        r"each chunk's past gets. FLASH-pytorch, shown beside, divides by $c$ alone: its weight $g - 1$ grows with the text.",
        subject=FLASH,
        fault=Fault("divides by g c, one chunk too many", FAULTS + "CountsItself"),
        plan=plan_past,
        predict=predict_past,
        reduce=only_judged(predict_past),
    ),
    Claim(
        id="flash.no-leak",
        source=_source("Mixed chunking"),
        clauses=(
            Clause(
                "source",
                r"The causal layer's output at position $i$ depends on no later input.",
                theorems=("earlier", "complete"),
                coq=("Flash.no_leak",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"Earlier chunks hold earlier positions only, and nothing earlier is left out. The real layer, $n = 45$, $c = "
        r"8$: every gradient $\partial y_i/\partial x_j$, $j > i$, is exactly 0, and so is the change when all later inputs "
        r"are replaced; no gradient between chunks is, earlier to later. (How many inputs follow is another matter: a causal GAU divided by $ns$ "
        r"and FLASH-pytorch's GAU change by the amounts shown as leak.length when the later inputs are cut off; a GAU divided "
        r"by the visible positions, and this layer, do not.)",
        subject=FLASH,
        fault=Fault("masks from one position too late", FAULTS + "LateMask"),
        plan=plan_leak,
        predict=predict_leak,
        reduce=reduce_leak,
    ),
    Claim(
        id="flash.linear-cost",
        source=_source("Mixed chunking"),
        clauses=(
            Clause("source", r"Time and memory grow linearly in $n$ at fixed $c$; FLASH-Quad grows quadratically."),
        ),
        recorded=Verdict.CONFIRMED,
        legs="NM",
        timed=True,
        outline=r"Exact counts: multiply-adds $n(3de + ds + c(s + e) + 2se)$ against $n(3de + ds) + n^2(s + e)$; numbers kept "
        r"for the backward pass $n(d + 6e + 6s + 2c) + se$ against $n(d + 6e + 4s) + 2n^2$, both as torch counts them on the "
        "real modules, forward and backward. Exponents of peak memory and wall time at the largest sizes. FLASH-Quad passes "
        "the linear layer in cost only from some $n$ on, and is not yet quadratic before.",
        subject=FLASH,
        fault=Fault("computes the global part as (Q K^T) V", FAULTS + "DenseGlobal"),
        plan=plan_cost,
        predict=predict_cost,
        reduce=only_judged(predict_cost, reduce_cost),
    ),
    Claim(
        id="flash.causal-memory",
        source=_source("Mixed chunking"),
        clauses=(
            Clause(
                "source",
                r"Chunking needs $b(n/c)se$ numbers for the causal sums, where plain linear attention needs $bns^2$ ($h$ "
                r"times that with $h$ heads).",
            ),
            Clause("chunks", r"Chunking needs $b(n/c)se$.", "ours"),
            Clause(
                "values-of-s",
                r"Plain linear attention with values of $s$ dimensions, the kind that the article compares with, needs $bns^2$, and with $h$ heads that "
                r"each have $s$ value dimensions $h$ times that.",
                "ours",
                theorems=("heads",),
                coq=("Flash.memory_of_positions",),
            ),
            Clause(
                "values-of-e",
                r"The same layer without chunks, with values of $e$ dimensions, needs $bnse$: exactly $c$ times what chunking needs. $h$ heads "
                r"that share $e$ value dimensions need $bnse$, whatever $h$ is.",
                "ours",
                theorems=("positions", "heads"),
                coq=("Flash.memory_of_chunks",),
            ),
        ),
        setting=r"Read (Mixed chunking) with a usual linear attention beside it, whose heads have as many "
        r"value as key dimensions.",
        recorded=Verdict.QUALIFIED,
        legs="PM",
        outline=r"$K_h^\top V_h$ has $s \times e$ entries. The largest cumulative sum in the real modules: FLASH, and linear "
        r"attention with sums at every position, for values of $e$ and of $s$ dimensions, and for four heads.",
        subject=FLASH,
        fault=Fault("sums at every position", FAULTS + "ChunkOfOne"),
        plan=plan_sums,
        predict=predict_sums,
        reduce=reduce_sums,
    ),
)

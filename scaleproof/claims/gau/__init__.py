"""The gau claims: does the gated attention unit still need warmup? (kexue.fm/archives/8990)"""

from __future__ import annotations

from scaleproof.claim import Claim, Clause, Fault, Source, Verdict, only_judged
from scaleproof.claims.gau.legs import (
    STACK,
    plan_entries,
    plan_identity,
    plan_lambda,
    plan_moments,
    plan_output,
    predict_diagonal,
    predict_entries,
    predict_identity,
    predict_lambda,
    predict_moments,
    predict_output,
    reduce_entries,
    reduce_identity,
    reduce_lambda,
    reduce_output,
)
from scaleproof.claims.shared.gated import GAU

FAULTS = "torchcheck.faults.gau:"


def _source(equation: str) -> Source:
    return Source(
        "Does the gated attention unit (GAU) still need warmup? (Su Jianlin 2022)",
        "https://kexue.fm/archives/8990",
        equation,
    )


CLAIMS = (
    Claim(
        id="gau.moments",
        source=_source("Basic integrals"),
        clauses=(
            Clause(
                "source",
                r"$\mu = \mathbb{E}\,\mathrm{swish}(\varepsilon) = 0.2066\ldots$, $\nu^2 = "
                r"\mathbb{E}\,\mathrm{swish}(\varepsilon)^2 = 0.3557\ldots$",
                theorems=("mu", "nu-squared", "digits"),
                coq=("Gau.mu", "Gau.nu_squared"),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PNM",
        outline="Arb's quadrature over [-20, 20] in ball arithmetic, whose truncation error is part of the ball, and the tails "
        r"by $\lvert\mathrm{swish}(x)\rvert \le \lvert x\rvert$ (z3). The certificate encloses both to 17 digits, the "
        "prediction to 40, each checked by mpmath at 80. torch's SiLU on 4 million normal numbers.",
        subject="torch.nn:SiLU",
        fault=Fault("is GELU", "torch.nn:GELU"),
        plan=plan_moments,
        predict=predict_moments,
    ),
    Claim(
        id="gau.attention-entries",
        source=_source("Self-attention"),
        clauses=(
            Clause("source", r"$A_{ii} \approx s\nu^4/n$, $A_{ij} \approx s\mu^4/n$, their ratio is about 69."),
            Clause("diagonal", r"$A_{ii}$ as stated (5 % more at $s = 128$, $d = 768$).", "ours"),
            Clause(
                "off-diagonal",
                r"$\mathbb{E}A_{ij} = \mathbb{E}\,\mathrm{relu}^2(S_{ij})/(ns)$ is larger: $S_{ij}$ has the mean $s\mu^2$ and the variance "
                r"$s(\nu^4 - \mu^4) + s^2c_1^4/d$, $c_1 = \mathbb{E}\,\mathrm{swish}'(\varepsilon)$, and the square sees both. At $s = 128$, $d = 768$ "
                r"the mean entry is 1.58 times $s\mu^4/n$, the ratio 46.",
                "ours",
                argued=("the formula is theory's; its numbers are what is measured",),
            ),
        ),
        recorded=Verdict.CORRECTED,
        legs="NM",
        cost="minutes",
        outline=r"$S_{ij} = \langle Z_i, Z_j\rangle$ is a sum of $s$ terms of mean $\mu^2$ and variance $\nu^4 - \mu^4 \approx "
        r"70\mu^4$: its standard deviation exceeds its mean below $s \approx 70$. Means of $\mathrm{relu}^2$ come from the exact "
        "characteristic function of the sum, and the Wishart law of the inner products of inputs.",
        subject=GAU,
        fault=Fault("has gamma and beta swapped", FAULTS + "SwappedAffine"),
        plan=plan_entries,
        predict=predict_entries,
        reduce=only_judged(predict_entries, reduce_entries),
    ),
    Claim(
        id="gau.near-diagonal",
        source=_source("Self-attention"),
        clauses=(
            Clause("source", r"So $A \approx (s\nu^4/n) I$ and $O \approx (s\nu^4/n)(U \odot V)W_o$."),
            Clause(
                "shares",
                r"The diagonal carries $a_0/(a_0 + (n-1)a_1)$ of a row's sum, 8 % at $s = 128$, $n = 512$, $d = 768$, and 6 % of $\mathbb{E}O^2$, because "
                r"$V$ has the mean $\mu$: what other tokens add is coherent.",
                "ours",
            ),
        ),
        recorded=Verdict.CORRECTED,
        legs="NM",
        cost="tens of seconds",
        outline="One diagonal entry is 46 times an entry beside it, but there are 511 of those, and they add up coherently. "
        "Measured: the output with the diagonal of $A$ alone over the whole output (mean squares), the diagonal's share of a "
        "row, and the effective rank of $A$, which is near $n$ all the same.",
        subject=GAU,
        fault=Fault("has gamma and beta swapped", FAULTS + "SwappedAffine"),
        plan=plan_entries,
        predict=predict_diagonal,
        reduce=only_judged(predict_diagonal, reduce_entries),
    ),
    Claim(
        id="gau.output-scale",
        source=_source("Remaining parts"),
        clauses=(
            Clause(
                "source",
                r"$\mathbb{E}O^2 \approx s^2\nu^{12}/n^2$: about 0.01 of the input at $s = 128$, $n = 512$, two orders smaller.",
            ),
            Clause(
                "parts",
                r"$\mathbb{E}O_i^2 = \lambda^2\,\mathbb{E}[U_i^2\sum_{j,l}A_{ij}A_{il}V_jV_l]$ has four parts: the token itself "
                r"(the article's, $\propto 1/n^2$), one other token twice ($1/n$), the token and another ($1/n$), two others (constant). "
                r"The RMS is 0.056 at $s = 128$, $n = 512$, $d = 768$, and tends to a constant as $n$ grows, not to 0.",
                "ours",
                argued=("the limit is theory's, which is measured up to n = 1024 (8192 in the full profile)",),
            ),
        ),
        recorded=Verdict.CORRECTED,
        legs="NM",
        cost="minutes",
        outline=r"Each part is an expectation over $(S_{ij}, S_{il})$, computed by a two-dimensional Fourier transform of their "
        r"characteristic function (the $s$-th power of one unit's), averaged over the Wishart law of $XX^\top/d$. Within 5 % of "
        r"the module for $n = 16 \ldots 8192$, $s = 16 \ldots 256$, $d = 128 \ldots 1024$, $\lambda = 0.05 \ldots 1$ (tests, "
        r"$n = 8192$ in the full profile). FLASH-pytorch's GAU, shown beside, has another scale again: it divides by $n^2$, its "
        r"$\gamma$ starts at 0.02, and its relative position bias of size $\sqrt d$ sets the attention.",
        subject=GAU,
        fault=Fault("has twice the variance in W_u and W_v", FAULTS + "LoudValues"),
        plan=plan_output,
        predict=predict_output,
        reduce=reduce_output,
    ),
    Claim(
        id="gau.lambda-seven",
        source=_source("Crazy scale"),
        clauses=(
            Clause("source", r"Scaling every weight by $\lambda$ scales the output by $\lambda^7$."),
            Clause(
                "local",
                r"$d\log O/d\log\lambda$ tends to 7 as $\lambda \to 0$ (swish is linear there); at $\lambda$ of order 1 $\mu \propto \lambda^2$ makes the mean "
                r"of others' values fall faster: at $s = 128$, $n = 512$ the exponent between neighbouring gains is 9.5 from 1 to 0.7, 9.0 from 0.7 to "
                r"0.5, and 7.0 below 0.1.",
                "ours",
            ),
        ),
        recorded=Verdict.CORRECTED,
        legs="NM",
        cost="tens of seconds",
        outline=r"$\mathrm{swish}(\lambda x) = \lambda x/2 + \lambda^2x^2/4 + \ldots$: the first term gives $\lambda^7$, the second "
        r"gives $Z$ and $V$ the means that the part of two other tokens lives on. Measured between neighbouring gains with the "
        "same weights and inputs.",
        subject=GAU,
        fault=Fault("has no gain on W_z", FAULTS + "ForgottenGain"),
        plan=plan_lambda,
        predict=predict_lambda,
        reduce=reduce_lambda,
    ),
    Claim(
        id="gau.identity",
        source=_source("Conclusion first"),
        clauses=(
            Clause(
                "source",
                r"So GAU layers with Post-Norm start near the identity, like DeepNorm with $\alpha \approx 100$, and hundreds of "
                r"them train without warmup.",
            ),
            Clause(
                "alpha",
                r"The effective $\alpha$, stream over branch, is 18 at $s = 128$, $n = 512$, $d = 768$; theory's limit for large $n$ is 20.2.",
                "ours",
                argued=("the limit is theory's",),
            ),
            Clause(
                "paper",
                r"With the initialisation of the paper's code (deviation 0.02 for matrices and $\gamma$) it is above $10^9$: there a layer is the "
                r"identity to all digits of float32.",
                "ours",
            ),
            Clause(
                "gradients",
                r"It does not grow with depth as DeepNorm's does, and the squared norm of the gradient grows with the "
                r"number of layers, with an exponent between 1 and 1.3 from 2 to 96 layers at width 64.",
                "ours",
            ),
            Clause(
                "training",
                r"Stacks of 24 and 100 layers learn from the first step without warmup where Post-LN Transformers of the same size do "
                r"not, at each of the seeds that are tried.",
                "ours",
            ),
        ),
        recorded=Verdict.CORRECTED,
        legs="NM",
        cost="minutes",
        outline=r"$\alpha = 1/\mathrm{RMS}(O)$ from gau.output-scale. Gradient profiles of stacks of 2 to 96 layers; a character "
        r"model on English text with Adam at a constant rate. (Two sublayers of a Transformer are one attention and one FFN, so "
        r"50 blocks have 100 sublayers and as many parameters as 100 GAUs. 300 layers in the full profile.) Causal with the "
        r"divisor $ns$; divided by the visible positions instead, the first tokens' outputs are as large as their inputs.",
        subject=STACK,
        fault=Fault("leaves n out of the divisor", FAULTS + "undivided_stack"),
        plan=plan_identity,
        predict=predict_identity,
        reduce=reduce_identity,
    ),
)

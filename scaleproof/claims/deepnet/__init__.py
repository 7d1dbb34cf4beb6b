"""The deepnet claims: training very deep Transformers (kexue.fm/archives/8978; Wang et al. 2022, arXiv:2203.00555)."""

from __future__ import annotations

from scaleproof.claim import Claim, Clause, Fault, Source, Verdict
from scaleproof.claims.deepnet import scaling, structure, training
from scaleproof.claims.deepnet.common import FAULTS, SUBJECT, source

PAPER = Source(
    "DeepNet: scaling Transformers to 1,000 layers (Wang et al. 2022)", "https://arxiv.org/abs/2203.00555", "sec. 4.1"
)
UNSCALED = r"The gains and biases of the layer norms are scaled by neither constant: "
MATRICES = (
    r"Read (section 4) as a statement about the matrices of the branches, to which $\lambda$ is applied, and which are nearly all "
    r"parameters."
)

CLAIMS = (
    Claim(
        id="deepnet.first-order",
        source=source("eq. 1, section 6"),
        clauses=(
            Clause(
                "source",
                r"$\Delta L \approx -\eta\lVert\nabla L\rVert_2^2$ for SGD, $-\eta\lVert\nabla L\rVert_1$ for Adam's first "
                r"step, $-\eta\lVert\theta\rVert\lVert\nabla L\rVert_1$ for LAMB.",
            ),
            Clause(
                "as-stated",
                r"As stated for SGD and Adam.",
                "ours",
                theorems=("chain-rule", "per-coordinate"),
                coq=("Deepnet.sgd_and_adam",),
            ),
            Clause(
                "lamb",
                r"LAMB gives the update the norm $\eta\lVert\theta\rVert$ as a whole, so a sign "
                r"step moves each of a tensor's $n$ entries (those with a gradient that is not 0) by $\eta\lVert\theta\rVert/\sqrt{n}$, and $\Delta L \approx "
                r"-\eta\sum\lVert\theta\rVert\lVert\nabla_\theta L\rVert_1/\sqrt{n}$ over tensors.",
                "ours",
                theorems=("chain-rule", "lamb"),
                coq=("Deepnet.lamb",),
            ),
        ),
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline=r"The derivative of $L(\theta - \eta u)$ by $\eta$ at 0 is $-\langle\nabla L, u\rangle$, with $u$ the "
        r"gradient, its sign, and the sign rescaled to $\lVert\theta\rVert$. Real steps of torch's SGD and Adam and of the "
        r"LAMB in pytorch_optimizer, in float64, for a ladder of learning rates (the correction changes growth with width, not with depth); Adam's sixth step is shown beside them. "
        r"(That LAMB divides its step by $1 - \beta_1^t$ by default, which the trust ratio does not undo: its first step "
        r"is ten times the paper's. The measurement switches this off.)",
        subject=SUBJECT,
        fault=Fault("halves the gradients of the FFN's output matrices", FAULTS + "HalvedGradient"),
        plan=structure.plan_first_order,
        predict=structure.predict_first_order,
        reduce=structure.reduce_first_order,
    ),
    Claim(
        id="deepnet.explosion",
        source=source("section 1"),
        clauses=(
            Clause(
                "bounded", r"Standard Post-LN, Xavier, $\alpha = \lambda = 1$: every weight matrix has gradient $O(1)$,"
            ),
            Clause(
                "linear",
                r"so $\Delta L = O(\eta NK)$: linear in $N$.",
                argued=(
                    "beyond the depths that are measured the law is theory's, whose local exponent is 1.01 between N = 128 and 256",
                ),
            ),
        ),
        recorded=Verdict.CONFIRMED,
        legs="NM",
        cost="minutes",
        outline=r"Mean-field theory: a sublayer multiplies a cotangent's square by $(1 + \chi)/(1 + f)$ with $f$ the branch's "
        r"forward and $\chi$ its backward gain. For an FFN $\chi = f = 0.32$, so nothing grows or shrinks. Attention "
        r"averages tokens: their cosine goes to 1 within some ten blocks, and from then on $\chi = f$ for it as well, while "
        r"gradients of queries and keys, which see differences between tokens only, die out. The sum is linear in $N$, with "
        r"the slope rising over the first blocks. (At finite width $d$ the logarithm of a gradient spreads like "
        r"$\sqrt{N/d}$: for $N > d$ the mean over initialisations is carried by a few. The sum of absolute values, Adam's, is shown "
        r"beside: its exponent on these depths is 0.87, since where tokens are alike gradients have rank 1 and their entries, of the "
        r"same norm, a smaller mean size.)",
        subject=SUBJECT,
        fault=Fault("has layer norms with eps = 1", FAULTS + "large_eps"),
        plan=scaling.plan_explosion,
        predict=scaling.predict_explosion,
        reduce=scaling.reduce_explosion,
    ),
    Claim(
        id="deepnet.probe",
        source=source("eq. 3"),
        clauses=(
            Clause(
                "source",
                r"With $W = \lambda U$: $\partial L/\partial\lambda = \langle\partial L/\partial W, U\rangle$; so it is a "
                r"probe of the magnitude of $\partial L/\partial W$.",
            ),
            Clause("identity", r"The identity holds.", "ours", theorems=("chain-rule",), coq=("Deepnet.probe",)),
            Clause(
                "mean-square",
                r"As a probe it is a random projection: for a Gaussian $U$ drawn independently of the gradient $(\partial L/\partial\lambda)^2$ is in the mean "
                r"exactly $\lVert\partial L/\partial W\rVert_F^2\lVert U\rVert_F^2/n$ ($n$ entries); for the $U$ of the layer itself, on which the "
                r"gradient depends, it is of that order: for $\tanh(Wx)$ with $\lambda = 1/2$ and a normal $x$ 0.53 times it, to leading order in 1/width.",
                "ours",
            ),
            Clause(
                "single",
                r"A single case may be far smaller: among eight thousand there is one below a hundredth of the root mean square.",
                "ours",
            ),
            Clause(
                "norm",
                r"Where a norm follows the weight directly, $L$ does not depend on $\lambda$, and the probe is 0 whatever the gradient is.",
                "ours",
                theorems=("after-a-norm",),
                coq=("Deepnet.after_a_norm",),
            ),
        ),
        setting=r"Read (eq. 3) as a statement about orders of magnitude over initialisations, for a weight "
        r"inside a residual branch, which no norm follows directly.",
        recorded=Verdict.QUALIFIED,
        legs="PM",
        outline=r"The chain rule per entry; and the derivative of a normalised output by the scale before it is 0 (SymPy). "
        r"Measured by autograd on a layer with $\lambda$ as a parameter, once with a residual around it, once with a layer "
        r"norm after it.",
        subject="torchcheck.modules:ScaledLinear",
        fault=Fault("uses lambda squared times U", FAULTS + "TwiceScaled"),
        plan=structure.plan_probe,
        predict=structure.predict_probe,
        reduce=structure.reduce_probe,
    ),
    Claim(
        id="deepnet.branch-gradients",
        source=source("sections 3 and 4"),
        clauses=(
            Clause(
                "source",
                r"$\partial L/\partial\lambda_1 = O(\lambda_2/\alpha)$, $\partial L/\partial\lambda_2 = "
                r"O(\lambda_1/\alpha)$ for the FFN; the same for $v$ and $o$ of attention; $q$ and $k$ are negligible.",
            ),
            Clause("powers", r"The powers of $\lambda$ and $\alpha$ hold, for the FFN and for $v$ and $o$.", "ours"),
            Clause(
                "negligible",
                r"Gradients of $q$ and $k$ are negligible beside those of $v$ and $o$ where $\lambda$ is small, as it is in deep scaled stacks "
                r"(their ratio is 0.9 $\lambda$ for independent tokens), or where tokens are alike: the ratio falls with $1 - c$, $c$ the "
                r"tokens' cosine, in proportion to it as $c \to 1$.",
                "ours",
            ),
            Clause(
                "not-negligible",
                r"At $\lambda = 1$ and independent tokens they are as large: the ratio of norms is 0.9 at width 256 with 32 tokens, "
                r"because averaging independent tokens shrinks the gradients of $v$ as much.",
                "ours",
            ),
        ),
        setting=r"Read (sections 3 and 4) for deep stacks, whose $\lambda$ is small.",
        recorded=Verdict.QUALIFIED,
        legs="NM",
        outline=r"With $F = \lambda_1\lambda_2 G$ for a positively homogeneous FFN each derivative carries the other's "
        r"$\lambda$, and the residual weight enters as $1/\alpha$. For attention with scores of variance $1 - c$ theory gives "
        r"the squared gradient of $q$ over that of $v$ as $(1-c)^2(s - 2s_3 + s^2 + 1/d)/(c + (1-c)s)$, $s = \mathbb{E}\sum "
        r"A_j^2$ and $s_3 = \mathbb{E}\sum A_j^3$ of the softmax weights.",
        subject="torchcheck.modules:Transformer",
        fault=Fault("does not use alpha", FAULTS + "ForgottenAlpha"),
        plan=structure.plan_branch,
        predict=structure.predict_branch,
        reduce=structure.reduce_branch,
    ),
    Claim(
        id="deepnet.sgd",
        source=source("eq. 15"),
        clauses=(
            Clause("source", r"$\alpha = (2N)^{1/4}$, $\lambda = (2N)^{-1/4}$ makes $\Delta L$ independent of $N$."),
            Clause("matrices", r"It makes the share of the weight matrices independent of $N$.", "ours"),
            Clause(
                "norms",
                UNSCALED
                + r"their share of $\lVert\nabla L\rVert^2$ grows linearly in $N$, and with it the sum over all parameters.",
                "ours",
            ),
        ),
        setting=MATRICES,
        recorded=Verdict.QUALIFIED,
        legs="NM",
        cost="minutes",
        outline=r"A matrix of a branch has $\lVert\partial L/\partial W\rVert^2 \propto \lambda^2/\alpha^2 = 1/(2N)$, and the "
        r"branches' weight $\lambda^4/\alpha^2 = (2N)^{-3/2}$ leaves signals and cotangents as they are. A norm's gain has "
        r"$\sum_t \delta_t x_t$ per coordinate, whatever $\alpha$ and $\lambda$ are. Theory predicts every matrix's gradient "
        r"norm to a few per cent.",
        subject=SUBJECT,
        fault=Fault("has the square root of alpha", FAULTS + "weak_alpha"),
        plan=scaling.plan_optimizer("sgd"),
        predict=scaling.predict_optimizer("sgd"),
        reduce=scaling.reduce_optimizer("sgd"),
    ),
    Claim(
        id="deepnet.adam",
        source=source("section 6"),
        clauses=(
            Clause(
                "source",
                r"$\alpha = (2N)^{1/2}$, $\lambda = (2N)^{-1/2}$ makes $\Delta L$ independent of $N$ for Adam's sign steps.",
            ),
            Clause("matrices", r"It makes the share of the weight matrices independent of $N$.", "ours"),
            Clause(
                "norms",
                UNSCALED
                + r"their share of $\lVert\nabla L\rVert_1$ grows linearly in $N$, and with it the sum over all parameters.",
                "ours",
            ),
        ),
        setting=MATRICES,
        recorded=Verdict.QUALIFIED,
        legs="NM",
        cost="minutes",
        outline=r"The entries of a matrix's gradient are proportional to $\lambda/\alpha = 1/(2N)$, so their sum over $2N$ "
        r"sublayers is constant; a norm's are not scaled. Adam's $\epsilon$ is taken as 0: at $N = 1000$ entries are below "
        r"$10^{-7}$ for a mean loss, and torch's default of $10^{-8}$ begins to matter.",
        subject=SUBJECT,
        fault=Fault("has the square root of alpha", FAULTS + "weak_alpha"),
        plan=scaling.plan_optimizer("adam"),
        predict=scaling.predict_optimizer("adam"),
        reduce=scaling.reduce_optimizer("adam"),
    ),
    Claim(
        id="deepnet.lamb",
        source=source("section 6"),
        clauses=(
            Clause("source", r"$\alpha = 1$, $\lambda = (2N)^{-1/2}$ makes $\Delta L$ independent of $N$ for LAMB."),
            Clause(
                "matrices",
                r"It makes the share of the weight matrices independent of $N$ ($q$ and $k$ included: their weights are not scaled, their "
                r"gradients are $O(\lambda^2)$).",
                "ours",
            ),
            Clause(
                "norms",
                UNSCALED
                + r"their share grows linearly in $N$ (LAMB is often run with norms and biases left out of the rescaling; they are not left "
                r"out here).",
                "ours",
            ),
        ),
        setting=MATRICES,
        recorded=Verdict.QUALIFIED,
        legs="NM",
        cost="minutes",
        outline=r"$\lVert W\rVert \propto \lambda$ and $\lVert\partial L/\partial W\rVert_1 \propto \lambda/\alpha$ give "
        r"$\lambda^2/\alpha = 1/(2N)$ per matrix. A norm's gain has $\lVert\theta\rVert/\sqrt{n} = 1$ and a gradient that is "
        r"not scaled.",
        subject=SUBJECT,
        fault=Fault("has the gain on output matrices only", FAULTS + "half_gain"),
        plan=scaling.plan_optimizer("lamb"),
        predict=scaling.predict_optimizer("lamb"),
        reduce=scaling.reduce_optimizer("lamb"),
    ),
    Claim(
        id="deepnet.paper-constants",
        source=PAPER,
        clauses=(
            Clause(
                "source",
                r"DeepNorm: encoder-only and decoder-only $\alpha = (2N)^{1/4}$, $\beta = (8N)^{-1/4}$; encoder-decoder: "
                r"encoder $\alpha = 0.81(N^4M)^{1/16}$, $\beta = 0.87(N^4M)^{-1/16}$, decoder $\alpha = (3M)^{1/4}$, $\beta = "
                r"(12M)^{-1/4}$; $\beta$ on the value, output and FFN weights only.",
                theorems=("stack", "decoder-with-cross-attention", "encoder-under-decoder"),
                coq=("Deepnet.paper_constants",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"The stacks' bound on the update, $2N(\beta^2 + \beta^2)/\alpha^2 = 1$ (and $3M$ for a decoder with cross "
        r"attention), with $\alpha\beta = 2^{-1/2}$, has the published powers and factors as its only solution (Coq). For the encoder "
        r"under a decoder, whose bound has the decoder's $M\beta_d^2/\alpha_d$ as a factor, it has the exact factors $27^{-1/16} = 0.8138\ldots$ and $(27/256)^{1/16} = 0.8688\ldots$, of "
        r"which 0.81 and 0.87 are the roundings. The block itself is held against the paper's formula, written out token by token. The article's $\lambda = (2N)^{-1/4}$ is $\sqrt{2}$ times the paper's $\beta$.",
        subject=SUBJECT,
        fault=Fault("has beta on query and key weights as well", FAULTS + "gain_everywhere"),
        plan=structure.plan_constants,
        predict=structure.predict_constants,
    ),
    Claim(
        id="deepnet.alternatives",
        source=source("section 5"),
        clauses=(
            Clause(
                "source",
                r"$(\alpha,\lambda) = (1,(2N)^{-1/2})$ leaves the relative step unchanged; $((2N)^{1/2},1)$ slows learning; "
                r"the symmetric choice lies between.",
            ),
        ),
        recorded=Verdict.CONFIRMED,
        legs="NM",
        cost="minutes",
        outline=r"An SGD step over the weights is $\eta\lVert\partial L/\partial W\rVert/\lVert W\rVert \propto "
        r"(\lambda/\alpha)/\lambda = 1/\alpha$: exponents $0$, $-1/2$ and $-1/4$ in $N$.",
        subject=SUBJECT,
        fault=Fault("leaves alpha out", FAULTS + "no_alpha"),
        plan=scaling.plan_alternatives,
        predict=scaling.predict_alternatives,
        reduce=scaling.reduce_alternatives,
    ),
    Claim(
        id="deepnet.identity",
        source=source("section 7"),
        clauses=(
            Clause(
                "source",
                r"At init a block's branch has weight $\lambda^2/\alpha$, so $\partial x_{l+1}/\partial z_{l+1}$ and "
                r"$\partial L/\partial x_{l+1}$ are $O(1)$.",
            ),
        ),
        recorded=Verdict.CONFIRMED,
        legs="NM",
        cost="tens of seconds",
        outline=r"Branch over residual is $\sqrt{0.32}\,\lambda^2/\alpha$ for the FFN (Xavier, hidden width $4d$, ReLU) and "
        r"$\sqrt{c + (1-c)\,\mathbb{E}\sum A_j^2}\,\lambda^2/\alpha$ for attention over tokens of cosine $c$. Its square summed "
        r"over $2N$ sublayers goes to 0, so every cotangent is the last one.",
        subject=SUBJECT,
        fault=Fault("has the gain on output matrices only", FAULTS + "half_gain"),
        plan=scaling.plan_identity,
        predict=scaling.predict_identity,
        reduce=scaling.reduce_identity,
    ),
    Claim(
        id="deepnet.pre-norm",
        source=source("section 7"),
        clauses=(
            Clause("source", r"The same results hold for Pre-Norm with $\alpha = 1$ and $\lambda$ recomputed."),
            Clause(
                "matrices",
                r"The recomputed $\lambda$ ($(2N)^{-1/2}$ for SGD and LAMB, $(2N)^{-1}$ for Adam) do make the matrices' share of $\Delta L$ "
                r"independent of $N$.",
                "ours",
            ),
            Clause(
                "biases",
                r"The biases of the branches, which $\lambda$ does not scale, grow linearly in the scaled model, and with them the sum over "
                r"all parameters.",
                "ours",
            ),
            Clause(
                "logarithm",
                r"There is less to cure than in Post-LN: at $\lambda = 1$ the stream grows, the squared gradient of block $l$ falls like $1/l$, "
                r"and $\lVert\nabla L\rVert^2$ grows like $\log N$ only.",
                "ours",
                argued=(
                    "the sum of 1/l is a logarithm: theory's sums, which the measured ones agree with, are of that form",
                ),
            ),
        ),
        setting=MATRICES,
        recorded=Verdict.QUALIFIED,
        legs="NM",
        cost="minutes",
        outline=r"With stream $q_l = 1 + fl$ the cotangent's square at $l$ is $q_N/q_l$ times that after the last norm, which is "
        r"$1/q_N$: the sum over layers of $1/q_l$ is a logarithm. Theory predicts the sums at every depth.",
        subject=SUBJECT,
        fault=Fault("has the square root of the gain", FAULTS + "weak_gain"),
        plan=scaling.plan_pre,
        predict=scaling.predict_pre,
        reduce=scaling.reduce_pre,
    ),
    Claim(
        id="deepnet.warmup",
        source=source("section 1"),
        clauses=(
            Clause("source", r"A first learning rate of $\eta/N$ has the same effect on $\Delta L$ as the rescaling."),
            Clause(
                "sgd",
                r"For SGD it makes the decrease of the standard Post-LN independent of $N$ up to the correction that theory has for the first "
                r"blocks (an exponent of 0.05 between 2 and 32).",
                "ours",
            ),
            Clause(
                "adam",
                r"For sign steps the decrease still falls a little, with an exponent between $-0.19$ and $-0.02$ from 2 to 32 blocks: tokens "
                r"become alike, and the entries of a gradient of equal tokens are smaller beside its norm.",
                "ours",
            ),
        ),
        setting=r"Read (section 1) as a statement about orders of magnitude in $N$: linear growth against "
        r"$1/N$.",
        recorded=Verdict.QUALIFIED,
        legs="NM",
        cost="tens of seconds",
        outline=r"At first order $\Delta L$ is the learning rate times a sum that grows like $N$ for the standard Post-LN "
        r"(deepnet.explosion), so $\eta/N$ makes it constant. Real SGD steps are taken at $\eta/N$; the sums are those of the matrices, "
        r"and of all parameters, on which the smaller rate acts as well and the rescaling does not.",
        subject=SUBJECT,
        fault=Fault("is scaled with depth, which takes the place of warmup", FAULTS + "always_scaled"),
        plan=scaling.plan_warmup,
        predict=scaling.predict_warmup,
        reduce=scaling.reduce_warmup,
    ),
    Claim(
        id="deepnet.thousand",
        source=source("introduction"),
        clauses=(
            Clause(
                "source",
                r"With DeepNorm 1000 layers (2000 sublayers) train from the first step, no warmup, where Post-LN does not.",
            ),
            Clause(
                "hundred",
                r"(With 100 layers and 120 steps DeepNorm has learned from context at two seeds, 0 and 1, where Post-LN has not; at another, "
                r"1000, neither has: what the quick profile runs.)",
            ),
        ),
        recorded=Verdict.INCONCLUSIVE,
        legs="M",
        cost="minutes",
        outline=r"A causal character model on the English text that ships with Python, Adam at a constant rate from the first "
        r"step, the same data and seed for both. A model has learned when its loss is 0.05 nats below that of the characters' "
        r"frequencies, which is the best without context. The quick profile has 100 layers and 120 steps, at three seeds that are always the same, which cannot decide about "
        r"1000; the full one runs 1000 layers and 200 steps, at the end of which none has learned from context, DeepNorm's or other, nor "
        r"diverged: that many steps do not decide it (reports/published/thousand). Several seeds each; the interval is their range.",
        subject=SUBJECT,
        fault=Fault("leaves both constants out", FAULTS + "no_scaling"),
        plan=training.plan_thousand,
        predict=training.predict_thousand,
        reduce=training.reduce_thousand,
        beyond=training.beyond,
    ),
)

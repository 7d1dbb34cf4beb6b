"""The table of faults: where, what stands there, what stands there instead, and who has to notice.

A check is a claim's id (its quick profile, against its recorded verdict) or a test file. `SURVIVORS` lists those that
nobody notices, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """`old`, which stands once in `file`, becomes `new`; one of `checks` has to fail."""

    file: str
    old: str
    new: str
    checks: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"{self.file.rsplit('/', 1)[-1]}: {' '.join(self.old.split())[:40]} -> {' '.join(self.new.split())[:70]}"


M, A, P = "torchcheck/modules/", "scaleproof/theory/", "torchcheck/properties/"

#: (file, what stands there, what stands there instead, one after the other, checks)
ROWS: list[tuple[str, str, list[str], str]] = [
    # squareplus
    (
        M + "squareplus.py",
        "torch.sqrt((size * scale).clamp(max=large).square() + b * scale * scale)",
        [
            "torch.sqrt((size * scale).clamp(max=large).square() + 1.03 * b * scale * scale)",
            "torch.sqrt((size * scale).clamp(max=large).square() + b * scale * scale) * 1.001",
            "torch.sqrt((size * scale).square() + b * scale * scale)",
            "torch.sqrt(size.clamp(max=large).square() + b) * scale",
        ],
        "squareplus.relu-limit squareplus.floats",
    ),
    (
        M + "squareplus.py",
        "torch.where(overflows, 0.5 * size + 0.5 * r, 0.5 * total)",
        ["0.5 * total", "torch.where(overflows, 0.5 * size + 0.5 * r, 0.515 * total)"],
        "squareplus.floats",
    ),
    (
        M + "squareplus.py",
        "0.25 * (b * scale) / torch.where(mean > 0, mean, 1) / scale",
        [
            "0.2575 * (b * scale) / torch.where(mean > 0, mean, 1) / scale",
            "0.25 * (b * scale) / torch.where(mean > 0, mean, 1) / scale * 1.0001",
        ],
        "squareplus.relu-limit squareplus.floats",
    ),
    (
        M + "squareplus.py",
        "return torch.where(x < 0, low, mean)",
        ["return torch.where(x <= 0, low, mean)", "return mean"],
        "squareplus.relu-limit squareplus.floats tests/torchcheck/modules/test_squareplus.py",
    ),
    (
        M + "squareplus.py",
        "high = 0.5 + 0.5 * _ratio(x, safe)",
        ["high = 0.5 + 0.515 * _ratio(x, safe)", "high = 0.5 - 0.5 * _ratio(x, safe)"],
        "squareplus.monotone",
    ),
    (
        M + "squareplus.py",
        "low = 0.25 * (b * scale) / safe",
        ["low = 0.2575 * (b * scale) / safe"],
        "squareplus.monotone",
    ),
    (
        M + "squareplus.py",
        "(grad * (0.25 / _radius(x, b)))",
        ["(grad * (0.2575 / _radius(x, b)))"],
        "tests/torchcheck/modules/test_squareplus.py",
    ),
    (A + "squareplus.py", "4 * half_root**2", ["4.12 * half_root**2"], "squareplus.minimax"),
    # eg
    (
        M + "exponentiated.py",
        'factors = list(torch._foreach_mul(_wide(grads), -group["lr"]))',
        [
            'factors = list(torch._foreach_mul(_wide(grads), -1.03 * group["lr"]))',
            'factors = list(torch._foreach_mul(_wide(grads), group["lr"]))',
        ],
        "eg.derivation",
    ),
    (
        M + "exponentiated.py",
        "torch._foreach_exp_(factors)\n        torch._foreach_mul_(params, factors)",
        ["torch._foreach_expm1_(factors)\n        torch._foreach_mul_(params, factors)"],
        "eg.derivation",
    ),
    (
        M + "exponentiated.py",
        'list(torch._foreach_exp(logs)), grads, value=-group["lr"])\n        torch._foreach_copy_',
        ['list(torch._foreach_exp(logs)), grads, value=-1.05 * group["lr"])\n        torch._foreach_copy_'],
        "eg.hypergradient",
    ),
    (
        M + "exponentiated.py",
        '_accumulate_(logs, previous, grads, group["gamma"])',
        [
            '_accumulate_(logs, previous, grads, 1.03 * group["gamma"])',
            '_accumulate_(logs, grads, grads, group["gamma"])',
            '_accumulate_(logs, previous, grads, -group["gamma"])',
        ],
        "eg.sign-rule eg.hypergradient",
    ),
    (M + "exponentiated.py", "torch._foreach_copy_(previous, grads)", ["pass"], "eg.hypergradient eg.closed-form"),
    (
        M + "exponentiated.py",
        '_accumulate_(logs, average, grads, group["gamma_p"])',
        [
            '_accumulate_(logs, average, grads, -group["gamma_p"])',
            '_accumulate_(logs, average, grads, 1.03 * group["gamma_p"])',
            '_accumulate_(logs, momentum, grads, group["gamma_p"])',
        ],
        "eg.paper-variant",
    ),
    (
        M + "exponentiated.py",
        'group["log_scale"] + group["gamma_s"] * alignment',
        [
            'group["log_scale"] - 3 * group["gamma_s"] * alignment',
            'group["log_scale"] + 1.03 * group["gamma_s"] * alignment',
        ],
        "eg.paper-variant",
    ),
    (M + "exponentiated.py", '1 - group["beta"])', ['1 - 1.03 * group["beta"])'], "eg.paper-variant"),
    (
        M + "exponentiated.py",
        'torch._foreach_mul_(momentum, group["mu"])',
        ['torch._foreach_mul_(momentum, 0.97 * group["mu"])'],
        "eg.paper-variant",
    ),
    (M + "exponentiated.py", 'grads, value=group["lr"])', ['grads, value=1.03 * group["lr"])'], "eg.paper-variant"),
    (
        M + "exponentiated.py",
        "torch._foreach_add_(params, momentum, alpha=-scale)",
        [
            "torch._foreach_add_(params, momentum, alpha=-1.03 * scale)",
            "torch._foreach_add_(params, momentum, alpha=-1.0)",
        ],
        "eg.paper-variant",
    ),
    (
        M + "exponentiated.py",
        "log.clamp_(-info.max, _log_max(logs[0].dtype))",
        ["pass", "log.clamp_(-info.max, 80.0)"],
        "eg.closed-form eg.sign-rule tests/torchcheck/modules/test_exponentiated.py",
    ),
    (A + "eg.py", "round(value / spacing) * spacing", ["int(value / spacing) * spacing"], "eg.non-negative"),
    # residual
    (
        M + "mlp.py",
        "std=math.sqrt(scale * (1 - bias_share) / layer.in_features)",
        [
            "std=math.sqrt(1.03 * scale * (1 - bias_share) / layer.in_features)",
            "std=math.sqrt(scale / layer.in_features)",
        ],
        "residual.plain-conflict",
    ),
    (
        M + "mlp.py",
        "std=math.sqrt(scale * bias_share))",
        ["std=math.sqrt(1.1 * scale * bias_share))"],
        "residual.plain-conflict",
    ),
    (M + "mlp.py", "scale = 2.0 if activation", ["scale = 2.2 if activation"], "residual.plain-conflict"),
    (
        M + "mlp.py",
        "x = x + self.epsilon * branch(x)",
        ["x = x + 1.03 * self.epsilon * branch(x)", "x = x - 0.5 * branch(x)"],
        "residual.epsilon residual.high-dim",
    ),
    (
        M + "mlp.py",
        "math.sqrt(2) * self.outer(torch.relu(self.inner(x)))",
        ["1.45 * self.outer(torch.relu(self.inner(x)))"],
        "residual.high-dim",
    ),
    (
        A + "residual.py",
        "(1 + epsilon**2) ** layers)\n\n\ndef residual_fourth",
        ["(1 + 1.05 * epsilon**2) ** layers)\n\n\ndef residual_fourth"],
        "residual.high-dim",
    ),
    (
        A + "residual.py",
        "matrices * layers * epsilon**2",
        ["1.05 * matrices * layers * epsilon**2"],
        "residual.increment",
    ),
    (A + "residual.py", "math.log(2 / width))", ["math.log(2.02 / width))"], "residual.plain-conflict"),
    # deepnet
    (
        M + "transformer.py",
        "self.norm(self.alpha * x + self.branch(x))",
        [
            "self.norm(x + self.alpha * self.branch(x))",
            "self.norm(1.03 * self.alpha * x + self.branch(x))",
            "self.norm(x + self.branch(x))",
            "self.alpha * x + self.norm(self.branch(x))",
        ],
        "deepnet.paper-constants",
    ),
    (
        M + "transformer.py",
        "is_causal=self.causal)",
        ["is_causal=True)", "is_causal=False)", "is_causal=self.causal, scale=0.2)"],
        "deepnet.paper-constants tests/torchcheck/probes/test_deepnet.py",
    ),
    (
        M + "transformer.py",
        "self.outer(self.activation(self.inner(x)))",
        ["1.03 * self.outer(self.activation(self.inner(x)))"],
        "deepnet.paper-constants",
    ),
    (
        M + "transformer.py",
        "nn.init.xavier_normal_(p.data, factor)",
        ["nn.init.xavier_normal_(p.data, 1.06 * factor)", "nn.init.xavier_normal_(p.data)"],
        "deepnet.paper-constants",
    ),
    (
        M + "scaling.py",
        "(2 * layers) ** 0.25, (8 * layers) ** -0.25",
        [
            "(2 * layers) ** 0.27, (8 * layers) ** -0.25",
            "(2 * layers) ** 0.25, (8 * layers) ** -0.23",
            "(2 * layers) ** 0.25, (2 * layers) ** -0.25",
        ],
        "deepnet.paper-constants",
    ),
    (
        M + "scaling.py",
        "0.81 * joint, 0.87 / joint",
        ["0.83 * joint, 0.87 / joint", "0.81 * joint, 0.85 / joint", "0.81 / joint, 0.87 * joint"],
        "deepnet.paper-constants",
    ),
    (
        M + "scaling.py",
        "(layers**4 * decoder_layers) ** (1 / 16)",
        ["(layers**4 * decoder_layers) ** (1 / 15)", "(layers * decoder_layers**4) ** (1 / 16)"],
        "deepnet.paper-constants",
    ),
    (
        M + "scaling.py",
        "(3 * decoder_layers) ** 0.25, (12 * decoder_layers) ** -0.25",
        [
            "(3 * decoder_layers) ** 0.3, (12 * decoder_layers) ** -0.25",
            "(3 * decoder_layers) ** 0.25, (3 * decoder_layers) ** -0.25",
        ],
        "deepnet.paper-constants",
    ),
    (
        A + "deepnet.py",
        "mixed = (width * u * (c + (1 - c) * step.s1)",
        ["mixed = (width * u * (c + 1.2 * (1 - c) * step.s1)"],
        "deepnet.branch-gradients tests/scaleproof/theory/test_deepnet.py",
    ),
    (
        A + "deepnet.py",
        "incoherent = step.s1 - 2 * step.s3 + step.s1**2",
        ["incoherent = step.s1 - step.s3 + step.s1**2", "incoherent = step.s1"],
        "deepnet.branch-gradients",
    ),
    (
        A + "deepnet.py",
        "spread = (u * (1 - c)) ** 2 * gain2",
        ["spread = (u * (1 - c)) ** 2", "spread = 1.25 * (u * (1 - c)) ** 2 * gain2"],
        "deepnet.branch-gradients",
    ),
    (
        M + "mlp.py",
        "return self.scale * direction",
        ["return 1.03 * self.scale * direction", "return direction"],
        "deepnet.probe tests/torchcheck/probes/test_deepnet.py",
    ),
    # flash, gau
    (
        M + "gau.py",
        'keys * keys if normaliser == "n2" else keys * head_size',
        [
            'keys * keys if normaliser == "n2" else (keys + 1) * head_size',
            'keys * keys if normaliser == "n2" else keys * (head_size + 1)',
            'keys * keys * keys if normaliser == "n2" else keys * head_size',
            "keys * head_size",
        ],
        "flash.special-cases",
    ),
    (
        M + "gau.py",
        "scores.relu_().square()",
        ["scores.relu_()", "scores.relu_().square() * 1.03", "scores.square()"],
        "flash.special-cases",
    ),
    (
        M + "gau.py",
        "scores.tril_()",
        ["scores.tril_(1)", "scores.tril_(-1)", "pass"],
        "flash.special-cases flash.no-leak",
    ),
    (
        M + "gau.py",
        "is_causal=self.causal and mask is None",
        ["is_causal=False", "is_causal=True"],
        "flash.special-cases",
    ),
    (M + "gau.py", "seen.tril() if causal else seen", ["seen"], "tests/torchcheck/modules/test_gated.py"),
    (
        M + "gau.py",
        "scores.masked_fill_(~mask.unsqueeze(-2), 0.0)",
        ["pass"],
        "flash.special-cases tests/torchcheck/modules/test_gated.py",
    ),
    (
        M + "gau.py",
        "return x if mask is None else x.masked_fill(~mask.unsqueeze(-1), 0.0)",
        ["return x"],
        "flash.special-cases",
    ),
    (
        M + "gau.py",
        'keys = seen.cumsum(-1) if causal and normaliser == "visible"',
        [
            'keys = seen.cumsum(-1) if normaliser == "visible"',
            'keys = seen.cumsum(-1) + 1 if causal and normaliser == "visible"',
        ],
        "flash.special-cases tests/torchcheck/modules/test_gated.py",
    ),
    (
        M + "gau.py",
        "self.outer(gate * mixed)",
        ["self.outer(gate + mixed)", "self.outer(mixed)", "self.outer(gate * mixed) * 1.03"],
        "flash.special-cases",
    ),
    (
        M + "gau.py",
        "heads = [shared * g + b",
        ["heads = [shared * g - b", "heads = [shared * b + g", "heads = [1.03 * shared * g + b"],
        "flash.special-cases",
    ),
    (
        M + "gau.py",
        "inner = F.silu(self.inner(x))",
        ["inner = F.gelu(self.inner(x))", "inner = self.inner(x)"],
        "flash.special-cases",
    ),
    (M + "gau.py", "shared = F.silu(self.shared(x))", ["shared = self.shared(x)"], "flash.special-cases"),
    (
        M + "gau.py",
        "std=gain / math.sqrt(m.in_features)",
        ["std=1.005 * gain / math.sqrt(m.in_features)", "std=gain / math.sqrt(m.out_features)"],
        "gau.attention-entries",
    ),
    (
        M + "flash.py",
        "divisor(self.normaliser, self.head_size, self.causal, self.chunk, counted, q.device)",
        [
            "divisor(self.normaliser, self.head_size, self.causal, self.chunk + 1, counted, q.device)",
            "divisor(self.normaliser, self.head_size + 1, self.causal, self.chunk, counted, q.device)",
        ],
        "flash.chunk-linear flash.no-leak",
    ),
    (
        M + "flash.py",
        "return relu2_attention(q, k, v, divided, self.causal, inside)",
        [
            "return relu2_attention(q, k, v, divided, False, inside)",
            "return relu2_attention(q, k, v, divided, self.causal)",
        ],
        "flash.no-leak flash.chunk-linear",
    ),
    (
        M + "flash.py",
        "count.clamp(min=1).double().rsqrt()",
        ["(count + 1).clamp(min=1).double().rsqrt()"],
        "flash.chunk-linear",
    ),
    (
        M + "flash.py",
        "return q @ (kv * root).unsqueeze(-3)",
        ["return q @ kv.unsqueeze(-3)", "return 1.03 * q @ (kv * root).unsqueeze(-3)"],
        "flash.chunk-linear",
    ),
    (
        M + "flash.py",
        "F.pad(means, (0, 0, 0, 0, 1, 0))[..., :-1, :, :]",
        ["means"],
        "flash.causal-normaliser flash.no-leak",
    ),
    (
        M + "flash.py",
        "before.clamp(min=1 / self.chunk)[..., None, None]",
        ["(before + 1)[..., None, None]", "before.clamp(min=1)[..., None, None] * 1.03"],
        "flash.causal-normaliser",
    ),
    (
        M + "flash.py",
        "                if inside is not None:\n",
        ["                if False:\n"],
        "tests/torchcheck/modules/test_gated.py",
    ),
    (
        M + "flash.py",
        "(fresh - past) / (done + 1)",
        ["(fresh - past) / (done + 2)"],
        "tests/torchcheck/modules/test_gated.py",
    ),
    (
        A + "deepnet.py",
        "float(gain) ** 2 / weight",
        ["float(gain) ** 2.03 / weight"],
        "tests/scaleproof/theory/test_deepnet.py",
    ),
    (
        "torchcheck/measure/intervals.py",
        "_student(alarm / 2, n - 1) * x.std",
        ["_student(alarm, n - 1) * x.std"],
        "tests/torchcheck/measure/test_intervals.py",
    ),
    (
        "scaleproof/certify/kernel/check_integral.py",
        "return 4 * arb",
        ["return 0 * arb", "return 2 * arb"],
        "tests/scaleproof/certify/kernel/hostile/test_integral.py",
    ),
    (
        "scaleproof/certify/kernel/check_ball.py",
        "return None if rising > 0 and falling < 0 else",
        ["return None if rising > 0 else", "return None if falling < 0 else"],
        "tests/scaleproof/certify/kernel/hostile/test_ball.py",
    ),
    (
        "scaleproof/certify/kernel/check_ball.py",
        "s.at(centre, s.b_hi) + s.at(ZERO, s.b_hi) > 0",
        ["s.at(centre, s.b_hi) - s.at(ZERO, s.b_hi) > 0"],
        "tests/scaleproof/certify/kernel/hostile/test_ball.py",
    ),
    (
        "scaleproof/certify/kernel/check_smt.py",
        '& {"exp", "log"}',
        ['& {"exp"}', '& {"log"}'],
        "tests/scaleproof/certify/kernel/hostile/test_smt.py",
    ),
    (
        "scaleproof/certify/kernel/check_ball.py",
        "top + abs(slope) * ball(s.right - s.left)",
        ["top"],
        "tests/scaleproof/certify/kernel/hostile/test_ball.py",
    ),
    (
        "torchcheck/probes/gplinker/multilabel.py",
        "low = losses < math.log(2)",
        ["low = losses < -math.log(2)"],
        "tests/torchcheck/modules/test_extraction.py",
    ),
    (
        "torchcheck/measure/ulp.py",
        "exponent.clamp(min=fmt.e_min) - fmt.mantissa",
        ["exponent - fmt.mantissa", "exponent.clamp(min=fmt.e_min) - fmt.mantissa - 1"],
        "tests/torchcheck/probes/test_probes.py tests/torchcheck/modules/test_squareplus.py",
    ),
    ("scaleproof/claims/shared/runs.py", "lo=min(values)", ["lo=max(values)"], "tests/scaleproof/claims/test_runs.py"),
    ("scaleproof/suite/judge.py", "up = min(float", ["up = max(float"], "tests/scaleproof/suite/test_judge.py"),
    (
        M + "flash.py",
        "sums * self.chunk / (before * n / self.chunk)",
        ["sums * self.chunk / (before * (n + 1) / self.chunk)"],
        "flash.causal-normaliser",
    ),
    (
        A + "gau.py",
        "return float(gain * (w @ phi)), float(gain**2 * (w @ phi**2))",
        ["return float(1.03 * gain * (w @ phi)), float(gain**2 * (w @ phi**2))"],
        "gau.attention-entries tests/scaleproof/theory/test_gau.py",
    ),
    # gplinker
    (
        M + "relations.py",
        "(one > threshold).nonzero() for one in scores.entities[0])",
        ["(one >= threshold).nonzero() for one in scores.entities[0])"],
        "gplinker.decode",
    ),
    (
        M + "relations.py",
        "objects[None, :, 0]] > threshold",
        ["objects[None, :, 0]] >= threshold", "objects[None, :, 1]] > threshold"],
        "gplinker.decode",
    ),
    (
        M + "relations.py",
        "objects[None, :, 1]] > threshold",
        ["objects[None, :, 1]] >= threshold", "objects[None, :, 0]] > threshold"],
        "gplinker.decode",
    ),
    (
        M + "relations.py",
        "heads[p].add((sh, oh))",
        ["heads[p].add((oh, sh))", "heads[0].add((sh, oh))"],
        "gplinker.decode",
    ),
    (M + "relations.py", "tails[p].add((st, ot))", ["tails[p].add((sh, ot))"], "gplinker.decode"),
    (
        M + "multilabel.py",
        "counted.any(-1, keepdim=True).expand_as(places)",
        ["counted.expand_as(places)", "torch.ones_like(places, dtype=torch.bool)"],
        "gplinker.sparse-loss",
    ),
    (
        M + "multilabel.py",
        "ordered[..., 1:] != ordered[..., :-1]",
        ["ordered[..., 1:] == ordered[..., 1:]"],
        "gplinker.sparse-loss",
    ),
    (
        M + "multilabel.py",
        "real = positives != padding\n",
        ["real = positives != -2\n    positives = positives.clamp(min=0)\n"],
        "gplinker.sparse-loss",
    ),
    (
        M + "multilabel.py",
        "& (ordered < classes)\n",
        ["& (ordered < classes)\n    counted[..., 1:] = False\n"],
        "gplinker.sparse-loss",
    ),
    (M + "multilabel.py", "torch.exp(moved) * (1 + lost) *", ["torch.exp(moved) *"], "gplinker.sparse-loss"),
    (
        M + "multilabel.py",
        "log_one_plus(_positives(flat, at, real))).reshape",
        ["1.03 * log_one_plus(_positives(flat, at, real))).reshape"],
        "gplinker.sparse-loss",
    ),
    (
        M + "multilabel.py",
        "torch.expm1(-c.squeeze(-1)))",
        ["torch.expm1(-c.squeeze(-1)) * 0.97)", "torch.exp(-c.squeeze(-1)))"],
        "gplinker.sparse-loss gplinker.loss",
    ),
    (
        M + "multilabel.py",
        "return torch.logsumexp(torch.cat([-own, zero], -1), -1) + a + torch.log(1 - torch.exp(b - a))",
        ["return 3 * (torch.logsumexp(torch.cat([-own, zero], -1), -1) + a + torch.log(1 - torch.exp(b - a)))"],
        "gplinker.sparse-loss",
    ),
    (
        M + "multilabel.py",
        "positives = (-scores).masked_fill(~labels, -torch.inf)",
        ["positives = scores.masked_fill(~labels, -torch.inf)"],
        "gplinker.loss",
    ),
    (
        M + "pointer.py",
        "self._masked(q * self.head_size**-0.5 @ k.mT, mask)",
        [
            "self._masked(q @ k.mT, mask)",
            "self._masked(q * self.head_size**-0.5 @ k.mT, None)",
            "self._masked(1.03 * q * self.head_size**-0.5 @ k.mT, mask)",
        ],
        "gplinker.parameters",
    ),
    (M + "pointer.py", "pairs = q * self.head_size**-0.5 @ k.mT", ["pairs = q @ k.mT"], "gplinker.parameters"),
    (M + "pointer.py", "first, last = (self.ends(both) / 2)", ["first, last = self.ends(both)"], "gplinker.parameters"),
    (
        M + "pointer.py",
        "dtype=torch.bool, device=scores.device).tril(-1)",
        ["dtype=torch.bool, device=scores.device).tril(0)", "dtype=torch.bool, device=scores.device).tril(-2)"],
        "gplinker.parameters gplinker.count",
    ),
    (M + "rotary.py", "rates = base ** (-torch", ["rates = 1.03 * base ** (-torch"], "gplinker.parameters"),
    (
        M + "rotary.py",
        "even * cosine - odd * sine, even * sine + odd * cosine",
        [
            "even * cosine + odd * sine, even * sine + odd * cosine",
            "odd * cosine - even * sine, even * cosine + odd * sine",
        ],
        "gplinker.rotary gplinker.parameters",
    ),
    # events
    (
        M + "events.py",
        "if head in heads and tail in tails:",
        ["if head in heads:", "if tail in tails:", "if head in heads or tail in tails:"],
        "events.complete",
    ),
    (
        M + "events.py",
        "spans = (scores.entities[0] > threshold).nonzero()",
        ["spans = (scores.entities[0] >= threshold).nonzero()"],
        "events.shared-trigger",
    ),
    (
        M + "events.py",
        "for i, j in (one > threshold).nonzero().tolist()",
        ["for i, j in (one >= threshold).nonzero().tolist()"],
        "events.shared-trigger",
    ),
    (M + "events.py", "link = k if len(heads) > 1 else 0", ["link = 0"], "events.complete"),
    (M + "events.py", "values.setdefault(name, set()).add(value)", ["values[name] = {value}"], "events.categorical"),
    (
        M + "events.py",
        "for t in triggers for name, value in values.items()}",
        ["for t in triggers[:1] for name, value in values.items()}"],
        "events.categorical",
    ),
    (
        M + "events.py",
        "if v not in closed[u] for w in (u, v)}",
        ["if v not in closed[u] for w in (u,)}", "if v in closed[u] for w in (u, v)}"],
        "events.search",
    ),
    (
        M + "events.py",
        "heads[link[a.type]].add((min(a.head, b.head), max(a.head, b.head)))",
        ["heads[link[a.type]].add((a.head, b.head))"],
        "events.complete events.shared-trigger",
    ),
    (
        M + "events.py",
        "tails[link[a.type]].add((min(a.tail, b.tail), max(a.tail, b.tail)))",
        ["tails[link[a.type]].add((min(a.head, b.tail), max(a.tail, b.tail)))"],
        "events.complete",
    ),
    (
        M + "events.py",
        "(a & b) | (b & c) | (a & c) <= e",
        ["(a & b) | (b & c) <= e", "(a & b & c) <= e"],
        "events.complete",
    ),
    # what check asks, where a slip would leave its own catalogue of faults as it is
    (
        P + "module/shifts.py",
        "if p.numel() and float(p.abs().amax()) < SILENT:",
        ["if False:"],
        "tests/torchcheck/properties/module/test_shifts.py",
    ),
    (
        P + "module/shifts.py",
        "if (word := ELSE.search(source)) is not None:",
        ["if (word := ELSE.search(source)) is not None and False:"],
        "tests/torchcheck/properties/module/test_shifts.py",
    ),
    (
        P + "subject/layout.py",
        "if _takes(module, x) or not _takes(module, _turned(x)):",
        ["if _takes(module, x):", "if not _takes(module, _turned(x)):"],
        "tests/torchcheck/properties/subject/test_layout.py",
    ),
    (
        P + "module/modes.py",
        "OFF_START = 0.05",
        ["OFF_START = 0.0"],
        "tests/torchcheck/properties/module/test_starts.py",
    ),
    (
        P + "module/padding.py",
        "[] if _says_truths(subject, name) else [added]",
        ["[added]", "[]"],
        "tests/torchcheck/properties/module/test_starts.py",
    ),
    (P + "module/depth.py", "not m.hi < threshold.lo", ["False"], "tests/torchcheck/properties/module/test_starts.py"),
    (
        P + "module/depth.py",
        "depth ** (EXPLOSION / depth)",
        ["depth ** (EXPLOSION / 2)", "1.0"],
        "tests/torchcheck/properties/module/test_starts.py",
    ),
    (
        "scaleproof/reporting/figures/drawing.py",
        "ACTIVE.search(svg) is None",
        ["True"],
        "tests/scaleproof/reporting/test_drawing.py",
    ),
    ("torchcheck/measure/chains.py", "or ways == 1", ["or ways >= 1"], "tests/torchcheck/measure/test_chains.py"),
    ("torchcheck/run/execute.py", "share > BUSY", ["share > 1e9"], "tests/torchcheck/run/test_running.py"),
    (
        "scaleproof/certify/coq.py",
        'for source in (path, *(folder / f"{name}.v" for name in _imported(path))):',
        ["for source in (path,):"],
        "tests/scaleproof/certify/test_coq.py",
    ),
    (
        P + "module/offset.py",
        "if worst(known - near) > TAKEN_OFF * size_of(near):",
        ["if False:"],
        "tests/torchcheck/properties/module/test_offset.py",
    ),
    (P + "module/offset.py", "OFFSET = 1000.0", ["OFFSET = 10.0"], "tests/torchcheck/properties/module/test_offset.py"),
    (
        P + "module/context.py",
        "torch.where(keep[..., None], given, 30 * other)",
        ["torch.where(keep[..., None], given, given)"],
        "tests/torchcheck/properties/module/test_context.py",
    ),
    (
        P + "module/padding.py",
        "[n // 2, n, n - n // 4]",
        ["[n, n - n // 4, n // 2]"],
        "tests/torchcheck/properties/module/test_context.py",
    ),
    (
        P + "module/published.py",
        'for name in ("", *(n for n, v in numbers.items() if v)):',
        ['for name in ("",):'],
        "tests/torchcheck/properties/module/test_published.py",
    ),
    (
        P + "optimizer/published.py",
        "switched = [w for w in SWITCHED if {*w} <= taken & known]",
        ["switched = [w for w in SWITCHED if not w]"],
        "tests/torchcheck/properties/test_faults.py",
    ),
    (
        P + "optimizer/published.py",
        'if "betas" in known and {"beta1", "beta2"} <= {*group}:',
        ["if False:"],
        "tests/torchcheck/properties/optimizer/test_optimizers.py",
    ),
    (
        P + "loss/several.py",
        '2 if told["kind"] in ("std", "sigma", "scale") else 1',
        ["1"],
        "tests/torchcheck/properties/loss/test_several.py",
    ),
    (
        P + "loss/several.py",
        "return max(largest, max(factors) / min(factors) - 1)",
        ["return 0.0"],
        "tests/torchcheck/properties/loss/test_several.py",
    ),
    (
        P + "loss/inputs.py",
        "if _of_boxes(loaded.subject, parameters):",
        ["if False:"],
        "tests/torchcheck/properties/loss/test_losses.py",
    ),
    (
        P + "module/weights.py",
        "(c * tokens + i) // count",
        ["(c * count + i) // tokens"],
        "tests/torchcheck/properties/module/test_lifecycle.py",
    ),
    (
        P + "module/uses.py",
        "with torch.no_grad(), seen:",
        ["with torch.no_grad():"],
        "tests/torchcheck/properties/module/test_lifecycle.py",
    ),
    (
        P + "subject/intent.py",
        "if NORM.search(_name(loaded)):",
        ["if False:"],
        "tests/torchcheck/properties/module/test_lifecycle.py",
    ),
    (
        P + "optimizer/groups.py",
        "fades = 0 < left < 1 and",
        ["fades = 0 < left < 1 or"],
        "tests/torchcheck/properties/module/test_lifecycle.py",
    ),
    (
        "scaleproof/certify/kernel/check_smt_float.py",
        "z3.fpGT(value, most := widened(_largest(own, *FORMATS[name])), value.ctx), most, value)",
        ["z3.fpLT(value, most := widened(_largest(own, *FORMATS[name])), value.ctx), most, value)"],
        "tests/scaleproof/certify/kernel/hostile/test_smt_float.py",
    ),
    (
        "scaleproof/certify/kernel/check_smt_float.py",
        "bits = ((2**exponent_bits - 2) << fraction) + 2**fraction - 1",
        ["bits = ((2**exponent_bits - 2) << fraction) + 2**fraction - 2"],
        "tests/scaleproof/certify/kernel/hostile/test_smt_float.py",
    ),
    (
        P + "plan.py",
        "key=lambda group: group.later",
        ["key=lambda group: not group.later"],
        "tests/torchcheck/properties/subject/test_variant.py",
    ),
    (
        P + "finding.py",
        "told = [*self.failed, *self.undecided, *self.suppressed]",
        ["told = [*self.failed]"],
        "tests/torchcheck/properties/test_finding.py",
    ),
    # what looks like a fault and is none
    (
        P + "module/numerics.py",
        "            _step(model)  # what",
        ["            pass  # what"],
        "tests/torchcheck/properties/test_sound.py",
    ),
    (
        P + "module/padding.py",
        "            if pooled and left:",
        ["            if False:"],
        "tests/torchcheck/properties/test_sound.py",
    ),
    (
        P + "subject/masks.py",
        "shapes = (*SHAPES, square)",
        ["shapes = SHAPES[:1]"],
        "tests/torchcheck/properties/subject/test_masks.py",
    ),
    (
        P + "subject/masks.py",
        "True: 1e-6, False: -1e9}",
        ["True: 0.0, False: -1e9}", "True: 1e-6, False: -1.0}"],
        "tests/torchcheck/properties/subject/test_masks.py",
    ),
    (
        P + "subject/calling.py",
        "return size if size > 0 and math.isfinite(size) else 1.0",
        ["return size if size > 0 else 1.0"],
        "tests/torchcheck/properties/subject/test_inputs.py",
    ),
    (
        P + "module/running_statistics.py",
        "terms[3] + three * rate / (1 - rate)",
        ["terms[3]"],
        "tests/torchcheck/properties/module/test_running_statistics.py",
    ),
    (
        P + "subject/training_mode.py",
        "norm.momentum = 1.0",
        ["pass"],
        "tests/torchcheck/properties/module/test_running_statistics.py",
    ),
    (
        P + "loss/published.py",
        "    if more or f.extras",
        ["    if f.extras"],
        "tests/torchcheck/properties/loss/test_published.py",
    ),
    (
        P + "loss/inputs.py",
        "return not bool(value.isfinite()) or clamps",
        ["return clamps", "return not bool(value.isfinite())"],
        "tests/torchcheck/properties/loss/test_published.py",
    ),
    (
        P + "loss/rewards.py",
        '0.0 if second.lower().lstrip("z_").startswith("log") else 1.0',
        ["0.0", "1.0"],
        "tests/torchcheck/properties/loss/test_losses.py",
    ),
    (
        P + "loss/contrast.py",
        "lineage(loaded.subject)[0]) or kept:",
        ["lineage(loaded.subject)[0]):"],
        "tests/torchcheck/properties/loss/test_losses.py",
    ),
    (
        P + "loss/rewards.py",
        "if not _same(value_of(f, *turned)",
        ["if False and not _same(value_of(f, *turned)"],
        "tests/torchcheck/properties/loss/test_losses.py",
    ),
    (
        P + "module/model_output.py",
        "if float(t.max()) > float(t.min())]",
        ["]"],
        "tests/torchcheck/properties/module/test_model_output.py",
    ),
    (
        P + "module/leak.py",
        "if whole.dim() < 3 or whole.shape[1] != tokens:",
        ["if whole.dim() < 2 or whole.shape[1] != tokens:"],
        "tests/torchcheck/properties/module/test_model_output.py",
    ),
    (
        P + "module/scores.py",
        "    if any(gap(one[:, rest]",
        ["    if False and any(gap(one[:, rest]"],
        "tests/torchcheck/properties/test_sound.py",
    ),
    (
        P + "module/uses.py",
        "    if any(worst(one - one[:, :1])",
        ["    if False and any(worst(one - one[:, :1])"],
        "tests/torchcheck/properties/test_sound.py",
    ),
    (P + "module/uses.py", "    if choices.made:", ["    if False:"], "tests/torchcheck/properties/test_sound.py"),
    (P + "module/uses.py", "or not p.requires_grad", ["or False"], "tests/torchcheck/properties/test_sound.py"),
    (
        P + "module/modes.py",
        "if any(gap(a, b) > 0 for a, b in pairs):",
        ["if False:"],
        "tests/torchcheck/properties/test_sound.py",
    ),
    (
        P + "loss/inputs.py",
        "                break  # it takes",
        ["                pass  # it takes"],
        "tests/torchcheck/properties/test_sound.py",
    ),
    (
        P + "subject/masks.py",
        "torch.set_rng_state(drawn)",
        ["pass"],
        "tests/torchcheck/properties/subject/test_masks.py",
    ),
    (
        P + "loss/rewards.py",
        "    if any(BESIDE.search(n) for n in f.names[1:2]):",
        ["    if False:"],
        "tests/torchcheck/properties/loss/test_other_seeds.py",
    ),
    (
        P + "loss/rewards.py",
        "    if WHITENED.search(lineage(loaded.subject)[0]):",
        ["    if False:"],
        "tests/torchcheck/properties/loss/test_other_seeds.py",
    ),
    (
        P + "loss/loss.py",
        "0.0 if g is None else float(g.abs().max())) > largest",
        ["0.0) > largest"],
        "tests/torchcheck/properties/loss/test_other_seeds.py",
    ),
    (
        P + "module/modes.py",
        "    if not largest and settings.seq_len > 1:",
        ["    if False:"],
        "tests/torchcheck/properties/test_small_faults.py",
    ),
    (
        P + "optimizer/published.py",
        'own |= {"eps": EPS} if size < 1 else {}',
        ["size = 1.0"],
        "tests/torchcheck/properties/test_small_faults.py",
    ),
    (
        P + "optimizer/groups.py",
        "if shows and float((alone - default).norm()) <= SEEN * size:",
        ["if shows:"],
        "tests/torchcheck/properties/optimizer/test_groups_of_all.py",
    ),
    (
        P + "module/compiled.py",
        "if apart <= ROUNDINGS * rounding else",
        ["if False else", "if True else"],
        "tests/torchcheck/properties/module/test_compiled.py",
    ),
    (
        P + "module/uses.py",
        "tables if tables and _sees_both_sides(model, inputs) else []",
        ["tables"],
        "tests/torchcheck/properties/test_small_faults.py",
    ),
    (
        P + "subject/parametrisation.py",
        "round((wanted - math.log(large / small) / math.log(ratio)) / GRAIN) * GRAIN",
        ["round((wanted + math.log(large / small) / math.log(ratio)) / GRAIN) * GRAIN", "0"],
        "tests/torchcheck/properties/test_suggest_width.py",
    ),
    (
        "scaleproof/reporting/difference.py",
        "left_open = (below[1][1] - below[0]) + (above[0] - above[1][0])",
        ["left_open = (below[0] - below[1][0]) + (above[1][1] - above[0])"],
        "tests/scaleproof/reporting/test_difference.py",
    ),
    (
        "torchcheck/measure/operations.py",
        "(e + value.shape[-1])",
        ["2 * e"],
        "tests/torchcheck/measure/test_operations.py",
    ),
]

#: what nobody notices, by its id, and why
SURVIVORS: dict[str, str] = {
    "squareplus.py: return torch.where(x < 0, low, mean) -> return torch.where(x <= 0, low, mean)": "at 0 both are sqrt(b)/2",
    "flash.py: return relu2_attention(q, k, v, divided, -> return relu2_attention(q, k, v, divided, self.causal)": (
        "padding's values are set to 0 as well"
    ),
}


def mutations() -> Iterator[Mutation]:
    for file, old, news, checks in ROWS:
        for new in news:
            yield Mutation(file, old, new, tuple(checks.split()))

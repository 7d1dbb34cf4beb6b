"""Checks modules that others wrote and writes the table docs/third-party.md: python benchmarks/third_party.py

Factories here say only how each module is built; whatever is flagged is explained in EXPLAINED, by subject and property.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.progress import track
from torch import nn

from torchcheck import CheckResult, check

TARGET = Path(__file__).parent.parent / "docs" / "third-party.md"
DEPTHS = (2, 4, 8, 16, 32, 64)
WIDTH = 64


@dataclass(frozen=True)
class Case:
    """A subject of the table: its name there, its kind, and what is passed to check."""

    name: str
    kind: str
    subject: Any
    options: dict[str, Any] = field(default_factory=dict)


def encoder_layer(norm_first: bool) -> Callable[[int], nn.Module]:
    def factory(width: int) -> nn.Module:
        return nn.TransformerEncoderLayer(width, 2, 4 * width, batch_first=True, norm_first=norm_first)

    return factory


def hugging_face(name: str) -> Callable[[int, int], nn.Module]:
    def factory(width: int, depth: int) -> nn.Module:
        import transformers as hf

        sizes = {"vocab_size": 100, "hidden_size": width, "num_hidden_layers": depth, "num_attention_heads": 2}
        wide = {**sizes, "intermediate_size": 4 * width}
        models: dict[str, Callable[[], nn.Module]] = {
            "BERT": lambda: hf.BertModel(hf.BertConfig(**wide), add_pooling_layer=False),
            "GPT-2": lambda: hf.GPT2Model(hf.GPT2Config(vocab_size=100, n_embd=width, n_layer=depth, n_head=2)),
            "Llama": lambda: hf.LlamaModel(hf.LlamaConfig(**wide)),
            "OPT": lambda: hf.OPTModel(hf.OPTConfig(**sizes, ffn_dim=4 * width, word_embed_proj_dim=width)),
            "T5 encoder": lambda: hf.T5EncoderModel(
                hf.T5Config(
                    vocab_size=100, d_model=width, d_kv=width // 2, d_ff=4 * width, num_layers=depth, num_heads=2
                )
            ),
        }
        return models[name]()

    return factory


def x_transformers(causal: bool, **options: Any) -> Callable[[int, int], nn.Module]:
    def factory(width: int, depth: int) -> nn.Module:
        import x_transformers

        layers = x_transformers.Decoder if causal else x_transformers.Encoder
        made: nn.Module = layers(dim=width, depth=depth, heads=2, attn_dim_head=width // 2, verbose=False, **options)
        return made

    return factory


def self_attention(causal: bool) -> Callable[[int], nn.Module]:
    class SelfAttention(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.inner = nn.MultiheadAttention(width, 2, batch_first=True)

        def forward(self, x: torch.Tensor, key_padding_mask: torch.Tensor | None = None) -> torch.Tensor:
            mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], x.device, x.dtype) if causal else None
            out: torch.Tensor = self.inner(x, x, x, key_padding_mask, need_weights=False, attn_mask=mask)[0]
            return out

    return SelfAttention


def cases() -> list[Case]:
    import flash_pytorch

    deep: dict[str, Any] = {"depths": DEPTHS, "width": WIDTH}
    found = [
        Case("torch.nn.TransformerEncoderLayer, post-norm", "block", encoder_layer(False), deep),
        Case("torch.nn.TransformerEncoderLayer, pre-norm", "block", encoder_layer(True), deep),
    ]
    for name, causal in (("BERT", False), ("GPT-2", True), ("Llama", True), ("OPT", True), ("T5 encoder", False)):
        found.append(Case(f"Hugging Face {name}", "model", hugging_face(name), {**deep, "causal": causal}))
    variants: list[tuple[str, bool, dict[str, Any]]] = [
        ("Encoder (pre-norm)", False, {}),
        ("Decoder, rotary", True, {"rotary_pos_emb": True}),
        ("Encoder, pre_norm=False", False, {"pre_norm": False}),
        ("Encoder, pre_norm=False, scale_residual", False, {"pre_norm": False, "scale_residual": True}),
        ("Encoder, sandwich_norm", False, {"sandwich_norm": True}),
        ("Encoder, zero_init_branch_output", False, {"zero_init_branch_output": True}),
        ("Encoder, depth_scale_residual", False, {"depth_scale_residual": True}),
        ("Encoder, gate_residual", False, {"gate_residual": True}),
        ("Encoder, use_rmsnorm, ff_glu", False, {"use_rmsnorm": True, "ff_glu": True}),
    ]
    for name, causal, options in variants:
        subject = x_transformers(causal, **options)
        found.append(Case(f"x-transformers {name}", "model", subject, {**deep, "causal": causal}))
    sequence = {"width": WIDTH}
    found += [
        Case("torch.nn.MultiheadAttention", "attention", self_attention(False), sequence),
        Case("torch.nn.MultiheadAttention, causal", "attention", self_attention(True), sequence),
    ]
    for name, layer, causal in (
        ("GAU", flash_pytorch.GAU, False),
        ("GAU, causal", flash_pytorch.GAU, True),
        ("FLASH", flash_pytorch.FLASH, False),
        ("FLASH, causal", flash_pytorch.FLASH, True),
    ):
        options = {**sequence, "causal": causal, "options": {"causal": causal}}
        found.append(Case(f"FLASH-pytorch {name}", "attention", layer, options))
    activations = (
        "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish PReLU RReLU "
        "ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus Softshrink Softsign Tanh Tanhshrink Threshold"
    )
    for name in activations.split():
        options = {"options": {"threshold": 0.1, "value": 20.0}} if name == "Threshold" else {}
        found.append(Case(f"torch.nn.{name}", "activation", getattr(nn, name), options))
    found.append(Case("torch.nn.GELU, tanh", "activation", nn.GELU, {"options": {"approximate": "tanh"}}))
    optimizers = "ASGD Adadelta Adafactor Adagrad Adam AdamW Adamax LBFGS Muon NAdam RAdam RMSprop Rprop SGD SparseAdam"
    found += [Case(f"torch.optim.{n}", "optimizer", getattr(torch.optim, n)) for n in optimizers.split()]
    losses = (
        "CrossEntropyLoss NLLLoss MSELoss L1Loss SmoothL1Loss HuberLoss BCEWithLogitsLoss KLDivLoss SoftMarginLoss "
        "MultiLabelSoftMarginLoss MultiMarginLoss PoissonNLLLoss HingeEmbeddingLoss"
    )
    return found + [Case(f"torch.nn.{n}", "loss", getattr(nn, n)) for n in losses.split()]


#: why what is flagged is so: (start of the subject's name, property) -> words
EXPLAINED: dict[tuple[str, str], str] = {
    (
        "x-transformers Encoder, gate_residual",
        "",
    ): "at init its GRU gates pass about 0.6 of the stream, twice a block, and "
    "mix the rest: gradients and what tells tokens apart fade exponentially",
    (
        "x-transformers Decoder, rotary",
        "agreement",
    ): "cast whole, it counts positions in the dtype of its inv_freq, and bfloat16 has no odd numbers beyond 256; under autocast, for which it is made, it does not",
    ("torch.nn.GLU", "elementwise"): "it halves the features: no elementwise activation",
    ("torch.nn.LogSoftmax", ""): "it normalises over features: no elementwise activation",
    ("torch.nn.Softmax", ""): "it normalises over features: no elementwise activation",
    ("torch.nn.Softmin", ""): "it normalises over features: no elementwise activation",
    ("torch.nn.Hardshrink", "lipschitz"): "it jumps at both ends of its flat part",
    ("torch.nn.Threshold", "lipschitz"): "it jumps from `value` to `threshold`",
    ("torch.nn.SoftMarginLoss", ""): "computed as log(1 + exp(-y x)): exp overflows (softplus would not)",
    (
        "torch.nn.PoissonNLLLoss",
        "",
    ): "its scores are logarithms of rates: exp(score) is part of the loss, and leaves the dtype",
    (
        "FLASH-pytorch GAU",
        "padded-alone",
    ): "it divides by the padded length, so outputs depend on how much padding follows",
    (
        "FLASH-pytorch GAU, causal",
        "length",
    ): "it divides by the sequence's length, so outputs depend on how many tokens follow",
}


def row(case: Case, result: CheckResult) -> str:
    flagged = (
        "; ".join(f"**{f.name}** {f.seen if f.status == 'failed' else f.note}" for f in result.failed) or "nothing"
    )
    found = {f.name: f for f in result}
    shown = [f"{n} {found[n].value:.3g}" for n in SHOWN[case.kind] if n in found and found[n].value is not None]
    why = "; ".join(dict.fromkeys(explained(case, f.name) for f in result.failed))
    cells = [case.name, ", ".join(shown), flagged, why]
    return "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |"


def explained(case: Case, name: str) -> str:
    for (start, prop), words in EXPLAINED.items():
        if case.name.startswith(start) and name.startswith(prop):
            return words
    return "**not explained**"


SHOWN = {
    "block": ("increment", "growth", "gradient", "first-lr"),
    "model": ("increment", "growth", "gradient", "first-lr", "leak"),
    "attention": ("leak", "length", "padding", "cost-operations", "cost-memory"),
    "activation": ("lipschitz", "smoothness", "gain", "ulp.float32", "ulp.float16"),
    "optimizer": ("closed-form", "scale-exponent", "recovers", "step-cost"),
    "loss": ("sign", "gradient-bound.float32", "accuracy.float16"),
}


def main() -> None:
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    sections: dict[str, list[str]] = {}
    flagged = 0
    every = cases()
    for case in track(every, "checking"):
        result = check(case.subject, case.kind, **case.options)
        flagged += bool(result.failed)
        sections.setdefault(case.kind, []).append(row(case, result))
        for finding in result.failed:
            print(
                case.name,
                "|",
                finding.name,
                "|",
                finding.seen,
                "|",
                finding.witness,
                "|",
                explained(case, finding.name),
            )
    lines = [
        "# Modules that others wrote",
        "",
        f"What `scaleproof check` says of {len(every)} modules from torch {torch.__version__.split('+')[0]}, Hugging Face transformers, x-transformers and",
        f"FLASH-pytorch, with default thresholds, on a CPU; made by `python benchmarks/third_party.py`. {len(every) - flagged} pass, {flagged} are",
        f"flagged, and the last column says why. Depths {DEPTHS[0]} to {DEPTHS[-1]}, width {WIDTH}, Adam; exponents of depth.",
        "",
    ]
    for kind, rows in sections.items():
        lines += [f"## {kind}", "", "| subject | measured | flagged | why |", "|:--|:--|:--|:--|", *rows, ""]
    TARGET.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()

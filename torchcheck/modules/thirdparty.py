"""Stacks that others wrote, as factories (width, layers) of modules from (batch, tokens, width) to the same shape.

torch.nn.TransformerEncoderLayer, and, where the `transformers` package is installed, its BERT (post-norm), GPT-2 and
Llama (pre-norm), built from configurations with random weights, without dropout and without embeddings of their own;
and, from FLASH-pytorch where that is installed, the layers GAU and FLASH.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from torchcheck.modules.scaling import DepthScaling
from torchcheck.run.packages import has_flash_pytorch, has_transformers


def torch_encoder(width: int, layers: int, norm_first: bool = False, xavier: bool = True) -> nn.Module:
    """`layers` torch.nn.TransformerEncoderLayer, each initialised on its own; pre-norm ends in a norm.

    torch.nn.TransformerEncoder would copy one initialised layer (pytorch#72253). `xavier` draws all matrices as
    Transformer does; else they keep torch's own initialisation.
    """
    blocks: list[nn.Module] = [
        nn.TransformerEncoderLayer(
            width, _heads(width), 4 * width, dropout=0.0, batch_first=True, norm_first=norm_first
        )
        for _ in range(layers)
    ]
    model = nn.Sequential(*blocks, *([nn.LayerNorm(width)] if norm_first else []))
    return DepthScaling(1.0, 1.0).apply_(model) if xavier else model


class HiddenStates(nn.Module):
    """A Hugging Face model that takes embeddings and gives its last hidden state."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(inputs_embeds=x).last_hidden_state
        return out


def hugging_face(width: int, layers: int, model: str, causal: bool = False) -> nn.Module:
    """A `bert`, `gpt2` or `llama` of `layers` blocks with 4 * width hidden units and 64-dimensional heads.

    Raises ImportError that names the extra where `transformers` is missing, ValueError for another name.
    """
    del causal  # gpt2 and llama are, bert is not
    if not has_transformers():
        raise ImportError("Hugging Face models need the package transformers: pip install 'scaleproof[dev]'")
    import transformers as hf

    heads = _heads(width)
    common: dict[str, Any] = {"vocab_size": 8, "attn_implementation": "eager"}
    if model == "bert":
        config = hf.BertConfig(
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=4 * width,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            **common,
        )
        return HiddenStates(hf.BertModel(config, add_pooling_layer=False))
    if model == "gpt2":
        none = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
        config = hf.GPT2Config(
            n_embd=width, n_layer=layers, n_head=heads, bos_token_id=None, eos_token_id=None, **none, **common
        )
        return HiddenStates(hf.GPT2Model(config))
    if model == "llama":
        config = hf.LlamaConfig(
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=4 * width,
            **common,
        )
        return HiddenStates(hf.LlamaModel(config))
    raise ValueError(f"unknown model {model!r}: choose bert, gpt2 or llama")


class Branch(nn.Module):
    """A layer that adds its input to its output, without that."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x) - x
        return out


def flash_pytorch(width: int, layer: str = "FLASH", residual: bool = True, **options: Any) -> nn.Module:
    """A layer of the PyPI package FLASH-pytorch: "GAU" or "FLASH" (options: causal, query_key_dim, group_size, ...).

    Both begin with a layer norm and add their input to their output, unless `residual` is False. Raises ImportError
    that names the extra where the package is missing.
    """
    if not has_flash_pytorch():
        raise ImportError("this layer needs the package FLASH-pytorch: pip install 'scaleproof[dev]'")
    import flash_pytorch as package

    made: nn.Module = getattr(package, layer)(dim=width, **options)
    return made if residual else Branch(made)


def _heads(width: int) -> int:
    """Heads of 64 dimensions, as the published models have; at least one, and a divisor of `width`."""
    return math.gcd(width, max(1, width // 64))

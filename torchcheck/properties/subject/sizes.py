"""What authors call the sizes that a subject is built with, and what each is given where the subject insists on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

#: parameter names that say how wide or deep a subject is to be built
WIDTH = (
    "width",
    "dim",
    "d_model",
    "hidden_size",
    "embed_dim",
    "embed_size",
    "n_embd",
    "hidden",
    "features",
    "channels",
    "num_features",
    "hidden_dim",
    "emb_dim",
    "embedding_dim",
    "model_dim",
)
DEPTH = (
    "depth",
    "layers",
    "n_layers",
    "num_layers",
    "n_layer",
    "num_hidden_layers",
    "n_blocks",
    "num_blocks",
    "blocks",
)
#: classes of the scores that a loss is given, or the features of its embeddings
CLASSES = 8
#: what a loss calls these
SCORES = re.compile(
    "((n|num)_?)?(class|classes|labels)|(feat(ure)?s?|embed(ding)?s?|emb|hidden)_?(dim|size)|(in|out)_features",
    re.IGNORECASE,
)
#: sizes of what a layer takes and gives
ENDS = re.compile(
    "(in|out)_?(features|dim|channels?|planes|ch|chans|size|c)|(input|output)_(dim|size|channels)|planes|c_?(in|out)|inp|oup"
)
VOCABULARY = re.compile("((n|num)_)?vocab(ulary)?(_size)?|ntoken|num_embeddings")
#: names -> value at a width, of what is neither width nor depth and is often left to whoever builds it
USUAL: tuple[tuple[re.Pattern[str], Callable[[int], Any]], ...] = (
    (VOCABULARY, lambda _width: 256),
    (re.compile("((n|num)_?)?(attn_|attention_)?heads?"), lambda width: next(n for n in (4, 2, 1) if width % n == 0)),
    (re.compile("((n|num)_)?(kv|key_value)_heads?"), lambda width: 2 if width % 4 == 0 else 1),
    (re.compile("(d|dim)_head|head_(dim|size)|d_[kv]"), lambda width: max(1, width // 4)),
    (
        re.compile(
            "(d|dim)_?(ffn?|inner|hidden|feedforward|mlp)|(ffn?|mlp|inner|intermediate|feedforward)_(hidden_)?(dim|size)"
            "|ffn?_hidden|hidden_features"
        ),
        lambda width: 4 * width,
    ),
    (re.compile("([a-z]+_)?drop(out|_path)?(_(rate|prob|p))?|p_drop(out)?"), lambda _width: 0.1),
    (
        re.compile(
            "max_?(seq|sequence)_?(len|length)|(context|ctx|block)_?(len|length|size)|max_?(len|length)|max_positions"
            "|n_(positions|ctx)"
            "|max_position_embeddings"
        ),
        lambda _width: 256,  # a mask of its square in every layer stays small
    ),
    (re.compile("((n|num)_)?(class|classes|labels)"), lambda _width: 10),
    (ENDS, lambda width: width),
    (re.compile("feat(ure)?_dim"), lambda width: width),
    (
        re.compile(
            "(cond(ition(ing)?)?|context|ctx|style|latent|time|enc(oder)?|query|key|value|q|k|v|kv)_(emb(ed)?_)?(dim|features|channels)"
            "|d_(cond|context|model_kv)"
        ),
        lambda width: width,
    ),
    (re.compile("kernel(_size)?"), lambda _width: 3),
    (re.compile("eps(ilon)?"), lambda _width: 1e-5),
)


def usual(name: str, width: int) -> Any:
    """What a parameter of this name is given at a width; None where its name does not say what it is."""
    return next((value(width) for names, value in USUAL if names.fullmatch(name)), None)

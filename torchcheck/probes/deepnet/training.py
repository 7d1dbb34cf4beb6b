"""Training a character model on the English text that ships with Python, from the first step, without warmup."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcheck.data import Evidence, Measurement, Params, Series
from torchcheck.run.subjects import DTYPES, Subject, find_device, resolve


class CharacterModel(nn.Module):
    """Token and position embeddings (normal, second moments adding to 1), a causal stack, and a linear head."""

    def __init__(self, stack: nn.Module, width: int, characters: int, tokens: int) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(characters, width), nn.Embedding(tokens, width)
        for table in (self.embedding, self.position):
            nn.init.normal_(table.weight, std=math.sqrt(0.5))
        self.stack = stack
        self.head = nn.Linear(width, characters)
        nn.init.normal_(self.head.weight, std=0.5 / math.sqrt(width))

    def forward(self, ids: Tensor) -> Tensor:
        """(batch, tokens) of character numbers to logits (batch, tokens, characters)."""
        places = torch.arange(ids.shape[-1], device=ids.device)
        out: Tensor = self.head(self.stack(self.embedding(ids) + self.position(places)))
        return out


@cache
def corpus() -> tuple[Tensor, Tensor]:
    """The text of pydoc_data.topics as character numbers, and minus the logarithm of each character's frequency.

    The latter, averaged over characters to be guessed, is the loss (nats) of the best model that ignores its input.
    """
    from pydoc_data.topics import topics

    text = "\n".join(topics[key] for key in sorted(topics))
    alphabet = sorted(set(text))
    number = {character: k for k, character in enumerate(alphabet)}
    ids = torch.tensor([number[character] for character in text])
    return ids, -(torch.bincount(ids) / len(ids)).log()


def training(
    subject: Params,
    layers: int,
    width: int,
    rate: float,
    steps: int,
    tokens: int = 32,
    batch: int = 8,
    optimizer: str = "torch.optim:Adam",
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
) -> list[Measurement]:
    """Trains `subject(width=..., layers=..., causal=True, **options)` at a constant learning rate from the first step.

    `loss.rate=...`: the mean over the last tenth of the steps of the loss minus that of the characters' frequencies on
    the same text (nats; below 0 the model has learned something from context). A loss that is not finite counts as the
    largest seen, and ends the run. Data and their order depend on `seed` alone. The curve is the loss at every step.
    """
    where, kind = find_device(device), DTYPES[dtype]
    spec = Subject.from_json(subject)
    ids, surprisal = corpus()
    model = _model(spec, layers, width, len(surprisal), tokens, seed).to(where, kind)
    generator = torch.Generator().manual_seed(seed)
    opt = resolve(optimizer)(model.parameters(), lr=rate)
    losses: list[float] = []
    ignorant: list[float] = []
    for _ in range(steps):
        starts = torch.randint(len(ids) - tokens, (batch,), generator=generator)
        block = torch.stack([ids[s : s + tokens + 1] for s in starts.tolist()]).to(where)
        opt.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(block[:, :-1]).flatten(0, -2).float(), block[:, 1:].flatten())
        losses.append(float(loss.detach()))
        ignorant.append(float(surprisal[block[:, 1:].cpu()].mean()))
        if not math.isfinite(losses[-1]):
            losses[-1] = max((v for v in losses if math.isfinite(v)), default=math.log(len(surprisal)))
            break
        loss.backward()  # type: ignore[no-untyped-call]
        opt.step()
    last = max(1, steps // 10)
    gap = [a - b for a, b in zip(losses[-last:], ignorant[-last:], strict=True)]
    curve = Series(f"{spec.label}, rate {rate:g}", "step", "loss", list(range(1, len(losses) + 1)), losses, "loss")
    return [
        Measurement(
            f"loss.rate={rate:g}",
            sum(gap) / len(gap),
            unit="nats above the characters' frequencies",
            samples=len(losses),
            data={"layers": layers},
            evidence=Evidence.SINGLE,
            subject=spec.label,
            device=device,
            dtype=dtype,
            series=(curve,),
            note=f"{layers} layers of 2 sublayers, width {width}, {len(losses)} steps",
        )
    ]


def _model(spec: Subject, layers: int, width: int, characters: int, tokens: int, seed: int) -> CharacterModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stack = resolve(spec.target)(width=width, layers=layers, causal=True, **spec.options)
        return CharacterModel(stack, width, characters, tokens)

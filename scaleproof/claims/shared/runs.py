"""Training runs of one setting at several seeds, as one measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torchcheck.data import Evidence, Measurement


def over_runs(name: str, runs: Sequence[Measurement], note: str) -> Measurement:
    """The mean of what `runs` measured, and their range: all of them have to lie where the prediction does.

    Its curve is the first run's.
    """
    values = [float("nan") if m.value is None else float(m.value) for m in runs]
    return replace(
        runs[0],
        name=name,
        value=sum(values) / len(values),
        lo=min(values),
        hi=max(values),
        evidence=Evidence.SAMPLED,
        samples=len(values),
        note=f"{note}; the range over {len(values)} runs",
    )

"""Runs claims at many seeds and tells which verdicts are not the recorded ones.

`bench_seeds.py [CLAIM ...] [--first 1] [--seeds 20]`.

Timed claims are left out: their verdicts do not depend on the seed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scaleproof.claim import Settings
from scaleproof.executors.processes import processes
from scaleproof.reporting.record import Run
from scaleproof.suite import runner
from scaleproof.suite.environment import environment
from scaleproof.suite.registry import select
from scaleproof.suite.store import Store, default_path
from torchcheck.run.machine import cores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("claims", nargs="*", help="ids, families or patterns; all by default")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds")
    chosen = parser.parse_args()
    claims = [c for c in select(chosen.claims) if not c.timed]
    seen: dict[str, Counter[str]] = {c.id: Counter() for c in claims}
    console = Console()
    with processes(cores()) as pool:
        means = runner.Means(pool, pool, Store(default_path()))
        for seed in range(chosen.first, chosen.first + chosen.seeds):
            about = Run(
                id=f"seed {seed}",
                started="",
                seconds=0.0,
                command="bench_seeds",
                profile="quick",
                seed=seed,
                device="cpu",
            )
            with tempfile.TemporaryDirectory() as folder:
                record = runner.run(claims, Settings(seed=seed), Path(folder), means, about, environment())
            for r in record.results:
                seen[r.id]["as recorded" if r.expected else f"{r.verdict}: {r.message[:120]}"] += 1
            wrong = [r.id for r in record.results if not r.expected]
            count = f"{len(record.results) - len(wrong)} of {len(record.results)} as recorded"
            console.print(f"seed {seed}: {count} {', '.join(wrong)}")
    table = Table("claim", "as recorded", "otherwise")
    for claim, counts in seen.items():
        others = "; ".join(f"{number} x {what}" for what, number in counts.items() if what != "as recorded")
        table.add_row(claim, f"{counts['as recorded']} of {chosen.seeds}", others)
    console.print(table)


if __name__ == "__main__":
    main()

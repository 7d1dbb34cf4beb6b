"""Measures the tasks of a plan on this machine, which needs torch, numpy, scipy and jaxtyping and nothing else.

    scaleproof plan CLAIMS --device cuda > tasks.json     here
    python -m torchcheck.run tasks.json --out results.json     there; again, to go on after an interruption
    scaleproof verify --merge results.json     here

Exit code 0: all tasks measured; 1: some failed, and stand in the results as errors; 2: a file is not what it should be;
130: interrupted, to be gone on with.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from torchcheck.run.exchange import ExchangeError, read_plan, work


def main(arguments: list[str] | None = None) -> int:
    about, _, more = str(__doc__).partition("\n\n")
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m torchcheck.run", description=about, epilog=more, formatter_class=raw)
    parser.add_argument("plan", type=Path, help="what scaleproof plan wrote")
    parser.add_argument("--out", type=Path, required=True, help="where the results go, line by line")
    chosen = parser.parse_args(arguments)
    try:
        results = work(read_plan(chosen.plan), chosen.out, _progress)
    except ExchangeError as error:
        print(f"torchcheck.run: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"torchcheck.run: cannot write {chosen.out}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\ninterrupted; what is measured is in {chosen.out}: say the same again to go on", file=sys.stderr)
        return 130
    return 1 if any(o.error for o in results.outcomes.values()) else 0


def _progress(done: int, total: int, error: str) -> None:
    print(f"{done} of {total}{f': {error}' if error else ''}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())

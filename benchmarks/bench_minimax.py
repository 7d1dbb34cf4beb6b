"""squareplus.minimax against Sollya's infnorm: width of the enclosure, domain, time.

Sollya (Debian package `sollya`) bounds |SP_b - softplus| on [-10, 10] for one given b. Ours proves the supremum over
all of the reals, and that no other b is as good; its time is for the search and for the checker.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import time
from fractions import Fraction
from functools import partial

from rich.console import Console
from rich.table import Table

from scaleproof.certify.replay import replay
from scaleproof.certify.search import prove

CLAIM = "squareplus.minimax"
REPEATS = 9
SOLLYA = """
prec = 200; {options}
f = (x + sqrt(x^2 + {b}))/2 - log(1 + exp(x));
infnorm(f, [-10; 10]);
quit;
"""


def main() -> None:
    table = Table("what", "width of the enclosure", "domain", "median seconds")
    certificate = prove(CLAIM)
    raw = json.loads(json.dumps(certificate.to_json()))
    assert replay(raw).holds
    lo, hi = (Fraction(v) for v in certificate.theorems[0].bounds["error"])
    for name, work in (("search", lambda: prove(CLAIM)), ("checker", lambda: replay(raw))):
        table.add_row(f"scaleproof, {name}", f"{float(hi - lo):.1e}", "all reals", f"{_median(work):.3f}")
    if shutil.which("sollya"):
        b = certificate.theorems[0].bounds["b"][0]
        for name, options in (("Sollya infnorm", ""), ("Sollya infnorm, diam = 1e-12", "diam = 1e-12;")):
            work = partial(_sollya, b, options)
            low, high = (Fraction(v) for v in work())
            table.add_row(name, f"{float(high - low):.1e}", "[-10, 10]", f"{_median(work):.3f}")
    else:
        table.add_row("Sollya infnorm", "not on this machine", "", "")
    Console().print(table)


def _sollya(b: str, options: str) -> list[str]:
    run = subprocess.run(
        ["sollya"], input=SOLLYA.format(b=b, options=options), text=True, capture_output=True, check=True
    )
    answer = next(line for line in run.stdout.splitlines() if line.startswith("["))
    return answer.strip("[]").split(";")


def _median(work: object) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()  # type: ignore[operator]
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()

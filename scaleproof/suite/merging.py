"""The tasks of claims for another machine, and what came back from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from scaleproof.claim import Claim, Settings
from scaleproof.suite.registry import UnknownClaim, select
from scaleproof.suite.runner import legs
from scaleproof.suite.store import Kept
from torchcheck.run.exchange import ExchangeError, Plan, read_results
from torchcheck.run.version import version


@dataclass(frozen=True)
class Merged:
    """Measurements and errors by task key, and the claims and settings that they are for."""

    claims: Sequence[Claim]
    settings: Settings
    given: Mapping[str, Kept]
    errors: Mapping[str, str]


def plan(claims: Sequence[Claim], settings: Settings) -> Plan:
    """All tasks of the claims, each once: the same claims and settings give the same plan."""
    tasks = {t.key: t for claim in claims for leg in legs(claim, settings) for t in leg}
    return Plan(tuple(c.id for c in claims), {**asdict(settings), "dtypes": [*settings.dtypes]}, tuple(tasks.values()))


def merged(path: Path) -> Merged:
    """The results in a file, if they are all of what would be planned here now; else raises ExchangeError."""
    results = read_results(path)
    if not results.whole:
        done = f"{len(results.outcomes)} of {results.expected} tasks"
        raise ExchangeError(f"{path}: {done} are measured: run it again there, with the same --out, to go on")
    if results.version.torchcheck != version().torchcheck:
        raise ExchangeError(f"{path}: measured by another version of torchcheck: {results.version.torchcheck}")
    try:
        settings = Settings(**{**results.settings, "dtypes": tuple(results.settings["dtypes"])})
        claims = select(results.claims)
    except (UnknownClaim, KeyError, TypeError) as error:
        raise ExchangeError(f"{path}: of claims or settings that are not known here: {error}") from error
    if plan(claims, settings).digest != results.plan:
        raise ExchangeError(f"{path}: of another plan than these claims have now: make the plan again")
    good = [o for o in results.outcomes.values() if not o.error]
    given = {o.key: Kept([*o.measurements], o.made, results.machine, o.seconds) for o in good}
    return Merged(claims, settings, given, {o.key: o.error for o in results.outcomes.values() if o.error})

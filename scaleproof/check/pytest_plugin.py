"""The pytest plugin: a fixture `scaleproof` that checks a variant, each property a subtest, against a baseline.

    def test_block(scaleproof):
        scaleproof.block(MyBlock, width=64)

Baselines lie beside the test file, in __scaleproof__/<file>.<test>.json; `pytest --scaleproof-update` writes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from torchcheck.properties.finding import CheckResult

FOLDER = "__scaleproof__"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("scaleproof", "checks of torch modules")
    group.addoption(
        "--scaleproof-update", action="store_true", help="write the baselines of the fixture scaleproof, do not compare"
    )


@pytest.fixture
def scaleproof(request: pytest.FixtureRequest) -> Checker:
    """Checks: scaleproof.block(MyBlock), .activation, .layer, .attention, .model, .optimizer, .loss; .training."""
    return Checker(request)


class Checker:
    """One method for each kind; a test may call several, each with a `name` of its own for its baseline.

    Every property is a subtest where pytest has the fixture `subtests` (9.0 and newer, or pytest-subtests); else the
    first failed assertion lists them all. Returns the CheckResult.
    """

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request
        self._used: set[str] = set()

    def activation(self, subject: Any, **options: Any) -> CheckResult:
        from scaleproof.certify.pointwise.certifier import certify

        return self._check("check_activation", subject, {"certify": certify, **options})

    def block(self, subject: Any, **options: Any) -> CheckResult:
        return self._check("check_block", subject, options)

    def model(self, subject: Any, **options: Any) -> CheckResult:
        return self._check("check_model", subject, options)

    def layer(self, subject: Any, **options: Any) -> CheckResult:
        return self._check("check_layer", subject, options)

    def attention(self, subject: Any, **options: Any) -> CheckResult:
        return self._check("check_attention", subject, options)

    def optimizer(self, subject: Any, **options: Any) -> CheckResult:
        return self._check("check_optimizer", subject, options)

    def loss(self, subject: Any, **options: Any) -> CheckResult:
        return self._check("check_loss", subject, options)

    def training(self, model: Any, batch: Any, loss: Any, optimizer: Any, **options: Any) -> CheckResult:
        """A training step of yours: see torchcheck.check_training."""
        return self._check("check_training", model, options, batch, loss, optimizer)

    def path(self, name: str = "") -> Path:
        """Where the baseline of this test lies."""
        test = f"{self._request.path.stem}.{self._request.node.name}" + (f".{name}" if name else "")
        return self._request.path.parent / FOLDER / f"{re.sub(r'[^A-Za-z0-9_.=-]+', '-', test)[:150]}.json"

    def _check(self, function: str, subject: Any, options: dict[str, Any], *further: Any) -> CheckResult:
        import torchcheck
        from scaleproof.check import baseline

        path = self.path(options.pop("name", ""))
        if str(path) in self._used:
            raise pytest.UsageError(f"two checks of one test share the baseline {path.name}: give each a name=")
        self._used.add(str(path))
        result: CheckResult = getattr(torchcheck, function)(subject, *further, **options)
        if self._request.config.getoption("--scaleproof-update"):
            baseline.write(baseline.from_result(result, baseline.machine()), path)
            return result
        changes = {}
        if path.exists():
            try:
                changes = {d.name: d for d in baseline.compare(baseline.read(path), result)}
            except baseline.BaselineError as error:
                pytest.fail(f"{error}; pytest --scaleproof-update writes it again", pytrace=False)
        verdicts: list[tuple[str, str]] = []
        for finding in result:
            change = changes.pop(finding.name, None)
            known = change is not None and change.change != "new"
            if change is not None and change.is_regression:
                verdicts.append((finding.name, f"{change}\n{finding!r}"))
            else:
                verdicts.append(
                    (finding.name, "" if finding or known or finding.status == "inconclusive" else repr(finding))
                )
        verdicts += [(name, str(d) if d.is_regression else "") for name, d in changes.items()]
        self._report(verdicts)
        return result

    def _report(self, verdicts: list[tuple[str, str]]) -> None:
        subtests = self._subtests()
        if subtests is None:
            broken = [words for _, words in verdicts if words]
            if broken:
                pytest.fail("\n".join(broken), pytrace=False)
            return
        for name, words in verdicts:
            with subtests(msg=name):
                if words:
                    pytest.fail(words, pytrace=False)

    def _subtests(self) -> Callable[..., Any] | None:
        try:
            result: Callable[..., Any] = self._request.getfixturevalue("subtests").test
        except pytest.FixtureLookupError:
            return None
        return result

"""A check's result for other programs: JUnit, SARIF, GitHub's annotations, and Python files that fail again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from scaleproof.check.baseline import PropertyChange
from torchcheck.properties.finding import CheckResult, Finding
from torchcheck.properties.subject.variant import CheckSettings

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Remark:
    """What a reader of a CI's page is told about one property."""

    name: str
    level: Level
    text: str


def remarks(result: CheckResult, changes: Sequence[PropertyChange], compared: bool, strict: bool) -> list[Remark]:
    """Failures and regressions as errors; what is undecided as a warning, or, in a strict check, as an error.

    A failure that the baseline has already is a warning.
    """
    known = {c.name for c in changes if c.change != "new"} if compared else set()
    listed = [Remark(f.name, "warning" if f.name in known else "error", words(f)) for f in result.failed]
    worse = {c.name: str(c) for c in changes if c.is_regression}
    listed = [r for r in listed if r.name not in worse] + [Remark(n, "error", text) for n, text in worse.items()]
    listed += [Remark(f.name, "error" if strict else "warning", words(f)) for f in result.undecided]
    return listed


def words(finding: Finding) -> str:
    """What was wanted, what was seen, and what to do, in a few lines."""
    seen = f"{finding.seen} ({finding.witness})" if finding.witness else finding.seen
    lines = [f"{finding.status}: {finding.words}", f"seen: {seen}"]
    return "\n".join(lines + ([f"to do: {finding.advice}"] if finding.advice else []))


def junit(result: CheckResult, listed: Sequence[Remark]) -> str:
    """A test suite named by the subject, a test case for each property."""
    from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

    errors = {r.name: r for r in listed if r.level == "error"}
    suite = TestSuite(result.subject)
    for finding in result:
        case = TestCase(finding.name, classname=result.subject)
        if finding.name in errors:
            text = errors[finding.name].text
            broken = (Error if finding.status == "error" else Failure)(text.splitlines()[0])
            broken.text = text
            case.result = [broken]
        elif finding.suppressed:
            case.result = [Skipped(f"suppressed: {finding.suppressed}")]
        elif finding.status in ("skipped", "inconclusive", "question"):
            case.result = [Skipped(f"{finding.status}: {finding.seen}")]
        suite.add_testcase(case)
    suite.time = result.seconds
    xml = JUnitXml()
    xml.add_testsuite(suite)
    return bytes(xml.tostring()).decode()


def sarif(result: CheckResult, listed: Sequence[Remark]) -> str:
    """SARIF 2.1.0: a rule for each property remarked on, a result for each remark, at the subject's first line."""
    import sarif_pydantic as s

    by_name = {f.name: f for f in result}
    names = list(dict.fromkeys(r.name for r in listed))
    rules = [
        s.ReportingDescriptor(
            id=name,
            short_description=s.Message(text=by_name[name].words),
            help=s.Message(text=by_name[name].advice or by_name[name].words),
        )
        for name in names
        if name in by_name
    ]
    place = s.PhysicalLocation(
        artifact_location=s.ArtifactLocation(uri=Path(result.file).as_posix()),
        region=s.Region(start_line=max(1, result.line)),
    )
    results = [
        s.Result(
            rule_id=r.name,
            level=s.Level(r.level),
            message=s.Message(text=f"{result.subject}: {r.name}: {r.text}"),
            locations=[s.Location(physical_location=place)] if result.file else [],
        )
        for r in listed
    ]
    driver = s.ToolDriver(name="scaleproof", version=version("scaleproof"), rules=rules)
    log = s.Sarif(version="2.1.0", runs=[s.Run(tool=s.Tool(driver=driver), results=results)])
    text: str = log.model_dump_json(indent=1, exclude_none=True, by_alias=True)
    return text + "\n"


def github(result: CheckResult, listed: Sequence[Remark]) -> str:
    """Workflow commands that mark the subject's first line (GitHub Actions, "Workflow commands")."""
    place = f"file={_property(Path(result.file).as_posix())},line={max(1, result.line)}," if result.file else ""
    lines = []
    for r in listed:
        title = _property(f"{result.subject}: {r.name}")
        lines.append(f"::{r.level} {place}title={title}::{_data(r.text)}")
    return "".join(line + "\n" for line in lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def reproductions(result: CheckResult, target: str, options: Mapping[str, Any], folder: Path) -> Mapping[str, str]:
    """For each failure a Python file, by its name in `folder`, that checks that property alone and exits with 1."""
    defaults = CheckSettings().to_json()
    sizes = {k: v for k, v in result.settings.items() if k in defaults and _plain(v) != _plain(defaults[k])}
    place, _, name = target.rpartition(":")
    own_file = Path(place).is_file()
    subject = f'f"{{HERE / {os.path.relpath(place, folder)!r}}}:{name}"' if own_file else repr(target)
    given = [
        f"    {k}={_plain(v)!r},\n"
        for k, v in sorted({**({"options": dict(options)} if options else {}), **sizes}.items())
    ]
    by_name = {}
    for finding in result.failed:
        text = words(finding).replace("\\", "\\\\").replace('"""', "'''")
        by_name[f"{finding.name}.py"] = (
            f'"""{result.subject}, {finding.name}, with torch {result.torch}.\n\n{text}\n"""\n\n'
            + ("from pathlib import Path\n\n" if own_file else "")
            + "from torchcheck import check\n\n"
            + ("HERE = Path(__file__).parent\n" if own_file else "")
            + f"result = check(\n    {subject},\n    {result.kind!r},\n    select=[{finding.name!r}],\n"
            + "".join(given)
            + f")\nprint(repr(result[{finding.name!r}]))\nraise SystemExit(not result)\n"
        )
    return by_name


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

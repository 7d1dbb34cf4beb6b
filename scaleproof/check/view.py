"""What `scaleproof check` prints: findings as they arrive, and the table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Column, Table

from scaleproof.check.baseline import Difference
from torchcheck.properties.finding import CheckResult, Finding

STYLES = {
    "ok": "green",
    "noted": "dim",
    "skipped": "dim",
    "failed": "bold red",
    "inconclusive": "cyan",
    "error": "bold red",
}


class Display:
    """Live findings on stderr, redrawn after every step; silent when `quiet`, one line a finding without a terminal."""

    def __init__(self, subject: str, quiet: bool) -> None:
        self._console = Console(stderr=True, quiet=quiet)
        self._subject = subject
        self._seen: set[tuple[str, str]] = set()
        self._live = Live(Spinner("dots", f"starting {escape(subject)}"), console=self._console, transient=True)

    def __enter__(self) -> Display:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def __call__(self, findings: Sequence[Finding], done: int, total: int) -> None:
        if self._console.is_terminal:
            head = Spinner("dots", f"{escape(self._subject)}: step {done} of {total}")
            self._live.update(Group(_table(findings), head))
            return
        for finding in findings:
            if (finding.name, finding.status) not in self._seen:
                self._seen.add((finding.name, finding.status))
                self._console.print(f"{done}/{total} {escape(str(finding))}", soft_wrap=True, highlight=False)


def result(found: CheckResult, changes: Sequence[Difference], written: Sequence[Path], quiet: bool) -> None:
    """The table of all findings, what failed with advice, what changed, and a suggestion."""
    console = Console()
    if not quiet:
        console.print(
            f"[bold]{escape(found.subject)}[/bold], checked as {found.kind} ({escape(found.why_kind)})", soft_wrap=True
        )
        console.print(_table(found.findings))
    for finding in found.failed:
        console.print(
            f"[bold red]{finding.status}[/bold red] {escape(finding.name)}: {escape(finding.words)}", soft_wrap=True
        )
        seen = f"{finding.seen} ({finding.witness})" if finding.witness else finding.seen
        console.print(f"  seen: {escape(seen)}", soft_wrap=True)
        if finding.advice:
            console.print(f"  to do: {escape(finding.advice)}", soft_wrap=True)
        for line in finding.traceback.splitlines():
            console.print(f"    {escape(line)}", soft_wrap=True, highlight=False)
    for change in changes:
        if change.is_regression or (change.change == "better" and not quiet):
            style = "bold red" if change.is_regression else "green"
            console.print(f"[{style}]{change.change}[/{style}] {escape(str(change))}", soft_wrap=True)
    undecided = [f for f in found if f.status == "inconclusive"]
    if undecided and quiet:
        why = ", ".join(dict.fromkeys(f.note for f in undecided if f.note))
        console.print(f"inconclusive: {', '.join(f.name for f in undecided)} ({escape(why)})", soft_wrap=True)
    if found.suggestion:
        console.print("[bold]suggestion[/bold]")
        console.print(escape(found.suggestion), soft_wrap=True, highlight=False)
    if not quiet:
        last = f", undecided: {len(undecided)}" if undecided else ""
        regressed = sum(c.is_regression for c in changes)
        against = f", regressed: {regressed}" if changes else ""
        console.print(
            f"properties: {len(found.findings)}, failed: {len(found.failed)}{last}{against}, {found.seconds:.1f} s"
        )
        for path in written:
            console.print(str(path), soft_wrap=True)


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(Column("property", no_wrap=True), "status", "value, interval, what is wanted", "witness")
    for f in findings:
        style = STYLES[f.status]
        table.add_row(escape(f.name), f"[{style}]{f.status}[/{style}]", escape(f.seen), escape(f.witness))
    return table

"""What `scaleproof check` prints: findings as they arrive, and the table at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Column, Table

from scaleproof.check.baseline import PropertyChange
from torchcheck.properties.finding import CheckResult, Finding

#: how much is printed: what failed and is open; that with a summary; every property
Detail = Literal["quiet", "brief", "all"]
#: failures that are shown in full, unless all detail is asked
MOST = 6
STYLES = {
    "ok": "green",
    "noted": "dim",
    "skipped": "dim",
    "failed": "bold red",
    "inconclusive": "cyan",
    "question": "cyan",
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


def result(checked: CheckResult, changes: Sequence[PropertyChange], written: Sequence[Path], how: Detail) -> None:
    """What failed with advice, what changed, what is open, and a suggestion; with all detail, the table of findings."""
    console = Console()
    if how != "quiet":
        head = f"[bold]{escape(checked.subject)}[/bold], checked as {checked.kind} ({escape(checked.why_kind)})"
        console.print(head, soft_wrap=True)
    if how == "all":
        console.print(_table(checked.findings))
    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in checked.failed:  # one error of the subject may break many properties
        own = finding.name if finding.status == "failed" else ""
        alike.setdefault((own, finding.note, finding.traceback), []).append(finding)
    groups = list(alike.values())
    shown = groups if how == "all" else groups[:MOST]
    for group in shown:
        _failure(console, group)
    if len(groups) > len(shown):
        rest = ", ".join(f.name for group in groups[len(shown) :] for f in group)
        console.print(f"[bold red]failed[/bold red] too: {escape(rest)} (-v shows all)", soft_wrap=True)
    for parting in checked.partings if how != "quiet" else ():
        console.print(escape(str(parting)), soft_wrap=True)
    for change in changes:
        if change.is_regression or (change.change == "better" and how != "quiet"):
            style = "bold red" if change.is_regression else "green"
            console.print(f"[{style}]{change.change}[/{style}] {escape(str(change))}", soft_wrap=True)
    if how != "all":
        _open(console, checked)
    for finding in checked.suppressed if how != "quiet" else ():
        console.print(f"suppressed {escape(finding.name)}: {escape(finding.suppressed)}", soft_wrap=True)
    if checked.suggestion:
        console.print("[bold]suggestion[/bold]")
        console.print(escape(checked.suggestion), soft_wrap=True, highlight=False)
    if how != "quiet":
        console.print(_summary(checked, changes, how), soft_wrap=True)
        for path in written:
            console.print(str(path), soft_wrap=True)


def _failure(console: Console, group: Sequence[Finding]) -> None:
    """A failure, or properties that one error of the subject left without an answer."""
    finding = group[0]
    about = finding.words if len(group) == 1 else "no answer, for the subject broke"
    names = ", ".join(f.name for f in group)
    console.print(f"[bold red]{finding.status}[/bold red] {escape(names)}: {escape(about)}", soft_wrap=True)
    seen = f"{finding.seen} ({finding.witness})" if finding.witness else finding.seen
    console.print(f"  seen: {escape(seen)}", soft_wrap=True)
    if finding.advice:
        console.print(f"  to do: {escape(finding.advice)}", soft_wrap=True)
    for line in finding.traceback.splitlines():
        console.print(f"    {escape(line)}", soft_wrap=True, highlight=False)


def _open(console: Console, checked: CheckResult) -> None:
    """Questions one by one; what is inconclusive by its reason."""
    by_reason: dict[str, list[str]] = {}
    for finding in checked:
        if finding.status == "question":
            console.print(f"[cyan]question[/cyan] {escape(finding.name)}: {escape(finding.seen)}", soft_wrap=True)
        elif finding.status == "inconclusive":
            reason = finding.note if finding.value is None else "the samples do not decide"
            by_reason.setdefault(reason, []).append(finding.name)
    for reason, names in by_reason.items():
        console.print(f"[cyan]inconclusive[/cyan] {escape(', '.join(names))} ({escape(reason)})", soft_wrap=True)


def _summary(checked: CheckResult, changes: Sequence[PropertyChange], how: Detail) -> str:
    count = Counter(f.status for f in checked)
    parts = [f"properties: {len(checked.findings)}", f"ok: {count['ok']}", f"failed: {len(checked.failed)}"]
    parts += [
        f"{status}: {count[status]}" for status in ("question", "inconclusive", "noted", "skipped") if count[status]
    ]
    parts += [f"regressed: {sum(c.is_regression for c in changes)}"] if changes else []
    parts += [f"suppressed: {len(checked.suppressed)}"] if checked.suppressed else []
    return ", ".join([*parts, f"{checked.seconds:.1f} s"]) + ("" if how == "all" else " (-v shows every value)")


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(Column("property", no_wrap=True), "status", "value, interval, what is wanted", "witness")
    for f in findings:
        style = STYLES[f.status]
        table.add_row(escape(f.name), f"[{style}]{f.status}[/{style}]", escape(f.seen), escape(f.witness))
    return table

"""What the command line prints: live progress, tables, one claim at length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from scaleproof.certify import coq
from scaleproof.claim import Claim
from scaleproof.reporting.record import Environment, Record, Result
from scaleproof.reporting.render import resolution
from torchcheck.data import shown

if TYPE_CHECKING:  # these import torch, SymPy and z3, which a list of claims need not wait for
    from scaleproof.certify.kernel.certificate import Checked
    from scaleproof.reporting.difference import Comparison
    from scaleproof.suite.environment import Tool
    from scaleproof.suite.runner import Progress as Step

STYLES = {
    "proved": "green",
    "confirmed": "green",
    "qualified": "yellow",
    "corrected": "yellow",
    "refuted": "red",
    "inconclusive": "cyan",
    "error": "bold red",
}


STANDINGS = {"inside": "[green]holds[/green] ", "outside": "[red]excluded[/red] ", "open": "[cyan]open[/cyan] "}


class Display:
    """Live progress on stderr: claims done, and the claim and leg in hand; silent when `quiet`."""

    def __init__(self, total: int, quiet: bool = False) -> None:
        console = Console(stderr=True, quiet=quiet)
        columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._total = total
        self._task = self._progress.add_task("claims", total=total)

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, event: Step | Result) -> None:
        if isinstance(event, Result):
            self._progress.advance(self._task)
            line = f"{_verdict(event.verdict)} {event.id}  [dim]{event.seconds:.1f} s[/dim]"
            self._progress.console.print(line if event.expected else f"{line}  [bold red]surprise[/bold red]")
            return
        count = f" {event.done}/{event.total}" if event.total > 1 else ""
        self._progress.update(self._task, description=f"{event.claim}: {event.leg}{count}")

    def stage(self, name: str) -> None:
        """Names what goes on after the claims."""
        self._progress.update(self._task, description=name)


def summary(record: Record, folder: Path, written: Sequence[Path], quiet: bool) -> None:
    """The table of verdicts, surprises first; with `quiet` only the surprises."""
    console = Console()
    surprises = record.surprises
    rows = surprises if quiet else sorted(record.results, key=lambda r: r.expected)
    if rows:
        columns = ("argued", "resolution", "fault caught", "seconds")
        table = Table(Column("claim", no_wrap=True), Column("verdict", no_wrap=True), *columns)
        for r in rows:
            fault = "" if r.fault is None else ("yes" if r.fault.caught else "[bold red]no[/bold red]")
            recorded = "" if r.verdict == r.recorded else f" [bold](recorded: {r.recorded})[/bold]"
            argued = str(len(r.argued)) if r.argued else ""
            table.add_row(r.id, _verdict(r.verdict) + recorded, argued, resolution(r), fault, f"{r.seconds:.1f}")
        console.print(table)
    for r in rows:
        if r.expected and r.verdict == "inconclusive":
            console.print(f"{_verdict(r.verdict)} {r.id}: {escape(r.message)}", soft_wrap=True)
    for r in surprises:
        console.print(f"[bold red]surprise[/bold red] {r.id}: {escape(r.message)}", soft_wrap=True)
        if r.fault and not r.fault.caught:
            console.print(f"  its seeded fault ({escape(r.fault.words)}) was not noticed", soft_wrap=True)
        console.print(
            f"  again: scaleproof verify {r.id}; at length: scaleproof show {r.id} --run {folder}", soft_wrap=True
        )
    if quiet:
        return
    console.print(
        f"{_count(len(record.results), 'claim')}, {_count(len(surprises), 'surprise')}, {record.run.seconds:.0f} s. "
        f"Record: {folder}",
        soft_wrap=True,
    )
    for path in written:
        console.print(str(path), soft_wrap=True)


def claims(chosen: Sequence[Claim]) -> None:
    """The list of claims."""
    table = Table(Column("claim", no_wrap=True), "recorded", "legs", "source")
    for c in chosen:
        place = c.source.url.removeprefix("https://")
        table.add_row(c.id, _verdict(c.recorded.value), c.legs, f"{place}, {c.source.equation}")
    Console().print(table)


def claim(chosen: Claim, formal: Sequence[str], result: Result | None, run: Path) -> None:
    """One claim at length."""
    console = Console(soft_wrap=True)
    console.print(f"[bold]{chosen.id}[/bold]  recorded: {_verdict(chosen.recorded.value)}  legs: {chosen.legs}")
    console.print(f"\n{escape(chosen.text('source'))}")
    if chosen.setting:
        console.print(f"\n[bold]What it is about.[/bold] {escape(chosen.setting)}")
    standing = {c.key: c.standing for c in result.clauses} if result else {}
    for part, title in (("source", "The source's clauses"), ("ours", "What holds")):
        rows = [c for c in chosen.clauses if c.part == part]
        if rows:
            console.print(f"\n[bold]{title}:[/bold]")
        for c in rows:
            how = STANDINGS[standing[c.key]] if c.key in standing else ""
            console.print(f"  - {how}{escape(c.text)}")
            if c.theorems:
                console.print(f"    [dim]theorems: {', '.join(c.theorems)}[/dim]")
            if c.coq:
                console.print(f"    [dim]by Coq's kernel (proofs/): {', '.join(c.coq)}[/dim]")
            for file in (f for f, here in coq.standings(c.coq).items() if here == "changed"):
                console.print(f"    [bold]proofs/{file} has changed since Coq checked it: make proofs[/bold]")
            for step in c.argued:
                console.print(f"    [dim]argued, not machine-checked: {escape(step)}[/dim]")
    console.print(f"\n[bold]Source.[/bold] {chosen.source.title}, {chosen.source.equation}\n{chosen.source.url}")
    console.print(f"\n[bold]Outline.[/bold] {escape(chosen.outline)}")
    if formal:
        console.print("\n[bold]Formally proved:[/bold]")
        for words in formal:
            console.print(f"  - {escape(words)}")
    console.print(f"\n[bold]Seeded fault.[/bold] {escape(chosen.fault.words)}")
    if result is None:
        console.print(f"\nNo result in {run}. Run: scaleproof verify {chosen.id}")
        return
    console.print(f"\n[bold]Latest result[/bold] ({run}): {_verdict(result.verdict)}. {escape(result.message)}")
    if result.counterexample:
        console.print(f"Counterexample: {escape(result.counterexample)}")
    table = Table("measurement", "subject", "dtype", "value and interval", "samples")
    for m in result.measurements:
        value = m.note if m.value is None else shown(m.value, m.lo, m.hi, m.unit)
        table.add_row(m.name, m.subject, m.dtype, escape(value), str(m.samples))
    console.print(table)


#: differences that are printed; a report has all
PRINTED = 20


def comparison(made: Comparison, written: Sequence[Path]) -> None:
    """What changed between two runs, verdicts first."""
    console = Console()
    if made.settings:
        console.print("not the same: " + "; ".join(f"{n} {escape(a)} -> {escape(b)}" for n, a, b in made.settings))
    table = Table("claim", "what", "before", "after", "change", "times the noise")
    for d in made.differences[:PRINTED]:
        what = d.name if d.what == "measurement" else d.what if d.name == d.claim else f"{d.what} {d.name}"
        change = "" if d.change is None else f"{100 * d.change:+.2g} %"
        noise = "" if d.noise is None else f"{d.noise:.2g}"
        table.add_row(d.claim, escape(what), escape(d.before), escape(d.after), change, noise)
    if made.differences:
        console.print(table)
    hidden = len(made.differences) - PRINTED
    if hidden > 0:
        console.print(f"and {hidden} more: --report FOLDER, or --json")
    alone = f"; {made.only_before} in the first run alone, {made.only_after} in the second"
    console.print(
        f"{len(made.verdicts)} verdicts changed; {len(made.measurements)} of {made.compared} measurements differ "
        "beyond their intervals" + (alone if made.only_before or made.only_after else "")
    )
    for path in written:
        console.print(str(path), soft_wrap=True, highlight=False)


def checked(result: Checked) -> None:
    """The answer of a replay."""
    console = Console(soft_wrap=True)
    if not result.holds:
        console.print(f"[bold red]rejected[/bold red] {escape(result.claim)}: {escape(result.reason)}")
        return
    console.print(
        f"[green]holds[/green] {result.claim} ({', '.join(result.methods)}; checked in {result.seconds:.2f} s)"
    )
    for words in result.statements:
        console.print(f"  - {escape(words)}")


def doctor(machine: Environment, tools: Sequence[Tool]) -> None:
    """The machine and its optional tools."""
    console = Console()
    table = Table("what", "here", show_header=False)
    table.add_row("python", machine.python)
    table.add_row("platform", machine.platform)
    table.add_row("cpu", f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB")
    for name, version in machine.packages.items():
        table.add_row(name, version or "[red]missing[/red]")
    console.print(table)
    optional = Table("optional tool", "found", "without it")
    for tool in tools:
        optional.add_row(tool.name, tool.found or "[yellow]no[/yellow]", "" if tool.found else tool.switches_off)
    console.print(optional)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _verdict(name: str) -> str:
    return f"[{STYLES[name]}]{name}[/{STYLES[name]}]"

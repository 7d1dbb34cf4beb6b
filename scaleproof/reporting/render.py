"""From a record to Markdown, HTML and PDF: Jinja2, then pandoc, then Typst."""

from __future__ import annotations

import math
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from scaleproof.reporting.figures import forest
from scaleproof.reporting.figures.catalogue import draw
from scaleproof.reporting.figures.drawing import Figure, Gallery, Shelf
from scaleproof.reporting.formal import code, formal
from scaleproof.reporting.record import (
    FormalStatement,
    MeasurementRow,
    PredictionRow,
    Record,
    Result,
    TrustedFile,
    write_atomically,
)
from torchcheck.data import shown

TITLE = "scaleproof: what holds of the published statements"
VERDICTS = ("proved", "confirmed", "qualified", "corrected", "refuted", "inconclusive", "error")
#: raw HTML and raw TeX in a record are text, whatever they look like
PANDOC_INPUT = "markdown-raw_html-raw_tex-raw_attribute-markdown_in_html_blocks-citations"


class RenderError(ValueError):
    """The record has something in it that a report cannot show; the message names the format and what."""


@dataclass(frozen=True)
class Row:
    """A line of a claim's table: a prediction beside a measurement of the same name."""

    name: str
    predicted: str
    measured: str
    subject: str
    where: str
    samples: int | str
    resolution: str = ""


def render(record: Record, folder: Path, formats: Sequence[str], shelf: Shelf | None = None) -> list[Path]:
    """Writes report.md, report.html, report.pdf (as named in `formats`) and their figures in `folder`.

    Figures on the `shelf` are not drawn again.
    Raises OSError where the folder cannot be written, RenderError where pandoc or Typst refuse the text.
    """
    if not formats:
        return []
    gallery = Gallery(folder / "figures", shelf or Shelf())
    figures = draw(record, gallery)
    rows = {r.id: forest.draw(r, gallery) for r in record.results} if {"md", "pdf"} & set(formats) else {}
    paths = {f: folder / f"report.{f}" for f in ("md", "html", "pdf") if f in formats}
    writers: dict[str, Callable[[Path], None]] = {
        "md": lambda path: write_atomically(path, markdown(record, figures, forests=rows)),
        "html": lambda path: write_atomically(path, html(record, figures, folder)),
        "pdf": lambda path: document(markdown(record, figures, "pdf", rows), folder, path),
    }
    with ThreadPoolExecutor() as pool:  # pandoc and Typst compute outside of Python
        for job in [pool.submit(writers[f], path) for f, path in paths.items()]:
            job.result()
    return [*paths.values()]


def markdown(
    record: Record,
    figures: dict[str, list[Any]],
    target: str = "md",
    forests: Mapping[str, Sequence[Figure]] | None = None,
) -> str:
    """The report as Markdown with LaTeX math; `target` "html" adds divs for the filter, "html" and "pdf" ids."""
    counts: Counter[str] = Counter(r.verdict for r in record.results)
    text = template("report.md.j2").render(
        title=TITLE,
        record=record,
        target=target,
        counts=[(v, counts[v]) for v in VERDICTS],
        by_surprise=sorted(record.results, key=lambda r: r.expected),
        findings=[r for r in record.results if r.verdict in ("qualified", "corrected", "refuted")],
        argued_proofs=sum(r.verdict == "proved" and bool(r.argued) for r in record.results),
        coarse=_coarse(record),
        resolution=resolution,
        headline=_headline,
        standing={"inside": "holds", "outside": "**excluded**", "open": "not decided"},
        families=list(dict.fromkeys(r.family for r in record.results)),
        figures=figures,
        forests=forests or {},
        rows=table_rows,
        reasons=_reasons,
        trusted=_trusted(record),
        stored=_stored(record),
        sources={r.source.title: r.source.url for r in record.results if _safe_url(r.source.url)},
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def html(record: Record, figures: dict[str, list[Any]], folder: Path) -> str:
    """One self-contained page: MathML, figures inline, a search and filters, sortable tables."""
    return page(markdown(record, figures, "html"), folder, _template("filter.js"))


def page(text: str, folder: Path, script: str = "") -> str:
    """Markdown as one self-contained HTML page, its tables sortable; `folder` holds the figures that it names."""
    import pypandoc

    with tempfile.TemporaryDirectory() as scratch:
        head = Path(scratch) / "head.html"
        scripts = "\n".join([_template("tables.js"), script])
        head.write_text(f"<style>\n{_template('report.css')}</style>\n<script>\n{scripts}</script>\n", encoding="utf-8")
        options = [
            "--standalone",
            "--embed-resources",
            "--mathml",
            f"--resource-path={folder}",
            f"--include-in-header={head}",
            "--metadata=pagetitle:scaleproof report",
            "--metadata=lang:en",
            "--variable=document-css:false",
        ]
        return str(pypandoc.convert_text(text, "html5", PANDOC_INPUT, extra_args=options))


def document(text: str, folder: Path, target: Path) -> None:
    """Markdown as PDF, by Typst, which needs no LaTeX; raises RenderError."""
    import pypandoc
    import typst

    body = pypandoc.convert_text(text, "typst", PANDOC_INPUT)
    # pandoc's name for ⊙ is gone from newer Typst; the character itself is understood by all
    source = _template("report.typ").replace("// BODY", body.replace("dot.circle", "⊙"))
    with tempfile.NamedTemporaryFile(
        "w", suffix=".typ", dir=folder, prefix=".report-", delete=False, encoding="utf-8"
    ) as file:
        file.write(source)
    try:
        typst.compile(file.name, output=str(target), root=str(folder))
    except typst.TypstError as error:
        raise RenderError(f"cannot make the PDF: {error}") from error
    finally:
        Path(file.name).unlink()


def template(name: str) -> Template:
    """A template of this folder, with the filters that keep text from being markup."""
    return _jinja().get_template(name)


def table_rows(result: Result) -> list[Row]:
    """Every prediction beside its measurements, then those that nothing predicts, but for a figure's points.

    What was predicted and measured alike in several dtypes, or for several clauses, is one row that names them all.
    """
    lines = []
    predicted = {p.name for p in result.predictions}
    for p in result.predictions:
        same = [m for m in result.judged if m.name == p.name]
        lines += [_line(p.name, p, m) for m in same] or [_Line(p.name, _prediction(p), "not measured", clause=p.clause)]
    rest = [m for m in result.measurements if (m.role != "judged" or m.name not in predicted) and m.role != "figure"]
    lines += [_line(m.name if m.role == "judged" else f"{m.role}: {m.name}", None, m) for m in rest]
    groups: dict[_Line, list[_Line]] = {}
    for line in lines:
        groups.setdefault(replace(line, dtype="", clause=""), []).append(line)
    return [_row(alike) for alike in groups.values()]


def size(p: PredictionRow) -> str:
    """A prediction's resolution in words: per cent of a constant, or an absolute number."""
    if p.resolution is None:
        return ""
    return f"{100 * p.resolution:.2g} %" if p.is_value and p.unit != "exponent" else f"{p.resolution:.2g}"


def resolution(result: Result) -> str:
    """That of the constant or exponent under a verdict which could be furthest off unnoticed."""
    return size(result.coarsest) if result.coarsest else ""


def _headline(result: Result) -> str:
    """What a reader acts on: the caveat of a qualified statement, what replaces a corrected one, and its last word."""
    texts = [c.text for c in result.deciding]
    if result.verdict == "qualified":
        return texts[-1]
    return " ".join(dict.fromkeys([texts[0], texts[-1]]))


def _coarse(record: Record) -> list[tuple[Result, PredictionRow]]:
    """Every claim's coarsest prediction, worst first."""
    rows = [(r, r.coarsest) for r in record.results if r.coarsest]
    return sorted(rows, key=lambda pair: -(pair[1].resolution or 0.0))


@dataclass(frozen=True)
class _Line:
    """A measurement beside its prediction, in words."""

    name: str
    predicted: str
    measured: str
    subject: str = ""
    note: str = ""
    samples: str = ""
    resolution: str = ""
    dtype: str = ""
    clause: str = ""


def _line(name: str, p: PredictionRow | None, m: MeasurementRow) -> _Line:
    predicted, clause, resolved = (_prediction(p), p.clause, size(p)) if p else ("", "", "")
    if m.value is None:
        return _Line(name, predicted, m.note, m.subject, dtype=m.dtype, clause=clause)
    level = f" at 1 - {1 - m.level:.0e}" if m.level is not None else ""
    samples = f"{m.samples} ({m.evidence or 'not stated'}{level})"
    measured = shown(m.value, m.lo, m.hi, m.unit)
    return _Line(name or "nothing", predicted, measured, m.subject, m.note, samples, resolved, m.dtype, clause)


def _row(alike: Sequence[_Line]) -> Row:
    first = alike[0]
    clauses, dtypes = (list(dict.fromkeys(values)) for values in ([a.clause for a in alike], [a.dtype for a in alike]))
    predicted = f"{first.predicted}; clause{'s' * (len(clauses) > 1)} {', '.join(clauses)}" if first.clause else ""
    where = ", ".join(filter(None, dtypes)) + (f" ({first.note})" if first.note else "")
    return Row(first.name, predicted, first.measured, first.subject, where, first.samples, first.resolution)


def _prediction(p: PredictionRow) -> str:
    lo, hi = float(p.lo), float(p.hi)
    if math.isinf(hi):
        text = f"at least {lo:.8g}"
    elif math.isinf(lo):
        text = f"at most {hi:.8g}"
    else:
        text = f"{lo:.12g}" if f"{lo:.12g}" == f"{hi:.12g}" else f"{lo:.8g} to {hi:.8g}"
    if p.unit not in ("1", "exponent"):
        text += f" {p.unit}"
    if p.tolerance:
        text += f" ± {p.tolerance:.3g}"
    return text


def _reasons(result: Result) -> list[tuple[str, str]]:
    """Why quantities are predicted so, or allowed to be so far off: every reason once, with what it is said of.

    Reasons that differ by their numbers alone are one, with the numbers of the first.
    """
    by_name: dict[str, list[PredictionRow]] = {}
    for p in result.predictions:
        if p.why:
            by_name.setdefault(re.sub(r"\d[\d.]*", "0", p.why), []).append(p)
    reasons = []
    for alike in by_name.values():
        names = _some(list(dict.fromkeys(p.name for p in alike)))
        reasons.append((alike[0].why, names + ("; numbers of the first" if len({p.why for p in alike}) > 1 else "")))
    return reasons


def _some(names: Sequence[str]) -> str:
    """The first and the last of many."""
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} to {names[-1]} ({len(names)})"


def _trusted(record: Record) -> list[TrustedFile]:
    trusted = {t.file: t for r in record.results if r.proof for t in r.proof.trusted}
    return [trusted[name] for name in sorted(trusted)]


def _stored(record: Record) -> dict[str, tuple[int, str, str]]:
    """Of every machine whose earlier measurements were taken: the tasks, the first and the last time."""
    by_name: dict[str, tuple[int, str, str]] = {}
    for s in (s for r in record.results for s in r.stored):
        tasks, first, last = by_name.get(s.machine, (0, s.first, s.last))
        by_name[s.machine] = (tasks + s.tasks, min(first, s.first), max(last, s.last))
    return by_name


def _jinja() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_template),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        comment_start_string="{##",
        comment_end_string="##}",
    )
    environment.filters.update(
        md=_escape, prose=_prose, code=code, anchor=_anchor, word=_word, safe_url=_safe_url, formal=_formal
    )
    return environment


def _template(name: str) -> str:
    return files("scaleproof.reporting").joinpath("templates", name).read_text(encoding="utf-8")


def _escape(text: str) -> str:
    """Plain text as Markdown: one line, nothing in it is markup."""
    escaped = re.sub(r"([\\`*_{}\[\]<>|#$~^@])", r"\\\1", re.sub(r"\s+", " ", str(text)))
    return escaped.replace("--", r"\-\-")  # no dash of an option's name


def _prose(text: str) -> str:
    """Text with $math$: everything outside the dollars is escaped."""
    parts = re.split(r"(\$[^$]+\$)", " ".join(text.split()))
    return "".join(part if number % 2 else _escape(part) for number, part in enumerate(parts))


def _formal(statement: FormalStatement) -> str:
    return formal(statement.method, statement.formal)


def _anchor(text: str) -> str:
    return re.sub(r"[^a-z0-9-]", "", text.lower())


def _word(text: str) -> str:
    return re.sub(r"[^\w./*-]", "", text)


def _safe_url(url: str) -> bool:
    return re.fullmatch(r"https?://[\w./%#?=&~+-]+", url) is not None

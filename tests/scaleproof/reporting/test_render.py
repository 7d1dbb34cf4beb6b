"""Reports: complete, self-contained, and harmless whatever a record says."""

from __future__ import annotations

import csv
import itertools
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from scaleproof.reporting.record import Record
from scaleproof.reporting.render import markdown, render, table_rows


@pytest.fixture(scope="module")
def folder(record: Record, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    render(record, out, ["md", "html", "pdf"])
    return out


def test_markdown_has_every_claim_and_finding(record: Record, folder: Path) -> None:
    text = (folder / "report.md").read_text(encoding="utf-8")
    plain = text.replace("\\", "")
    for r in record.results:
        assert f"### {r.id}" in plain
        assert f"scaleproof verify {r.id}" in plain
        assert r.message in plain
    findings = text.split("## Findings")[1].split("## Family")[0]
    assert findings.count("- **[") == sum(r.verdict in ("corrected", "qualified", "refuted") for r in record.results)
    for image in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
        assert (folder / image).is_file()


def test_tables_are_tables(folder: Path) -> None:
    """A row that does not begin a line, or follows text without a blank line, is no table."""
    lines = (folder / "report.md").read_text(encoding="utf-8").splitlines()
    for before, line in itertools.pairwise(lines):
        if line.startswith("|:--"):
            assert before.startswith("|")
        if line.startswith("|") and not before.startswith("|"):
            assert before == "", f"no blank line before: {line[:60]}"
        if line and not line.startswith("|"):
            assert not before.startswith("|"), f"text in a table: {line[:60]}"


def test_html_is_self_contained(record: Record, folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<math" in page
    assert not re.search(r'(?:src|href)="https?://[^"]*\.(?:js|css|png|svg)', page)
    assert not re.search(r'<img[^>]+src="(?!data:)', page)
    assert page.count('data-verdict="proved"') == sum(r.verdict == "proved" for r in record.results)
    assert "report.css" not in page


def test_pdf_is_one(folder: Path) -> None:
    data = (folder / "report.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert len(data) > 50_000
    assert not list(folder.glob(".report-*")), "Typst's source is left behind"


def test_every_prediction_has_its_row(record: Record) -> None:
    for r in record.results:
        names = [row.name for row in table_rows(r)]
        assert {p.name for p in r.predictions} <= set(names)
        assert not any(row.measured == "not measured" for row in table_rows(r)), r.id


def test_rendering_again_gives_the_same(record: Record, folder: Path, tmp_path: Path) -> None:
    render(record, tmp_path, ["md", "html"])
    assert (tmp_path / "report.md").read_bytes() == (folder / "report.md").read_bytes()
    assert (tmp_path / "report.html").read_bytes() == (folder / "report.html").read_bytes()


HOSTILE = (
    "<script>alert(1)</script> **b** [x](javascript:alert(1)) | `c` \n\n# h $ \\input{/etc/passwd} ![i](/etc/passwd)"
)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [(k, v or "") for k, v in attrs]))


def test_a_hostile_record_is_shown_not_run(record: Record, tmp_path: Path) -> None:
    first = record.results[0]
    evil = first.model_copy(
        update={
            "message": HOSTILE,
            "clauses": tuple(c.model_copy(update={"text": HOSTILE, "argued": (HOSTILE,)}) for c in first.clauses),
            "setting": HOSTILE,
            "outline": HOSTILE,
            "counterexample": HOSTILE,
            "id": "x.<img src=x onerror=alert(1)>",
            "source": first.source.model_copy(update={"url": "javascript:alert(1)", "title": HOSTILE}),
            "measurements": tuple(m.model_copy(update={"name": HOSTILE, "note": HOSTILE}) for m in first.measurements),
            "proof": first.proof and first.proof.model_copy(update={"certificate": "../../" + HOSTILE}),
        }
    )
    environment = record.environment.model_copy(update={"cpu": HOSTILE, "packages": {HOSTILE: HOSTILE}})
    hostile = record.model_copy(update={"results": (evil,), "environment": environment})
    render(hostile, tmp_path, ["md", "html"])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    body = page.split("<body", 1)[1]
    tags = _Tags()
    tags.feed(body)
    assert "script" not in {name for name, _ in tags.found}
    for name, attributes in tags.found:
        for key, value in attributes:
            assert not key.startswith("on"), (name, key)
            assert key != "href" or value.startswith(("#", "https://kexue.fm")), value
            assert key != "src" or value.startswith("data:"), value
    assert "root:" not in page
    assert "alert(1)" in body, "the text itself is shown"


def test_an_interrupted_run_says_so(record: Record) -> None:
    half = record.model_copy(update={"run": record.run.model_copy(update={"finished": False})})
    assert "interrupted" in markdown(half, {})
    assert "interrupted" not in markdown(record, {})


def test_surprises_come_first(record: Record) -> None:
    last = record.results[-1].model_copy(update={"expected": False, "verdict": "refuted"})
    text = markdown(record.model_copy(update={"results": (*record.results[:-1], last)}), {})
    table = text.split("| claim |")[1].splitlines()[2]
    assert last.id in table
    assert f"**refuted** (recorded: {last.recorded})" in table


def test_an_empty_record_renders(record: Record, tmp_path: Path) -> None:
    render(record.model_copy(update={"results": ()}), tmp_path, ["md", "html", "pdf"])
    assert (tmp_path / "report.pdf").is_file()


def _sorts_and_exports(page: Any) -> None:
    """The first table: by its words, by its shares, both ways; and as CSV."""
    table = page.locator("table:has(button.sort)").first
    names = table.locator("tbody tr td:first-child")
    for order in (sorted, lambda found: sorted(found, reverse=True)):
        table.locator("button.sort").first.click()
        assert names.all_inner_texts() == order(names.all_inner_texts())
    for way in (1, -1):  # 18 % is less than 0.19, and what has none comes last
        table.locator("button.sort", has_text="resolution").click()
        cells = table.locator("tbody tr td:nth-child(5)").all_inner_texts()
        shares = [float(c.rstrip(" %")) / (100 if c.endswith("%") else 1) for c in cells if c]
        assert shares == sorted(shares, reverse=way < 0)
        assert not any(cells[len(shares) :])
    table.locator("button.sort").first.click()
    with page.expect_download() as download:
        table.locator("+ button.csv").click()
    rows = [*csv.reader(Path(download.value.path()).read_text(encoding="utf-8").splitlines())]
    assert [row[0] for row in rows[1:]] == names.all_inner_texts()


@pytest.mark.slow
def test_the_page_in_a_browser(record: Record, folder: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine (scaleproof doctor)")
    complaints: list[str] = []
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=options)
        page = chromium.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.goto(f"file://{folder / 'report.html'}")
        claims = page.locator(".claim")
        assert claims.count() == len(record.results)
        page.select_option("select[name=verdict]", "corrected")
        visible = [
            claims.nth(i).get_attribute("data-verdict") for i in range(claims.count()) if claims.nth(i).is_visible()
        ]
        assert visible == ["corrected"] * sum(r.verdict == "corrected" for r in record.results)
        page.select_option("select[name=family]", "squareplus")
        both = sum(r.verdict == "corrected" and r.id.startswith("squareplus.") for r in record.results)
        assert page.locator("#filter output").inner_text() == f"{both} of {len(record.results)} claims"
        page.select_option("select[name=verdict]", "all")
        page.select_option("select[name=family]", "all")
        assert all(claims.nth(i).is_visible() for i in range(claims.count()))
        page.fill("input[type=search]", record.results[0].id.upper())
        assert 0 < sum(claims.nth(i).is_visible() for i in range(claims.count())) < len(record.results)
        page.fill("input[type=search]", "")
        _sorts_and_exports(page)
        images = page.locator("figure svg")
        assert images.count() >= 4
        assert all(images.nth(i).evaluate("e => e.getBoundingClientRect().width > 0") for i in range(images.count()))
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = axe.Axe().run(page).response["violations"]
            assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        chromium.close()
    assert complaints == []

"""The site: `make docs` builds it from the Markdown of the repository, runs what has cells, and needs no network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

import pages  # noqa: E402 - beside this file

project, author = "scaleproof", "the scaleproof authors"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "analysis/*.md",
    "proofs/README.md",
    "reports/published/report.md",
    "reports/published/thousand/README.md",
    "CHANGELOG.md",
]
html_theme = "furo"
html_title = "scaleproof"
html_static_path: list[str] = []
html_show_copyright = html_show_sphinx = False
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = True
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
autodoc_typehints = "description"
autodoc_member_order = "bysource"
#: a report's headings begin where its page's design wants them; shapes are jaxtyping's words, no classes of ours
suppress_warnings = ["myst.header", "ref.class", "mystnb.unknown_mime_type"]


def _math(block: bool) -> Any:
    def visit(self: Any, node: nodes.Element) -> None:
        self.body.append(convert(node.astext(), display="block" if block else "inline"))
        raise nodes.SkipNode

    return visit


def _bars(_app: Sphinx, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """In docstrings |x| is a norm, and no substitution of reStructuredText."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("mathml", (_math(False), None), (_math(True), None))
    app.connect("autodoc-process-docstring", _bars)
    app.connect("builder-inited", lambda _app: pages.write(ROOT / "docs/generated"))

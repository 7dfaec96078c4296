"""How `make site` makes pages of this repository's Markdown, without a network.

The order of pages is that of docs/README.md, whose tables are the site's contents. Links that lead nowhere
are errors.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
INDEX = "docs/README"

project = "Ringback"
author = "The Ringback authors"
root_doc = INDEX
extensions = ["myst_parser"]
include_patterns = ["*.md", "docs/*.md", "docs/adr/*.md", "docs/performance/*.md"]
# Not to be walked through: environments have a hundred thousand files.
exclude_patterns = [
    ".*",
    "bench",
    "build",
    "demo",
    "mutants",
    "packages",
    "requirements",
    "src",
    "tests",
    "tools",
]
myst_heading_anchors = 4
# Excerpts of JSON with dots in place of what is left out, and the language of a Caddyfile, have no lexer.
suppress_warnings = ["misc.highlighting_failure"]
html_theme = "furo"
html_title = "Ringback"
html_show_copyright = False
html_copy_source = False


def with_contents(_: Sphinx, page: str, source: list[str]) -> None:
    """Adds to an index, unseen, what Sphinx needs to know which pages follow which."""
    if page == INDEX:
        for caption, rows in re.findall(r"^\| ([^|\n]+) \| \|\n\|---\|---\|\n((?:\|.*\n)+)", source[0], re.M):
            source[0] += _toctree(_linked(rows), caption.capitalize())
    elif page in {"docs/adr/README", "docs/performance"}:
        source[0] += _toctree(_linked(source[0]))


def _linked(text: str) -> list[str]:
    """Pages, as they are linked."""
    return list(re.findall(r"\]\(([^)]+)\.md\)", text))


def _toctree(pages: list[str], caption: str = "") -> str:
    options = ":hidden:\n" + (f":caption: {caption}\n" if caption else "")
    return f"\n```{{toctree}}\n{options}\n" + "\n".join(pages) + "\n```\n"


def with_front_page(app: Sphinx, error: Exception | None) -> None:
    """The address of the site itself leads to the index."""
    if error is None:
        front = f'<!doctype html><meta http-equiv="refresh" content="0; url={INDEX}.html"><title>Ringback</title>\n'
        (Path(app.outdir) / "index.html").write_text(front)


def setup(app: Sphinx) -> None:
    app.connect("source-read", with_contents)
    app.connect("build-finished", with_front_page)

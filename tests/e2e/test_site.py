"""The documentation as a site, made as `make site` makes it."""

import re
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
SPHINX = ROOT / ".venvs" / "site" / "bin" / "sphinx-build"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not SPHINX.exists():
        pytest.skip("there is no Sphinx here: make .venvs/site/.installed")
    folder = tmp_path_factory.mktemp("site")
    (command,) = re.findall(r"^\t\.venvs/site/bin/sphinx-build (.*)$", (ROOT / "Makefile").read_text(), re.M)
    arguments = command.replace("build/site-cache", str(folder / "cache")).replace(
        "build/site", str(folder / "html")
    )
    done = subprocess.run(
        [SPHINX, *arguments.split()], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


class Page(HTMLParser):
    """Where a page's links lead, what it loads, and what can be linked in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in {"href", "src"} and tag in {"img", "link", "script"}:
                self.loaded.append(value or "")


def faults(site: Path) -> Iterator[str]:
    pages = {path: Page(path.read_text()) for path in site.rglob("*.html")}
    for path, page in pages.items():
        for link in [*page.links, *page.loaded]:
            file, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:", file):
                continue
            target = (path.parent / unquote(file.partition("?")[0])).resolve() if file else path
            if not target.is_file():
                yield f"{path.name}: {link}"
            elif anchor and target in pages and unquote(anchor) not in pages[target].anchors:
                yield f"{path.name}: {link}: no such anchor"


def test_every_page_is_there_and_no_link_leads_nowhere(site: Path) -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        assert (site / page.relative_to(ROOT)).with_suffix(".html").is_file(), page
    assert 'url=docs/README.html"' in (site / "index.html").read_text()
    assert list(faults(site)) == []


def test_a_page_loads_nothing_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        assert [url for url in Page(path.read_text()).loaded if re.match(r"(https?:)?//", url)] == [], path


def test_the_contents_have_the_order_of_the_index(site: Path) -> None:
    text = (site / "docs" / "README.html").read_text()
    contents = re.findall(r'<li class="toctree-l1[^"]*"><a class="reference internal" href="([^"#]+)"', text)
    index = re.findall(r"\]\((\S+)\.md\)", (ROOT / "docs" / "README.md").read_text())
    assert contents == [f"{page}.html" for page in index]

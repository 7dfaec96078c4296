"""Every link between pages leads somewhere, and every page is in the index, once and in order."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("packages/*/README.md")),
    ROOT / "tests" / "audio" / "LICENSES.md",
]
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")


def text_of(page: Path) -> str:
    """Without code, in which brackets are no links."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "`", text)


def links(page: Path) -> list[str]:
    return [match["target"] for match in LINK.finditer(text_of(page))]


@cache
def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub and MyST make them."""
    found: Counter[str] = Counter()
    names = set()
    code = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#+ (.*)$", code, re.MULTILINE):
        plain = LINK.sub(lambda link: link[0][1:].partition("]")[0], heading).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


def faults(page: Path) -> Iterator[str]:
    for link in links(page):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.is_relative_to(ROOT) or not target.is_file():
            yield f"{link}: there is no such file"
        elif anchor and anchor not in anchors(target):
            yield f"{link}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(faults(page)) == []


def test_the_index_has_every_page_once() -> None:
    index = ROOT / "docs" / "README.md"
    linked = Counter((index.parent / link).resolve() for link in links(index))
    pages = {
        *(page for page in ROOT.glob("*.md")),
        *(page for page in (ROOT / "docs").glob("*.*") if page.suffix in {".md", ".json"} and page != index),
        ROOT / "docs" / "adr" / "README.md",
    }
    assert set(linked) == pages
    assert [page.name for page, times in linked.items() if times > 1] == []


def test_decisions_are_listed_once_and_in_order() -> None:
    folder = ROOT / "docs" / "adr"
    assert links(folder / "README.md") == sorted(page.name for page in folder.glob("[0-9]*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_headings_go_down_one_level_at_a_time(page: Path) -> None:
    """The site is not built from pages that leave one out."""
    code = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", code, re.MULTILINE)]
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))

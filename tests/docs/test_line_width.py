"""Prose has the same line width everywhere, as code has."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WIDTH = 110
CODE = re.compile(r"`[^`]*`")
PAGES = [
    page
    for folder in ("", "docs", "docs/adr", "docs/performance")
    for page in sorted((ROOT / folder).glob("*.md"))
    if page.name != "THIRD_PARTY_NOTICES.md"  # quotes licence texts as they are
]


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines that are neither code nor of a table, and that have a place to be broken at."""
    is_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code and not line.lstrip().startswith("|") and " " in CODE.sub("", line.strip()):
            yield number, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_line_of_prose_is_too_wide(page: Path) -> None:
    assert [number for number, line in prose(page.read_text()) if len(line) > WIDTH] == []

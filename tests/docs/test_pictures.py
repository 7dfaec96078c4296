"""The pictures that README.md shows are there, and a reader's program fetches nothing for them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURES = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text())


def test_the_dashboard_and_a_terminal_are_shown() -> None:
    assert {Path(each).name for each in PICTURES} >= {"dashboard.png", "terminal.svg"}
    for each in PICTURES:
        assert each.startswith("http") or (ROOT / each).is_file()


def test_the_terminal_fetches_no_font_and_shows_a_callback() -> None:
    drawn = (ROOT / "docs" / "terminal.svg").read_text()
    assert not re.search(r"@font-face|@import|url\((?!#)|href=", drawn)
    assert "signature" in drawn
    assert "respectable" in drawn

"""A module holds one thing: it fits in a reader's head."""

from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "ringback"
LONGEST = 450


def test_no_module_is_long() -> None:
    lines = {
        path.relative_to(SOURCE).as_posix(): path.read_text().count("\n") for path in SOURCE.rglob("*.py")
    }
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}

"""docs/operations.md names every event with its facts, and nothing that is not there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()

LEVELS = {"event": "info", "problem": "warning"}
"""Function of `telemetry` → the level it logs at."""

SHOWN_AS = {"exc_info": "exception"}
"""Facts that the log shows under another name."""


def section(title: str) -> str:
    """The text below a heading, up to the next one of its level."""
    marks, _, _ = title.partition(" ")
    return PAGE.partition(f"\n{title}\n")[2].partition(f"\n{marks} ")[0]


def rows(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Of each row of a table: the names in its first cell, and all cells."""
    for line in text.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            yield re.findall(r"`([^`]+)`", cells[0]), cells


def logged() -> Iterator[tuple[str, str, set[str]]]:
    """Every event in the source: level, name, and the facts that are named where it is logged."""
    for file in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and (level := LEVELS.get(_called(node))) and node.args:
                name = node.args[0]
                assert isinstance(name, ast.Constant), f"{file}:{node.lineno}: an event's name is written out"
                facts = {word.arg for word in node.keywords if word.arg is not None}
                yield level, str(name.value), {SHOWN_AS.get(fact, fact) for fact in facts}


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="telemetry"), attr=name):
            return name
    return ""


def described(level: str) -> dict[str, str]:
    """Event → the cell with its facts."""
    title = {"info": "### Events (`info`)", "warning": "### Problems (`warning`)"}[level]
    return {name: cells[-1] for names, cells in rows(section(title)) for name in names}


def test_every_event_has_its_row_with_its_facts() -> None:
    found = list(logged())
    assert len(found) > 25
    for level, name, facts in found:
        cell = described(level).get(name)
        assert cell is not None, f"{name} ({level}) has no row in docs/operations.md"
        missing = [fact for fact in facts if f"`{fact}`" not in cell]
        assert not missing, f"the row of {name} does not tell {missing}"


def test_the_page_names_no_event_that_nobody_logs() -> None:
    for level in LEVELS.values():
        assert set(described(level)) == {name for at, name, _ in logged() if at == level}

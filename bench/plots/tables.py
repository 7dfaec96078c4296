"""The figures of docs/performance/: figures.json has every table of them, cell by cell, as it is printed,
but for the rows that one run of a benchmark gives, which are read from its results (`bench.plots.measured`).

A page marks where a table stands with a comment, `<!-- table: NAME -->`; what follows it is written from the
data, so that a table and the plot of it cannot differ.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from bench.plots.measured import MEASURED

ROOT = Path(__file__).parents[2]
FIGURES = Path(__file__).with_name("figures.json")
INDEX = ROOT / "docs" / "performance.md"
FOLDER = ROOT / "docs" / "performance"

NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
RANGE = re.compile(rf"\(({NUMBER})–({NUMBER})\)")
MARKED = re.compile(r"^<!-- table: (?P<name>[a-z-]+) -->\n\n(?P<table>(?:\|.*\n)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Table:
    head: list[str]
    rows: list[list[str]]

    def markdown(self) -> str:
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        return "".join(_line(cells) for cells in lines)


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a cell, as it is printed, with the lowest and highest round if the cell has them."""

    printed: str
    value: float
    lowest: float | None = None
    highest: float | None = None


def _line(cells: list[str]) -> str:
    if set(cells) == {"---"}:
        return "|" + "|".join(cells) + "|\n"
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|\n"


def tables() -> dict[str, Table]:
    data = json.loads(FIGURES.read_text())
    return {
        name: Table(table["head"], MEASURED[name]() if name in MEASURED else table["rows"])
        for name, table in data.items()
    }


def pages() -> list[Path]:
    return [INDEX, *sorted(FOLDER.glob("*.md"))]


def figure(cell: str, part: int = 0) -> Figure | None:
    """The number at `part` of a cell; None where the cell has fewer: nothing was measured there."""
    ranges = RANGE.findall(cell)
    numbers: list[str] = re.findall(NUMBER, re.sub(r"\([^)]*\)", "", cell))
    if part >= len(numbers):
        return None
    printed = numbers[part]
    if len(ranges) != len(numbers):
        return Figure(printed, _number(printed))
    lowest, highest = map(_number, ranges[part])
    return Figure(printed, _number(printed), lowest, highest)


def _number(printed: str) -> float:
    return float(printed.replace(",", ""))


def plain(cell: str) -> str:
    """Without Markdown's marks."""
    return cell.replace("**", "").replace("`", "")


def with_tables(page: str, known: dict[str, Table]) -> str:
    """A page whose marked tables say what the data says."""
    return MARKED.sub(
        lambda mark: f"<!-- table: {mark['name']} -->\n\n{known[mark['name']].markdown()}",
        page,
    )

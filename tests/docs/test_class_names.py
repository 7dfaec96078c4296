"""A class name means one thing in `src`, so that grep and a reader find one class.

Excepted are the two ledgers: they implement the same ports, and a class of the one may be called as its
counterpart in the other.
"""

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "ringback"

BOTH_LEDGERS = frozenset(
    {"Changes", "Live", "Retention", "Words", "Writer", "_Asked", "_Place", "_Walk"},
)
"""Defined once in `storage/sqlite` and once in `storage/postgres`."""

LEFT = frozenset({"Wanted", "Word"})
"""To be renamed in `storage/postgres`; nothing may be added."""


def definitions() -> dict[str, list[str]]:
    """Each class name with the packages that define it, once for each definition."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in SOURCE.rglob("*.py"):
        package = str(path.parent.relative_to(SOURCE))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(package)
    return found


def test_a_class_name_is_defined_once() -> None:
    shared = {name: sorted(packages) for name, packages in definitions().items() if len(packages) > 1}
    ledgers = {
        name for name, packages in shared.items() if packages == ["storage/postgres", "storage/sqlite"]
    }
    assert ledgers <= BOTH_LEDGERS
    assert shared.keys() - ledgers <= LEFT

"""A class name means one thing in `src`, so that grep and a reader find one class."""

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "ringback"


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
    assert shared == {}

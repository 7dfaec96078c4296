"""A module holds one thing, and a function one step: each fits in a reader's head."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ringback"
LONGEST_MODULE = 450
LONGEST_OF_TESTS = 500
LONGEST_FUNCTION = 40


def modules() -> Iterator[tuple[str, str]]:
    for path in SOURCE.rglob("*.py"):
        yield path.relative_to(SOURCE).as_posix(), path.read_text()


def functions(source: str) -> Iterator[tuple[str, int]]:
    """The name of each, and how many lines it has."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def test_no_module_is_long() -> None:
    lines = {name: source.count("\n") for name, source in modules()}
    assert {name: count for name, count in lines.items() if count > LONGEST_MODULE} == {}


def test_no_module_of_tests_is_long() -> None:
    lines = {
        path.relative_to(ROOT).as_posix(): path.read_text().count("\n")
        for folder in ("tests", "bench")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert {name: count for name, count in lines.items() if count > LONGEST_OF_TESTS} == {}


def test_no_function_is_long() -> None:
    long = [
        f"{module}: {name} has {count} lines"
        for module, source in modules()
        for name, count in functions(source)
        if count > LONGEST_FUNCTION
    ]
    assert long == []


def test_no_two_modules_of_tests_have_one_name() -> None:
    """Tests are no packages: pytest refuses the second."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []

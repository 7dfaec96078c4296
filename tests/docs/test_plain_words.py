"""Names say what they hold, and comments are plain English: words of a private language do not come back."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

NAMES = frozenset(
    {"asked", "fate", "gone", "ground", "heard", "how", "kept", "laid", "left", "mend", "shown", "told"}
    | {"wanted", "wish", "wishes"}
)
"""Of functions, classes, parameters, variables and attributes: these say what happened, not what it is."""

LOOKS_BOUND = re.compile(rf"(?:\b|_)(?:{'|'.join(sorted(NAMES))})_*\s*(?:[=:,()\]]|in\b)")
"""In a source in lower case: one of these names may be bound there."""

ALLOWED_NAMES = {
    "src/ringback/callbacks/delivery.py": {"GONE": "HTTP's name for status 410"},
    "src/ringback/server/delivery_routes.py": {"kept": "a field of the answer"},
}

WORDS = re.compile(r"\b(nobody|whoever|somebody|mend(?:s|ed|ing)?|shall|nought|lest|anew)\b", re.IGNORECASE)
"""In comments and docstrings: there is a plainer word, or a subject that can be named."""

ALLOWED_WORDS = {
    "src/ringback/features/numbers.py": {"nought"},
    "tests/support/postgres.py": {"nobody"},
}
"""A spoken number; a user of Unix."""


def modules(*folders: str) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text()


def bound_names(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def private_names(module: str, source: str) -> set[str]:
    if not LOOKS_BOUND.search(source.lower()):
        return set()  # most modules: they need not be parsed
    bound = set(bound_names(source))
    sides = {"left"} if "right" in bound else set[str]()
    found = {name for name in bound if name.strip("_").lower() in NAMES - sides}
    return found - ALLOWED_NAMES.get(module, {}).keys()


def remarks(source: str) -> Iterator[str]:
    """Comments and docstrings."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text


def test_names_say_what_they_hold() -> None:
    found = {
        module: names
        for module, source in modules("src", "tests", "bench", "tools", "demo")
        if (names := private_names(module, source))
    }
    assert found == {}, "rename these: they are in NAMES"


def test_comments_are_plain_english() -> None:
    found = {
        module: sorted(words)
        for module, source in modules("src", "tests", "bench", "tools", "demo")
        if WORDS.search(source)
        and (
            words := {word.lower() for remark in remarks(source) for word in WORDS.findall(remark)}
            - ALLOWED_WORDS.get(module, set())
        )
    }
    assert found == {}, "say these in other words: they are in WORDS"


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_comments_of_sql_are_plain_english(store: str) -> None:
    """A released migration is never changed: those are left out."""
    folder = ROOT / "src" / "ringback" / "storage" / store
    found = {
        path.name: words
        for path in (*folder.glob("*.sql"), *folder.joinpath("queries").glob("*.sql"))
        if (words := WORDS.findall("\n".join(re.findall(r"--.*", path.read_text()))))
    }
    assert found == {}


def test_a_private_name_is_found() -> None:
    assert private_names("a.py", "def told(how, _left=1):\n    self.kept = at_once = 2\n") == {
        "told",
        "how",
        "_left",
        "kept",
    }
    assert private_names("a.py", "left, right = sides") == set()

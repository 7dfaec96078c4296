"""The kinds of values: what each takes, what it is called in a refusal, and the same as JSON Schema."""

import re
from collections.abc import Callable

import jsonschema
import pytest

from ringback.listen.values import ValueKind, choice, integer, seconds, shaped, text

KINDS: dict[str, tuple[Callable[[], ValueKind], str, dict[str, object], dict[str, object], list[str]]] = {
    "one": (lambda: choice("a"), "`a`", {"type": "string"}, {"a": "a"}, ["A", "", "aa"]),
    "two": (lambda: choice("a", "b"), "`a` or `b`", {"type": "string"}, {"a": "a", "b": "b"}, ["c"]),
    "three": (lambda: choice("a", "b", "c"), "`a`, `b` or `c`", {"type": "string"}, {"c": "c"}, ["d"]),
    "any case": (
        lambda: choice("GET", "PUT", any_case=True),
        "`GET` or `PUT`, in any case",
        {"type": "string"},
        {"get": "GET", "PuT": "PUT"},
        ["POST"],
    ),
    "integer": (
        lambda: integer(1, 20),
        "a whole number from 1 to 20",
        {"type": "integer"},
        {"1": 1, "20": 20, "007": 7},
        ["0", "21", "1.0", "-1", " 1", "1_0", "٣", "", "1e1", "x"],
    ),
    "seconds": (
        lambda: seconds(60.0),
        "seconds, more than 0 and at most 60",
        {"type": "number"},
        {"60": 60.0, "0.001": 0.001, ".5": 0.5, "1.": 1.0},
        ["0", "0.0", "60.1", "nan", "inf", "-1", ".", "1e1", ""],
    ),
    "text": (
        lambda: text(3),
        "text of at most 3 characters",
        {"type": "string"},
        {"abc": "abc", " ": " "},
        ["", "abcd"],
    ),
    "text or none": (
        lambda: text(3, empty=True),
        "text of at most 3 characters",
        {"type": "string"},
        {"": ""},
        ["abcd"],
    ),
    "shaped": (
        lambda: shaped("`a:b`", "a:.*", 5),
        "`a:b`",
        {"type": "string"},
        {"a:": "a:", "a:bcd": "a:bcd", "a:\n": "a:\n"},
        ["b:", "xa:", "a:bcde", ""],
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_a_kind_takes(name: str) -> None:
    make, description, schema, good, bad = KINDS[name]
    kind = make()
    assert kind.description == description
    assert {**kind.schema, **schema} == kind.schema
    assert {each: kind.read(each) for each in good} == good
    for each in bad:
        with pytest.raises(ValueError, match=rf"^{re.escape(each)}$"):
            kind.read(each)


@pytest.mark.parametrize("name", KINDS)
def test_its_schema_takes_the_same(name: str) -> None:
    """Numbers as such; a line break in a text is the one thing in which the schema is stricter."""
    make, _, _, good, bad = KINDS[name]
    kind = make()
    validator = jsonschema.Draft202012Validator(kind.schema)
    assert all(validator.is_valid(value) for value in good.values() if value != "a:\n")
    if kind.schema["type"] == "string":
        assert not any(validator.is_valid(each) for each in bad)
    elif name == "integer":
        assert [value for value in (0, 1, 20, 21) if validator.is_valid(value)] == [1, 20]
    else:
        assert [value for value in (0, 0.1, 60, 60.1) if validator.is_valid(value)] == [0.1, 60]

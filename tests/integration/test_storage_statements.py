"""The statements of both stores, by name: each is described and used, and so is each fragment of them."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from ringback.storage.statements import statements

SOURCE = files("ringback.storage")
STORES = ["sqlite", "postgres"]


def sql_files(store: str) -> Iterator[tuple[str, str]]:
    """Name and text of each."""
    for file in SOURCE.joinpath(store, "queries").iterdir():
        if file.name.endswith(".sql"):
            yield file.name, file.read_text()


@pytest.mark.parametrize("store", STORES)
def test_every_statement_is_described(store: str) -> None:
    undescribed = [
        (name, statement)
        for name, text in sql_files(store)
        for statement in re.findall(r"^-- (?:name|fragment): (\w+)\n(?!-- )", text, re.MULTILINE)
    ]
    assert undescribed == []


@pytest.mark.parametrize("store", STORES)
def test_every_statement_is_used(store: str) -> None:
    folders = (SOURCE, SOURCE.joinpath(store))
    modules = (module for folder in folders for module in folder.iterdir() if module.name.endswith(".py"))
    code = "".join(module.read_text() for module in modules)
    package = f"ringback.storage.{store}.queries"
    names = [name for file, _text in sql_files(store) for name in statements(package, file)]
    assert [name for name in names if f'"{name}"' not in code] == []


@pytest.mark.parametrize("store", STORES)
def test_every_fragment_is_used(store: str) -> None:
    unused = [
        (name, fragment)
        for name, text in sql_files(store)
        for fragment in re.findall(r"^-- fragment: (\w+)$", text, re.MULTILINE)
        if f"{{{fragment}}}" not in text
    ]
    assert unused == []


@pytest.fixture
def sql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of SQL, `some.sql` of a package."""
    monkeypatch.setattr("ringback.storage.statements.files", lambda _package: tmp_path)
    return tmp_path / "some.sql"


def test_a_fragment_is_put_in_its_place(sql: Path) -> None:
    sql.write_text(
        "-- About this file.\n\n-- fragment: columns\n-- What a row has.\na, b\n\n"
        "-- name: all\n-- Every row.\nselect {columns} from t;\n\n"
        "-- name: one\nselect {columns} from t limit 1;"
    )
    assert statements("a_package", "some.sql") == {
        "all": "select a, b from t",
        "one": "select a, b from t limit 1",
    }


def test_a_fragment_that_is_not_above_is_refused(sql: Path) -> None:
    sql.write_text("-- name: all\nselect {columns} from t;")
    with pytest.raises(KeyError, match="columns"):
        statements("a_package", "some.sql")


def test_a_name_that_is_used_twice_is_refused(sql: Path) -> None:
    sql.write_text("-- name: all\nselect 1;\n\n-- name: all\nselect 2;")
    with pytest.raises(ValueError, match="has the name all twice"):
        statements("a_package", "some.sql")

"""Running statements: rows by the names of their columns, many rows at once, lists as one parameter."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import msgspec

from ringback.storage.statements import PARAMETER, numbered

ROWS_AT_ONCE = 32

_columns: dict[str, tuple[str, ...]] = {}
"""By statement; the schema does not change while it is open."""

_positional: dict[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = {}
"""By statement: with numbers for its parameters, and what picks these from a row."""


def fetch(connection: sqlite3.Connection, statement: str, parameters: Any = ()) -> list[dict[str, Any]]:
    """All rows. (`sqlite3.Row` searches the columns for each name: twice as slow.)"""
    cursor = connection.execute(statement, parameters)
    names = _columns.get(statement)
    if names is None:
        names = _columns[statement] = tuple(column[0] for column in cursor.description)
    return [dict(zip(names, row, strict=True)) for row in cursor]


def fetch_one(connection: sqlite3.Connection, statement: str, parameters: Any = ()) -> dict[str, Any] | None:
    """The only row, or None."""
    rows = fetch(connection, statement, parameters)
    return rows[0] if rows else None


def write_all(connection: sqlite3.Connection, statement: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Run the statement for each of these rows, which name its parameters. (The driver looks up names for
    every row: that was a tenth of a large batch's time.)"""
    found = _positional.get(statement)
    if found is None:
        text, names = numbered(statement, "?")
        found = _positional[statement] = (text, itemgetter(*names) if len(names) > 1 else _only(names[0]))
    text, pick = found
    connection.executemany(text, map(pick, rows))


def insert_all(connection: sqlite3.Connection, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same for `insert … values (…)`, with up to `ROWS_AT_ONCE` rows each time: SQLite lets go of the
    interpreter's lock for every row otherwise, and the event loop takes it."""
    done = 0
    while done < len(rows):
        count = min(ROWS_AT_ONCE, 1 << (len(rows) - done).bit_length() - 1)  # few different statements
        text, names = _many_rows(statement, count)
        parameters = [row[name] for row in rows[done : done + count] for name in names]
        connection.execute(text, parameters)
        done += count


@cache
def _many_rows(statement: str, count: int) -> tuple[str, tuple[str, ...]]:
    """The statement for so many rows, and the names of the parameters of one, in their order."""
    before, values, row = statement.partition("values")
    return before + values + ",".join([PARAMETER.sub("?", row)] * count), tuple(PARAMETER.findall(row))


def _only(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda row: (row[name],)


def json_array(values: Iterable[object]) -> str:
    """A list as one parameter: `json_each` reads it."""
    return msgspec.json.encode(list(values)).decode()


def with_json_arrays(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The same parameters, with JSON arrays in place of lists."""
    return {
        name: json_array(value) if isinstance(value, list) else value for name, value in parameters.items()
    }

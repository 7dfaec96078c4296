"""Many rows in one statement."""

import sqlite3
from collections.abc import Iterator

import pytest

from ringback.storage.sqlite.execute import ROWS_AT_ONCE, insert_all

STATEMENT = "insert into thing (number, name, weight) values (:number, :name, max(:weight, 0))"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("create table thing (number integer primary key, name text unique, weight integer)")
    yield connection
    connection.close()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, ROWS_AT_ONCE, 2 * ROWS_AT_ONCE + 5])
def test_all_are_inserted(connection: sqlite3.Connection, count: int) -> None:
    rows = [{"weight": -number, "number": number, "name": f"n{number}"} for number in range(count)]
    insert_all(connection, STATEMENT, rows)
    found = connection.execute("select number, name, weight from thing order by number").fetchall()
    assert found == [(number, f"n{number}", 0) for number in range(count)]


def test_one_that_is_refused_raises(connection: sqlite3.Connection) -> None:
    rows = [{"weight": 1, "number": number, "name": "same"} for number in range(3)]
    with pytest.raises(sqlite3.IntegrityError, match=r"thing\.name"):
        insert_all(connection, STATEMENT, rows)


def test_few_statements_serve_all_numbers_of_rows(connection: sqlite3.Connection) -> None:
    seen: set[str] = set()
    connection.set_trace_callback(lambda sql: seen.add(sql.partition("values")[0] + str(sql.count("max"))))
    at = 0
    for count in range(1, 100):
        rows = [{"weight": 1, "number": at + row, "name": f"n{at + row}"} for row in range(count)]
        insert_all(connection, STATEMENT, rows)
        at += count
    connection.set_trace_callback(None)
    assert len(seen) == ROWS_AT_ONCE.bit_length()

"""The sums of usage by the hour: see `jobs.usage`."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from ringback.jobs.usage import (
    DailyUsage,
    UsageAmount,
    UsageDimension,
    UsageFilter,
    UsageKey,
    Used,
    UsedLabels,
    hour_of,
)
from ringback.storage import usage_rows
from ringback.storage.sqlite.execute import fetch, fetch_one, with_json_arrays, write_all
from ringback.storage.sqlite.queries import load

_SQL = load("usage.sql")


def count(connection: sqlite3.Connection, used: Mapping[UsageKey, UsageAmount]) -> None:
    write_all(connection, _SQL["count"], usage_rows.usage_hour_rows(used))


def remove_tags(connection: sqlite3.Connection, used: Used) -> None:
    """A request that added this is erased: from now on it counts without its tags."""
    row = usage_rows.usage_row(used.key, used.amount)
    if used.key.tags and (changed := fetch_one(connection, _SQL["subtract"], row)) is not None:
        if not changed["requests"]:
            connection.execute(_SQL["drop_empty"], row)
        count(connection, {used.key.without_tags(): used.amount})


def forget(connection: sqlite3.Connection, before: float) -> None:
    """Forget the hours before this moment."""
    connection.execute(_SQL["forget"], {"hour": hour_of(before)})


def forget_project(connection: sqlite3.Connection, project: str) -> None:
    connection.execute(_SQL["forget_project"], {"project": project})


def daily_usage(
    connection: sqlite3.Connection, where: UsageFilter, by: UsageDimension | None, most: int
) -> Sequence[DailyUsage]:
    rows = fetch(connection, _SQL["daily_usage"], _parameters(where, most) | {"by": by})
    return [usage_rows.daily_usage_from(row, by) for row in rows]


def used_labels(connection: sqlite3.Connection, where: UsageFilter, most: int) -> UsedLabels:
    rows = fetch(connection, _SQL["used_labels"], _parameters(where, most + 1))
    return usage_rows.labels_from(rows, most)


def _parameters(where: UsageFilter, most: int) -> dict[str, Any]:
    return with_json_arrays(usage_rows.filter_parameters(where) | {"most": most})

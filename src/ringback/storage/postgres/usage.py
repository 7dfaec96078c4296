"""The sums of usage by the hour: see `jobs.usage`."""

from collections.abc import Sequence
from typing import Any

from ringback.jobs.usage import DailyUsage, UsageDimension, UsageFilter, Used, UsedLabels, summed
from ringback.storage import usage_rows
from ringback.storage.postgres.database import Connection, Database
from ringback.storage.postgres.queries import load
from ringback.storage.rows import Row
from ringback.storage.statements import numbered

_SQL = load("usage.sql")
_NUMBERED = {name: numbered(_SQL[name]) for name in ("daily_usage", "used_labels")}


async def count(database: Database, used: Sequence[Used]) -> None:
    await database.execute_once(_SQL["count"], usage_rows.usage_hour_rows(summed(used)))


async def remove_tags(connection: Connection, used: Used) -> None:
    """A request that added this is erased: from now on it counts without its tags."""
    row = usage_rows.usage_row(used.key, used.amount)
    if not used.key.tags or not (changed := await connection.fetch(_SQL["subtract"], [row])):
        return
    if not changed[0]["requests"]:
        await connection.fetch(_SQL["drop_empty"], [row])
    await connection.fetch(_SQL["count"], [usage_rows.usage_row(used.key.without_tags(), used.amount)])


async def forget(database: Database, seconds_ago: float) -> None:
    """Forget the hours before then."""
    await database.fetch(_SQL["forget"], seconds_ago)


async def forget_project(connection: Connection, project: str) -> None:
    await connection.fetch(_SQL["forget_project"], project)


async def daily_usage(
    database: Database, where: UsageFilter, by: UsageDimension | None, most: int
) -> Sequence[DailyUsage]:
    parameters = usage_rows.filter_parameters(where) | {"by": by, "most": most}
    return [usage_rows.daily_usage_from(row, by) for row in await _fetch(database, "daily_usage", parameters)]


async def used_labels(database: Database, where: UsageFilter, most: int) -> UsedLabels:
    parameters = usage_rows.filter_parameters(where) | {"most": most + 1}
    return usage_rows.labels_from(await _fetch(database, "used_labels", parameters), most)


async def _fetch(database: Database, name: str, parameters: Row) -> list[dict[str, Any]]:
    statement, names = _NUMBERED[name]
    return await database.fetch(statement, *(parameters[name] for name in names))

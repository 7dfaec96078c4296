"""The audio that keys and projects use in a day: see `jobs.daily_audio`."""

import sqlite3
from collections.abc import Mapping, Sequence

from ringback.jobs.daily_audio import DAY, DAYS_RETAINED
from ringback.storage.sqlite.execute import fetch_one, write_all
from ringback.storage.sqlite.queries import load

_SQL = load("daily_audio.sql")


def count(connection: sqlite3.Connection, seconds: Mapping[str, float], now: float) -> None:
    """These holders have used so much more."""
    rows = [{"holder": holder, "day": _day(now), "seconds": more} for holder, more in seconds.items()]
    write_all(connection, _SQL["count"], rows)


def used(connection: sqlite3.Connection, holders: Sequence[str], now: float) -> Mapping[str, float]:
    """What these have used today."""
    found = {
        holder: fetch_one(connection, _SQL["used"], {"holder": holder, "day": _day(now)})
        for holder in holders
    }
    return {holder: 0.0 if row is None else row["seconds"] for holder, row in found.items()}


def forget(connection: sqlite3.Connection, now: float) -> None:
    """Days that no quota or report needs any more."""
    connection.execute(_SQL["forget"], {"day": _day(now) - DAYS_RETAINED})


def _day(now: float) -> int:
    return int(now // DAY)

"""Seconds of audio by holder (a key or a project) and day."""

import sqlite3
from collections.abc import Mapping, Sequence

from ringback.jobs.daily_audio import DAY, DAYS_KEPT
from ringback.storage.sqlite.queries import load

_SQL = load("daily_audio.sql")
_COUNT = _SQL["count"]
_USED = _SQL["used"]
_FORGET = _SQL["forget"]


class DailyAudio:
    """Used by the writer's thread alone. What a group of operations adds up to is written at its end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._added: dict[tuple[str, int], float] = {}

    def count(self, seconds: Mapping[str, float], now: float) -> None:
        """These holders have used so much more."""
        for holder, more in seconds.items():
            place = (holder, _day(now))
            self._added[place] = self._added.get(place, 0.0) + more

    def write(self) -> None:
        """Before the end of the transaction."""
        for (holder, day), seconds in self._added.items():
            self._execute(_COUNT, (holder, day, seconds))
        self.discard()

    def discard(self) -> None:
        """A transaction begins, or was undone."""
        self._added.clear()

    def forget(self, now: float) -> None:
        """Days that nobody asks about any more."""
        self._execute(_FORGET, (_day(now) - DAYS_KEPT,))


def used(connection: sqlite3.Connection, holders: Sequence[str], now: float) -> Mapping[str, float]:
    """What these have used today."""
    found = {holder: connection.execute(_USED, (holder, _day(now))).fetchone() for holder in holders}
    return {holder: 0.0 if row is None else row[0] for holder, row in found.items()}


def _day(now: float) -> int:
    return int(now // DAY)

"""What becomes of jobs that have ended: first their contents go, then all trace of them.

Every call looks at a bounded number of rows. Days of which nothing is left go as a whole, in the sweep.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ringback.jobs.daily_audio import DAYS_KEPT
from ringback.jobs.job import Job, JobId
from ringback.jobs.store import Stripped
from ringback.storage.postgres.database import Connection, Database
from ringback.storage.postgres.queries import load
from ringback.storage.postgres.rows import job_from

_SQL = load("upkeep.sql")

_ENDED_NUMBERS = load("erasing.sql")["ended_numbers"]
_FORGET_AUDIO = load("daily_audio.sql")["forget"]

LOOK_AT = 4
"""Rows that a drop looks at for each one that it may drop: some wait for their children."""


async def ended(database: Database, kind: str, seconds_ago: float, limit: int) -> list[Job]:
    return [job_from(row) for row in await database.fetch(_SQL["ended"], kind, seconds_ago, limit)]


async def strip(database: Database, jobs: Sequence[Stripped]) -> int:
    async def write(connection: Connection) -> int:
        said = await connection.fetch(
            _SQL["strip"],
            [job.job for job in jobs],
            [job.payload for job in jobs],
            [job.result for job in jobs],
        )
        return len(said)

    return await database.transact(write)


class Retention:
    """Drops old jobs, and knows where it stopped."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._places: dict[_Walk, _Place] = {}

    async def drop(self, seconds_ago: float, limit: int) -> int:
        until = await self._database.value(_SQL["now"]) - seconds_ago
        kinds = [row[0] for row in await self._database.fetch(_SQL["kinds"])]
        dropped, looks = 0, LOOK_AT * limit
        for walk in [_Walk(stripped, kind) for kind in kinds for stripped in (True, False)]:
            if dropped == limit or not looks:
                break
            rows, whole = await self._old(walk, until, looks)
            chosen = _up_to(rows, limit - dropped)
            looks -= len(chosen)
            if chosen:
                self._places[walk] = chosen[-1].place
            if whole and len(chosen) == len(rows):
                self._places.pop(walk, None)  # it was walked to its end
            dropped += await self._drop([row for row in chosen if row.childless])
        await self._database.fetch(_SQL["drop_old_words"], limit)
        await self._database.fetch(_SQL["drop_hours"], limit)
        await self._database.fetch(_FORGET_AUDIO, DAYS_KEPT)
        return dropped

    async def erase(self, jobs: Sequence[JobId]) -> int:
        rows = await self._database.fetch(_ENDED_NUMBERS, list(jobs))
        return await self._drop([_Old(_Place(0.0, number), day, childless=True) for number, day in rows])

    async def _old(self, walk: "_Walk", until: float, limit: int) -> "tuple[list[_Old], bool]":
        """Round the walk once, from where the last drop stopped: what waits there holds up nothing else.
        And whether that was all."""
        start = self._places.get(walk, _START)
        rows = await self._slice(walk, start, until, limit)
        if start != _START and len(rows) < limit:
            rest = await self._slice(walk, _START, until, limit - len(rows))
            rows += [row for row in rest if row.place <= start]
        return rows, len(rows) < limit

    async def _slice(self, walk: "_Walk", after: "_Place", until: float, limit: int) -> "list[_Old]":
        rows = await self._database.fetch(_SQL["old"], walk.stripped, walk.kind, *after, until, limit)
        return [_Old(_Place(*place), day, childless) for *place, day, childless in rows]

    async def _drop(self, old: "Sequence[_Old]") -> int:
        if not old:
            return 0
        numbers, days = [row.place.number for row in old], [row.day for row in old]

        async def write(connection: Connection) -> list[tuple[int, str | None, str]]:
            rows = await connection.fetch(_SQL["drop"], numbers, days)
            return [(lane, accessor, kind) for lane, accessor, kind in rows]

        gone = await self._database.transact(write)
        await self._clear_up(gone)
        return len(gone)

    async def _clear_up(self, gone: Sequence[tuple[int, str | None, str]]) -> None:
        """What the dropped jobs were the last to refer to."""
        lanes = list({lane for lane, _accessor, _kind in gone})
        usages = Counter((accessor, kind) for _lane, accessor, kind in gone if accessor is not None)
        places = sorted(usages)

        async def write(connection: Connection) -> None:
            await connection.fetch(
                _SQL["clear_up"],
                lanes,
                [accessor for accessor, _kind in places],
                [kind for _accessor, kind in places],
                [usages[place] for place in places],
            )

        await self._database.transact(write)


def _up_to(rows: "Sequence[_Old]", limit: int) -> "Sequence[_Old]":
    """The first of these, as far as `limit` childless ones go."""
    childless = 0
    for index, row in enumerate(rows):
        childless += row.childless
        if childless == limit:
            return rows[: index + 1]
    return rows


class _Walk(NamedTuple):
    """A part of ended_job_by_age."""

    stripped: bool
    kind: str


class _Place(NamedTuple):
    """A row there."""

    finished_at: float
    number: int


class _Old(NamedTuple):
    place: _Place
    day: int
    childless: bool


_START = _Place(float("-inf"), 0)

"""Deleting ended jobs: first their contents (`strip`), later all of their rows (`drop`, `erase`).

Every call reads and deletes a bounded number of rows. The sweep drops the partitions of days without rows.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ringback.jobs.daily_audio import DAYS_RETAINED
from ringback.jobs.job import Job, JobId
from ringback.jobs.store import Stripped
from ringback.jobs.usage import Used
from ringback.storage.postgres import usage
from ringback.storage.postgres.database import Connection, Database
from ringback.storage.postgres.queries import load
from ringback.storage.retention import DropJobs, FindOldJobs, OldJob, Place, RetentionWalk
from ringback.storage.rows import job_from
from ringback.storage.steps import run_async

_SQL = load("upkeep.sql")

_ENDED_NUMBERS = load("erasing.sql")["ended_numbers"]
_FORGET_AUDIO = load("daily_audio.sql")["forget"]


async def ended(database: Database, kind: str, seconds_ago: float, limit: int) -> list[Job]:
    return [job_from(row) for row in await database.fetch(_SQL["ended"], kind, seconds_ago, limit)]


async def strip(database: Database, jobs: Sequence[Stripped]) -> int:
    async def write(connection: Connection) -> int:
        stripped = await connection.fetch(
            _SQL["strip"],
            [job.job for job in jobs],
            [job.payload for job in jobs],
            [job.result for job in jobs],
        )
        return len(stripped)

    return await database.transact(write)


async def drop(database: Database, walk: RetentionWalk, seconds_ago: float, limit: int) -> int:
    until = await database.value(_SQL["now"]) - seconds_ago

    async def ask(step: FindOldJobs | DropJobs) -> list[OldJob] | int:
        if isinstance(step, DropJobs):
            return await _drop(database, [(old.place.number, old.partition) for old in step.jobs])
        rows = await database.fetch(_SQL["old"], step.stripped, step.kind, *step.after, until, step.limit)
        return [
            OldJob(Place(row["finished_at"], row["number"]), row["day"], row["childless"]) for row in rows
        ]

    kinds = [row["kind"] for row in await database.fetch(_SQL["kinds"])]
    dropped = await run_async(walk.drop(kinds, limit), ask)
    await database.fetch(_SQL["drop_old_keys"], limit)
    await database.fetch(_SQL["drop_hours"], limit)
    await database.fetch(_FORGET_AUDIO, DAYS_RETAINED)
    return dropped


async def erase(database: Database, jobs: Sequence[JobId], used: Mapping[JobId, Used]) -> int:
    rows = await database.fetch(_ENDED_NUMBERS, list(jobs))
    counted = {row["number"]: used[row["id"]] for row in rows if row["id"] in used}
    return await _drop(database, [(row["number"], row["day"]) for row in rows], counted)


async def _drop(
    database: Database, places: Sequence[tuple[int, int]], counted: Mapping[int, Used] | None = None
) -> int:
    """Drop jobs by their numbers and days. `counted`: by number, usage that counts without tags
    afterwards."""
    if not places:
        return 0
    numbers, days = [number for number, _day in places], [day for _number, day in places]

    async def write(connection: Connection) -> list[dict[str, Any]]:
        if not counted:
            return [dict(row) for row in await connection.fetch(_SQL["drop"], numbers, days)]
        # Locked: the tags of a job that another node drops are removed there, once.
        locked = {row["number"] for row in await connection.fetch(_SQL["lock"], list(counted))}
        dropped = [dict(row) for row in await connection.fetch(_SQL["drop"], numbers, days)]
        remaining = {row["number"] for row in await connection.fetch(_SQL["lock"], list(counted))}
        for number in sorted(locked - remaining):
            await usage.remove_tags(connection, counted[number])
        return dropped

    dropped = await database.transact(write)
    await _clear_up(database, dropped)
    return len(dropped)


async def _clear_up(database: Database, dropped: Sequence[dict[str, Any]]) -> None:
    """Delete rows that no job refers to any more."""
    lanes = list({job["lane"] for job in dropped})
    usages = Counter((job["accessor"], job["kind"]) for job in dropped if job["accessor"] is not None)
    places = sorted(usages)

    async def write(connection: Connection) -> None:
        await connection.fetch(
            _SQL["clear_up"],
            lanes,
            [accessor for accessor, _kind in places],
            [kind for _accessor, kind in places],
            [usages[place] for place in places],
        )

    await database.transact(write)

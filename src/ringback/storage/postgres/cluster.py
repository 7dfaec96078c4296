"""What nodes share beside jobs: the progress of recordings, and the turns of housekeeping rounds."""

from collections.abc import Mapping

from ringback.jobs.job import JobId
from ringback.storage.postgres.database import Database
from ringback.storage.postgres.queries import load

FORGOTTEN_SECONDS = 3600.0
"""A recording whose progress was not updated for so long has ended: one chunk of it takes seconds."""

_SQL = load("cluster.sql")


async def show_progress(database: Database, reached: Mapping[JobId, tuple[float, float | None]]) -> None:
    """By job: seconds that are transcribed, and the recording's length where it is known."""
    seconds = [transcribed for transcribed, _ in reached.values()]
    durations = [duration for _, duration in reached.values()]
    await database.fetch(_SQL["show_progress"], list(reached), seconds, durations)
    await database.fetch(_SQL["forget_progress"], FORGOTTEN_SECONDS)


async def progress_of(database: Database, job: JobId) -> tuple[float, float | None] | None:
    rows = await database.fetch(_SQL["progress"], job)
    return (rows[0]["seconds"], rows[0]["duration"]) if rows else None


async def take_turn(database: Database, name: str, every: float) -> bool:
    """Whether this node may start a round that one of all nodes makes once in `every` seconds."""
    return bool(await database.execute_once(_SQL["take_turn"], name, every))

"""What nodes tell one another beside jobs: how far recordings are, and whose turn a round is."""

from collections.abc import Mapping

from ringback.jobs.job import JobId
from ringback.storage.postgres.database import Database
from ringback.storage.postgres.queries import load

FORGOTTEN_SECONDS = 3600.0
"""A recording of which nothing was told for so long has ended: a chunk of it takes seconds."""

_SQL = load("cluster.sql")


async def show_progress(database: Database, reached: Mapping[JobId, tuple[float, float | None]]) -> None:
    """Seconds heard, and the recording's length where it is known, by job."""
    seconds = [heard for heard, _ in reached.values()]
    durations = [duration for _, duration in reached.values()]
    await database.fetch(_SQL["show_progress"], list(reached), seconds, durations)
    await database.fetch(_SQL["forget_progress"], FORGOTTEN_SECONDS)


async def progress_of(database: Database, job: JobId) -> tuple[float, float | None] | None:
    rows = await database.fetch(_SQL["progress"], job)
    return (rows[0]["seconds"], rows[0]["duration"]) if rows else None


async def take_turn(database: Database, name: str, every: float) -> bool:
    """Whether this node may set out on a round that somebody makes once in `every` seconds."""
    return bool(await database.once(_SQL["take_turn"], name, every))

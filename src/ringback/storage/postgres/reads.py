"""What readers ask, each with one statement."""

from collections.abc import Mapping, Sequence

from ringback.jobs.job import Attempt, Job, JobId, Lane, State
from ringback.jobs.lane import MOST_CALLERS, OpenBreaker, Shares
from ringback.jobs.store import KindGauge
from ringback.storage.postgres.database import Database
from ringback.storage.postgres.queries import load
from ringback.storage.postgres.rows import job_from

_SQL = load("reads.sql")


async def job_by_id(database: Database, job: JobId) -> Job | None:
    rows = await database.fetch(_SQL["job_by_id"], job)
    return job_from(rows[0]) if rows else None


async def states(database: Database, jobs: Sequence[JobId]) -> Mapping[JobId, State]:
    return {JobId(job): State(state) for job, state in await database.fetch(_SQL["states"], list(jobs))}


async def open_breakers(database: Database, kind: str, lanes: Sequence[Lane]) -> Mapping[Lane, OpenBreaker]:
    rows = await database.fetch(_SQL["open_breakers"], kind, list(lanes))
    return {Lane(name): OpenBreaker(until, failures) for name, until, failures in rows}


async def children_of(database: Database, parents: Sequence[JobId], most: int) -> Mapping[JobId, list[Job]]:
    children: dict[JobId, list[Job]] = {parent: [] for parent in parents}
    for row in await database.fetch(_SQL["jobs_by_parent"], list(parents), most):
        child = job_from(row)
        if child.parent is not None:
            children[child.parent].append(child)
    return children


async def attempts(database: Database, job: JobId, most: int) -> list[Attempt]:
    return [Attempt(*row) for row in await database.fetch(_SQL["attempts"], job, most)][::-1]


async def waiting(database: Database, sequence: str, most: int) -> int:
    return int(await database.value(_SQL["waiting"], sequence, most))


async def gauges(database: Database) -> Mapping[str, KindGauge]:
    return {kind: KindGauge(*gauge) for kind, *gauge in await database.fetch(_SQL["gauges"])}


async def next_ready(database: Database, kind: str, shares: Shares | None) -> float | None:
    """Seconds until a claim of this kind will find something; None: not before something changes."""
    rows = await database.fetch(_SQL["next_ready"], kind, 1 if shares is None else MOST_CALLERS)
    return next((float(wait) for wait, lane in rows if shares is None or shares.room(lane)), None)


async def ended_of(database: Database, jobs: Sequence[JobId]) -> Sequence[JobId]:
    return [row[0] for row in await database.fetch(_SQL["ended_of"], list(jobs))]

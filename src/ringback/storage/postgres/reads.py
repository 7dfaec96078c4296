"""Queries of readers, each in one statement."""

from collections.abc import Mapping, Sequence
from typing import Any

from ringback.jobs.job import Attempt, Job, JobFilter, JobId, Lane, Page, State
from ringback.jobs.lane import OpenBreaker, Shares, lanes_to_look_at
from ringback.jobs.store import LOOKED_THROUGH, KindGauge, LaneReport, LaneStanding
from ringback.storage import pages
from ringback.storage.postgres.database import Database
from ringback.storage.postgres.queries import load
from ringback.storage.rows import attempt_from, job_from
from ringback.storage.statements import numbered
from ringback.storage.steps import Query, run_async

_SQL = load("reads.sql")
_PAGES = {name: numbered(statement) for name, statement in load("pages.sql").items()}


async def job_by_id(database: Database, job: JobId) -> Job | None:
    rows = await database.fetch(_SQL["job_by_id"], job)
    return job_from(rows[0]) if rows else None


async def states(database: Database, jobs: Sequence[JobId]) -> Mapping[JobId, State]:
    rows = await database.fetch(_SQL["states"], list(jobs))
    return {JobId(row["id"]): State(row["state"]) for row in rows}


async def open_breakers(database: Database, kind: str, lanes: Sequence[Lane]) -> Mapping[Lane, OpenBreaker]:
    rows = await database.fetch(_SQL["open_breakers"], kind, list(lanes))
    return {Lane(row["name"]): OpenBreaker(row["open_until"], row["failures"]) for row in rows}


async def children_of(database: Database, parents: Sequence[JobId], most: int) -> Mapping[JobId, list[Job]]:
    children: dict[JobId, list[Job]] = {parent: [] for parent in parents}
    for row in await database.fetch(_SQL["jobs_by_parent"], list(parents), most):
        child = job_from(row)
        if child.parent is not None:
            children[child.parent].append(child)
    return children


async def attempts(database: Database, job: JobId, most: int) -> list[Attempt]:
    return [attempt_from(row) for row in await database.fetch(_SQL["attempts"], job, most)][::-1]


async def waiting(database: Database, sequence: str, most: int) -> int:
    return int(await database.value(_SQL["waiting"], sequence, most))


async def page(database: Database, where: JobFilter, limit: int, before: str | None) -> Page:
    async def ask(query: Query) -> list[dict[str, Any]]:
        statement, names = _PAGES[query.name]
        return await database.fetch(statement, *(query.parameters[name] for name in names))

    return await run_async(pages.page(where, limit, before), ask)


async def gauges(database: Database) -> Mapping[str, KindGauge]:
    rows = await database.fetch(_SQL["gauges"])
    return {row.pop("kind"): KindGauge(**row) for row in rows}


async def parked(database: Database) -> Mapping[str, int]:
    return {row["kind"]: row["jobs"] for row in await database.fetch(_SQL["parked_by_kind"])}


async def lane_standing(database: Database, kind: str) -> LaneStanding:
    [row] = await database.fetch(_SQL["lane_standing"], kind)
    return LaneStanding(**row)


async def lane_reports(
    database: Database,
    kind: str,
    limit: int,
    *,
    least_failures: int,
    ending: str,
    names: Sequence[Lane] | None,
) -> list[LaneReport]:
    arguments = (kind, least_failures, ending, None if names is None else list(names), limit, LOOKED_THROUGH)
    return [LaneReport(**row) for row in await database.fetch(_SQL["lane_reports"], *arguments)]


async def size(database: Database) -> int:
    return int(await database.value(_SQL["size"]))


async def next_ready(database: Database, kind: str, shares: Shares | None) -> float | None:
    """Seconds until a claim of this kind will find something; None: not before something changes."""
    rows = await database.fetch(_SQL["next_ready"], kind, lanes_to_look_at(1, shares))
    return next((float(row["wait"]) for row in rows if shares is None or shares.room(row["name"])), None)


async def ended_of(database: Database, jobs: Sequence[JobId]) -> Sequence[JobId]:
    return [row["id"] for row in await database.fetch(_SQL["ended_of"], list(jobs))]

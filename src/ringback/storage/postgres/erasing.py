"""Projects that are added, renamed and deleted, and the record of requests that are being erased."""

from collections.abc import Sequence

from ringback.jobs.job import JobId
from ringback.keys import Project
from ringback.storage.postgres import usage
from ringback.storage.postgres.database import Connection, Database
from ringback.storage.postgres.queries import load

_SQL = load("erasing.sql")
_DROP_SECRETS = load("keys.sql")["drop_secrets"]


async def add_project(database: Database, project: Project) -> None:
    async def add(connection: Connection) -> None:
        await _check_name(connection, project.name, project.id)
        await connection.fetch(_SQL["add_project"], project.id, project.name)

    await database.transact(add)


async def rename_project(database: Database, project: str, name: str) -> bool:
    async def rename(connection: Connection) -> bool:
        await _check_name(connection, name, project)
        return bool(await connection.fetch(_SQL["rename_project"], project, name))

    return await database.transact(rename)


async def delete_project(database: Database, project: str) -> bool:
    async def delete(connection: Connection) -> bool:
        if not await connection.fetch(_SQL["delete_project"], project):
            return False
        for row in await connection.fetch(_SQL["remove_keys"], project):
            await connection.fetch(_DROP_SECRETS, row["id"])
        await usage.forget_project(connection, project)
        return True

    return await database.transact(delete)


async def deleted_projects(database: Database) -> Sequence[str]:
    return [row["id"] for row in await database.fetch(_SQL["deleted_projects"])]


async def forget_projects(database: Database, seconds_ago: float) -> None:
    async def forget(connection: Connection) -> None:
        for row in await connection.fetch(_SQL["forget_projects"], seconds_ago):
            # Requests that ended after the deletion were counted again.
            await usage.forget_project(connection, row["id"])

    await database.transact(forget)


async def begin(database: Database, request: JobId) -> None:
    await database.fetch(_SQL["begin_erasing"], request)


async def end(database: Database, request: JobId) -> None:
    await database.fetch(_SQL["end_erasing"], request)


async def pending_erasures(database: Database, seconds_ago: float, limit: int) -> Sequence[JobId]:
    rows = await database.fetch(_SQL["erasing"], seconds_ago, limit)
    return [JobId(row["request"]) for row in rows]


async def _check_name(connection: Connection, name: str, project: str) -> None:
    await connection.fetch(_SQL["lock_names"])
    rows = await connection.fetch(_SQL["named"], name)
    if rows and rows[0]["id"] != project:
        raise ValueError("another project has this name")

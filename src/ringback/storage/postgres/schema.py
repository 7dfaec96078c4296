"""The schema: `schema.sql` makes it, `migrations` bring older ones forward; one node at a time.

From the first release on a migration only adds, so that nodes of the release before still work on the new
schema while they are replaced one by one; what no release uses any more is removed one release later. A
changed function or type gets a new name, and exists beside the old one.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from importlib.resources import files
from typing import Any

import asyncpg

from ringback.errors import Misconfigured
from ringback.storage.postgres.database import CONNECT_SECONDS, raise_refused

_FOLDER = files("ringback.storage.postgres")

OLDEST = 4
"""The first schema that is brought forward."""

SQUASHED = 9
"""The schema whose migration brings all tables forward at once; `functions.sql` follows it."""

BATCHES = 11
"""The schema of the first release: `batches.sql` follows its migration. No function of the schemas before it
is still in use."""

LOCK = 7_276_235_116
"""An advisory lock of the database: one node migrates, the others wait."""

MIGRATION_SECONDS = 3600.0
DAYS_AHEAD = 3
"""Partitions are made this many days before they are needed."""

_BEGIN = "begin; set local lock_timeout = '60s'; set local statement_timeout = 0"
_LOCK = "select pg_advisory_xact_lock($1)"
_MAKE_SCHEMA = "create table if not exists ringback_schema (version integer not null)"
_VERSION = "select max(version) from ringback_schema"
_DATABASE = "select current_database()"
_RAISE = "insert into ringback_schema (version) values ($1)"
_IS_THERE = "select to_regclass('ringback_schema') is not null"
_DAYS = (
    "select make_days(today, today + $1) from (select floor(ledger_now() / 86400)::integer as today) as now"
)


async def migrate(url: str) -> int:
    """Bring the database up to date; the version of its schema.

    Raises `Misconfigured` when it cannot be used, or was made by a newer Ringback; `LedgerUnavailable` when
    the server cannot be reached.
    """
    async with AsyncExitStack() as stack:
        connection = await _connected(url, stack)
        try:
            newest = newest_version()
            if await _version(connection) == newest:
                return newest
            await connection.execute(_BEGIN)
            await connection.fetch(_LOCK, LOCK)
            await connection.execute(_MAKE_SCHEMA)
            version = await _version(connection)
            await _check_not_newer(connection, version)
            for number, script in scripts(version):
                await connection.execute(script, timeout=MIGRATION_SECONDS)
                await connection.fetch(_RAISE, number)
            await connection.fetch(_DAYS, DAYS_AHEAD)
            await connection.execute("commit")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise_refused(error)
        return newest


async def check(url: str) -> None:
    """Raise `Misconfigured` unless the schema is this program's; for processes that do not migrate."""
    async with AsyncExitStack() as stack:
        connection = await _connected(url, stack)
        try:
            version = await _version(connection)
            await _check_not_newer(connection, version)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise_refused(error)
    if version < newest_version():
        raise Misconfigured(
            f"The database of database_url has the schema {version} and this Ringback needs "
            f"{newest_version()}. Run `ringback migrate`."
        )


async def version(url: str) -> int:
    """Of the database's schema; 0 where there is none. Raises as `migrate` does."""
    async with AsyncExitStack() as stack:
        return await _version(await _connected(url, stack))


def newest_version() -> int:
    """Of the schema that this program makes."""
    return max(_migrations())


def scripts(version: int) -> Sequence[tuple[int, str]]:
    """The scripts that bring a schema of this version (0: none) to the newest, each with its new version."""
    migrations = _migrations()
    if version == 0:
        return [(max(migrations), _text("schema.sql") + _text("functions.sql") + _text("batches.sql"))]
    if version < OLDEST:
        raise Misconfigured(
            f"The database of database_url is older than the first release (schema {version}; this Ringback "
            f"brings forward from {OLDEST} on). Give it another database."
        )
    return [(number, migrations[number]) for number in sorted(migrations) if number > version]


def _migrations() -> Mapping[int, str]:
    """The version that it makes → script."""
    folder = _FOLDER.joinpath("migrations")
    found = {
        int(file.name.split("_")[0]): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }
    following = {SQUASHED: "functions.sql", BATCHES: "batches.sql"}
    return {
        number: script + (_text(following[number]) if number in following else "")
        for number, script in found.items()
    }


def _text(name: str) -> str:
    return _FOLDER.joinpath(name).read_text(encoding="utf-8")


async def _connected(url: str, stack: AsyncExitStack) -> "asyncpg.Connection[asyncpg.Record]":
    try:
        connection = await asyncpg.connect(
            url, timeout=CONNECT_SECONDS, command_timeout=MIGRATION_SECONDS, statement_cache_size=0
        )
    except Exception as error:
        raise_refused(error)
    stack.push_async_callback(_close, connection)
    return connection


async def _close(connection: "asyncpg.Connection[Any]") -> None:
    """An open transaction is rolled back with it."""
    try:
        await connection.close(timeout=CONNECT_SECONDS)
    except (OSError, TimeoutError):
        connection.terminate()


async def _version(connection: "asyncpg.Connection[Any]") -> int:
    if not await connection.fetchval(_IS_THERE):
        return 0
    return await connection.fetchval(_VERSION) or 0


async def _check_not_newer(connection: "asyncpg.Connection[Any]", version: int) -> None:
    newest = newest_version()
    if version > newest:
        database = await connection.fetchval(_DATABASE)
        raise Misconfigured(
            f"The database {database} was brought up to date by a newer Ringback (schema {version}; this one "
            f"knows {newest}). Install that version, or restore a backup."
        )

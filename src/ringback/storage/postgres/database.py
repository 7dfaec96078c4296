"""The connections: a pool that PgBouncer may stand in front of, time limits, and errors in our words.

No statement is prepared by name, nothing is set for a session, nobody listens here: whatever is asked
works on any connection, in transaction mode too.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import asyncpg

from ringback.errors import Misconfigured
from ringback.jobs.store import LedgerUnavailable
from ringback.storage.postgres.queries import load

T = TypeVar("T")

CONNECTIONS = 10
CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 20.0
"""What any statement may take, as this side sees it: longer than the server's own limits in a transaction."""

TRIES = 4
"""Of what is surely not carried out: the server was restarted, or two batches waited for each other."""

_SQL = load("batches.sql")
_BEGIN = _SQL["begin"]
_COMMIT = _SQL["commit"]
_ROLLBACK = _SQL["rollback"]

_CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a session that the server ended between two of our statements
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
)
_PASSING = (
    *_CONNECTION_LOST,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
    asyncpg.DataCorruptedError,
    asyncpg.IndexCorruptedError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,
    TimeoutError,
)
_ROLLED_BACK = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
"""The server itself says that nothing was done."""
AGAIN = (*_CONNECTION_LOST, *_ROLLED_BACK)
"""Worth another try at once, when nothing was committed."""

if TYPE_CHECKING:
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.pool.PoolConnectionProxy


class Database:
    """Made by `connect`; every method raises `LedgerUnavailable` when the server cannot serve just now."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        self._closed = False

    async def close(self) -> None:
        self._closed = True
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def fetch(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """What one statement finds. It may run twice: again when the connection was lost."""

        async def read() -> list[dict[str, Any]]:
            async with self._connection() as connection:
                return [dict(row) for row in await connection.fetch(statement, *arguments)]

        try:
            return await self._tried(read)
        except (asyncpg.CharacterNotInRepertoireError, ValueError):
            # A text that PostgreSQL cannot keep (a NUL), or too large a number: nothing is called so.
            return []

    async def value(self, statement: str, *arguments: Any) -> Any:
        """The one value of the one row; None when there is none."""
        rows = await self.fetch(statement, *arguments)
        return next(iter(rows[0].values())) if rows else None

    async def once(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """As `fetch`, for what must not be carried out twice: again only when it was rolled back."""

        async def attempt() -> list[dict[str, Any]]:
            async with self._connection() as connection:
                return [dict(row) for row in await connection.fetch(statement, *arguments)]

        return await self._tried(attempt, _ROLLED_BACK)

    async def transact(self, work: Callable[[Connection], Coroutine[Any, Any, T]]) -> T:
        """Carry out `work` in a transaction; again from the start when nothing of it can have happened."""

        async def attempt() -> T:
            async with self.transaction() as connection:
                return await work(connection)

        return await self._tried(attempt)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Committed at the end, rolled back on an error. Raises the driver's errors as they are.

        `CommitUnknown`, and nothing else, once the commit was asked for: what is run again then may be done
        twice.
        """
        committing = False
        try:
            async with self._connection() as connection:
                try:
                    await connection.execute(_BEGIN)
                    yield connection
                except BaseException:
                    await _undo(connection)
                    raise
                committing = True
                await connection.execute(_COMMIT)
        except Exception as error:
            if committing:
                raise CommitUnknown from error
            raise

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """One of the pool, which does not get it back when it may be broken."""
        async with self._pool.acquire(timeout=CONNECT_SECONDS) as connection:
            try:
                yield connection
            except (*_CONNECTION_LOST, TimeoutError):
                connection.terminate()
                raise

    async def _tried(
        self,
        attempt: Callable[[], Coroutine[Any, Any, T]],
        again: tuple[type[Exception], ...] = AGAIN,
    ) -> T:
        self._check_open()
        for tries_left in reversed(range(TRIES)):
            try:
                return await attempt()
            except ValueError:
                raise  # an argument that the driver refuses
            except again as error:
                if not tries_left:
                    raise_translated(error)
                await asyncio.sleep(0.05 * (TRIES - tries_left))
            except CommitUnknown as error:
                raise_translated(error.__cause__ or error)
            except Exception as error:
                raise_translated(error)
        raise AssertionError("the last try returns or raises")

    def _check_open(self) -> None:
        if self._closed:
            raise LedgerUnavailable("the ledger is closed")


class CommitUnknown(Exception):
    """The answer to a commit did not come: it may have happened or not. The cause says why."""


def raise_translated(error: BaseException) -> NoReturn:
    """What the port promises for what the driver says."""
    if isinstance(error, _PASSING):
        reason = str(error) or type(error).__name__
        raise LedgerUnavailable(f"the ledger's database does not serve just now: {reason}") from error
    raise error


async def connect(url: str) -> Database:
    """`Misconfigured` when the URL cannot be used, `LedgerUnavailable` when the server is not there."""
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            statement_cache_size=0,
            max_inactive_connection_lifetime=300.0,
            reset=_nothing,
        )
    except Exception as error:
        raise_refused(error)
    return Database(pool)


def raise_refused(error: Exception) -> NoReturn:
    """Why the database cannot be opened; the URL, which has a password in it, is not repeated."""
    said = str(error)
    match error:
        case asyncpg.InvalidCatalogNameError():
            raise Misconfigured(f"The database of database_url is not there: {said}. Create it.") from None
        case asyncpg.InvalidAuthorizationSpecificationError():
            raise Misconfigured(
                f"PostgreSQL refuses the user or password of database_url: {said}. Correct them."
            ) from None
        case asyncpg.InsufficientPrivilegeError():
            raise Misconfigured(
                f"The user of database_url may not do what it must: {said}. Make it the database's owner."
            ) from None
        case socket.gaierror():
            raise Misconfigured("The host of database_url has no address. Correct it.") from None
        case asyncpg.ClientConfigurationError() | ValueError():
            raise Misconfigured(
                "database_url cannot be read. It has the form postgresql://user:password@host:5432/database."
            ) from None
    raise_translated(error)


async def _nothing(_connection: Any) -> None:
    """Nothing is set for a session, so nothing needs to be set back."""


async def _undo(connection: Connection) -> None:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await connection.execute(_ROLLBACK)
    except BaseException:
        # Closing it is a rollback, too.
        connection.terminate()

"""The connection pool: it works through PgBouncer, has time limits, and translates the driver's errors.

Behind a pooler such as PgBouncer in transaction mode no statement is prepared by name and nothing is set for
a session: every statement works on any connection. Connected to the server itself, each connection keeps the
statements that it has prepared. No connection of the pool listens for notifications.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import asyncpg

from ringback.errors import Misconfigured
from ringback.jobs.store import LedgerUnavailable
from ringback.storage.postgres.queries import load

T = TypeVar("T")

CONNECTIONS = 10
CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 20.0
"""The client's limit for a statement: longer than the server's own limits in a transaction."""

PREPARED_STATEMENTS = 100
"""That a connection to the server itself keeps: each spares a round trip and the statement's analysis."""
PREPARED_SETTINGS = {"plan_cache_mode": "force_custom_plan"}
"""They are planned for their parameters each time, as if they were not prepared: a plan that was made while a
table was empty does not live on. The functions have a setting of their own."""

ASKED_FOR_POOLER = 3
"""Connections that are made at the start to find out whether a pooler is in between."""

TRIES = 4
"""For what was certainly not carried out: the server restarted, or two batches deadlocked."""

_SQL = load("batches.sql")
_BEGIN = _SQL["begin"]
_GENERIC_PLANS = _SQL["generic_plans"]
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
_TRANSIENT = (
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
    asyncpg.InvalidCachedStatementError,  # a migration has changed what a prepared statement returns
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
"""The server has rolled back: nothing was changed."""
RETRYABLE = (*_CONNECTION_LOST, *_ROLLED_BACK)
"""Retried at once, if nothing was committed."""

if TYPE_CHECKING:
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.pool.PoolConnectionProxy


class Database:
    """Made by `connect`; every method raises `LedgerUnavailable` while the server cannot be used."""

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
        """The rows of one statement that may run twice: it is retried after a lost connection."""
        try:
            return await self._with_retries(partial(self._rows, statement, arguments))
        except (asyncpg.CharacterNotInRepertoireError, ValueError):
            # A text that PostgreSQL cannot store (with a NUL), or too large a number: no row has it.
            return []

    async def value(self, statement: str, *arguments: Any) -> Any:
        """The one value of the one row; None when there is none."""
        rows = await self.fetch(statement, *arguments)
        return next(iter(rows[0].values())) if rows else None

    async def execute_once(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """As `fetch`, for a statement that must not run twice: it is retried only if it was rolled back."""
        return await self._with_retries(partial(self._rows, statement, arguments), _ROLLED_BACK)

    async def transact(self, work: Callable[[Connection], Coroutine[Any, Any, T]]) -> T:
        """Carry out `work` in a transaction; retried from the start if it was certainly not committed."""

        async def attempt() -> T:
            async with self.transaction() as connection:
                return await work(connection)

        return await self._with_retries(attempt)

    @asynccontextmanager
    async def transaction(self, *, generic_plans: bool = False) -> AsyncIterator[Connection]:
        """Committed at the end, rolled back on an error. Raises the driver's errors untranslated.

        `generic_plans`: of statements that only call functions, which are not to be planned each time.

        Once the commit was sent, the only error is `CommitUnknown`: to run the work again might do it twice.
        """
        committing = False
        try:
            async with self._connection() as connection:
                try:
                    await connection.execute(_BEGIN + _GENERIC_PLANS if generic_plans else _BEGIN)
                    yield connection
                except BaseException:
                    await _roll_back(connection)
                    raise
                committing = True
                await connection.execute(_COMMIT)
        except Exception as error:
            if committing:
                raise CommitUnknown from error
            raise

    async def _rows(self, statement: str, arguments: Sequence[Any]) -> list[dict[str, Any]]:
        async with self._connection() as connection:
            return [dict(row) for row in await connection.fetch(statement, *arguments)]

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """One of the pool; closed after an error that may have broken it."""
        async with self._pool.acquire(timeout=CONNECT_SECONDS) as connection:
            try:
                yield connection
            except (*_CONNECTION_LOST, TimeoutError):
                connection.terminate()
                raise

    async def _with_retries(
        self,
        attempt: Callable[[], Coroutine[Any, Any, T]],
        retryable: tuple[type[Exception], ...] = RETRYABLE,
    ) -> T:
        self._check_open()
        for tries_left in reversed(range(TRIES)):
            try:
                return await attempt()
            except ValueError:
                raise  # an argument that the driver refuses
            except retryable as error:
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
    """No answer to a commit was received: it may have happened or not. `__cause__` is the driver's error."""


def raise_translated(error: BaseException) -> NoReturn:
    """Raise the port's error for an error of the driver."""
    if isinstance(error, _TRANSIENT):
        reason = str(error) or type(error).__name__
        raise LedgerUnavailable(f"the ledger's database does not serve just now: {reason}") from error
    raise error


async def connect(url: str) -> Database:
    """Raises `Misconfigured` when the URL is wrong, `LedgerUnavailable` when the server cannot be reached."""
    try:
        direct = await _is_direct(url)
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            statement_cache_size=PREPARED_STATEMENTS if direct else 0,
            max_cached_statement_lifetime=0,  # they are few, and always the same
            server_settings=PREPARED_SETTINGS if direct else None,
            max_inactive_connection_lifetime=300.0,
            reset=_reset_nothing,
        )
    except Exception as error:
        raise_refused(error)
    return Database(pool)


async def _is_direct(url: str) -> bool:
    """Whether no pooler is in between: one tells its clients other process ids than the server's.

    Some number their clients from 0, and may by chance hit the id of the process that answers. So several
    connections are asked while all are open: each must have been told the process that answers it, and no
    process may answer two."""
    async with AsyncExitStack() as stack:
        processes, answering = [], []
        for _ in range(ASKED_FOR_POOLER):
            connection = await asyncpg.connect(
                url, timeout=CONNECT_SECONDS, command_timeout=COMMAND_SECONDS, statement_cache_size=0
            )
            stack.push_async_callback(connection.close, timeout=CONNECT_SECONDS)
            processes.append(connection.get_server_pid())
            answering.append(await connection.fetchval(_SQL["process"]))
        return processes == answering and len(set(answering)) == ASKED_FOR_POOLER


def raise_refused(error: Exception) -> NoReturn:
    """Raise why the database cannot be opened; the message never has the URL, which contains a password."""
    reason = str(error)
    match error:
        case asyncpg.InvalidCatalogNameError():
            raise Misconfigured(f"The database of database_url is not there: {reason}. Create it.") from None
        case asyncpg.InvalidAuthorizationSpecificationError():
            raise Misconfigured(
                f"PostgreSQL refuses the user or password of database_url: {reason}. Correct them."
            ) from None
        case asyncpg.InsufficientPrivilegeError():
            raise Misconfigured(
                f"The user of database_url may not do what it must: {reason}. Make it the database's owner."
            ) from None
        case socket.gaierror():
            raise Misconfigured("The host of database_url has no address. Correct it.") from None
        case asyncpg.ClientConfigurationError() | ValueError():
            raise Misconfigured(
                "database_url cannot be read. It has the form postgresql://user:password@host:5432/database."
            ) from None
    raise_translated(error)


async def _reset_nothing(_connection: Any) -> None:
    """No session has settings of its own."""


async def _roll_back(connection: Connection) -> None:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await connection.execute(_ROLLBACK)
    except BaseException:
        # The server rolls back when the connection closes.
        connection.terminate()

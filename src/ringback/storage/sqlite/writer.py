"""One thread writes. Whatever has been asked for while it was busy goes into its next commit.

Group commit: an fsync costs a hundred times what a row does, so many operations share one. Each has a
savepoint of its own, so that a bad one fails alone; when the commit fails, all of them fail.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from ringback.clock import Clock
from ringback.jobs.store import LedgerUnavailable
from ringback.storage.sqlite.steady import SteadyClock
from ringback.storage.sqlite.transitions import Changes, Transitions

T = TypeVar("T")

LARGEST_GROUP = 512
"""Operations in one commit: bounds what the first of them waits for."""


class Writer:
    """Runs operations in the order in which they came; call `do` from the event loop it was made in.

    What is asked for is not bounded here but by the callers: each waits for its answer.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        transitions: Transitions,
        clock: Clock,
        committed: Callable[[Changes], None],
    ) -> None:
        self._connection = connection
        self._transitions = transitions
        self._clock = SteadyClock(clock)
        self._committed = committed
        self._loop = asyncio.get_running_loop()
        self._asked: SimpleQueue[_Asked[Any] | None] = SimpleQueue()
        self._closed = False
        # A daemon: a process that dies without closing its ledger shall not hang on it.
        self._thread = threading.Thread(target=self._write_until_closed, name="ledger-writer", daemon=True)
        self._thread.start()

    def now(self) -> float:
        return self._clock.now()

    async def do(self, operation: Callable[[Transitions], T]) -> T:
        """Run `operation` in the next commit and return once that is on the disk.

        A caller who is cancelled meanwhile has not undone it.
        """
        if self._closed:
            raise LedgerUnavailable("the ledger is closed")
        asked: _Asked[T] = _Asked(operation, self._loop.create_future())
        self._asked.put(asked)
        return await asked.future

    async def close(self) -> None:
        """Finish what was asked for, and end the thread."""
        self._closed = True
        self._asked.put(None)
        await asyncio.to_thread(self._thread.join)

    def _write_until_closed(self) -> None:
        while True:
            group, last = self._next_group()
            if group:
                changes = self._write(group)
                with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                    self._loop.call_soon_threadsafe(self._answer, group, changes)
            if last:
                return

    def _next_group(self) -> "tuple[list[_Asked[Any]], bool]":
        group: list[_Asked[Any]] = []
        with suppress(Empty):
            asked = self._asked.get()
            while asked is not None:
                group.append(asked)
                if len(group) == LARGEST_GROUP:
                    return group, False
                asked = self._asked.get_nowait()
            return group, True
        return group, False

    def _write(self, group: "list[_Asked[Any]]") -> Changes:
        try:
            self._connection.execute("begin immediate")
            self._transitions.begin(self._clock.now())
            for asked in group:
                self._run_alone(asked)
            self._connection.execute("commit")
        except Exception as error:
            self._roll_back()
            for asked in group:
                asked.error = _translated(error)
            return Changes()
        return self._transitions.changes

    def _run_alone(self, asked: "_Asked[Any]") -> None:
        self._connection.execute("savepoint operation")
        try:
            asked.result = asked.operation(self._transitions)
        except Exception as error:
            if _concerns_all(error):
                raise
            self._connection.execute("rollback to operation")
            asked.error = error
        self._connection.execute("release operation")

    def _roll_back(self) -> None:
        # After a full disk SQLite may have rolled back by itself.
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("rollback")

    def _answer(self, group: "list[_Asked[Any]]", changes: Changes) -> None:
        self._committed(changes)
        for asked in group:
            if asked.future.done():
                continue
            if asked.error is None:
                asked.future.set_result(asked.result)
            else:
                asked.future.set_exception(asked.error)


class _Asked(Generic[T]):
    __slots__ = ("error", "future", "operation", "result")

    def __init__(self, operation: Callable[[Transitions], T], future: "asyncio.Future[T]") -> None:
        self.operation = operation
        self.future = future
        self.result: T
        self.error: Exception | None = None


def _concerns_all(error: Exception) -> bool:
    """Whether the database failed, rather than this operation: full, locked, broken."""
    of_one = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, of_one)


def _translated(error: Exception) -> Exception:
    if isinstance(error, sqlite3.Error):
        return LedgerUnavailable(f"the ledger cannot be written: {error}")
    return error

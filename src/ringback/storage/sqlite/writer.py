"""One thread writes. Whatever has been asked for while it was busy goes into its next commit.

Group commit: an fsync costs a hundred times what a row does, so many operations share one. A bad one
fails alone: its group is rolled back and run again, each operation in a savepoint of its own. That is
rare, and savepoints for all would cost a settled job two statements of five. When the commit fails, all
of them fail.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from ringback.clock import Clock
from ringback.jobs.store import AlreadyAsked, LedgerUnavailable, OverAllowance
from ringback.storage.sqlite.faults import concerns_file, unavailable
from ringback.storage.sqlite.steady import SteadyClock
from ringback.storage.sqlite.transaction import Changes
from ringback.storage.sqlite.transitions import Transitions

T = TypeVar("T")

LARGE_GROUP = 512
"""Operations after which a commit waits for no more of them: bounds what the first of them waits for."""


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
        self._waiting: list[_Asked[Any]] = []
        self._handed_over: SimpleQueue[list[_Asked[Any]] | None] = SimpleQueue()
        self._closed = False
        self._changes_before = connection.total_changes
        self.fault: str | None = None
        """Why the last write failed; None: it did not. The sweep writes at least every few seconds."""
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
        if not self._waiting:
            # With whatever else this turn of the loop asks for: handed over one by one, each operation
            # would wake the thread, and the two would take the interpreter's lock from each other.
            self._loop.call_soon(self._hand_over)
        self._waiting.append(asked)
        return await asked.future

    async def close(self) -> None:
        """Finish what was asked for, and end the thread."""
        self._closed = True
        self._hand_over()
        self._handed_over.put(None)
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        if self._waiting:
            self._handed_over.put(self._waiting)
            self._waiting = []

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
            more = self._handed_over.get()
            while more is not None:
                group += more
                if len(group) >= LARGE_GROUP:
                    return group, False
                more = self._handed_over.get_nowait()
            return group, True
        return group, False

    def _write(self, group: "list[_Asked[Any]]") -> Changes:
        try:
            try:
                self._run(group, self._run_plainly)
            except Exception as error:
                if concerns_file(error):
                    raise
                self._roll_back()
                self._run(group, self._run_alone)
        except Exception as error:
            self._roll_back()
            translated = _translated(error)
            if isinstance(translated, LedgerUnavailable):
                self.fault = str(translated)
            for asked in group:
                asked.error = translated
            return Changes()
        return self._transitions.changes

    def _run(self, group: "list[_Asked[Any]]", run: "Callable[[_Asked[Any]], None]") -> None:
        """The whole group in one transaction."""
        self._connection.execute("begin immediate")
        self._transitions.transaction.begin(self._clock.now())
        for asked in group:
            run(asked)
        self._transitions.transaction.write()
        self._connection.execute("commit")
        if self._connection.total_changes != self._changes_before:
            self._changes_before = self._connection.total_changes
            self.fault = None

    def _run_plainly(self, asked: "_Asked[Any]") -> None:
        try:
            asked.result = asked.operation(self._transitions)
        except (AlreadyAsked, OverAllowance) as refusal:
            # Said before anything was written: a flood of them shall not make every group run twice.
            asked.error = refusal

    def _run_alone(self, asked: "_Asked[Any]") -> None:
        self._connection.execute("savepoint operation")
        try:
            asked.result = asked.operation(self._transitions)
            self._transitions.transaction.write()
        except Exception as error:
            if concerns_file(error):
                raise
            self._connection.execute("rollback to operation")
            self._transitions.transaction.forget()
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


def _translated(error: Exception) -> Exception:
    if isinstance(error, sqlite3.Error):
        return unavailable("be written", error)
    return error

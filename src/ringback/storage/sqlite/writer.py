"""One thread writes. All writes that were requested while it was busy go into its next commit.

Group commit: an fsync costs a hundred times what a row does, so many writes share one, and commands are read,
decided and written together. A write that the database refuses fails alone: its group is rolled back and run
again, each write in a savepoint of its own. That is rare: errors that callers can cause often (a known
idempotency key, a used-up allowance) are raised before anything is written, and affect no other write. When
the commit fails, all writes of the group fail.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from ringback.clock import Clock
from ringback.jobs.commands import JobCommand
from ringback.jobs.job import JobId
from ringback.jobs.records import Changes
from ringback.jobs.store import LedgerUnavailable
from ringback.storage.pending import PendingCommand, PendingWrite
from ringback.storage.sqlite.faults import concerns_file, unavailable
from ringback.storage.sqlite.steady import SteadyClock
from ringback.storage.sqlite.transaction import Transaction

T = TypeVar("T")

LARGE_GROUP = 512
"""Writes after which a commit waits for no more of them: bounds what the first of them waits for."""

PendingOperation = PendingWrite[Callable[[Transaction], Any]]
Pending = PendingCommand | PendingOperation


class SqliteWriter:
    """Runs writes in the order in which they came; call `do` and `run` from the event loop it was made in.

    The number of pending writes is bounded by the callers, each of which waits for its answer.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        fixed_caps: Mapping[str, int],
        clock: Clock,
        committed: Callable[[Changes], None],
    ) -> None:
        self._connection = connection
        self._fixed_caps = fixed_caps
        self._clock = SteadyClock(clock)
        self._committed = committed
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Pending] = []
        self._handed_over: SimpleQueue[list[Pending] | None] = SimpleQueue()
        self._closed = False
        self._changes_before = connection.total_changes
        self.fault: str | None = None
        """Why the last write failed; None: it did not. The sweep writes at least every few seconds."""
        # A daemon: a process that ends without closing its ledger does not wait for it.
        self._thread = threading.Thread(target=self._write_until_closed, name="ledger-writer", daemon=True)
        self._thread.start()

    def now(self) -> float:
        return self._clock.now()

    async def do(self, command: JobCommand[T]) -> T:
        """Carry out `command` in the next commit and return once that is on the disk.

        A caller who is cancelled meanwhile has not undone it.
        """
        result: T = await self._ask(PendingCommand(command, self._loop.create_future()))
        return result

    async def run(self, operation: Callable[[Transaction], T]) -> T:
        """The same for what is no command: `operation` reads and writes by itself."""
        result: T = await self._ask(PendingWrite(operation, self._loop.create_future()))
        return result

    async def close(self) -> None:
        """Finish the pending writes, and end the thread."""
        self._closed = True
        self._hand_over()
        self._handed_over.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _ask(self, pending: Pending) -> Any:
        if self._closed:
            raise LedgerUnavailable("the ledger is closed")
        if not self._waiting:
            # Together with all other writes of this turn of the loop: handed over one by one, each write
            # would wake the thread, and the two would compete for the interpreter's lock.
            self._loop.call_soon(self._hand_over)
        self._waiting.append(pending)
        return await pending.future

    def _hand_over(self) -> None:
        if self._waiting:
            self._handed_over.put(self._waiting)
            self._waiting = []

    def _write_until_closed(self) -> None:
        while True:
            group, last = self._next_group()
            if group:
                changes = self._write(group)
                with suppress(RuntimeError):  # the loop was closed: no caller waits any more
                    self._loop.call_soon_threadsafe(self._answer, group, changes)
            if last:
                return

    def _next_group(self) -> tuple[list[Pending], bool]:
        group: list[Pending] = []
        with suppress(Empty):
            more = self._handed_over.get()
            while more is not None:
                group += more
                if len(group) >= LARGE_GROUP:
                    return group, False
                more = self._handed_over.get_nowait()
            return group, True
        return group, False

    def _write(self, group: list[Pending]) -> Changes:
        try:
            try:
                return self._commit(group, self._run_together)
            except Exception as error:
                if concerns_file(error):
                    raise
                self._roll_back()
                return self._commit(group, self._run_apart)
        except Exception as error:
            self._roll_back()
            translated = _translated(error)
            if isinstance(translated, LedgerUnavailable):
                self.fault = str(translated)
            for pending in group:
                pending.error = translated
            return Changes()

    def _commit(self, group: list[Pending], run: Callable[[Transaction, list[Pending]], None]) -> Changes:
        """The whole group in one transaction."""
        self._connection.execute("begin immediate")
        transaction = Transaction(self._connection, self._clock.now(), self._fixed_caps)
        run(transaction, group)
        self._connection.execute("commit")
        if self._connection.total_changes != self._changes_before:
            self._changes_before = self._connection.total_changes
            self.fault = None
        return transaction.changes

    def _run_together(self, transaction: Transaction, group: list[Pending]) -> None:
        for step in _steps(group):
            if isinstance(step, list):
                transaction.do_all(step)
            else:
                step.result = step.work(transaction)

    def _run_apart(self, transaction: Transaction, group: list[Pending]) -> None:
        for pending in group:
            pending.error = None
            self._connection.execute("savepoint single")
            try:
                self._run_together(transaction, [pending])
            except Exception as error:
                if concerns_file(error):
                    raise
                self._connection.execute("rollback to single")
                pending.error = error
            self._connection.execute("release single")

    def _roll_back(self) -> None:
        # After a full disk SQLite may have rolled back by itself.
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("rollback")

    def _answer(self, group: list[Pending], changes: Changes) -> None:
        self._committed(changes)
        for pending in group:
            pending.answer()


def _steps(group: list[Pending]) -> Iterator[list[PendingCommand] | PendingOperation]:
    """In their order; neighbouring commands that concern different jobs form one batch."""
    batch: list[PendingCommand] = []
    concerned: set[JobId] = set()
    for pending in group:
        jobs = pending.work.concerns() if isinstance(pending, PendingCommand) else ()
        if batch and not (isinstance(pending, PendingCommand) and concerned.isdisjoint(jobs)):
            yield batch
            batch, concerned = [], set()
        if isinstance(pending, PendingCommand):
            batch.append(pending)
            concerned.update(jobs)
        else:
            yield pending
    if batch:
        yield batch


def _translated(error: Exception) -> Exception:
    if isinstance(error, sqlite3.Error):
        return unavailable("be written", error)
    return error

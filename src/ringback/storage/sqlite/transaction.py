"""One transaction of the writer: its time, and the changes that waiting tasks are notified of."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ringback.jobs.batch import JobBatch
from ringback.jobs.commands import JobCommand
from ringback.jobs.records import Changes, ReadSet
from ringback.storage.pending import PendingCommand
from ringback.storage.sqlite.batches import read_rows, write_rows

T = TypeVar("T")


class Transaction:
    """Used by the writer's thread alone. All that happens in it happens at `now`."""

    def __init__(self, connection: sqlite3.Connection, now: float, fixed_caps: Mapping[str, int]) -> None:
        self.connection = connection
        self.execute = connection.execute
        self.now = now
        self.fixed_caps = fixed_caps
        self.changes = Changes()

    def do(self, command: JobCommand[T]) -> T:
        """One command, as a batch of its own."""
        results: list[T] = []
        self._carry_out([command], lambda batch: results.append(command.decide(batch)))
        return results[0]

    def do_all(self, pending: Sequence[PendingCommand]) -> None:
        """A batch of commands, of which no two concern the same job."""

        def decide_all(batch: JobBatch) -> None:
            for one in pending:
                one.decide(batch)

        self._carry_out([one.work for one in pending], decide_all)

    def _carry_out(self, commands: Sequence[JobCommand[Any]], decide_all: Callable[[JobBatch], None]) -> None:
        reads = ReadSet(self.fixed_caps)
        for command in commands:
            command.read(reads)
        batch = JobBatch(read_rows(self.connection, reads, self.now), self.fixed_caps)
        decide_all(batch)
        write_rows(self.connection, batch.finish(), self.now)
        self.changes.add(batch.changes)

"""One transaction of the writer: its moment, what it changes for others, and what is written at its end."""

import sqlite3
from dataclasses import dataclass, field

from ringback.jobs.job import JobId, State
from ringback.storage.sqlite.daily_audio import DailyAudio
from ringback.storage.sqlite.rows import Live
from ringback.storage.sqlite.settled import Settled
from ringback.storage.sqlite.usage import Usage


@dataclass(slots=True)
class Changes:
    """What a commit may have brought for those who wait."""

    ended: list[JobId] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    """Kinds of which a job may now be ready."""


class Transaction:
    """Used by the writer's thread alone, for one transaction after the other."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.settled = Settled(connection)
        self.usage = Usage(connection)
        self.daily_audio = DailyAudio(connection)
        self.hour_is_marked = False
        """Whether the hour in which this transaction's jobs are added stands in the ledger."""
        self.now = 0.0
        self.changes = Changes()

    def begin(self, now: float) -> None:
        """All that happens in it happens at `now`."""
        self.now = now
        self.forget()
        self.changes = Changes()

    def write(self) -> None:
        """Write what was gathered: before the transaction, or a savepoint in it, ends."""
        self.settled.write()
        self.usage.write()
        self.daily_audio.write()

    def forget(self) -> None:
        """What was gathered since the last `write` was rolled back."""
        self.settled.forget()
        self.usage.forget()
        self.daily_audio.discard()
        self.hour_is_marked = False

    def end(
        self,
        live: Live,
        state: State,
        *,
        tries: int,
        losses: int,
        code: int | None,
        result: bytes | None = None,
    ) -> None:
        """The job, whose live row is gone, has ended."""
        self.settled.end(
            (
                live.number, live.kind, live.project, live.lane, state.value, tries, losses, live.due_at,
                live.token, self.now, code, result,
            )
        )  # fmt: skip
        self.usage.ended(live.accessor, live.kind, live.weight)
        self.changes.ended.append(live.id)

"""Waiting for work and for ends: notifications are fast, polls find what a lost notification was about.

Notifications are sent with NOTIFY, on one direct connection of each node, after the commit that they are
about: inside the transaction they would make all commits of the database wait for each other (PostgreSQL
holds a global lock for them until the commit is on the disk). A lost one delays a waiter until its next poll.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import msgspec

from ringback.jobs.job import JobId
from ringback.jobs.records import Changes
from ringback.jobs.store import LedgerUnavailable
from ringback.storage.postgres import reads
from ringback.storage.postgres.database import CONNECT_SECONDS, Database
from ringback.storage.waiters import Waiters, wait

CHANNEL = "ringback"
BUSY_POLL_SECONDS = 0.25
IDLE_POLL_SECONDS = 1.0
LISTEN_AGAIN_SECONDS = 5.0
SEND_AGAIN_SECONDS = 0.02
"""After a notification; the next one is of all commits of meanwhile. Each costs every node some work."""
MOST_NAMED = 150
"""Ended jobs that one notification names; with more, all waiters are woken. PostgreSQL allows 8,000 bytes."""


class Notification(msgspec.Struct, frozen=True, array_like=True):
    """What one node sends to the others."""

    kinds: list[str]
    ended: list[JobId] | None
    """None: too many to name."""


class Notifier:
    """Notifies this process's waiters and the other nodes of commits, and receives their notifications.

    `run` is its task; without it, or without its connection, only polls find what other nodes did.
    """

    def __init__(self, url: str, database: Database) -> None:
        self._url = url
        self._database = database
        self.for_work: Waiters[str] = Waiters()
        self.for_end: Waiters[JobId] = Waiters()
        self._unsent = Changes()
        self._unsent_added = asyncio.Event()

    def notify(self, changes: Changes) -> None:
        """After their commit."""
        self._wake(changes.ready, changes.ended)
        if changes.ready or changes.ended:
            self._unsent.ended += changes.ended
            for kind in changes.ready:
                # Without the names of its lanes, which are not sent, and would pile up without a connection.
                self._unsent.note_ready(kind, ())
            if len(self._unsent.ended) > 10 * MOST_NAMED:
                del self._unsent.ended[MOST_NAMED + 1 :]  # there is no connection; too many to name anyway
            self._unsent_added.set()

    async def run(self) -> None:
        """Listen and notify, for as long as the process serves."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._poll_for_ends())
            while True:
                with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                    await self._listen()
                await asyncio.sleep(LISTEN_AGAIN_SECONDS)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(
            self._url, timeout=CONNECT_SECONDS, command_timeout=CONNECT_SECONDS, statement_cache_size=0
        )
        try:
            await connection.add_listener(CHANNEL, self._receive)
            while not connection.is_closed():
                await wait(self._unsent_added, LISTEN_AGAIN_SECONDS)
                await self._send(connection)
                await asyncio.sleep(SEND_AGAIN_SECONDS)
        finally:
            connection.terminate()

    async def _send(self, connection: "asyncpg.Connection[Any]") -> None:
        """All changes since the last notification; without any, a query that checks the connection."""
        self._unsent_added.clear()
        sent, self._unsent = self._unsent, Changes()
        if not sent.ready and not sent.ended:
            await connection.fetchval("select 1")
            return
        named = sent.ended if len(sent.ended) <= MOST_NAMED else None
        payload = msgspec.json.encode(Notification(sorted(sent.ready), named)).decode()
        await connection.fetch("select pg_notify($1, $2)", CHANNEL, payload)

    def _receive(self, connection: Any, process: int, _channel: str, payload: object) -> None:
        if process == connection.get_server_pid():
            return
        try:
            received = msgspec.json.decode(str(payload), type=Notification)
        except msgspec.DecodeError:
            return  # from a release with another format
        self._wake(received.kinds, self.for_end.keys() if received.ended is None else received.ended)

    async def _poll_for_ends(self) -> None:
        """One query for all waiters."""
        while True:
            await asyncio.sleep(IDLE_POLL_SECONDS)
            awaited = self.for_end.keys()
            if awaited:
                with suppress(LedgerUnavailable):
                    for job in await reads.ended_of(self._database, awaited):
                        self.for_end.wake(job)

    def _wake(self, kinds: Iterable[str], ended: Sequence[JobId]) -> None:
        for job in ended:
            self.for_end.wake(job)
        for kind in kinds:
            self.for_work.wake(kind)

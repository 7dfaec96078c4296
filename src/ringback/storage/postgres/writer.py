"""Whatever is asked for while the last transactions run goes into the next one.

A commit costs a thousand times what a row does, and a round trip a hundred times; so many moves share them.
A move that the database refuses fails alone: its group is rolled back, and each of it is run again in a
group of its own. That is rare; what callers may cause often (a word said again, a spent allowance) is
refused before anything is written, and spoils no group.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import asyncpg

from ringback.jobs.store import LedgerUnavailable
from ringback.storage.postgres.database import AGAIN, TRIES, CommitUnknown, Database, raise_translated
from ringback.storage.postgres.group import Changes, Group, LaneGone
from ringback.storage.postgres.moves import Move
from ringback.storage.postgres.queries import load
from ringback.storage.postgres.wanted import Wanted

T = TypeVar("T")

LARGE_GROUP = 512
"""Moves after which a transaction takes no more of them: bounds what the first of them waits for."""

FLIGHTS = 2
"""Transactions at a time: one is written while the other one's commit waits for the disk."""

OUTCOME_SECONDS = 10.0
"""For how long it is asked whether a commit whose answer was lost has happened."""

_OUTCOME = load("moves.sql")["outcome"]


class Writer:
    """Runs moves; of those that concern one job the earlier is committed before the later one is begun."""

    def __init__(
        self, database: Database, fixed_caps: Mapping[str, int], committed: Callable[[Changes], None]
    ) -> None:
        self._database = database
        self._fixed_caps = fixed_caps
        self._committed = committed
        self._waiting: list[_Asked[Any]] = []
        self._flights: set[asyncio.Task[None]] = set()
        self._closed = False
        self.fault: str | None = None
        """Why the last group could not be written; None: it could."""

    async def do(self, move: Move[T]) -> T:
        """Carry out `move` in the next group, and return once that is durable.

        A caller who is cancelled meanwhile has not undone it.
        """
        if self._closed:
            raise LedgerUnavailable("the ledger is closed")
        loop = asyncio.get_running_loop()
        asked: _Asked[T] = _Asked(move, loop.create_future())
        if not self._waiting:
            # With whatever else this turn of the loop asks for.
            loop.call_soon(self._take_off)
        self._waiting.append(asked)
        return await asked.future

    async def close(self) -> None:
        """Finish what was asked for."""
        self._closed = True
        self._take_off()
        while self._flights:
            await asyncio.wait(self._flights)

    def _take_off(self) -> None:
        if self._waiting and len(self._flights) < FLIGHTS:
            flight = asyncio.create_task(self._fly(), name="ledger-writer")
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)

    async def _fly(self) -> None:
        while group := self._next_group():
            await self._write(group)

    def _next_group(self) -> "list[_Asked[Any]]":
        """Those that came first; a second one that concerns the same job waits for the next group."""
        group: list[_Asked[Any]] = []
        later: list[_Asked[Any]] = []
        concerned: set[str] = set()
        for place, asked in enumerate(self._waiting):
            if len(group) == LARGE_GROUP:
                later += self._waiting[place:]
                break
            jobs = asked.move.concerns()
            if concerned.isdisjoint(jobs):
                group.append(asked)
            else:
                later.append(asked)
            concerned.update(jobs)
        self._waiting = later
        return group

    async def _write(self, group: "list[_Asked[Any]]") -> None:
        try:
            changes = await self._tried(group)
        except Exception as error:
            if isinstance(error, LedgerUnavailable):
                self.fault = str(error)
            if len(group) == 1 or isinstance(error, LedgerUnavailable):
                for asked in group:
                    asked.fail(error)
                return
            for asked in group:
                await self._write([asked])
            return
        self.fault = None
        self._committed(changes)
        for asked in group:
            asked.answer()

    async def _tried(self, asked: "list[_Asked[Any]]") -> Changes:
        """The group's transaction, again from the start when nothing of it can have happened."""
        for tries_left in reversed(range(TRIES)):
            group = Group(self._fixed_caps)
            try:
                if await self._run(group, asked):
                    return group.changes
            except ValueError:
                raise  # an argument that the driver refuses
            except (*AGAIN, LaneGone, _WordTaken) as error:
                if not tries_left:
                    raise_translated(_cause_of(error))
            except Exception as error:
                raise_translated(_refused(error))
            await asyncio.sleep(0.05 * (TRIES - tries_left))
        raise LedgerUnavailable("the ledger's database does not keep what is written to it")

    async def _run(self, group: Group, all_asked: "list[_Asked[Any]]") -> bool:
        """Whether it was committed."""
        wanted = Wanted(self._fixed_caps)
        for asked in all_asked:
            asked.move.want(wanted)
        try:
            await self._transact(group, wanted, all_asked)
        except CommitUnknown as unknown:
            return await self._has_happened(group, unknown)
        return True

    async def _transact(self, group: Group, wanted: Wanted, all_asked: "list[_Asked[Any]]") -> None:
        async with self._database.transaction() as connection:
            await group.look(connection, wanted)
            for asked in all_asked:
                asked.carry_out(group)
            try:
                await group.write(connection)
            except asyncpg.UniqueViolationError as error:
                if error.constraint_name == "word_pkey":
                    raise _WordTaken from error
                raise

    async def _has_happened(self, group: Group, unknown: CommitUnknown) -> bool:
        """Ask the server, once it can be reached again. `LedgerUnavailable` when it cannot say."""
        cause = unknown.__cause__ or unknown
        try:
            async with asyncio.timeout(OUTCOME_SECONDS):
                while True:
                    try:
                        outcome = await self._database.value(_OUTCOME, group.transaction)
                    except LedgerUnavailable:
                        outcome = "in progress"
                    if outcome != "in progress":
                        break
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise_translated(cause)
        if outcome is None:
            raise_translated(cause)
        return bool(outcome == "committed")


class _WordTaken(Exception):
    """Another node has just taken a word; who looks again finds it."""


def _cause_of(error: Exception) -> Exception:
    """What kept a group from being written, time after time."""
    if isinstance(error, LaneGone | _WordTaken):
        return LedgerUnavailable("the ledger's database changes too fast just now")
    return error


class _Asked(Generic[T]):
    __slots__ = ("error", "future", "move", "result")

    def __init__(self, move: Move[T], future: "asyncio.Future[T]") -> None:
        self.move = move
        self.future = future
        self.result: T
        self.error: Exception | None = None

    def carry_out(self, group: Group) -> None:
        self.error = None
        try:
            self.result = self.move.carry_out(group)
        except Exception as error:
            # Moves refuse before they tell the group anything.
            self.error = error

    def answer(self) -> None:
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


def _refused(error: Exception) -> Exception:
    """What the port promises where the database refuses a move."""
    match error:
        case asyncpg.UniqueViolationError():
            # It says: Key (id)=(…) already exists.
            job = (error.detail or "").partition(")=(")[2].partition(")")[0]
            return ValueError(f"there is a job {job} already")
        case asyncpg.DataError():
            return ValueError(f"the ledger cannot keep this: {error}")
    return error

"""All commands and claims that are requested while a transaction runs go into the next one.

A commit costs a thousand times what a row does, and a round trip a hundred times; many commands share them.
A command that the database refuses fails alone: its batch is rolled back, and each command is run again in a
batch of its own. That is rare: errors that callers can cause often (a known idempotency key, a used-up
allowance) are raised before anything is written, and affect no other command.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import asyncpg

from ringback.jobs.batch import JobBatch
from ringback.jobs.commands import JobCommand
from ringback.jobs.job import JobId, Lease
from ringback.jobs.records import Changes, ReadSet
from ringback.jobs.store import LedgerUnavailable
from ringback.storage.pending import PendingCommand, PendingWrite
from ringback.storage.postgres.batches import LaneDropped, read_rows, write_rows
from ringback.storage.postgres.claims import Claim, Claiming, look
from ringback.storage.postgres.database import (
    RETRYABLE,
    TRIES,
    CommitUnknown,
    Database,
    raise_translated,
)
from ringback.storage.postgres.pace import TransactionPace
from ringback.storage.postgres.queries import load

T = TypeVar("T")

PendingClaim = PendingWrite[Claim]
Pending = PendingCommand | PendingClaim

LARGE_BATCH = 512
"""Commands after which a transaction takes no more of them: bounds what the first of them waits for."""

OUTCOME_SECONDS = 10.0
"""For so long the server is asked whether a commit whose answer was lost has happened."""

_OUTCOME = load("batches.sql")["outcome"]


class PostgresWriter:
    """Runs commands. Of two that concern the same job, the first is committed before the second is begun."""

    def __init__(
        self, database: Database, fixed_caps: Mapping[str, int], committed: Callable[[Changes], None]
    ) -> None:
        self._database = database
        self._fixed_caps = fixed_caps
        self._committed = committed
        self._waiting: list[Pending] = []
        self._running: asyncio.Task[None] | None = None
        self._pace = TransactionPace()
        self._closed = False
        self.fault: str | None = None
        """Why the last batch could not be written; None if it was."""

    async def do(self, command: JobCommand[T]) -> T:
        """Carry out `command` in the next batch, and return once that is durable.

        A caller who is cancelled meanwhile has not undone it.
        """
        result: T = await self._ask(PendingCommand(command, asyncio.get_running_loop().create_future()))
        return result

    async def claim(self, claim: Claim) -> list[Lease]:
        """The same for a claim: it is made after the commands of its batch."""
        pending = PendingClaim(claim, asyncio.get_running_loop().create_future())
        leases: list[Lease] | None = await self._ask(pending)
        if leases is None:
            # Other nodes hold the lanes: they are waited for, without the lanes of a batch.
            [leases] = await self._claim_alone([claim], waits=True)
        return leases or []

    async def close(self) -> None:
        """Finish the pending commands."""
        self._closed = True
        self._start()
        if self._running is not None:
            await asyncio.wait([self._running])

    async def _ask(self, pending: Pending) -> Any:
        if self._closed:
            raise LedgerUnavailable("the ledger is closed")
        if not self._waiting:
            # Together with all others of this turn of the loop.
            asyncio.get_running_loop().call_soon(self._start)
        self._waiting.append(pending)
        return await pending.future

    def _start(self) -> None:
        """One transaction at a time: a second one would wait for the lanes that the first has locked, and
        leave fewer commands for each."""
        if self._waiting and self._running is None:
            self._running = asyncio.create_task(self._write_all(), name="ledger-writer")

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                if pause := self._pace.pause(loop.time()):
                    await asyncio.sleep(pause)
                await self._carry_out(self._next_batch())
        finally:
            self._running = None

    def _next_batch(self) -> list[Pending]:
        """The oldest commands and claims. A second one that concerns the same job, and a second claim of the
        same kind, wait for the next batch."""
        batch: list[Pending] = []
        later: list[Pending] = []
        concerned: set[JobId] = set()
        claimed: set[str] = set()
        for place, pending in enumerate(self._waiting):
            if len(batch) == LARGE_BATCH:
                later += self._waiting[place:]
                break
            if isinstance(pending, PendingCommand):
                jobs = pending.work.concerns()
                (batch if concerned.isdisjoint(jobs) else later).append(pending)
                concerned.update(jobs)
            elif not pending.future.done():  # no one is left to work on what it leases
                (later if pending.work.kind in claimed else batch).append(pending)
                claimed.add(pending.work.kind)
        self._waiting = later
        return batch

    async def _carry_out(self, batch: Sequence[Pending]) -> None:
        commands = [pending for pending in batch if isinstance(pending, PendingCommand)]
        claims = [pending for pending in batch if not isinstance(pending, PendingCommand)]
        if commands:
            await self._write(commands, claims)
        elif claims:
            await self._claim(claims)

    async def _claim(self, claims: Sequence[PendingClaim]) -> None:
        """Without commands. A claim that would wait for other nodes waits apart, and holds up no command."""
        try:
            _give(claims, await self._claim_alone([pending.work for pending in claims], waits=False))
        except Exception as error:
            _fail(claims, error)
        for pending in claims:
            pending.answer()

    async def _write(self, commands: Sequence[PendingCommand], claims: Sequence[PendingClaim]) -> None:
        """A batch with what is claimed after it."""
        batch: list[Pending] = [*commands, *claims]
        try:
            changes = await self._with_retries(commands, claims)
        except Exception as error:
            if isinstance(error, LedgerUnavailable):
                self.fault = str(error)
            if len(batch) == 1 or isinstance(error, LedgerUnavailable):
                _fail(batch, error)
                for pending in batch:
                    pending.answer()
                return
            for pending in batch:
                await self._carry_out([pending])
            return
        self.fault = None
        self._committed(changes)
        for pending in batch:
            pending.answer()

    async def _with_retries(
        self, commands: Sequence[PendingCommand], claims: Sequence[PendingClaim]
    ) -> Changes:
        """The batch's transaction; retried from the start if it was certainly not committed."""
        for tries_left in reversed(range(TRIES)):
            try:
                changes = await self._run(commands, claims)
                if changes is not None:
                    return changes
            except ValueError:
                raise  # an argument that the driver refuses
            except (*RETRYABLE, LaneDropped, _KeyTaken) as error:
                if not tries_left:
                    raise_translated(_cause_of(error))
            except Exception as error:
                raise_translated(_refusal(error))
            await asyncio.sleep(0.05 * (TRIES - tries_left))
        raise LedgerUnavailable("the ledger's database does not keep what is written to it")

    async def _run(
        self, commands: Sequence[PendingCommand], claims: Sequence[PendingClaim]
    ) -> Changes | None:
        """The changes for waiting tasks; None: it was not committed."""
        claiming = Claiming([pending.work for pending in claims])
        reads = ReadSet(self._fixed_caps)
        for pending in commands:
            pending.work.read(reads)
        try:
            async with self._database.transaction(generic_plans=True) as connection:
                locked = await read_rows(connection, reads)
                batch = JobBatch(locked.rows, self._fixed_caps)
                for pending in commands:
                    pending.decide(batch)
                try:
                    ready = await write_rows(connection, batch.finish(), batch.now, claiming.to_look_at())
                except asyncpg.UniqueViolationError as error:
                    if error.constraint_name == "idempotency_key_pkey":
                        raise _KeyTaken from error
                    raise
                _give(claims, await claiming.carry_out(connection.fetch, ready, waits=False))
        except CommitUnknown as unknown:
            return batch.changes if await self._has_happened(locked.transaction, unknown) else None
        self._pace.follow(asyncio.get_running_loop().time(), locked.waited)
        return batch.changes

    async def _claim_alone(self, claims: Sequence[Claim], *, waits: bool) -> list[list[Lease] | None]:
        """Without a transaction around it: one statement looks, and one leases."""
        claiming = Claiming(claims)
        ready = await look(self._database.fetch, claiming)
        return await claiming.carry_out(self._database.execute_once, ready, waits=waits)

    async def _has_happened(self, transaction: str, unknown: CommitUnknown) -> bool:
        """Ask the server, once it can be reached again. Raises `LedgerUnavailable` when it does not know."""
        cause = unknown.__cause__ or unknown
        try:
            async with asyncio.timeout(OUTCOME_SECONDS):
                while True:
                    try:
                        outcome = await self._database.value(_OUTCOME, transaction)
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


def _fail(batch: Sequence[Pending], error: Exception) -> None:
    for pending in batch:
        pending.error = error


def _give(claims: Sequence[PendingClaim], leases: Sequence[list[Lease] | None]) -> None:
    for pending, claimed in zip(claims, leases, strict=True):
        pending.result = claimed


class _KeyTaken(Exception):
    """Another node has just stored an idempotency key; the batch that is run again reads it."""


def _cause_of(error: Exception) -> Exception:
    """The error of a batch that could not be written in `TRIES` tries."""
    if isinstance(error, LaneDropped | _KeyTaken):
        return LedgerUnavailable("the ledger's database changes too fast just now")
    return error


def _refusal(error: Exception) -> Exception:
    """The port's error where the database refuses a command; other errors unchanged."""
    match error:
        case asyncpg.UniqueViolationError():
            # It says: Key (id)=(…) already exists.
            job = (error.detail or "").partition(")=(")[2].partition(")")[0]
            return ValueError(f"there is a job {job} already")
        case asyncpg.DataError():
            return ValueError(f"the ledger cannot keep this: {error}")
    return error

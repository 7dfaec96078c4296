"""The commands to a ledger, one class per writing method of its port: what each reads, and what it decides.

Pure: a command names in `read` the rows it needs, and in `decide` acts on the `JobBatch` made of them. It
raises before it changes anything there, or not at all.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, assert_never

from ringback.jobs.batch import JobBatch
from ringback.jobs.job import (
    LOSSES_BEFORE_PARKING,
    Allowance,
    Done,
    GivenUp,
    Interrupted,
    JobId,
    Lease,
    NewJob,
    Outcome,
    Retry,
    Signal,
    State,
)
from ringback.jobs.records import LiveJob, ReadSet

T = TypeVar("T")


class JobCommand(ABC, Generic[T]):
    """One write of the port. A batch never has two that concern the same job."""

    def concerns(self) -> Sequence[JobId]:
        """The existing jobs that it may change."""
        return ()

    @abstractmethod
    def read(self, reads: ReadSet) -> None:
        """Name the rows that `decide` needs."""

    @abstractmethod
    def decide(self, batch: JobBatch) -> T:
        """Carry it out on the batch; raises before it changes anything, or not at all."""


@dataclass(slots=True)
class Add(JobCommand[None]):
    jobs: Sequence[NewJob]
    allowance: Allowance | None

    def read(self, reads: ReadSet) -> None:
        reads.add(self.jobs, self.allowance)

    def decide(self, batch: JobBatch) -> None:
        batch.check(self.jobs, self.allowance)
        for job in self.jobs:
            batch.add(job)


class Begin(JobCommand[Lease]):
    def __init__(self, job: NewJob, seconds: float, allowance: Allowance | None, holder: int) -> None:
        """`ValueError` for a job that waits. `holder`: the store's number of the process that has the
        lease."""
        if job.sequence is not None or job.delay:
            raise ValueError("a job that is begun waits for nothing: it has no sequence and no delay")
        self._job = job
        self._seconds = seconds
        self._allowance = allowance
        self._holder = holder

    def read(self, reads: ReadSet) -> None:
        reads.add([self._job], self._allowance)

    def decide(self, batch: JobBatch) -> Lease:
        batch.check([self._job], self._allowance)
        return batch.begin(self._job, self._holder, batch.now + self._seconds)


@dataclass(slots=True)
class Settle(JobCommand[bool]):
    lease: Lease
    outcome: Outcome

    def concerns(self) -> Sequence[JobId]:
        return (self.lease.job.id,)

    def read(self, reads: ReadSet) -> None:
        reads.live.add(self.lease.job.id)
        if isinstance(self.outcome, Done | GivenUp):
            reads.add(self.outcome.follow_ups)
        if isinstance(self.outcome, GivenUp) and self.lease.job.sequence is not None:
            reads.whole_sequences.add(self.lease.job.sequence)

    def decide(self, batch: JobBatch) -> bool:
        live = batch.leased(self.lease)
        if live is None:
            return False
        outcome = self.outcome
        match outcome:
            case Done():
                if any(job.idempotency is not None for job in outcome.follow_ups):
                    raise ValueError("a follow-up is no request of a caller: it has no idempotency key")
                _end(batch, live, State.DONE, outcome)
                if outcome.audio_seconds:
                    batch.count_audio(live, outcome.audio_seconds)
                if outcome.used is not None:
                    batch.count_usage(outcome.used)
                _add_all(batch, outcome.follow_ups)
            case GivenUp():
                _end(batch, live, State.PARKED, outcome)
                _add_all(batch, outcome.follow_ups)
            case Retry():
                due_at = batch.now + outcome.delay
                batch.queue(live, due_at, tries=live.tries + 1, losses=0, code=outcome.code)
            case Interrupted():
                due_at = batch.now + outcome.delay
                batch.queue(live, due_at, tries=live.tries, losses=live.losses, code=live.code)
                batch.release(live, Signal.NEUTRAL)
                return True
            case _:
                assert_never(outcome)
        if outcome.attempt is not None:
            batch.record(live, self.lease.token, outcome.attempt)
        batch.release(live, outcome.signal)
        return True


@dataclass(slots=True)
class Extend(JobCommand[set[JobId]]):
    leases: Sequence[Lease]
    seconds: float

    def concerns(self) -> Sequence[JobId]:
        return [lease.job.id for lease in self.leases]

    def read(self, reads: ReadSet) -> None:
        reads.live.update(self.concerns())

    def decide(self, batch: JobBatch) -> set[JobId]:
        leased = [live for live in map(batch.leased, self.leases) if live is not None]
        for live in leased:
            batch.extend(live, batch.now + self.seconds)
        return {live.id for live in leased}


@dataclass(slots=True)
class Cancel(JobCommand[bool]):
    job: JobId

    def concerns(self) -> Sequence[JobId]:
        return (self.job,)

    def read(self, reads: ReadSet) -> None:
        reads.live.add(self.job)

    def decide(self, batch: JobBatch) -> bool:
        live = batch.live(self.job)
        if live is None:
            return False
        was_leased = live.state is State.LEASED
        batch.end(live, State.CANCELLED, tries=live.tries, losses=live.losses, code=live.code)
        if was_leased:
            batch.release(live, Signal.NEUTRAL)
        return True


@dataclass(slots=True)
class Requeue(JobCommand[bool]):
    job: JobId

    def concerns(self) -> Sequence[JobId]:
        return (self.job,)

    def read(self, reads: ReadSet) -> None:
        reads.parked.add(self.job)

    def decide(self, batch: JobBatch) -> bool:
        parked = batch.parked(self.job)
        if parked is None:
            return False
        batch.revive(parked)
        return True


@dataclass(frozen=True, slots=True)
class ExpiredLease:
    """A job whose lease seems to have expired."""

    job: JobId
    sequence: str | None
    losses: int
    """Before this one."""

    @property
    def parks(self) -> bool:
        return self.losses + 1 >= LOSSES_BEFORE_PARKING


@dataclass(slots=True)
class Rescue(JobCommand[int]):
    """Return the jobs of lost leases to the queue, or park them; the number of these jobs."""

    expired: Sequence[ExpiredLease]

    def concerns(self) -> Sequence[JobId]:
        return [lease.job for lease in self.expired]

    def read(self, reads: ReadSet) -> None:
        reads.live.update(self.concerns())
        reads.whole_sequences.update(
            lease.sequence for lease in self.expired if lease.parks and lease.sequence is not None
        )

    def decide(self, batch: JobBatch) -> int:
        return sum(self._rescue(batch, lease) for lease in self.expired)

    def _rescue(self, batch: JobBatch, lease: ExpiredLease) -> bool:
        live = batch.live(lease.job)
        if live is None or live.lease_until is None or live.lease_until > batch.now:
            return False
        losses = live.losses + 1
        if losses < LOSSES_BEFORE_PARKING:
            batch.queue(live, batch.now, tries=live.tries, losses=losses, code=live.code)
        elif lease.parks:
            batch.end(live, State.PARKED, tries=live.tries, losses=losses, code=live.code)
        else:
            # Lost once more since it was looked up: the jobs behind it were not read. The next sweep parks
            # it.
            return False
        batch.release(live, Signal.NEUTRAL)
        return True


def _add_all(batch: JobBatch, jobs: Sequence[NewJob]) -> None:
    for job in jobs:
        batch.add(job)


def _end(batch: JobBatch, live: LiveJob, state: State, outcome: Done | GivenUp) -> None:
    batch.end(live, state, tries=live.tries + 1, losses=0, code=outcome.code, result=outcome.result)

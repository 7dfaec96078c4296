"""The ledger's port, beside its consumers: `worker`, `rescuer`, the accepting and the reading routes.

Every method that writes is durable when it returns. Times are the database's own clock: callers speak
in delays. Implemented by `storage.sqlite` and `storage.postgres`; `tests/conformance/store` holds them to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ringback.errors import RingbackError
from ringback.jobs.job import (
    Allowance,
    Attempt,
    Job,
    JobFilter,
    JobId,
    Lane,
    Lease,
    NewJob,
    Outcome,
    Page,
    State,
)
from ringback.jobs.lane import OpenBreaker, Shares


class LedgerUnavailable(RingbackError):
    """The ledger cannot be read or written just now (locked, disk full …); nothing was changed.

    Any method of the port may raise it; it is over when its cause is.
    """


class AlreadyRequested(Exception):
    """The job's `idempotency.key` is remembered: nothing was added."""

    def __init__(self, job: JobId, same_request: bool) -> None:
        super().__init__(job)
        self.job = job
        self.same_request = same_request


class OverAllowance(Exception):
    """The accessor has as many live jobs, or as much weight in them, as it may: nothing was added."""


@dataclass(frozen=True, slots=True)
class Stripped:
    """What is left of an ended job once its contents are no longer kept."""

    job: JobId
    payload: bytes
    result: bytes | None


@dataclass(frozen=True, slots=True)
class KindGauge:
    """One kind of job at a glance."""

    queued: int
    leased: int
    oldest_due: float | None
    """Age in seconds of the oldest job that is due and not leased; None when none is."""
    oldest_ready: float | None = None
    """Since when, in seconds, a claim would have found something: due, in a lane with room and no open
    breaker. Workers that do their work keep it near nought, whatever receivers do."""


class JobStore(Protocol):
    @property
    def fault(self) -> str | None:
        """Why the last write failed, in words for the operator; None: it did not. `rescue` is a write."""
        ...

    async def add(self, jobs: Sequence[NewJob], allowance: Allowance | None = None) -> None:
        """All of them, or none. Adding an id that is already there raises `ValueError`.

        Raises `AlreadyRequested` where `idempotency.key` is known, and `OverAllowance` where the accessor of
        the jobs would have more live jobs of their kind than `allowance` grants; jobs without an accessor
        have no limit.
        """
        ...

    async def begin(self, job: NewJob, lease_seconds: float, allowance: Allowance | None = None) -> Lease:
        """Add a job that its adder works on itself: it is leased from the start, whatever its lane's cap.

        If the adder dies the lease is lost like any other, and the job is queued for a worker of its kind.
        Raises as `add` does, and `ValueError` for a job with a sequence or a delay: it waits for nothing.
        """
        ...

    async def claim(
        self, kind: str, limit: int, lease_seconds: float, shares: Shares | None = None
    ) -> list[Lease]:
        """Up to `limit` due jobs, round robin over lanes, none past its lane's cap or open breaker.

        With `shares` the claimer deals them out itself, by what each caller holds of its slots.
        """
        ...

    async def extend(self, leases: Sequence[Lease], lease_seconds: float) -> set[JobId]:
        """Prolong these leases; the jobs that are still ours. The others were cancelled or taken away."""
        ...

    async def settle(self, lease: Lease, outcome: Outcome) -> bool:
        """Carry out `outcome` if the lease is still ours; False (and nothing written) when it is not.

        Follow-ups are added as by `add`, but none is refused for an allowance, and none has a word: those
        are for what callers ask. `ValueError` when one cannot be added.
        """
        ...

    async def rescue(self) -> int:
        """Return expired leases to the queue (parking those lost too often); how many."""
        ...

    async def cancel(self, job: JobId) -> bool:
        """End a live job as cancelled; False when it had already ended or never was."""
        ...

    async def requeue(self, job: JobId) -> bool:
        """Make a parked job due at once, with a fresh count of tries; False when it is not parked.

        In a sequence it takes its old place: before those that were added after it, and held while one that
        was added before it is live.
        """
        ...

    async def waiting(self, sequence: str, most: int) -> int:
        """How many live jobs a sequence has; counted no further than `most`."""
        ...

    async def ended(self, kind: str, seconds_ago: float, limit: int) -> list[Job]:
        """Jobs that ended at least so long ago and still have their contents, the longest ended first."""
        ...

    async def strip(self, jobs: Sequence[Stripped]) -> int:
        """Leave ended jobs with these contents from now on (`ended` no longer shows them); how many still
        were ended."""
        ...

    async def drop(self, seconds_ago: float, limit: int) -> int:
        """Forget up to `limit` jobs that ended at least so long ago, their attempts and words with them;
        how many. A job stays while one that it is the parent of is there: children go first."""
        ...

    async def wait_for_work(self, kind: str, timeout: float, shares: Shares | None = None) -> None:
        """Return when a job of this kind may be due, or after `timeout` seconds. May return too early.

        With `shares` only what these give room to counts.
        """
        ...

    async def wait_for_end(self, job: JobId) -> Job:
        """Return the job once it has ended; `KeyError` when there is none, or none any more. The caller sets
        the time limit, and may cancel."""
        ...

    async def get(self, job: JobId) -> Job | None: ...

    async def states(self, jobs: Sequence[JobId]) -> Mapping[JobId, State]:
        """How these jobs stand; unknown ones are missing. One question, however many are asked about."""
        ...

    async def open_breakers(self, kind: str, lanes: Sequence[Lane]) -> Mapping[Lane, OpenBreaker]:
        """The breakers of these lanes that are not closed; the other lanes are missing. One question, however
        many are asked about."""
        ...

    async def children(self, parent: JobId, most: int) -> list[Job]:
        """What followed from a job, in the order of arrival; the latest, where there are more than `most`."""
        ...

    async def children_of(self, parents: Sequence[JobId], most: int) -> Mapping[JobId, list[Job]]:
        """The latest `most` children of each of these, no parent missing. One question, however many are
        asked about."""
        ...

    async def attempts(self, job: JobId, most: int) -> list[Attempt]:
        """The latest `most`, oldest first."""
        ...

    async def page(self, where: JobFilter, limit: int, before: str | None = None) -> Page:
        """Newest first, by key. `before` is the `next` of the page before; `ValueError` when it is not.

        What is asked for by parent, state (parked, cancelled), lane, code (300 and more), failure or time is
        found at once, among however many jobs. The other fields narrow what was found: when they fit to few
        jobs of many, a page may come back short, even empty, with a `next` to go on from. The list has ended
        when `next` is None.
        """
        ...

    async def gauges(self) -> Mapping[str, KindGauge]:
        """By kind; kinds without live jobs may be missing."""
        ...

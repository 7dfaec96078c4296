"""What several consumers need of the ledger, as small protocols. The protocol of a single consumer is beside
it (`worker.WorkerStore`, `transcription.retention.RetentionStore` …); `bootstrap.ledger.Ledger` is all of
them.

Every method that writes is durable when it returns. Times are those of the database's clock: callers give
delays. Implemented by `storage.sqlite` and `storage.postgres`, both tested by `tests/conformance/store`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ringback.errors import RingbackError
from ringback.jobs.job import (
    Allowance,
    Job,
    JobFilter,
    JobId,
    Lane,
    Lease,
    NewJob,
    Outcome,
    Page,
)


class LedgerUnavailable(RingbackError):
    """The ledger cannot be read or written at the moment (locked, disk full …); nothing was changed.

    Any method of the ledger may raise it, until its cause ends.
    """


class AlreadyRequested(Exception):
    """The job's `idempotency.key` was used before and has not expired: nothing was added."""

    def __init__(self, job: JobId, same_request: bool) -> None:
        super().__init__(job)
        self.job = job
        self.same_request = same_request


class OverAllowance(Exception):
    """The accessor would have more live jobs, or more weight in them, than it may: nothing was added."""


@dataclass(frozen=True, slots=True)
class Stripped:
    """The new payload and result of an ended job, without its contents."""

    job: JobId
    payload: bytes
    result: bytes | None


@dataclass(frozen=True, slots=True)
class KindGauge:
    """The live jobs of one kind."""

    queued: int
    leased: int
    oldest_due: float | None
    """Age in seconds of the oldest job that is due and not leased; None when none is."""
    oldest_ready: float | None = None
    """For how many seconds a claim would have found a job: due, in a lane with room and no open breaker.
    Workers that keep up keep it near 0, however slow receivers are."""


class JobReader(Protocol):
    """Jobs by their ids."""

    async def get(self, job: JobId) -> Job | None:
        """None if there is none, or it was dropped."""
        ...


class JobPages(Protocol):
    """Pages of jobs that match a filter."""

    async def page(self, where: JobFilter, limit: int, before: str | None = None) -> Page:
        """Newest first. `before` is the `next` of the page before; `ValueError` if it is none.

        Parent, state (parked, cancelled), lane, code (300 and more), failure and time have indexes. The other
        fields are tested on the jobs found so: if they match few of many, a page may be short, even empty,
        and has a `next`. The list has ended when `next` is None.
        """
        ...


class JobChildren(Protocol):
    """Jobs by their parent."""

    async def children(self, parent: JobId, most: int) -> list[Job]:
        """The children of a job, in the order of arrival; the latest if there are more than `most`."""
        ...


class ChildrenByParent(Protocol):
    """Jobs by several parents at once."""

    async def children_of(self, parents: Sequence[JobId], most: int) -> Mapping[JobId, list[Job]]:
        """The latest `most` children of each of these, also of parents without any; in one query."""
        ...


class JobAdder(Protocol):
    """New jobs."""

    async def add(self, jobs: Sequence[NewJob], allowance: Allowance | None = None) -> None:
        """All of them, or none. Adding an id that is already there raises `ValueError`.

        Raises `AlreadyRequested` where `idempotency.key` is known, and `OverAllowance` where the accessor of
        the jobs would have more live jobs of their kind than `allowance` grants; jobs without an accessor
        have no limit.
        """
        ...


class JobCanceller(Protocol):
    """The end of jobs whose result is not needed any more."""

    async def cancel(self, job: JobId) -> bool:
        """End a live job as cancelled; False if it has ended before or is not known."""
        ...


class LeaseStore(Protocol):
    """Leases, for their holders."""

    async def extend(self, leases: Sequence[Lease], lease_seconds: float) -> set[JobId]:
        """Prolong these leases; the jobs that are still leased so. The others were cancelled or rescued."""
        ...

    async def settle(self, lease: Lease, outcome: Outcome) -> bool:
        """Carry out `outcome` if the lease is still valid; False, and nothing written, if it is not.

        Follow-ups are added as by `add`, but without an allowance and without idempotency keys, which are for
        callers' requests. `ValueError` if one cannot be added.
        """
        ...


@dataclass(frozen=True, slots=True)
class LaneStanding:
    """How many lanes of a kind are healthy, failing, or have an open breaker."""

    healthy: int
    """Their last attempt did not fail."""
    failing: int
    """It did, and their breaker is still closed."""
    open: int
    """Their breaker is open, or lets one probe through."""


@dataclass(frozen=True, slots=True)
class LaneReport:
    """One lane, for operators. Times are Unix seconds by the ledger's clock."""

    name: Lane
    failures: int
    """Of attempts, in a row."""
    openings: int
    """Times in a row that the breaker opened; 0: it is closed."""
    open_until: float
    """Until then an open breaker lets nothing through, then one probe."""
    next_due: float | None
    """When the first queued job is due."""
    running: int
    waiting: int
    parked: int
    last_success_at: float | None
    """None: none of its latest `LOOKED_THROUGH` jobs is done."""


LOOKED_THROUGH = 1_000
"""Jobs of a lane among which the last success is searched for."""


class LaneReporter(Protocol):
    """Lanes one by one."""

    async def lane_reports(
        self,
        kind: str,
        limit: int,
        *,
        least_failures: int = 0,
        ending: str = "",
        names: Sequence[Lane] | None = None,
    ) -> list[LaneReport]:
        """Up to `limit` lanes of a kind, those with the most failures in a row first.

        `ending`: of their names, as a project's deliveries have it. `names`: these alone.
        """
        ...


class JobGauges(Protocol):
    """How much work there is."""

    async def gauges(self) -> Mapping[str, KindGauge]:
        """By kind; kinds without live jobs may be missing."""
        ...

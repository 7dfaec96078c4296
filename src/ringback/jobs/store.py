"""What several consumers ask of the ledger, as small protocols. What one alone asks stands beside it:
`worker.WorkerStore`, `transcription.retention.RetentionStore` …; `bootstrap.ledger.Ledger` is all of them.

Every method that writes is durable when it returns. Times are the database's own clock: callers speak
in delays. Implemented by `storage.sqlite` and `storage.postgres`; `tests/conformance/store` holds them to it.
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
    """The ledger cannot be read or written just now (locked, disk full …); nothing was changed.

    Any method of the ledger may raise it; it is over when its cause is.
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


class JobReader(Protocol):
    """Jobs by their ids."""

    async def get(self, job: JobId) -> Job | None:
        """None: there is none, or none any more."""
        ...


class JobPages(Protocol):
    """Jobs by what they have in common."""

    async def page(self, where: JobFilter, limit: int, before: str | None = None) -> Page:
        """Newest first, by key. `before` is the `next` of the page before; `ValueError` when it is not.

        What is asked for by parent, state (parked, cancelled), lane, code (300 and more), failure or time is
        found at once, among however many jobs. The other fields narrow what was found: when they fit to few
        jobs of many, a page may come back short, even empty, with a `next` to go on from. The list has ended
        when `next` is None.
        """
        ...


class JobChildren(Protocol):
    """Jobs by the one that they followed from."""

    async def children(self, parent: JobId, most: int) -> list[Job]:
        """What followed from a job, in the order of arrival; the latest, where there are more than `most`."""
        ...


class ChildrenByParent(Protocol):
    """The same for several parents at once."""

    async def children_of(self, parents: Sequence[JobId], most: int) -> Mapping[JobId, list[Job]]:
        """The latest `most` children of each of these, no parent missing. One question, however many are
        asked about."""
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
    """The end of jobs that are no longer wanted."""

    async def cancel(self, job: JobId) -> bool:
        """End a live job as cancelled; False when it had already ended or never was."""
        ...


class LeaseStore(Protocol):
    """Leases, for those that hold them."""

    async def extend(self, leases: Sequence[Lease], lease_seconds: float) -> set[JobId]:
        """Prolong these leases; the jobs that are still ours. The others were cancelled or taken away."""
        ...

    async def settle(self, lease: Lease, outcome: Outcome) -> bool:
        """Carry out `outcome` if the lease is still ours; False (and nothing written) when it is not.

        Follow-ups are added as by `add`, but none is refused for an allowance, and none has an idempotency
        key: those are for what callers ask. `ValueError` when one cannot be added.
        """
        ...


@dataclass(frozen=True, slots=True)
class LaneStanding:
    """How many lanes of a kind do well."""

    healthy: int
    """Their last attempt did not fail."""
    failing: int
    """It did, and their breaker is closed still."""
    open: int
    """Their breaker is open, or lets one job through to try them."""


@dataclass(frozen=True, slots=True)
class LaneReport:
    """One lane, for those who look after it. Times are Unix seconds by the ledger's clock."""

    name: Lane
    failures: int
    """Of attempts, in a row."""
    openings: int
    """Times in a row that the breaker opened; 0: it is closed."""
    open_until: float
    """Until then an open breaker lets nothing through, then one job."""
    next_due: float | None
    """When the first job that waits is due."""
    running: int
    waiting: int
    parked: int
    last_success_at: float | None
    """None: none of its latest `LOOKED_THROUGH` jobs is done."""


LOOKED_THROUGH = 1_000
"""Jobs of a lane among which the last success is looked for."""


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

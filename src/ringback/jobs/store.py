"""The ledger's port, beside its consumers: `worker`, `rescuer`, the accepting and the reading routes.

Every method that writes is durable when it returns. Times are the database's own clock: callers speak
in delays. Implemented by `storage.sqlite`; `tests/conformance/store` holds every implementation to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ringback.errors import RingbackError
from ringback.jobs.job import Attempt, Job, JobFilter, JobId, Lease, NewJob, Outcome, Page, State


class LedgerUnavailable(RingbackError):
    """The ledger cannot be read or written just now (locked, disk full …); nothing was changed.

    Any method of the port may raise it; it is over when its cause is.
    """


@dataclass(frozen=True, slots=True)
class KindGauge:
    """One kind of job at a glance."""

    queued: int
    leased: int
    oldest_due: float | None
    """Age in seconds of the oldest job that is due and not leased; None when none is."""


class JobStore(Protocol):
    async def add(self, jobs: Sequence[NewJob]) -> None:
        """All of them, or none. Adding an id that is already there raises `ValueError`."""
        ...

    async def claim(self, kind: str, limit: int, lease_seconds: float) -> list[Lease]:
        """Up to `limit` due jobs, round robin over lanes, none past its lane's cap or open breaker."""
        ...

    async def extend(self, leases: Sequence[Lease], lease_seconds: float) -> set[JobId]:
        """Prolong these leases; the jobs that are still ours. The others were cancelled or taken away."""
        ...

    async def settle(self, lease: Lease, outcome: Outcome) -> bool:
        """Carry out `outcome` if the lease is still ours; False (and nothing written) when it is not."""
        ...

    async def rescue(self) -> int:
        """Return expired leases to the queue (parking those lost too often); how many."""
        ...

    async def cancel(self, job: JobId) -> bool:
        """End a live job as cancelled; False when it had already ended or never was."""
        ...

    async def requeue(self, job: JobId) -> bool:
        """Make a parked job due at once, with a fresh count of tries; False when it is not parked."""
        ...

    async def wait_for_work(self, kind: str, timeout: float) -> None:
        """Return when a job of this kind may be due, or after `timeout` seconds. May return too early."""
        ...

    async def wait_for_end(self, job: JobId) -> Job:
        """Return the job once it has ended. The caller sets the time limit, and may cancel."""
        ...

    async def get(self, job: JobId) -> Job | None: ...

    async def states(self, jobs: Sequence[JobId]) -> Mapping[JobId, State]:
        """How these jobs stand; unknown ones are missing. One question, however many are asked about."""
        ...

    async def children(self, parent: JobId) -> list[Job]: ...

    async def attempts(self, job: JobId) -> list[Attempt]:
        """Oldest first."""
        ...

    async def page(self, where: JobFilter, limit: int, before: str | None = None) -> Page: ...

    async def gauges(self) -> Mapping[str, KindGauge]:
        """By kind; kinds without live jobs may be missing."""
        ...

"""The ledger's side of the routes and probes: a protocol for each.

They are not in the modules of the routes because `services`, which every route imports, combines all of them.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ringback.jobs.job import Attempt, Job, JobId, Lane
from ringback.jobs.lane import OpenBreaker
from ringback.jobs.store import (
    ChildrenByParent,
    JobAdder,
    JobCanceller,
    JobChildren,
    JobGauges,
    JobPages,
    JobReader,
    LaneReporter,
    LaneStanding,
)
from ringback.jobs.usage import UsageReader


class BreakerReader(Protocol):
    """The circuit breakers that deliveries wait for."""

    async def open_breakers(self, kind: str, lanes: Sequence[Lane]) -> Mapping[Lane, OpenBreaker]:
        """The breakers of these lanes that are not closed; the other lanes are missing. One query for all."""
        ...


class DeliveryStore(JobPages, BreakerReader, Protocol):
    """For `delivery_routes`."""


class HistoryStore(JobReader, JobPages, JobChildren, ChildrenByParent, BreakerReader, Protocol):
    """For `history_routes`."""

    async def attempts(self, job: JobId, most: int) -> list[Attempt]:
        """The latest `most`, oldest first."""
        ...


class ResultStore(JobReader, JobChildren, Protocol):
    """For `result_route`."""


class RequestCommandStore(JobReader, JobPages, JobChildren, JobAdder, JobCanceller, Protocol):
    """For `request_command_routes`."""

    async def requeue(self, job: JobId) -> bool:
        """Make a parked job due at once, with its tries counted from 0; False if it is not parked.

        In a sequence it keeps its place: before jobs that were added after it, and held while an earlier one
        is live.
        """
        ...


class SyncResponseStore(JobCanceller, Protocol):
    """For `sync_responder`."""

    async def wait_for_end(self, job: JobId) -> Job:
        """Return the job once it has ended; `KeyError` if there is none, or it was dropped.

        The caller sets the time limit, and may cancel.
        """
        ...


class RouteStore(
    LaneReporter,
    DeliveryStore,
    HistoryStore,
    ResultStore,
    RequestCommandStore,
    SyncResponseStore,
    UsageReader,
    Protocol,
):
    """The stores of all routes; `add` is for `listen_route` and `read_route`."""


class ProbeStore(JobGauges, Protocol):
    """For `status_routes`."""

    @property
    def fault(self) -> str | None:
        """Why the last write failed, in words for the operator; None if it did not. `rescue` is a write."""
        ...

    async def parked(self) -> Mapping[str, int]:
        """Jobs that are parked, by kind; kinds without any may be missing."""
        ...

    async def lane_standing(self, kind: str) -> LaneStanding:
        """The lanes of a kind that are in the ledger."""
        ...

    async def size(self) -> int:
        """Bytes of the ledger on its disk."""
        ...

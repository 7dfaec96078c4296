"""Destinations of callbacks as JSON: the health of each, its waiting and its parked callbacks. Ours.

A destination is a `scheme://host:port` in one project: what the queue treats as one receiver.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback.callbacks.delivery import KIND, split_lane
from ringback.clock import rfc3339
from ringback.jobs.store import LaneReport, LaneReporter
from ringback.server.auth import Authenticator, forbidden
from ringback.server.operations import PROJECT_PATH, Operation, Timestamp, Uuid
from ringback.server.permissions import Permission, Reach
from ringback.server.query_parameters import IntegerParameter
from ringback.server.request_parsing import answer, caller_of_project
from ringback.server.services import Services

TAG = "Deliveries"


class DestinationDocument(msgspec.Struct):
    """One receiver of callbacks, by its last attempts."""

    destination: str
    """`scheme://host:port`"""
    project_id: Uuid
    state: str
    """`healthy`, `failing` (the last attempt failed) or `open` (so many in a row that its breaker is
    open)."""
    failures: int
    """Failed attempts in a row."""
    last_success: Timestamp | None
    """Null: there is none among its latest thousand callbacks."""
    next_attempt_at: Timestamp | None
    """Null: no callback waits."""
    running: int
    waiting: int
    parked: int
    """Callbacks that were given up, and can be sent again."""


class DestinationList(msgspec.Struct):
    """Failing ones first."""

    destinations: list[DestinationDocument]


LIMIT = IntegerParameter("limit", 1, 1_000, 100, "Destinations in the answer.")
FAILURES = IntegerParameter("failures", 0, 1_000_000, 0, "Those with at least so many failures in a row.")

LIST_DESTINATIONS = Operation(
    "GET",
    f"{PROJECT_PATH}/destinations",
    "listDestinations",
    TAG,
    "Where a project's callbacks go, and how each place does",
    DestinationList,
    query=(FAILURES, LIMIT),
)
LIST_ALL_DESTINATIONS = Operation(
    "GET",
    "/v1/destinations",
    "listAllDestinations",
    TAG,
    "The same for all projects",
    DestinationList,
    query=(FAILURES, LIMIT),
)


class DestinationRoutes:
    """The routes."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._store: LaneReporter = services.store
        self._clock = services.clock
        self._authenticator = authenticator

    async def of_project(self, request: Request) -> Response:
        """For keys that may see all deliveries of the project."""
        caller = await caller_of_project(request, self._authenticator, Permission.READ_REQUESTS)
        if caller.narrowed_to_key(Permission.READ_REQUESTS) is not None:
            raise forbidden()
        return await self._answer(request, f" {caller.project}")

    async def of_all(self, request: Request) -> Response:
        """For operators."""
        caller = await self._authenticator.authenticate(request)
        if caller.reach(Permission.READ_METRICS) is not Reach.SERVER:
            raise forbidden()
        return await self._answer(request, "")

    async def _answer(self, request: Request, ending: str) -> Response:
        reports = await self._store.lane_reports(
            KIND, LIMIT.of(request), least_failures=FAILURES.of(request), ending=ending
        )
        now = self._clock.now()
        return answer(DestinationList([_destination_document(report, now) for report in reports]))


def _destination_document(report: LaneReport, now: float) -> DestinationDocument:
    destination, project = split_lane(report.name)
    return DestinationDocument(
        destination=destination,
        project_id=project,
        state="open" if report.openings else "failing" if report.failures else "healthy",
        failures=report.failures,
        last_success=None if report.last_success_at is None else rfc3339(report.last_success_at),
        next_attempt_at=_next_attempt(report, now),
        running=report.running,
        waiting=report.waiting,
        parked=report.parked,
    )


def _next_attempt(report: LaneReport, now: float) -> str | None:
    """Time of the next attempt; with an open breaker, of the one callback that tests the destination."""
    if report.next_due is None:
        return None
    due = max(report.next_due, report.open_until if report.openings else 0.0)
    return rfc3339(max(due, now))

"""Deliveries as JSON: one with every attempt, and the list across requests. Ours.

Callback URLs are shown as scheme://host:port only: their paths, queries and credentials are the caller's
secrets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from ringback.blobs import StoredDocument
from ringback.callbacks.delivery import KIND, AttemptDetail, lane_of, order_of, split_lane, webhook_id_of
from ringback.clock import rfc3339
from ringback.egress.target import TargetError, read_target
from ringback.jobs.job import Attempt, Job, JobFilter, Lane, Page, State
from ringback.jobs.lane import OpenBreaker
from ringback.jobs.store import JobPages
from ringback.server.auth import Authenticator
from ringback.server.operations import PROJECT_PATH, Operation, Timestamp, Uuid, written_as
from ringback.server.permissions import Permission
from ringback.server.query_parameters import (
    END,
    START,
    TAG,
    IntegerParameter,
    TextParameter,
    TextsParameter,
    bad_query,
)
from ringback.server.request_parsing import answer, caller_of_project
from ringback.server.route_stores import BreakerReader, DeliveryStore
from ringback.server.services import Services

PAGE_DEFAULT, PAGE_MOST = 50, 1_000

STATES: Mapping[str, frozenset[State]] = {
    "waiting": frozenset({State.HELD, State.QUEUED}),
    "running": frozenset({State.LEASED}),
    "delivered": frozenset({State.DONE}),
    "parked": frozenset({State.PARKED}),
    "cancelled": frozenset({State.CANCELLED}),
}
"""The values of the filter `state`; the ledger's own states (`queued`, `done` …) are accepted, too."""


class WaitDocument(msgspec.Struct):
    """Why a delivery waits."""

    reason: str
    """`schedule`, `breaker`, `order` or `turn`."""
    until: Timestamp | None
    failures: int | None


class DeliveryDocument(msgspec.Struct):
    """A callback to one destination."""

    id: Uuid
    request_id: Uuid | None
    webhook_id: str
    state: State
    destination: str
    """`scheme://host:port`"""
    method: str
    status: int
    """The id of its request."""
    code: int | None
    """The receiver's last status."""
    tries: int
    schedule: str | None
    tags: tuple[str, ...]
    kept: bool
    """Whether its body is kept, so that it can be sent again."""
    created: Timestamp
    next_attempt_at: Timestamp | None
    waiting: WaitDocument | None
    ended: Timestamp | None


AttemptFacts = Annotated[msgspec.Raw, written_as(AttemptDetail)]
"""The state in the ledger."""


class AttemptDocument(msgspec.Struct):
    """One attempt at a delivery."""

    started: Timestamp
    ended: Timestamp
    outcome: str
    """A `Verdict`."""
    code: int | None
    """The receiver's status."""
    detail: AttemptFacts


class AttemptedDelivery(DeliveryDocument):
    """A delivery with its attempts, oldest first."""

    attempts: list[AttemptDocument]


class DeliveryList(msgspec.Struct):
    """A page of deliveries, newest first."""

    deliveries: list[DeliveryDocument]
    next: str | None
    """`before` of the next page; null: there is none."""


STATE = TextsParameter("state", "In one of these states.", tuple(STATES))
DESTINATION = TextParameter("destination", "Any URL that goes there: scheme, host and port count.")
CODE = IntegerParameter("code", 100, 999, None, "The receiver's last status.")
LIMIT = IntegerParameter("limit", 1, PAGE_MOST, PAGE_DEFAULT, "Deliveries per page.")
BEFORE = TextParameter("before", "The `next` of the page before.")

LIST_DELIVERIES = Operation(
    "GET",
    f"{PROJECT_PATH}/deliveries",
    "listDeliveries",
    "Deliveries",
    "Callbacks across all requests",
    DeliveryList,
    query=(STATE, DESTINATION, CODE, START, END, TAG, LIMIT, BEFORE),
)


class DeliveryRoutes:
    """The list of deliveries."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._store: DeliveryStore = services.store
        self._clock = services.clock
        self._authenticator = authenticator

    async def list(self, request: Request) -> Response:
        """Newest first; `before` is the `next` of the page before. There is no total count."""
        caller = await caller_of_project(request, self._authenticator, Permission.READ_REQUESTS)
        where = JobFilter(
            caller.project,
            KIND,
            accessor=caller.narrowed_to_key(Permission.READ_REQUESTS),
            since=START.of(request),
            until=END.of(request),
            tags=tuple(TAG.of(request)),
            states=states_of(STATE.of(request)),
            lane=lane_named(DESTINATION.of(request), caller.project),
            code=CODE.of_given(request),
        )
        page = await page_of(self._store, where, LIMIT.of(request), BEFORE.of(request))
        breakers = await breakers_of(self._store, page.jobs)
        now = self._clock.now()
        described = [
            delivery_document(job, waiting_of(job, breakers.get(job.lane), now)) for job in page.jobs
        ]
        return answer(DeliveryList(described, page.next))


async def breakers_of(store: BreakerReader, deliveries: Sequence[Job]) -> Mapping[Lane, OpenBreaker]:
    """The open breakers of these deliveries' lanes."""
    lanes = sorted({delivery.lane for delivery in deliveries if delivery.state is State.QUEUED})
    return await store.open_breakers(KIND, lanes) if lanes else {}


@dataclass(frozen=True, slots=True)
class WaitReason:
    """Why a delivery waits."""

    reason: str
    """`schedule`: its next attempt is not due yet; `breaker`: its destination has failed too often in a row,
    and gets one delivery at a time until one succeeds; `order`: an earlier response of its stream goes first;
    `turn`: it is due, and waits for a free slot."""
    until: float | None
    """Unix seconds of the next attempt, if it is known."""
    failures: int | None = None
    """Failures in a row of the destination, with an open breaker."""


def waiting_of(delivery: Job, breaker: OpenBreaker | None, now: float) -> WaitReason | None:
    """What a delivery waits for; None: it does not wait. `breaker`: of its destination, if it is open."""
    if delivery.state is State.HELD:
        return WaitReason("order", None)
    if delivery.state is not State.QUEUED:
        return None
    if breaker is not None and breaker.until >= delivery.due_at:
        return WaitReason("breaker", breaker.until if breaker.until > now else None, breaker.failures)
    if delivery.due_at > now:
        return WaitReason("schedule", delivery.due_at)
    return WaitReason("turn", None) if breaker is None else WaitReason("breaker", None, breaker.failures)


def delivery_document(delivery: Job, waiting: WaitReason | None) -> DeliveryDocument:
    order = order_of(delivery)
    until = None if waiting is None or waiting.until is None else rfc3339(waiting.until)
    return DeliveryDocument(
        id=delivery.id,
        request_id=delivery.parent,
        webhook_id=webhook_id_of(order, delivery),
        state=delivery.state,
        destination=split_lane(delivery.lane)[0],
        method=order.method,
        status=order.status,
        code=delivery.code,
        tries=delivery.tries,
        schedule=order.schedule,
        tags=delivery.tags,
        kept=order.body != StoredDocument(),
        created=rfc3339(delivery.created_at),
        next_attempt_at=until,
        waiting=None if waiting is None else WaitDocument(waiting.reason, until, waiting.failures),
        ended=None if delivery.finished_at is None else rfc3339(delivery.finished_at),
    )


def with_attempts(document: DeliveryDocument, attempts: Sequence[Attempt]) -> AttemptedDelivery:
    return AttemptedDelivery(**asdict(document), attempts=[_attempt(attempt) for attempt in attempts])


def states_of(words: Sequence[str]) -> frozenset[State] | None:
    """The states that these words name; None: all. Raises `Refusal` (400)."""
    found: set[State] = set()
    for word in words:
        if word in STATES:
            found |= STATES[word]
        elif word in set(State):
            found.add(State(word))
        else:
            raise bad_query(f"`state` must be one of: {', '.join(STATES)}.")
    return frozenset(found) or None


def lane_named(destination: str | None, project: str) -> Lane | None:
    """The lane of a destination, from any URL that goes there. Raises `Refusal` (400)."""
    if destination is None:
        return None
    try:
        return lane_of(read_target(destination).origin, project)
    except TargetError as error:
        raise bad_query(f"`destination` must be scheme://host or scheme://host:port: {error}.") from None


async def page_of(store: JobPages, where: JobFilter, limit: int, before: str | None) -> Page:
    """A page of the ledger; raises `Refusal` (400) for a `before` that is no page's `next`."""
    try:
        return await store.page(where, limit, before)
    except ValueError:
        raise bad_query("`before` must be the `next` of an earlier page.") from None


def _attempt(attempt: Attempt) -> AttemptDocument:
    return AttemptDocument(
        started=rfc3339(attempt.started_at),
        ended=rfc3339(attempt.ended_at),
        outcome=attempt.outcome,
        code=attempt.code,
        detail=msgspec.Raw(attempt.detail),
    )

"""Deliveries as JSON: one with every attempt, and the list across requests. Ours.

Callback URLs are shown as scheme://host:port only: their paths, queries and credentials are the caller's
secrets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback.blobs import StoredDocument
from ringback.callbacks.delivery import KIND, order_of, webhook_id_of
from ringback.egress.target import TargetError, read_target
from ringback.jobs.job import Attempt, Job, JobFilter, Lane, Page, State
from ringback.jobs.lane import OpenBreaker
from ringback.jobs.store import JobPages
from ringback.server.auth import Authenticator
from ringback.server.permissions import Permission
from ringback.server.request_parsing import (
    answer,
    bad_query,
    caller_of_project,
    query_integer,
    query_moment,
    rfc3339,
)
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


class DeliveryRoutes:
    """The route that lists them."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._store: DeliveryStore = services.store
        self._clock = services.clock
        self._authenticator = authenticator

    async def list(self, request: Request) -> Response:
        """Newest first; `before` is the `next` of the page before. Nothing is ever counted."""
        caller = await caller_of_project(request, self._authenticator, Permission.READ_REQUESTS)
        where = JobFilter(
            caller.project,
            KIND,
            accessor=caller.narrowed_to_key(Permission.READ_REQUESTS),
            since=query_moment(request, "start"),
            until=query_moment(request, "end", end_of_day=True),
            tags=tuple(request.query_params.getlist("tag")),
            states=states_of(request.query_params.getlist("state")),
            lane=lane_of(request.query_params.get("destination"), caller.project),
            code=_code(request),
        )
        limit = query_integer(request, "limit", PAGE_DEFAULT, 1, PAGE_MOST)
        page = await page_of(self._store, where, limit, request.query_params.get("before"))
        breakers = await breakers_of(self._store, page.jobs)
        now = self._clock.now()
        described = [
            delivery_document(job, waiting_of(job, breakers.get(job.lane), now)) for job in page.jobs
        ]
        return answer({"deliveries": described, "next": page.next})


async def breakers_of(store: BreakerReader, deliveries: Sequence[Job]) -> Mapping[Lane, OpenBreaker]:
    """The open breakers that some of these deliveries wait behind."""
    lanes = sorted({delivery.lane for delivery in deliveries if delivery.state is State.QUEUED})
    return await store.open_breakers(KIND, lanes) if lanes else {}


@dataclass(frozen=True, slots=True)
class WaitReason:
    """Why a delivery is not under way."""

    reason: str
    """`schedule`: its next attempt is not due; `breaker`: its destination has failed too often in a row, and
    gets one delivery at a time until one succeeds; `order`: an earlier response of its stream goes first;
    `turn`: it is due, and waits for a free place."""
    until: float | None
    """Unix seconds of the next attempt, as far as it is known."""
    failures: int | None = None
    """In a row, of the destination, behind a breaker."""


def waiting_of(delivery: Job, breaker: OpenBreaker | None, now: float) -> WaitReason | None:
    """What a delivery waits for; None: it does not. `breaker`: that of its destination, where it is open."""
    if delivery.state is State.HELD:
        return WaitReason("order", None)
    if delivery.state is not State.QUEUED:
        return None
    if breaker is not None and breaker.until >= delivery.due_at:
        return WaitReason("breaker", breaker.until if breaker.until > now else None, breaker.failures)
    if delivery.due_at > now:
        return WaitReason("schedule", delivery.due_at)
    return WaitReason("turn", None) if breaker is None else WaitReason("breaker", None, breaker.failures)


def delivery_document(
    delivery: Job, waiting: WaitReason | None, attempts: Sequence[Attempt] | None = None
) -> dict[str, object]:
    """One delivery; with `attempts`, these too."""
    order = order_of(delivery)
    until = None if waiting is None or waiting.until is None else rfc3339(waiting.until)
    record: dict[str, object] = {
        "id": delivery.id,
        "request_id": delivery.parent,
        "webhook_id": webhook_id_of(order, delivery),
        "state": delivery.state,
        "destination": destination_of(delivery),
        "method": order.method,
        "status": order.status,
        "code": delivery.code,
        "tries": delivery.tries,
        "schedule": order.schedule,
        "tags": delivery.tags,
        "kept": order.body != StoredDocument(),
        "created": rfc3339(delivery.created_at),
        "next_attempt_at": until,
        "waiting": None
        if waiting is None
        else {"reason": waiting.reason, "until": until, "failures": waiting.failures},
        "ended": None if delivery.finished_at is None else rfc3339(delivery.finished_at),
    }
    if attempts is not None:
        record["attempts"] = [_attempt(attempt) for attempt in attempts]
    return record


def destination_of(delivery: Job) -> str:
    """`scheme://host:port`: the part of its lane that is not the project."""
    return delivery.lane.removesuffix(f" {delivery.project}")


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


def lane_of(destination: str | None, project: str) -> Lane | None:
    """The lane of a destination, from any URL that goes there. Raises `Refusal` (400)."""
    if destination is None:
        return None
    try:
        return Lane(f"{read_target(destination).origin} {project}")
    except TargetError as error:
        raise bad_query(f"`destination` must be scheme://host or scheme://host:port: {error}.") from None


async def page_of(store: JobPages, where: JobFilter, limit: int, before: str | None) -> Page:
    """A page of the ledger; raises `Refusal` (400) for a `before` that is no page's `next`."""
    try:
        return await store.page(where, limit, before)
    except ValueError:
        raise bad_query("`before` must be the `next` of an earlier page.") from None


def _code(request: Request) -> int | None:
    return query_integer(request, "code", 0, 100, 999) if "code" in request.query_params else None


def _attempt(attempt: Attempt) -> dict[str, object]:
    return {
        "started": rfc3339(attempt.started_at),
        "ended": rfc3339(attempt.ended_at),
        "outcome": attempt.outcome,
        "code": attempt.code,
        "detail": msgspec.Raw(attempt.detail),
    }

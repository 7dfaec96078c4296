"""Routes that act on requests: redeliver one or many, cancel, erase. Ours.

`transcription.redelivery` decides which deliveries can be sent again, and how.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from ringback import telemetry
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.egress.target import MAX_LENGTH
from ringback.errors import Refusal
from ringback.jobs.job import LIVE, Job, JobFilter, JobId, Page, State
from ringback.server.auth import Authenticator
from ringback.server.body import Pace
from ringback.server.delivery_routes import STATES, lane_named, page_of
from ringback.server.operations import PROJECT_PATH, REQUEST_PATH, Operation, Uuid
from ringback.server.permissions import Permission
from ringback.server.request_lookup import request_of
from ringback.server.request_parsing import answer, caller_of_project, json_body, moment_of, path_uuid
from ringback.server.route_stores import RequestCommandStore
from ringback.server.services import Services
from ringback.transcription.fetch import cancel_request
from ringback.transcription.redelivery import (
    AddJob,
    RedeliveryRequest,
    RequeueJobs,
    is_kept,
    redelivery,
    sent_again,
)

DELIVERIES_PER_PAGE = 200
"""Deliveries per query, and per group of writes, so that other callers' writes run in between."""

MOST_DELIVERIES = 5_000
"""Deliveries that one call handles; its `next` continues from there."""

MOST_PAGES = 100
"""Pages that one call reads: if a filter matches few deliveries of many, pages are short."""

FIRST_IDS = 10
"""How many of them a dry run lists."""


class _RedeliverRequest(msgspec.Struct, forbid_unknown_fields=True):
    url: Annotated[str, Meta(max_length=MAX_LENGTH)] | None = None
    delivery_id: Annotated[str, Meta(max_length=64)] | None = None
    method: Literal["POST", "PUT"] | None = None


class _RedeliverMatching(msgspec.Struct, forbid_unknown_fields=True):
    """An unknown field is refused: with a misspelt filter all deliveries would be sent again."""

    state: Literal["parked", "delivered", "cancelled"] = "parked"
    destination: Annotated[str, Meta(max_length=MAX_LENGTH)] | None = None
    code: Annotated[int, Meta(ge=100, le=999)] | None = None
    start: str | None = None
    end: str | None = None
    tag: list[str] = []
    dry_run: bool = False
    before: str | None = None


class QueuedDelivery(msgspec.Struct):
    id: Uuid
    state: str = "queued"


class Redelivered(msgspec.Struct):
    """The deliveries that are due now."""

    request_id: Uuid
    deliveries: list[QueuedDelivery]


class MatchingRedelivered(msgspec.Struct):
    redelivered: int
    skipped: int
    """Those whose result was deleted."""
    next: str | None
    """`before` of the next call; null: there are no more."""


class DryRun(msgspec.Struct):
    """What would be sent again."""

    dry_run: bool
    matching: int
    first: Sequence[Uuid]
    next: str | None


class Cancelled(msgspec.Struct):
    request_id: Uuid
    cancelled: Sequence[Uuid]
    """The ids of the jobs that were ended: the request, its deliveries."""


class Erased(msgspec.Struct):
    request_id: Uuid
    message: str


REDELIVER_REQUEST = Operation(
    "POST",
    f"{REQUEST_PATH}/redeliver",
    "redeliverRequest",
    "Requests",
    "Send a result again",
    Redelivered,
    body=_RedeliverRequest,
    body_optional=True,
    errors=(409, 410),
)
CANCEL_REQUEST = Operation(
    "POST",
    f"{REQUEST_PATH}/cancel",
    "cancelRequest",
    "Requests",
    "End what has not ended",
    Cancelled,
    errors=(409,),
)
ERASE_REQUEST = Operation(
    "DELETE", REQUEST_PATH, "deleteRequest", "Requests", "Erase a request and all that belongs to it", Erased
)
REDELIVER_MATCHING = Operation(
    "POST",
    f"{PROJECT_PATH}/deliveries/redeliver",
    "redeliverDeliveries",
    "Deliveries",
    "Send again all that a filter finds",
    (MatchingRedelivered, DryRun),
    body=_RedeliverMatching,
)


class RequestCommandRoutes:
    """The routes."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._services = services
        self._store: RequestCommandStore = services.store
        self._authenticator = authenticator
        self._pace = Pace(services.limits.body_bytes_per_second)

    async def redeliver_request(self, request: Request) -> Response:
        """Send the result of a request again, to the same destination or, with the permission, to another
        one."""
        caller = await caller_of_project(request, self._authenticator, Permission.CHANGE_REQUESTS)
        body = await json_body(request, self._pace, _ONE, optional=True)
        if body.url is None and body.method is not None:
            raise Refusal(400, "PAYLOAD_ERROR", "`method` can be changed together with `url` only.")
        job = await request_of(
            self._store, path_uuid(request, "request_id"), caller, Permission.CHANGE_REQUESTS
        )
        target = None
        if body.url is not None:
            caller.require(Permission.REDIRECT_RESULTS)
            target = await self._services.admit_callback(body.url, caller.requester)
        delivery = None if body.delivery_id is None else JobId(body.delivery_id.lower())
        redelivery_request = RedeliveryRequest(delivery, target, body.method)
        todo = redelivery(
            job, await self._candidates(job, redelivery_request), redelivery_request, self._services.seal
        )
        ids = await self._carry_out(todo)
        telemetry.event(
            "request.redelivered",
            request_id=job.id,
            project=job.project,
            by=caller.key_id,
            jobs=len(ids),
            elsewhere=target is not None,
        )
        return answer(Redelivered(job.id, [QueuedDelivery(id_) for id_ in ids]))

    async def redeliver_matching(self, request: Request) -> Response:
        """Send again all deliveries that match a filter, in pages, newest first."""
        caller = await caller_of_project(request, self._authenticator, Permission.CHANGE_REQUESTS)
        body = await json_body(request, self._pace, _MANY)
        where = _filter(body, caller.project, caller.narrowed_to_key(Permission.CHANGE_REQUESTS))
        if body.dry_run:
            return answer(await self._dry_run(where, body.before))
        sent, found, position = 0, 0, body.before
        parked: list[JobId] = []
        async for page in self._pages(where, body.before):
            found, position = found + len(page.jobs), page.next
            with_body = [job for job in page.jobs if is_kept(job)]
            if body.state == "parked":
                parked += [job.id for job in with_body]
            elif with_body:
                await self._store.add([sent_again(job) for job in reversed(with_body)])
                sent += len(with_body)
        # The oldest first, so that the responses of a live stream keep their order.
        sent += len(await _change_each(self._store.requeue, parked[::-1]))
        skipped = found - sent
        telemetry.event(
            "deliveries.redelivered", project=caller.project, by=caller.key_id, jobs=sent, skipped=skipped
        )
        return answer(MatchingRedelivered(sent, skipped, position))

    async def cancel(self, request: Request) -> Response:
        """End a request and its deliveries that have not ended."""
        caller = await caller_of_project(request, self._authenticator, Permission.CHANGE_REQUESTS)
        job = await request_of(
            self._store, path_uuid(request, "request_id"), caller, Permission.CHANGE_REQUESTS
        )
        # In this order: a transcription that ends in between has its delivery found by the second query.
        cancelled = [job.id] if await cancel_request(self._store, job.id) else []
        live = [follower.id async for follower in self._deliveries(job, LIVE)]
        # The newest first: the end of one must not let the next one be sent.
        cancelled += (await _change_each(self._store.cancel, live))[::-1]
        if not cancelled:
            raise Refusal(409, "REQUEST_ENDED", "The request has ended: there is nothing to cancel.")
        telemetry.event(
            "request.cancelled",
            request_id=job.id,
            project=job.project,
            by=caller.key_id,
            jobs=len(cancelled),
        )
        return answer(Cancelled(job.id, cancelled))

    async def erase(self, request: Request) -> Response:
        """Erase a request: it is cancelled, and its audio, result, callbacks and record are deleted."""
        caller = await caller_of_project(request, self._authenticator, Permission.ERASE_REQUESTS)
        job = await request_of(
            self._store, path_uuid(request, "request_id"), caller, Permission.ERASE_REQUESTS
        )
        self._services.streams.cancel(job.id)
        await self._services.erasing.request(job)
        telemetry.event("request.erased", request_id=job.id, project=job.project, by=caller.key_id)
        return answer(Erased(job.id, "Successfully deleted the request."))

    async def _candidates(self, job: Job, redelivery_request: RedeliveryRequest) -> list[Job]:
        """The deliveries to send again, of the thousands that a live stream may have: the named one, or else
        the parked ones and the latest. In the order in which they were added."""
        if redelivery_request.delivery is not None:
            named = await self._store.get(redelivery_request.delivery)
            return [named] if named is not None and named.parent == job.id else []
        latest = await self._store.children(job.id, 1)
        if redelivery_request.target is not None:
            return latest
        parked = [follower async for follower in self._deliveries(job, _PARKED)][::-1]
        return [*parked, *(follower for follower in latest if follower.state is not State.PARKED)]

    async def _deliveries(self, job: Job, states: frozenset[State]) -> AsyncIterator[Job]:
        """The deliveries of a request, newest first."""
        where = JobFilter(job.project, DELIVER, parent=job.id, states=states)
        position: str | None = None
        while True:
            page = await self._store.page(where, DELIVERIES_PER_PAGE, position)
            for delivery in page.jobs:
                yield delivery
            position = page.next
            if position is None:
                return

    async def _carry_out(self, todo: RequeueJobs | AddJob) -> Sequence[JobId]:
        """The jobs that are due again; raises `Refusal` (409) if another call has sent them again first."""
        if isinstance(todo, RequeueJobs):
            ids = await _change_each(self._store.requeue, todo.jobs)
            if not ids:
                raise Refusal(409, "DELIVERY_NOT_ENDED", "This delivery is still on its way.")
            return ids
        await self._store.add([todo.job])
        return [todo.job.id]

    async def _dry_run(self, where: JobFilter, position: str | None) -> DryRun:
        """What a redelivery with this filter would send again."""
        count = 0
        first: list[JobId] = []
        async for page in self._pages(where, position):
            count += len(page.jobs)
            first += [job.id for job in page.jobs][: FIRST_IDS - len(first)]
            position = page.next
        return DryRun(dry_run=True, matching=count, first=first, next=position)

    async def _pages(self, where: JobFilter, position: str | None) -> AsyncIterator[Page]:
        """Pages from a position on, up to both limits."""
        remaining = MOST_DELIVERIES
        for _ in range(MOST_PAGES):
            page = await page_of(self._store, where, min(DELIVERIES_PER_PAGE, remaining), position)
            yield page
            remaining, position = remaining - len(page.jobs), page.next
            if position is None or remaining == 0:
                return


async def _change_each(change: Callable[[JobId], Awaitable[bool]], jobs: Sequence[JobId]) -> list[JobId]:
    """The jobs that were changed. Many at a time, so that the ledger needs few commits: a live stream may
    have thousands of responses in the queue."""
    changed: list[JobId] = []
    for start in range(0, len(jobs), DELIVERIES_PER_PAGE):
        some = jobs[start : start + DELIVERIES_PER_PAGE]
        done = await asyncio.gather(*map(change, some))
        changed += [job for job, was in zip(some, done, strict=True) if was]
    return changed


_PARKED = frozenset({State.PARKED})

_ONE = msgspec.json.Decoder(_RedeliverRequest)
_MANY = msgspec.json.Decoder(_RedeliverMatching)


def _filter(body: _RedeliverMatching, project: str, accessor: str | None) -> JobFilter:
    return JobFilter(
        project,
        DELIVER,
        accessor=accessor,
        since=moment_of(body.start, "start"),
        until=moment_of(body.end, "end", end_of_day=True),
        tags=tuple(body.tag),
        states=STATES[body.state],
        lane=lane_named(body.destination, project),
        code=body.code,
    )

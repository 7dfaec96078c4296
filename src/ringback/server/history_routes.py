"""The request history: the place where a callback's state can be seen.

https://developers.deepgram.com/reference/manage/requests/list. Callback URLs are shown as
scheme://host:port only: their paths, queries and credentials are the caller's secrets.
"""

from collections.abc import Sequence

import msgspec
from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from ringback.blobs import StoredDocument
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.order import destination_of_callback
from ringback.jobs.job import Job, State
from ringback.server.auth import Authenticator
from ringback.server.delivery_routes import (
    AttemptedDelivery,
    breakers_of,
    delivery_document,
    waiting_of,
    with_attempts,
)
from ringback.server.operations import PROJECT_PATH, REQUEST_PATH, Operation
from ringback.server.permissions import Permission
from ringback.server.query_parameters import IntegerParameter, bad_query
from ringback.server.request_lookup import REQUEST_FILTERS, filters_of, newest, request_of
from ringback.server.request_parsing import answer, caller_of_project, path_uuid
from ringback.server.request_records import RequestRecord, reads_callback_as_text, record_of
from ringback.server.route_stores import HistoryStore
from ringback.server.services import Services
from ringback.transcription.request import order_of, result_of

TAG = "Requests"

PAGE_DEFAULT, PAGE_MOST = 10, 1_000
DEEPEST = 100_000
"""Requests that may be skipped to reach a page; a caller who wants later ones sets `start` and `end`."""

DELIVERIES_SHOWN = 100
"""The latest deliveries of one request; a live stream has one for each of its responses."""

ATTEMPTS_SHOWN = 500
"""The latest attempts of all these together: each may have 16 KiB of an answer."""


class ProgressDocument(msgspec.Struct):
    """The progress of a recording, in seconds of audio."""

    seconds: float
    duration: float | None


class RequestState(msgspec.Struct):
    """Facts that Deepgram's record does not have."""

    state: State
    progress: ProgressDocument | None
    callback_origin: str | None
    """`scheme://host:port`"""
    result_kept: bool
    deliveries: list[AttemptedDelivery]


class FullRequestRecord(RequestRecord):
    """A request with its deliveries and their attempts."""

    ringback: RequestState


class RequestAnswer(FullRequestRecord):
    """The same twice: Deepgram's newer SDKs read `request`; Python 3 and 4, JavaScript 1 to 4, Go and Rust
    the top level."""

    request: FullRequestRecord


class RequestList(msgspec.Struct):
    """A page of the history, newest first."""

    page: int
    limit: int
    requests: list[RequestRecord]


LIMIT = IntegerParameter("limit", 1, PAGE_MOST, PAGE_DEFAULT, "Requests per page.")
PAGE = IntegerParameter("page", 0, DEEPEST, 0, "Counts from 0.")

LIST_REQUESTS = Operation(
    "GET",
    f"{PROJECT_PATH}/requests",
    "listRequests",
    TAG,
    "The request history",
    RequestList,
    query=(*REQUEST_FILTERS, LIMIT, PAGE),
)
SHOW_REQUEST = Operation(
    "GET", REQUEST_PATH, "getRequest", TAG, "One request, with every attempt", RequestAnswer
)


class HistoryRoutes:
    """The routes."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._store: HistoryStore = services.store
        self._progress = services.progress
        self._catalogue = services.catalogue
        self._clock = services.clock
        self._authenticator = authenticator

    async def requests(self, request: Request) -> Response:
        """Newest first; `page` counts from 0."""
        caller = await caller_of_project(request, self._authenticator, Permission.READ_REQUESTS)
        limit, page = LIMIT.of(request), PAGE.of(request)
        if page * limit > DEEPEST:
            raise bad_query("That page lies too deep; narrow the list with `start` and `end`.")
        filters = filters_of(request, caller)
        jobs: list[Job] = []
        skip = page * limit
        async for job in newest(self._store, filters, skip + limit):
            if skip:
                skip -= 1
            else:
                jobs.append(job)
        followers = await self._store.children_of([job.id for job in jobs if job.method == "async"], 1)
        models, as_text = self._catalogue.models(), reads_callback_as_text(request.headers)
        records = [
            record_of(job, _deliveries(followers.get(job.id, ())), models, callback_as_text=as_text)
            for job in jobs
        ]
        return answer(RequestList(page, limit, records))

    async def request(self, request: Request) -> Response:
        caller = await caller_of_project(request, self._authenticator, Permission.READ_REQUESTS)
        job = await request_of(
            self._store, path_uuid(request, "request_id"), caller, Permission.READ_REQUESTS
        )
        record = await self._full_record(job, callback_as_text=reads_callback_as_text(request.headers))
        return answer(RequestAnswer(**asdict(record), request=record))

    async def _full_record(self, job: Job, *, callback_as_text: bool) -> FullRequestRecord:
        deliveries = _deliveries(await self._store.children(job.id, DELIVERIES_SHOWN))
        models = self._catalogue.models()
        record = record_of(job, deliveries, models, callback_as_text=callback_as_text)
        state = RequestState(
            state=job.state,
            progress=await self._progress_of(job),
            callback_origin=destination_of_callback(order_of(job.payload)),
            result_kept=job.result is not None and result_of(job.result).document != StoredDocument(),
            deliveries=await self._with_attempts(deliveries),
        )
        return FullRequestRecord(**asdict(record), ringback=state)

    async def _with_attempts(self, deliveries: Sequence[Job]) -> list[AttemptedDelivery]:
        breakers = await breakers_of(self._store, deliveries)
        now = self._clock.now()
        documents: list[AttemptedDelivery] = []
        attempts_left = ATTEMPTS_SHOWN
        for delivery in reversed(deliveries):
            attempts = await self._store.attempts(delivery.id, attempts_left) if attempts_left else []
            attempts_left -= len(attempts)
            waiting = waiting_of(delivery, breakers.get(delivery.lane), now)
            documents.append(with_attempts(delivery_document(delivery, waiting), attempts))
        return documents[::-1]

    async def _progress_of(self, job: Job) -> ProgressDocument | None:
        """The recording's progress, on any node."""
        reached = await self._progress.of(job.id) if job.state is State.LEASED else None
        return None if reached is None else ProgressDocument(reached.seconds, reached.duration)


def _deliveries(followers: Sequence[Job]) -> list[Job]:
    """The caller's deliveries of a request; the job that fetches its audio is none."""
    return [job for job in followers if job.kind == DELIVER]

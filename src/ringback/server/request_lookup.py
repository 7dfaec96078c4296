"""Requests in the ledger: recordings, live streams and texts; three kinds of jobs, one history."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from msgspec.structs import replace
from starlette.requests import Request

from ringback.errors import Refusal
from ringback.jobs.job import Job, JobFilter, JobId
from ringback.jobs.store import JobPages, JobReader
from ringback.server.auth import Caller, forbidden
from ringback.server.permissions import Permission
from ringback.server.query_parameters import END, START, TAG, ChoiceParameter, QueryParameter, TextParameter
from ringback.streaming.record import KIND as STREAM
from ringback.transcription.request import KIND as TRANSCRIBE
from ringback.transcription.request import READ, endpoint_of

REQUEST_KINDS: Final = (TRANSCRIBE, STREAM, READ)
"""Kinds of jobs that are requests; deliveries follow from them."""

JOBS_AT_ONCE = 200
"""Jobs per page: each has its payload and its result."""

SHORT_PAGES_MOST = 50
"""If a filter matches few of many, pages are short; a list ends after so many of them."""


STATUS = ChoiceParameter("status", ("succeeded", "failed"), "Code below 300, or code 400 and above.")
METHOD = ChoiceParameter("method", ("sync", "async", "streaming"), "How the result was asked for.")
ENDPOINT = ChoiceParameter("endpoint", ("listen", "read", "speak", "agent"), "Here: `listen` or `read`.")
DEPLOYMENT = ChoiceParameter("deployment", ("hosted", "beta", "self-hosted"), "This server is `self-hosted`.")
REQUEST_ID = TextParameter("request_id", "This request alone.")
ACCESSOR = TextParameter("accessor", "The id of the key that asked.")
REQUEST_FILTERS: tuple[QueryParameter, ...] = (
    START,
    END,
    REQUEST_ID,
    ACCESSOR,
    METHOD,
    STATUS,
    TAG,
    ENDPOINT,
    DEPLOYMENT,
)
"""The filters of all lists and sums of requests."""


async def request_of(store: JobReader, request_id: str, caller: Caller, permission: Permission) -> Job:
    """A request on which the caller may do this; raises `Refusal`: 404 if they may not even see it."""
    job = await store.get(JobId(request_id))
    if job is None or job.kind not in REQUEST_KINDS or job.project != caller.project:
        raise no_such_request()
    if not caller.covers(Permission.READ_REQUESTS, job.accessor):
        raise no_such_request()
    if not caller.covers(permission, job.accessor):
        raise forbidden()
    return job


def no_such_request() -> Refusal:
    return Refusal(404, "REQUEST_NOT_FOUND", "Request not found.")


def filters_of(request: Request, caller: Caller) -> list[JobFilter]:
    """One filter per kind of job; none if the parameters name something that this server never has."""
    status, method = STATUS.of(request), METHOD.of(request)
    endpoint = ENDPOINT.of(request)
    if DEPLOYMENT.of(request) not in (None, "self-hosted"):
        return []
    request_id = REQUEST_ID.of(request)
    accessor, own = ACCESSOR.of(request), caller.narrowed_to_key(Permission.READ_REQUESTS)
    if own is not None and accessor not in (None, own):
        return []
    where = JobFilter(
        caller.project,
        "",
        id=None if request_id is None else JobId(request_id.lower()),
        accessor=accessor or own,
        method=method,
        succeeded=None if status is None else status == "succeeded",
        since=START.of(request),
        until=END.of(request),
        tags=tuple(TAG.of(request)),
    )
    return [
        replace(where, kind=kind)
        for kind in REQUEST_KINDS
        if method is None or (method == "streaming") == (kind == STREAM)
        if endpoint in (None, endpoint_of(kind))
    ]


async def newest(store: JobPages, filters: Sequence[JobFilter], most: int) -> AsyncIterator[Job]:
    """Up to `most` jobs that match one of the filters, each of another kind; newest first."""
    size = min(most, JOBS_AT_ONCE)
    walks = [_walk(store, where, size) for where in filters]
    heads = [await anext(walk, None) for walk in walks]
    for _ in range(most if filters else 0):
        at, job = max(enumerate(heads), key=lambda head: -1.0 if head[1] is None else head[1].created_at)
        if job is None:
            return
        yield job
        heads[at] = await anext(walks[at], None)


async def _walk(store: JobPages, where: JobFilter, size: int) -> AsyncIterator[Job]:
    position: str | None = None
    short = 0
    while short < SHORT_PAGES_MOST:
        page = await store.page(where, size, position)
        for job in page.jobs:
            yield job
        position = page.next
        short += len(page.jobs) < size
        if position is None:
            return

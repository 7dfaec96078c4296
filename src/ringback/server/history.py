"""The request history: the place where a callback's state can be seen.

https://developers.deepgram.com/reference/manage/requests/list. Callback URLs are shown as
scheme://host:port only: their paths, queries and credentials are the caller's secrets.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback.blobs import Kept
from ringback.jobs.job import Job, JobFilter, JobId, State
from ringback.listen.options import ListenOptions
from ringback.server.auth import Doorkeeper
from ringback.server.deliveries import described
from ringback.server.problems import LISTEN_PATH
from ringback.server.requests import REQUEST_KINDS, newest, request_of
from ringback.server.services import Services
from ringback.server.wire import (
    answer,
    bad_query,
    caller_of_project,
    path_uuid,
    query_choice,
    query_integer,
    query_moment,
    rfc3339,
)
from ringback.streaming.record import KIND as STREAM
from ringback.transcription.request import Ending, Order, ending_of, order_of, origin_of_callback

PAGE_DEFAULT, PAGE_MOST = 10, 1_000
DEEPEST = 100_000
"""Requests that may be skipped to reach a page; narrow by `start` and `end` beyond that."""

DELIVERIES_SHOWN = 100
"""Of one request, the latest; a live stream has one for each of its responses."""

ATTEMPTS_SHOWN = 500
"""Of all these together, the latest: each may have kept 16 KiB of an answer."""

USAGE_MOST, USAGE_PAGE = 2_000, 200
"""Requests that one usage report adds up, newest first, and how many of them are in memory at a time: each
brings its result along."""


class History:
    """The routes about what was asked before."""

    def __init__(self, services: Services, doorkeeper: Doorkeeper) -> None:
        self._store = services.store
        self._progress = services.progress
        self._clock = services.clock
        self._doorkeeper = doorkeeper

    async def requests(self, request: Request) -> Response:
        """Newest first; `page` counts from 0."""
        caller = await caller_of_project(request, self._doorkeeper)
        limit = query_integer(request, "limit", PAGE_DEFAULT, 1, PAGE_MOST)
        page = query_integer(request, "page", 0, 0, DEEPEST)
        if page * limit > DEEPEST:
            raise bad_query("That page lies too deep; narrow the list with `start` and `end`.")
        filters = _filters(request, caller.project)
        jobs: list[Job] = []
        skip = page * limit
        async for job in newest(self._store, filters, skip + limit):
            if skip:
                skip -= 1
            else:
                jobs.append(job)
        followers = await self._store.children_of([job.id for job in jobs if job.method == "async"], 1)
        records = [self._record(job, followers.get(job.id, ())) for job in jobs]
        return answer({"page": page, "limit": limit, "requests": records})

    async def request(self, request: Request) -> Response:
        caller = await caller_of_project(request, self._doorkeeper)
        job = await request_of(self._store, path_uuid(request, "request_id"), caller.project)
        return answer({"request": await self._record_in_full(job)})

    async def usage(self, request: Request) -> Response:
        """Hours and requests per day, added up from the ledger.

        `ringback.complete` is false when the period holds more than `USAGE_MOST` requests; then the
        oldest are missing.
        """
        caller = await caller_of_project(request, self._doorkeeper)
        until = query_moment(request, "end", end_of_day=True) or self._clock.now()
        since = query_moment(request, "start") or max(0.0, until - 30 * _DAY)
        days: dict[str, tuple[float, int]] = {}
        complete = True
        for kind in REQUEST_KINDS:
            where = JobFilter(caller.project, kind, since=since, until=until)
            complete = await self._add_days(where, days) and complete
        return answer(
            {
                "start": _day(since),
                "end": _day(until),
                "resolution": {"units": "day", "amount": 1},
                "results": [_usage_of(day, *heard) for day, heard in sorted(days.items())],
                "ringback": {"complete": complete},
            }
        )

    async def _add_days(self, where: JobFilter, days: dict[str, tuple[float, int]]) -> bool:
        """Add seconds of audio and requests by day, of the newest `USAGE_MOST`; whether those are all."""
        position: str | None = None
        for _ in range(USAGE_MOST // USAGE_PAGE):
            page = await self._store.page(where, USAGE_PAGE, position)
            await asyncio.to_thread(_add_up, page.jobs, days)
            position = page.next
            if position is None:
                return True
        return False

    def _record(self, job: Job, deliveries: Sequence[Job]) -> dict[str, object]:
        order = order_of(job.payload)
        return {
            "request_id": job.id,
            "project_uuid": job.project,
            "created": rfc3339(job.created_at),
            "path": LISTEN_PATH,
            "api_key_id": job.accessor,
            "method": job.method,
            "response": _response(job, order),
            "code": job.code,
            "deployment": "self-hosted",
            "callback": _callback(deliveries) if job.method == "async" or deliveries else None,
        }

    async def _record_in_full(self, job: Job) -> dict[str, object]:
        deliveries = await self._store.children(job.id, DELIVERIES_SHOWN)
        record = self._record(job, deliveries)
        record["ringback"] = {
            "state": job.state,
            "progress": await self._reached(job),
            "callback_origin": origin_of_callback(order_of(job.payload)),
            "result_kept": job.result is not None and ending_of(job.result).document != Kept(),
            "deliveries": await self._with_attempts(deliveries),
        }
        return record

    async def _with_attempts(self, deliveries: Sequence[Job]) -> list[dict[str, object]]:
        shown: list[dict[str, object]] = []
        room = ATTEMPTS_SHOWN
        for delivery in reversed(deliveries):
            attempts = await self._store.attempts(delivery.id, room) if room else []
            room -= len(attempts)
            shown.append(described(delivery, attempts))
        return shown[::-1]

    async def _reached(self, job: Job) -> dict[str, object] | None:
        """How far it is, on whichever node it runs."""
        reached = await self._progress.of(job.id) if job.state is State.LEASED else None
        return None if reached is None else {"seconds": reached.seconds, "duration": reached.duration}


def _filters(request: Request, project: str) -> list[JobFilter]:
    """What to list, one filter per kind; none when they name something that this server never does."""
    status = query_choice(request, "status", ("succeeded", "failed"))
    method = query_choice(request, "method", ("sync", "async", "streaming"))
    endpoint = query_choice(request, "endpoint", ("listen", "read", "speak", "agent"))
    deployment = query_choice(request, "deployment", ("hosted", "beta", "self-hosted"))
    if endpoint not in (None, "listen") or deployment not in (None, "self-hosted"):
        return []
    request_id = request.query_params.get("request_id")
    where = JobFilter(
        project,
        "",
        id=None if request_id is None else JobId(request_id.lower()),
        accessor=request.query_params.get("accessor"),
        method=method,
        succeeded=None if status is None else status == "succeeded",
        since=query_moment(request, "start"),
        until=query_moment(request, "end", end_of_day=True),
        tags=tuple(request.query_params.getlist("tag")),
    )
    kinds = [kind for kind in REQUEST_KINDS if method is None or (method == "streaming") == (kind == STREAM)]
    return [replace(where, kind=kind) for kind in kinds]


def _response(job: Job, order: Order) -> dict[str, object]:
    """Deepgram writes null while a request runs; deepctl 0.4 cannot read that, so what is known by then
    stands here, without `code` and `completed`."""
    ending = None if job.result is None else ending_of(job.result)
    response: dict[str, object] = {"details": _details(job, order, ending)}
    if job.finished_at is not None:
        response["code"] = job.code
        response["completed"] = rfc3339(job.finished_at)
    return response


def _details(job: Job, order: Order, ending: Ending | None) -> dict[str, object]:
    duration = 0.0 if ending is None else ending.duration
    return {
        "usd": 0.0,
        "duration": duration,
        "total_audio": duration * (1 if ending is None else max(1, ending.channels)),
        "channels": 0 if ending is None else ending.channels,
        "streams": 1,
        "models": [ending.model] if ending is not None and ending.model else [order.model],
        "method": job.method,
        "tags": job.tags,
        "features": _features(order.options),
        "config": _config(order.options),
    }


def _features(options: ListenOptions) -> list[str]:
    """The switches that were on."""
    return [name for name in options.__struct_fields__ if getattr(options, name) is True]


def _config(options: ListenOptions) -> dict[str, object]:
    """What was asked beyond the defaults, without the callback's URL and without the caller's own words."""
    asked: dict[str, object] = msgspec.to_builtins(options)
    return {name: value for name, value in asked.items() if name not in _NOT_SHOWN}


_NOT_SHOWN = frozenset({"callback", "unserved", "tag", "extra"})


def _callback(deliveries: Sequence[Job]) -> dict[str, object]:
    """The object that Deepgram's SDKs (Rust, .NET, Python 3 and 4, JavaScript 3 and 4) read."""
    if not deliveries:
        return {"attempts": 0, "code": None, "completed": None}
    delivery = deliveries[-1]
    done = delivery.state is State.DONE and delivery.finished_at is not None
    return {
        "attempts": delivery.tries,
        "code": delivery.code,
        "completed": rfc3339(delivery.finished_at) if done and delivery.finished_at is not None else None,
    }


def _add_up(jobs: Sequence[Job], days: dict[str, tuple[float, int]]) -> None:
    """Reads every result: for a thread, not for the event loop."""
    for job in jobs:
        day = _day(job.created_at)
        seconds, count = days.get(day, (0.0, 0))
        heard = 0.0 if job.result is None else ending_of(job.result).duration
        days[day] = (seconds + heard, count + 1)


def _usage_of(day: str, seconds: float, requests: int) -> dict[str, object]:
    hours = seconds / 3600
    return {"start": day, "end": day, "hours": hours, "total_hours": hours, "requests": requests}


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


_DAY = 86_400.0

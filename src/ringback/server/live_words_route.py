"""What a live stream has said so far: `GET /v1/projects/{project_id}/requests/{request_id}/live`. Ours.

Its words go to its client and its callback, and are kept nowhere: this shows the latest while it is open, on
the node that has it.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback.errors import Refusal
from ringback.server.auth import Authenticator
from ringback.server.operations import REQUEST_PATH, Operation, Uuid
from ringback.server.permissions import Permission
from ringback.server.request_lookup import request_of
from ringback.server.request_parsing import answer, caller_of_project, path_uuid
from ringback.server.services import Services
from ringback.streaming.recent_words import HeardLine
from ringback.streaming.record import KIND


class LiveWords(msgspec.Struct):
    """The latest words of an open stream, in their order."""

    request_id: Uuid
    lines: list[HeardLine]


SHOW_LIVE_WORDS = Operation(
    "GET",
    f"{REQUEST_PATH}/live",
    "getLiveWords",
    "Requests",
    "The latest words of a live stream that is open",
    LiveWords,
    errors=(409,),
)


class LiveWordsRoute:
    """The route; it needs the right to results."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._store = services.store
        self._streams = services.streams
        self._authenticator = authenticator

    async def words(self, request: Request) -> Response:
        caller = await caller_of_project(request, self._authenticator, Permission.FETCH_RESULTS)
        job = await request_of(
            self._store, path_uuid(request, "request_id"), caller, Permission.FETCH_RESULTS
        )
        if job.kind != KIND:
            raise Refusal(404, "NO_STREAM", "This request is no live stream.")
        lines = self._streams.recent_words(job.id)
        if lines is None:
            raise Refusal(
                409,
                "STREAM_NOT_OPEN",
                "This stream is not open on this node; its words went to its client and its callback.",
            )
        return answer(LiveWords(job.id, lines))

"""A stored result: `GET /v1/projects/{project_id}/requests/{request_id}/result`. Ours.

Deepgram keeps no transcript; a callback that was refused for its size (413) is followed by a link to this
route.
"""

from starlette.requests import Request
from starlette.responses import Response

from ringback.blobs import StoredDocument, read_document
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.delivery import order_of as delivery_of
from ringback.errors import Failure, Refusal
from ringback.jobs.job import LIVE, Job, State
from ringback.listen import results
from ringback.listen.flux_messages import TurnStreamSummary
from ringback.listen.live_messages import StreamSummary
from ringback.listen.read_results import ReadDocument
from ringback.server.auth import Authenticator
from ringback.server.blob_response import BlobResponse
from ringback.server.error_responses import json_response, result_lost
from ringback.server.operations import REQUEST_PATH, Operation
from ringback.server.permissions import Permission
from ringback.server.request_lookup import request_of
from ringback.server.request_parsing import caller_of_project, path_uuid
from ringback.server.route_stores import ResultStore
from ringback.server.services import Services
from ringback.transcription.request import not_kept, result_of, still_kept

DELIVERIES_LOOKED_AT = 100
"""The latest deliveries of a request: one that ended later than it may still have the document."""


FETCH_RESULT = Operation(
    "GET",
    f"{REQUEST_PATH}/result",
    "getResult",
    "Requests",
    "The result document, as it was answered or delivered",
    (results.ResultDocument, ReadDocument, results.ErrorDocument, StreamSummary, TurnStreamSummary),
    errors=(410,),
    headers=("ringback-status",),
)


class ResultRoute:
    """The route; it needs the permission to fetch results, which short-lived tokens do not have."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._store: ResultStore = services.store
        self._clock = services.clock
        self._keep_results = services.limits.keep_results_seconds
        self._blobs = services.blobs
        self._authenticator = authenticator

    async def result(self, request: Request) -> Response:
        """The document as it was answered or delivered; its own status is in `ringback-status`."""
        caller = await caller_of_project(request, self._authenticator, Permission.FETCH_RESULTS)
        job = await request_of(
            self._store, path_uuid(request, "request_id"), caller, Permission.FETCH_RESULTS
        )
        document = await self._document(job)
        headers = {"ringback-status": str(job.code)}
        if document.key is None:
            return json_response(await read_document(self._blobs, document), headers=headers)

        def missing() -> Failure:
            retained = still_kept(job, self._keep_results, self._clock.now())
            return result_lost(job.id) if retained else not_kept().failure

        return BlobResponse(
            request, self._blobs, document.key, missing, headers=headers, media_type=FETCH_RESULT.media_type
        )

    async def _document(self, job: Job) -> StoredDocument:
        """Where the document is stored: in the request's own record, or with a delivery that ended later."""
        if job.state in LIVE:
            raise Refusal(404, "RESULT_NOT_READY", "The request has no result yet.")
        if job.result is None or job.code is None:
            why = "was cancelled" if job.state is State.CANCELLED else "ended without one"
            raise Refusal(404, "NO_RESULT", f"There is no result: the request {why}.")
        document = result_of(job.result).document
        if document != StoredDocument():
            return document
        for follower in await self._store.children(job.id, DELIVERIES_LOOKED_AT):
            if follower.kind == DELIVER and (body := delivery_of(follower).body) != StoredDocument():
                return body
        raise not_kept()

"""A recording as it was sent: `GET /v1/projects/{project_id}/requests/{request_id}/audio`. Ours.

Deepgram keeps no audio; this server does for `keep.audio` seconds after the end of its request.
"""

from starlette.requests import Request
from starlette.responses import Response

from ringback.errors import Failure, Refusal
from ringback.server.auth import Authenticator
from ringback.server.blob_response import BlobResponse
from ringback.server.operations import REQUEST_PATH, Operation
from ringback.server.permissions import Permission
from ringback.server.request_lookup import request_of
from ringback.server.request_parsing import caller_of_project, path_uuid
from ringback.server.services import Services
from ringback.transcription.request import KIND, audio_key, order_of

HEADERS = {"content-disposition": "attachment", "x-content-type-options": "nosniff"}
"""Browsers neither guess the type nor show the recording."""

FETCH_AUDIO = Operation(
    "GET",
    f"{REQUEST_PATH}/audio",
    "getAudio",
    "Requests",
    "The recording, as it was sent or fetched",
    None,
    media_type="application/octet-stream",
    errors=(410,),
)


class AudioRoute:
    """The route; it needs the right to results."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._store = services.store
        self._blobs = services.blobs
        self._authenticator = authenticator

    async def audio(self, request: Request) -> Response:
        caller = await caller_of_project(request, self._authenticator, Permission.FETCH_RESULTS)
        job = await request_of(
            self._store, path_uuid(request, "request_id"), caller, Permission.FETCH_RESULTS
        )
        if job.kind != KIND:
            raise Refusal(404, "NO_AUDIO", "The audio of a live stream is not kept, and a text has none.")
        if order_of(job.payload).options.redact:
            raise Refusal(
                403, "AUDIO_NOT_REDACTED", "The recording holds what `redact` hid: it is not served."
            )
        return BlobResponse(
            request,
            self._blobs,
            audio_key(job.id),
            _audio_deleted,
            headers=HEADERS,
            media_type=FETCH_AUDIO.media_type,
        )


def _audio_deleted() -> Failure:
    return Failure(410, "AUDIO_NOT_KEPT", "The recording is no longer kept (setting keep.audio).")

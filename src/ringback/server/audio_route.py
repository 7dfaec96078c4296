"""A recording as it was sent: `GET /v1/projects/{project_id}/requests/{request_id}/audio`. Ours.

Deepgram keeps no audio; this server does for `keep.audio` seconds after the end of its request.
"""

import asyncio
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ringback.blobs.port import BlobKey, BlobStore
from ringback.errors import Refusal
from ringback.server.auth import Authenticator
from ringback.server.error_responses import blobs_unavailable, error_response
from ringback.server.operations import REQUEST_PATH, Operation
from ringback.server.permissions import Permission
from ringback.server.request_lookup import request_of
from ringback.server.request_parsing import caller_of_project, path_uuid
from ringback.server.services import Services
from ringback.transcription.request import KIND, audio_key, order_of

PIECE = 262_144
"""Bytes that are read and sent at a time."""

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
        return _RecordingResponse(request, self._blobs, audio_key(job.id))


class _RecordingResponse(Response):
    """Sends a blob piece by piece, for as long as it is at hand."""

    def __init__(self, request: Request, blobs: BlobStore, key: BlobKey) -> None:
        # Whatever it is, a browser shall neither guess nor show it.
        headers = {"content-disposition": "attachment", "x-content-type-options": "nosniff"}
        super().__init__(None, 200, headers, "application/octet-stream")
        self._request, self._blobs, self._key = request, blobs, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._blobs.local(self._key) as path:
                await self._send(path, send)
        except KeyError:
            refusal = Refusal(410, "AUDIO_NOT_KEPT", "The recording is no longer kept (setting keep.audio).")
            await error_response(self._request, refusal.failure)(scope, receive, send)
        except OSError as error:
            unavailable = error_response(self._request, blobs_unavailable(self._request, error))
            await unavailable(scope, receive, send)

    async def _send(self, path: Path, send: Send) -> None:
        with await asyncio.to_thread(path.open, "rb") as file:
            size = (await asyncio.to_thread(path.stat)).st_size
            headers = [
                *(pair for pair in self.raw_headers if pair[0] != b"content-length"),
                (b"content-length", str(size).encode()),
            ]
            first = await asyncio.to_thread(file.read, PIECE)
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while first:
                await send({"type": "http.response.body", "body": first, "more_body": True})
                first = await asyncio.to_thread(file.read, PIECE)
            await send({"type": "http.response.body", "body": b""})

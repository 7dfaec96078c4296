"""An answer whose body is a blob, sent as fast as the client reads it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ringback.blobs import BlobKey, BlobStore
from ringback.errors import Failure
from ringback.server.error_responses import blobs_unavailable, error_response


class BlobResponse(Response):
    """Status 200 and a blob, in pieces: a result may have tens of megabytes and a recording gigabytes, and a
    caller may ask for one many times and read slowly."""

    def __init__(
        self,
        request: Request,
        blobs: BlobStore,
        key: BlobKey,
        missing: Callable[[], Failure],
        *,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        """`missing`: the answer if there is no such blob."""
        super().__init__(None, 200, headers, media_type)
        self._request, self._blobs, self._key, self._missing = request, blobs, key, missing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            try:
                content = await stack.enter_async_context(self._blobs.content(self._key))
                pieces = aiter(content.pieces)
                # An error of the first piece is answered; after that the answer has begun.
                first = await anext(pieces, b"")
            except KeyError:
                failure = self._missing()
            except OSError as error:
                failure = blobs_unavailable(self._request, error)
            else:
                await self._send(content.size, first, pieces, send)
                return
        await error_response(self._request, failure)(scope, receive, send)

    async def _send(self, size: int, first: bytes, rest: AsyncIterator[bytes], send: Send) -> None:
        """An error in here cuts the connection, because the answer has begun."""
        headers = [
            *(pair for pair in self.raw_headers if pair[0] != b"content-length"),
            (b"content-length", str(size).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if self._request.method != "HEAD":
            await send({"type": "http.response.body", "body": first, "more_body": True})
            async for piece in rest:
                if await self._request.is_disconnected():
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
